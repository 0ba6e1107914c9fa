//! Two axes and what stands between them.

use super::{Anchor, Axis, ColorRole, Mark, Plot, Point, Text, fitted, width_of};

/// Pixels of the words of axes and labels.
const SIZE: f64 = 11.;

/// Room above the values: the title.
const TOP: f64 = 30.;

/// Room below them: names of ticks, and what they count.
const BOTTOM: f64 = 38.;

/// A plot that is being drawn: values go in, marks come out.
#[derive(Debug, Clone)]
pub struct Frame {
    name: String,
    title: String,
    x: Axis,
    y: Axis,
    left: f64,
    right: f64,
    top: f64,
    size: Point,
    marks: Vec<Mark>,
}

/// Where a label stands as seen from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelPosition {
    /// Above, its middle over the point.
    Above,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

impl Frame {
    /// An empty frame of 348 × 232 pixels, which is half a page and a whole telephone.
    pub fn new(name: &str, title: &str, x: Axis, y: Axis) -> Self {
        Self::sized(name, title, x, y, [348., 232.])
    }

    /// The same of another size.
    pub fn sized(name: &str, title: &str, x: Axis, y: Axis, size: Point) -> Self {
        let widest =
            y.ticks.iter().map(|(_, content)| width_of(content, SIZE)).fold(0., f64::max);
        let left = if y.ticks.is_empty() { 2. } else { widest + 8. };
        let (name, title, marks) = (name.into(), title.into(), Vec::new());
        let (right, top) = (14., TOP);
        let mut frame = Self { name, title, x, y, left, right, top, size, marks };
        frame.title();
        frame
    }

    /// The same with `width` pixels kept free at the right for names of lines.
    #[must_use]
    pub fn with_room(mut self, width: f64) -> Self {
        self.right = width.max(14.);
        self
    }

    /// The same with a line kept free under the title for a [`key`](Self::key).
    #[must_use]
    pub fn with_key(mut self) -> Self {
        self.top = TOP + 16.;
        self
    }

    /// Draws the lines to read values by, and names the ticks; `x` says what they count.
    pub fn axes(&mut self, x: &str) {
        let (left, right) = (self.left, self.size[0] - self.right);
        for (value, content) in self.y.ticks.clone() {
            let height = self.height(value);
            self.rule([left, height], [right, height], ColorRole::Rule);
            self.text([left - 8., height + 4.], &content, ColorRole::Muted, Anchor::End);
        }
        self.base(x);
    }

    /// Draws the horizontal axis alone.
    pub fn base(&mut self, x: &str) {
        let (left, right) = (self.left, self.size[0] - self.right);
        let bottom = self.size[1] - BOTTOM;
        self.rule([left, bottom], [right, bottom], ColorRole::Axis);
        for (value, content) in self.x.ticks.clone() {
            let at = self.across(value);
            self.rule([at, bottom], [at, bottom + 4.], ColorRole::Axis);
            let half = width_of(&content, SIZE) / 2.;
            let at = at.clamp(half, (self.size[0] - half).max(half));
            self.text([at, bottom + 16.], &content, ColorRole::Muted, Anchor::Middle);
        }
        self.text([right, bottom + 31.], x, ColorRole::Muted, Anchor::End);
    }

    /// Draws faint vertical lines at the ticks of the horizontal axis.
    pub fn verticals(&mut self) {
        for (value, _) in self.x.ticks.clone() {
            let at = self.across(value);
            self.rule([at, self.top - 4.], [at, self.size[1] - BOTTOM], ColorRole::Rule);
        }
    }

    /// Where a value is drawn.
    pub fn at(&self, x: f64, y: f64) -> Point {
        [self.across(x), self.height(y)]
    }

    /// Columns of pixels between the axes' ends.
    pub fn columns(&self) -> usize {
        (self.size[0] - self.left - self.right).max(1.) as usize
    }

    /// A line through values.
    pub fn line(&mut self, values: &[(f64, f64)], color: ColorRole, width: f64) {
        let points = values.iter().map(|&(x, y)| self.at(x, y)).collect();
        self.marks.push(Mark::Line { points, color, width });
    }

    /// A filled polygon of values.
    pub fn area(&mut self, values: &[(f64, f64)], color: ColorRole, opacity: f64) {
        let points = values.iter().map(|&(x, y)| self.at(x, y)).collect();
        self.marks.push(Mark::Area { points, color, opacity });
    }

    /// Dots at values; those that would cover one another to the half pixel are one.
    pub fn dots(&mut self, values: &[(f64, f64)], color: ColorRole, size: f64) {
        let place = |&(x, y): &(f64, f64)| self.at(x, y).map(|p| (2. * p).round() as i64);
        let mut places: Vec<[i64; 2]> = values.iter().map(place).collect();
        places.sort_unstable();
        places.dedup();
        let points = places.into_iter().map(|place| place.map(|p| p as f64 / 2.)).collect();
        self.marks.push(Mark::Dots { points, color, size });
    }

