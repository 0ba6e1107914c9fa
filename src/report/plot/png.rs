//! A plot as PNG, its words drawn with a font that the program carries.

use super::{Anchor, ColorRole, Mark, Plot, Point, Text};
use crate::error::{Error, ErrorKind, Result};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlineGlyphCollection, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider, charmap::Charmap};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform,
};

/// Inter, cut down to Latin, Greek and signs (SIL Open Font License, see `font/OFL.txt`).
const FONT: &[u8] = include_bytes!("font/inter.otf");

/// Ground around the picture, in pixels.
const MARGIN: f32 = 12.;

/// The widest a bitmap may be.
const MOST: f32 = 16_384.;

impl Plot {
    /// A light bitmap of `scale` dots a pixel. What the font lacks is drawn as an empty box.
    ///
    /// # Errors
    /// Where the bitmap would have no dot, or be wider than 16,384.
    pub fn png(&self, scale: f32) -> Result<Vec<u8>> {
        let sides = [self.width, self.height].map(|side| (side as f32 + 2. * MARGIN) * scale);
        if !sides.iter().all(|side| (1. ..=MOST).contains(side)) {
            let message =
                format!("a bitmap of {} by {} pixels is not supported", sides[0], sides[1]);
            return Err(Error::config(message));
        }
        let mut canvas = Canvas::new(sides, scale)?;
        self.marks.iter().for_each(|mark| canvas.draw(mark));
        let encoded = canvas.pixmap.encode_png();
        encoded.map_err(|error| Error::new(ErrorKind::Internal, format!("PNG: {error}")))
    }
}

struct Canvas {
    pixmap: Pixmap,
    place: Transform,
    font: Font,
}

impl Canvas {
    fn new([width, height]: [f32; 2], scale: f32) -> Result<Self> {
        let fault = |message: &str| Error::new(ErrorKind::Internal, message);
        let pixmap = Pixmap::new(width as u32, height as u32);
        let mut pixmap = pixmap.ok_or_else(|| fault("no bitmap of this size"))?;
        pixmap.fill(colour(ColorRole::Paper));
        let place = Transform::from_scale(scale, scale).pre_translate(MARGIN, MARGIN);
        Ok(Self { pixmap, place, font: Font::new() })
    }

    fn draw(&mut self, mark: &Mark) {
        match mark {
            Mark::Line { points, color, width } => {
                let stroke = Stroke {
                    width: *width as f32,
                    line_join: LineJoin::Round,
                    ..Stroke::default()
                };
                self.stroke(path(points, false), *color, &stroke);
            }
            Mark::Area { points, color, opacity } => {
                self.fill(path(points, true), *color, *opacity as f32);
            }
            Mark::Dots { points, color, size } => {
                let mut dots = PathBuilder::new();
                for [x, y] in points.iter().map(|point| point.map(|p| p as f32)) {
                    dots.push_circle(x, y, *size as f32 / 2.);
                }
                self.fill(dots.finish(), *color, 1.);
            }
            Mark::Text(text) => self.write(text),
        }
    }

    /// Words with a rim of ground, so that lines below do not run into them.
    fn write(&mut self, text: &Text) {
        let path = self.font.path(text);
        let rim = |width| Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
        self.stroke(path.clone(), ColorRole::Paper, &rim(3.));
        self.fill(path.clone(), text.color, 1.);
        if text.bold {
            self.stroke(path, text.color, &Stroke { line_cap: LineCap::Round, ..rim(0.45) });
        }
    }

    fn fill(&mut self, path: Option<Path>, color: ColorRole, opacity: f32) {
        let Some(path) = path else { return };
        let mut colour = colour(color);
        colour.apply_opacity(opacity);
        self.pixmap.fill_path(&path, &paint(colour), FillRule::Winding, self.place, None);
    }

    fn stroke(&mut self, path: Option<Path>, color: ColorRole, stroke: &Stroke) {
        let Some(path) = path else { return };
        self.pixmap.stroke_path(&path, &paint(colour(color)), stroke, self.place, None);
    }
}

fn colour(color: ColorRole) -> Color {
    let [_, red, green, blue] = color.light().to_be_bytes();
    Color::from_rgba8(red, green, blue, 255)
}

fn paint(colour: Color) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(colour);
    paint
}

