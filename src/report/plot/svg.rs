//! A plot as SVG: inside a page that says the colours, or on its own.

use super::{Anchor, ColorRole, Mark, Plot, Point, Text};
use crate::report::format::escaped;
use std::fmt::Write;

impl Plot {
    /// A file of its own: light, on its own ground, no reference to anything else.
    pub fn svg(&self) -> String {
        let colour = |color: ColorRole| format!("#{:06x}", color.light());
        let style = format!(
            "text{{font-family:Inter,system-ui,-apple-system,\"Segoe UI\",sans-serif}}{}",
            rules(colour)
        );
        let ground = format!(
            "<rect x=\"-12\" y=\"-12\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
            self.width + 24.,
            self.height + 24.,
            colour(ColorRole::Paper)
        );
        let (width, height) = (self.width + 24., self.height + 24.);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"-12 -12 {width} {height}\" {}<style>{style}</style>{ground}{}</svg>\n",
            self.opening(),
            self.drawn()
        )
    }

    /// A part of a page whose style sheet has [`rules`].
    pub(in crate::report) fn inline(&self) -> String {
        let (width, height) = (self.width, self.height);
        let opening = self.opening();
        format!("<svg viewBox=\"0 0 {width} {height}\" {opening}{}</svg>", self.drawn())
    }

    /// What a reader of screens reads.
    fn opening(&self) -> String {
        let (name, title, content) =
            (&self.name, escaped(&self.title), escaped(&self.description));
        format!(
            "role=\"img\" aria-labelledby=\"{name}-t {name}-d\"><title id=\"{name}-t\">{title}\
             </title><desc id=\"{name}-d\">{content}</desc>"
        )
    }

    fn drawn(&self) -> String {
        self.marks.iter().map(drawn).collect()
    }
}

/// The style sheet of the classes that marks have, with the spelling of each colour.
pub(in crate::report) fn rules(colour: impl Fn(ColorRole) -> String) -> String {
    let mut rules = String::from(
        ".l{fill:none;stroke-linejoin:round}.d{fill:none;stroke-linecap:round}\
         .h{paint-order:stroke;stroke-width:3px;stroke-linejoin:round}",
    );
    let _ = write!(rules, ".h{{stroke:{}}}", colour(ColorRole::Paper));
    for color in ColorRole::all() {
        let (name, colour) = (color.name(), colour(color));
        let _ = write!(rules, ".s-{name}{{stroke:{colour}}}.f-{name}{{fill:{colour}}}");
    }
    rules
}

fn drawn(mark: &Mark) -> String {
    match mark {
        Mark::Line { points, color, width } => format!(
            "<path class=\"l s-{}\" stroke-width=\"{}\" d=\"{}\"/>",
            color.name(),
            short(*width),
            path(points)
        ),
        Mark::Area { points, color, opacity } => format!(
            "<path class=\"f-{}\" opacity=\"{opacity}\" d=\"{}Z\"/>",
            color.name(),
            path(points)
        ),
        Mark::Dots { points, color, size } => {
            let dots: String = points
                .iter()
                .map(|[x, y]| format!("M{} {}h.01", short(*x), short(*y)))
                .collect();
            format!(
                "<path class=\"d s-{}\" stroke-width=\"{}\" d=\"{dots}\"/>",
                color.name(),
                short(*size)
            )
        }
        Mark::Text(text) => written(text),
    }
}

fn written(text: &Text) -> String {
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let weight = if text.bold { " font-weight=\"600\"" } else { "" };
    let ([x, y], size) = (text.at.map(short), text.size);
    let (color, content) = (text.color.name(), escaped(&text.content));
    format!(
        "<text class=\"h f-{color}\" x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}{weight}>\
         {content}</text>"
    )
}

/// `M1 2L3 4…`
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (number, [x, y]) in points.iter().enumerate() {
        let letter = if number == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{} {}", short(*x), short(*y));
    }
    path
}

/// A tenth of a pixel is enough, and less is written.
fn short(pixels: f64) -> String {
    let number = format!("{pixels:.1}");
    match number.strip_suffix(".0").unwrap_or(&number) {
        "-0" => "0".into(),
        short => short.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_a_tenth_of_a_pixel_allows() {
        assert_eq!([1., 1.26, -0.04, 348.].map(short), ["1", "1.3", "0", "348"]);
    }

    #[test]
    fn a_file_of_its_own_refers_to_nothing_and_escapes_its_words() {
        let text = Text {
            at: [1., 2.],
            content: "<script>&\"".into(),
            color: ColorRole::Text,
            anchor: Anchor::End,
            size: 11.,
            bold: true,
        };
        let plot = Plot {
            name: "p".into(),
            title: "</style>".into(),
            description: "a & b".into(),
            width: 10.,
            height: 10.,
            marks: vec![Mark::Text(text)],
        };
        let svg = plot.svg();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;") && svg.contains("&lt;/style&gt;"));
        assert_eq!(svg.matches("http").count(), 1, "the name of SVG itself");
        assert!(!svg.contains("url(") && !svg.contains("var("));
        assert!(plot.inline().starts_with("<svg viewBox=\"0 0 10 10\" role=\"img\""));
    }
}
