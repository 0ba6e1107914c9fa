//! A plot: marks in pixels, drawn as SVG, or as PNG with the feature `png`.

mod axis;
mod color;
mod frame;
#[cfg(feature = "png")]
mod png;
mod svg;
mod thin;

pub use axis::Axis;
pub use color::ColorRole;
pub use frame::{Frame, LabelPosition};
pub(in crate::report) use svg::rules;
pub use thin::{Band, band, smoothed, window};

/// A point, in pixels from the upper left corner.
pub type Point = [f64; 2];

/// A finished picture.
///
/// ```
/// use twindrop::report::plot::{Axis, ColorRole, Frame};
///
/// let (x, y) = (Axis::linear([0., 10.], 5), Axis::linear([0., 1.], 4));
/// let mut frame = Frame::new("falling", "Loss", x, y);
/// frame.line(&[(0., 1.), (10., 0.1)], ColorRole::After, 1.5);
/// let plot = frame.finish("It falls from 1 to 0.1.");
/// assert!(plot.svg().starts_with("<svg "));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// A word for files and anchors: `a`–`z`, digits and `-`.
    pub name: String,
    /// The title.
    pub title: String,
    /// A description for screen readers (`<desc>`).
    pub description: String,
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
    /// What is drawn, the first below.
    pub marks: Vec<Mark>,
}

/// One thing drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// In order.
        points: Vec<Point>,
        /// Its colour.
        color: ColorRole,
        /// Its breadth in pixels.
        width: f64,
    },
    /// A filled polygon.
    Area {
        /// Its corners.
        points: Vec<Point>,
        /// Its colour.
        color: ColorRole,
        /// 1 covers what is below, 0 is nothing.
        opacity: f64,
    },
    /// Filled circles.
    Dots {
        /// Their middles.
        points: Vec<Point>,
        /// Their colour.
        color: ColorRole,
        /// Their diameter in pixels.
        size: f64,
    },
    /// Words.
    Text(Text),
}

/// Words at a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Where the base line begins, has its middle or ends, as `anchor` says.
    pub at: Point,
    /// What is written.
    pub content: String,
    /// Its colour.
    pub color: ColorRole,
    /// Which part of the words is at `at`.
    pub anchor: Anchor,
    /// Pixels of an em.
    pub size: f64,
    /// Whether it stands out.
    pub bold: bool,
}

/// Which part of words stands at their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Where they begin.
    Start,
    /// Their middle.
    Middle,
    /// Where they end.
    End,
}

/// About how wide words are, in pixels; fonts differ.
pub fn width_of(content: &str, size: f64) -> f64 {
    let narrow = |c: char| matches!(c, ' ' | '.' | ',' | 'i' | 'l' | 'j' | 't' | 'f' | '\'');
    let em = |c| if narrow(c) { 0.32 } else { 0.6 };
    content.chars().map(em).sum::<f64>() * size
}

/// The words, or their beginning with `…` where they are wider.
pub fn fitted(content: &str, size: f64, width: f64) -> String {
    let mut kept = String::new();
    for letter in content.chars() {
        kept.push(letter);
        if width_of(&kept, size) > width {
            kept.pop();
            return kept.trim_end().to_string() + "…";
        }
    }
    kept
}