/// Nothing where there is nothing to draw.
fn path(points: &[Point], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (number, [x, y]) in points.iter().map(|point| point.map(|p| p as f32)).enumerate() {
        if number == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

/// The font that is carried, taken apart.
struct Font {
    font: FontRef<'static>,
    letters: Charmap<'static>,
    outlines: OutlineGlyphCollection<'static>,
}

impl Font {
    fn new() -> Self {
        let font = FontRef::new(FONT).expect("the font that is carried is sound");
        let (letters, outlines) = (font.charmap(), font.outline_glyphs());
        Self { font, letters, outlines }
    }

    /// The outline of words, where they are to stand.
    fn path(&self, text: &Text) -> Option<Path> {
        let size = Size::new(text.size as f32);
        let metrics = self.font.glyph_metrics(size, LocationRef::default());
        let glyph = |letter| self.letters.map(letter).unwrap_or(GlyphId::NOTDEF);
        let glyphs: Vec<GlyphId> = text.content.chars().map(glyph).collect();
        let advance = |glyph: &GlyphId| metrics.advance_width(*glyph).unwrap_or(0.);
        let width = glyphs.iter().map(advance).sum::<f32>();
        let [x, y] = text.at.map(|place| place as f32);
        let start = match text.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.,
            Anchor::End => x - width,
        };
        let mut pen = Pen { path: PathBuilder::new(), origin: [start, y] };
        for glyph in &glyphs {
            if let Some(outline) = self.outlines.get(*glyph) {
                let settings = DrawSettings::unhinted(size, LocationRef::default());
                let _ = outline.draw(settings, &mut pen); // the font is sound
            }
            pen.origin[0] += advance(glyph);
        }
        pen.path.finish()
    }
}

/// Letters stand on `origin` and their y goes up; pictures' y goes down.
struct Pen {
    path: PathBuilder,
    origin: [f32; 2],
}

impl Pen {
    fn x(&self, x: f32) -> f32 {
        self.origin[0] + x
    }

    fn y(&self, y: f32) -> f32 {
        self.origin[1] - y
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x(x), self.y(y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x(x), self.y(y));
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x(cx), self.y(cy), self.x(x), self.y(y));
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (ax, ay, bx, by) = (self.x(ax), self.y(ay), self.x(bx), self.y(by));
        self.path.cubic_to(ax, ay, bx, by, self.x(x), self.y(y));
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(marks: Vec<Mark>) -> Plot {
        let (name, title, description) = ("p".into(), "P".into(), "d".into());
        Plot { name, title, description, width: 40., height: 20., marks }
    }

    /// Dots of a colour in the bitmap.
    fn count(plot: &Plot, color: ColorRole) -> usize {
        let pixmap = Pixmap::decode_png(&plot.png(2.).unwrap()).unwrap();
        assert_eq!((pixmap.width(), pixmap.height()), (128, 88));
        let wanted = colour(color).premultiply().to_color_u8();
        pixmap.pixels().iter().filter(|&&pixel| pixel == wanted).count()
    }

    #[test]
    fn a_filled_square_is_as_large_as_it_should_be() {
        let points = vec![[0., 0.], [10., 0.], [10., 10.], [0., 10.]];
        let plot = plot(vec![Mark::Area { points, color: ColorRole::After, opacity: 1. }]);
        assert_eq!(count(&plot, ColorRole::After), 400);
    }

    #[test]
    fn words_are_drawn_whatever_their_letters() {
        let drawn = |content: &str| {
            let (at, anchor) = ([20., 15.], Anchor::Middle);
            let (content, color) = (content.into(), ColorRole::Text);
            plot(vec![Mark::Text(Text { at, content, color, anchor, size: 13., bold: false })])
        };
        assert!(count(&drawn("Hm"), ColorRole::Text) > 40);
        assert!(count(&drawn("ρ−é"), ColorRole::Text) > 10);
        assert!(count(&drawn("中"), ColorRole::Text) > 10, "an empty box");
        assert_eq!(count(&drawn(" "), ColorRole::Text), 0);
    }

    #[test]
    fn bitmaps_that_cannot_be_are_refused() {
        for scale in [0., -1., f32::NAN, 1e6] {
            assert!(plot(Vec::new()).png(scale).is_err(), "{scale}");
        }
    }
}
