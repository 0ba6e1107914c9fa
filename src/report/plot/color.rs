//! Colours by role, for light and dark pages, distinguishable with colour blindness.

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorRole {
    /// Words.
    Text,
    /// Words that stand back, and axes' labels.
    Muted,
    /// Axes.
    Axis,
    /// Lines to find a value by.
    Rule,
    /// What everything is drawn on.
    Paper,
    /// The model before training.
    Before,
    /// The model after training.
    After,
    /// Run number n; after six they begin again.
    Run(usize),
    /// How far a rank is off: −2 much too low, 0 about right, 2 much too high.
    Rank(i8),
}

/// Of a colour: its name, and its red, green and blue on paper and in the dark.
const COLOURS: [(ColorRole, &str, u32, u32); 18] = [
    (ColorRole::Text, "text", 0x1b1c1f, 0xe9e8e4),
    (ColorRole::Muted, "muted", 0x5b6068, 0xa6abb3),
    (ColorRole::Axis, "axis", 0x8d9198, 0x747b85),
    (ColorRole::Rule, "rule", 0xe4e3de, 0x2d3138),
    (ColorRole::Paper, "paper", 0xfdfdfb, 0x15171b),
    (ColorRole::Before, "before", 0x6d727a, 0x9ea4ad),
    (ColorRole::After, "after", 0x0a64a4, 0x62b1ee),
    (ColorRole::Run(0), "run0", 0x0a64a4, 0x62b1ee),
    (ColorRole::Run(1), "run1", 0xb34700, 0xf0935a),
    (ColorRole::Run(2), "run2", 0x00755a, 0x45c29c),
    (ColorRole::Run(3), "run3", 0x9c3f75, 0xdb8fbd),
    (ColorRole::Run(4), "run4", 0x7d5a00, 0xd8b04c),
    (ColorRole::Run(5), "run5", 0x5a4fb8, 0xa79cf2),
    (ColorRole::Rank(-2), "low2", 0x0a64a4, 0x62b1ee),
    (ColorRole::Rank(-1), "low1", 0x76add6, 0x3c719c),
    (ColorRole::Rank(0), "mid", 0xb9bbbd, 0x535962),
    (ColorRole::Rank(1), "high1", 0xe6a06b, 0x9a633c),
    (ColorRole::Rank(2), "high2", 0xb34700, 0xf0935a),
];

impl ColorRole {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        COLOURS.into_iter().map(|(color, ..)| color)
    }

    /// Its name in a style sheet.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// `0xrrggbb` on paper.
    pub fn light(self) -> u32 {
        self.entry().2
    }

    /// `0xrrggbb` in the dark.
    pub fn dark(self) -> u32 {
        self.entry().3
    }

    fn entry(self) -> (Self, &'static str, u32, u32) {
        let color = match self {
            Self::Run(number) => Self::Run(number % 6),
            Self::Rank(off) => Self::Rank(off.clamp(-2, 2)),
            other => other,
        };
        COLOURS.into_iter().find(|entry| entry.0 == color).expect("every role has its colours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `0.2126 R + 0.7152 G + 0.0722 B` of linear light, as WCAG 2 has it.
    fn luminance(colour: u32) -> f64 {
        let linear = |shift: u32| {
            let share = f64::from((colour >> shift) & 255) / 255.;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
    }

    fn contrast(a: u32, b: u32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn whatever_words_are_written_in_can_be_read_on_its_ground() {
        assert!((contrast(0, 0xff_ffff) - 21.).abs() < 1e-9);
        let runs = (0..6).map(ColorRole::Run);
        for color in [ColorRole::Text, ColorRole::Muted, ColorRole::Before, ColorRole::After]
            .into_iter()
            .chain(runs)
        {
            let light = contrast(color.light(), ColorRole::Paper.light());
            let dark = contrast(color.dark(), ColorRole::Paper.dark());
            assert!(light >= 4.5 && dark >= 4.5, "{}: {light:.2}, {dark:.2}", color.name());
        }
    }

    #[test]
    fn every_ink_has_a_name_of_its_own() {
        let mut names: Vec<_> = ColorRole::all().map(ColorRole::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLOURS.len());
        assert_eq!(ColorRole::Run(7).name(), "run1");
        assert_eq!(ColorRole::Rank(9).name(), "high2");
    }
}
