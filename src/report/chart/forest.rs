//! Figures with their intervals, row under row.

use crate::eval::Interval;
use crate::report::plot::{Anchor, Axis, ColorRole, Frame, Mark, Plot, fitted};

/// A row: what it is, and the figures in it.
pub struct ForestRow {
    /// Its name.
    pub name: String,
    /// Its figures.
    pub whiskers: Vec<Whisker>,
}

/// A figure with its interval.
pub struct Whisker {
    /// The figure.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Its colour.
    pub color: ColorRole,
    /// How it is written.
    pub label: String,
}

/// Pixels of a figure in a row.
const LINE: f64 = 17.;

/// Pixels above the figures of a row, for its name.
const NAME: f64 = 24.;

/// Rows under one another; with `zero`, a line stands where nothing differs. Nothing without
/// figures.
pub fn forest(
    name: &str,
    title: &str,
    axis: &str,
    rows: &[ForestRow],
    keys: &[(&str, ColorRole)],
    zero: bool,
) -> Option<Plot> {
    let whiskers = || rows.iter().flat_map(|row| &row.whiskers);
    whiskers().next()?;
    let ends = whiskers().flat_map(|one| {
        let interval = one.interval.map(|i| [i.low, i.high]).into_iter().flatten();
        interval.chain([one.value])
    });
    let x = Axis::linear(ends.chain(zero.then_some(0.)), 5);
    let mut none = Axis::between(0., 1., 1);
    none.ticks.clear();
    let lines = whiskers().count() as f64;
    let top = if keys.is_empty() { 22. } else { 36. };
    let height = top + rows.len() as f64 * NAME + lines * LINE + 44.;
    let frame = Frame::sized(name, title, x, none, [348., height]).with_room(48.);
    let mut frame = if keys.is_empty() { frame } else { frame.with_key() };
    frame.verticals();
    frame.base(axis);
    keys.iter().fold(0., |across, (name, color)| frame.key(across, name, *color));
    let (mut down, mut description) = (top, Vec::new());
    if zero {
        let [across, _] = frame.at(0., 0.);
        let points = vec![[across, 30.], [across, height - 38.]];
        frame.mark(Mark::Line { points, color: ColorRole::Axis, width: 1. });
    }
    for row in rows {
        down += NAME;
        frame.text(
            [0., down - 7.],
            &fitted(&row.name, 11., 290.),
            ColorRole::Text,
            Anchor::Start,
        );
        for whisker in &row.whiskers {
            draw(&mut frame, whisker, down + LINE / 2. - 4.);
            description.push(format!("{}: {}", row.name, whisker.label));
            down += LINE;
        }
    }
    Some(frame.finish(&(description.join("; ") + ".")))
}

fn draw(frame: &mut Frame, whisker: &Whisker, height: f64) {
    let across = |value: f64| frame.at(value, 0.)[0];
    let middle = across(whisker.value);
    if let Some(interval) = whisker.interval {
        let points = vec![[across(interval.low), height], [across(interval.high), height]];
        frame.mark(Mark::Line { points, color: whisker.color, width: 1.8 });
    }
    frame.mark(Mark::Dots { points: vec![[middle, height]], color: whisker.color, size: 7. });
    frame.text([348., height + 4.], &whisker.label, whisker.color, Anchor::End);
}