    /// Words beside a value, kept within the picture.
    pub fn label(
        &mut self,
        x: f64,
        y: f64,
        content: &str,
        color: ColorRole,
        place: LabelPosition,
    ) {
        let [across, height] = self.at(x, y);
        let half = width_of(content, SIZE) / 2.;
        let (at, anchor) = match place {
            LabelPosition::Above => {
                let across = across.clamp(half, (self.size[0] - half).max(half));
                ([across, height - 8.], Anchor::Middle)
            }
            LabelPosition::Left => ([across - 8., height + 4.], Anchor::End),
            LabelPosition::Right => ([across + 8., height + 4.], Anchor::Start),
        };
        self.text(at, content, color, anchor);
    }

    /// Names of lines at the right, each as near to its height as the others let it.
    pub fn names(&mut self, names: &[(f64, String, ColorRole)]) {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| names[b].0.total_cmp(&names[a].0));
        let mut heights: Vec<f64> = order.iter().map(|&n| self.height(names[n].0)).collect();
        let lowest = self.size[1] - BOTTOM - 4.;
        for i in 1..heights.len() {
            heights[i] = heights[i].max(heights[i - 1] + SIZE + 2.);
        }
        for i in (0..heights.len()).rev() {
            let below = heights.get(i + 1).map_or(lowest, |below| below - SIZE - 2.);
            heights[i] = heights[i].min(below);
        }
        let across = self.size[0] - self.right + 6.;
        for (&place, height) in order.iter().zip(heights) {
            let (_, content, color) = &names[place];
            let content = fitted(content, SIZE, self.right - 6.);
            self.text([across, height + 4.], &content, *color, Anchor::Start);
        }
    }

    /// Words in pixels.
    pub fn text(&mut self, at: Point, content: &str, color: ColorRole, anchor: Anchor) {
        let content = content.into();
        self.marks.push(Mark::Text(Text {
            at,
            content,
            color,
            anchor,
            size: SIZE,
            bold: false,
        }));
    }

    /// Words with a dot before them, under the title: what a colour means. Returns where the next
    /// may begin.
    pub fn key(&mut self, across: f64, content: &str, color: ColorRole) -> f64 {
        let points = vec![[across + 4., 26.]];
        self.marks.push(Mark::Dots { points, color, size: 7. });
        self.text([across + 11., 30.], content, ColorRole::Muted, Anchor::Start);
        across + 11. + width_of(content, SIZE) + 10.
    }

    /// Any mark, in pixels.
    pub fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// The picture, and what it shows in words.
    pub fn finish(self, description: &str) -> Plot {
        let Self { name, title, size: [width, height], marks, .. } = self;
        Plot { name, title, description: description.into(), width, height, marks }
    }

    fn title(&mut self) {
        let content = fitted(&self.title, 13., self.size[0]);
        let (color, anchor) = (ColorRole::Text, Anchor::Start);
        let text = Text { at: [0., 13.], content, color, anchor, size: 13., bold: true };
        self.marks.push(Mark::Text(text));
    }

    fn rule(&mut self, from: Point, to: Point, color: ColorRole) {
        self.marks.push(Mark::Line { points: vec![from, to], color, width: 1. });
    }

    fn across(&self, x: f64) -> f64 {
        self.left + self.x.place(x) * (self.size[0] - self.left - self.right)
    }

    fn height(&self, y: f64) -> f64 {
        let bottom = self.size[1] - BOTTOM;
        bottom - self.y.place(y) * (bottom - self.top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let axis = || Axis::between(0., 1., 3);
        Frame::new("f", "F", axis(), axis()).with_room(60.)
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_cover_one_another() {
        let mut frame = frame();
        let names: Vec<_> =
            (0..6).map(|n| (0.01 * f64::from(n), n.to_string(), ColorRole::Text)).collect();
        frame.names(&names);
        let plot = frame.finish("");
        let heights = plot.marks.iter().filter_map(|mark| match mark {
            Mark::Text(text) if text.bold => None,
            Mark::Text(text) => Some(text.at[1]),
            _ => None,
        });
        let heights: Vec<f64> = heights.collect();
        assert_eq!(heights.len(), 6);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= SIZE));
        assert!(heights.iter().all(|&height| height < 232. - BOTTOM + 4.));
    }

    #[test]
    fn dots_at_the_same_place_are_one() {
        let mut frame = frame();
        frame.dots(&[(0.5, 0.5), (0.500_001, 0.5), (0.2, 0.5)], ColorRole::After, 3.);
        let plot = frame.finish("");
        assert!(
            plot.marks
                .iter()
                .any(|mark| matches!(mark, Mark::Dots { points, .. } if points.len() == 2))
        );
    }
}
