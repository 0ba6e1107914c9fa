//! A range of values and the few of them that are written down.

/// Where values stand between two ends, and which are named.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values with their names.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From the lowest to the highest finite value with a little room, and at most `most` round
    /// ticks. Values that are all the same stand in the middle.
    pub fn linear(values: impl IntoIterator<Item = f64>, most: usize) -> Self {
        let (low, high) = ends(values).unwrap_or((0., 1.));
        let room = match high - low {
            0. if low == 0. => 1.,
            0. => 0.1 * low.abs(),
            span => 0.04 * span,
        };
        Self::between(low - room, high + room, most)
    }

    /// The same, beginning at 0 without room below where no value is negative.
    pub fn from_zero(values: impl IntoIterator<Item = f64>, most: usize) -> Self {
        let (low, high) = ends(values).unwrap_or((0., 1.));
        if low < 0. {
            return Self::linear([low, high], most);
        }
        Self::between(0., if high == 0. { 1. } else { 1.04 * high }, most)
    }

    /// Exactly from `low` to `high`.
    pub fn between(low: f64, high: f64, most: usize) -> Self {
        Self { low, high, logarithmic: false, ticks: round(low, high, most) }
    }

    /// Powers of ten between two positive ends; where fewer than two lie between them, twice and
    /// five times those as well; where even so fewer than two do, the ends.
    pub fn logarithmic(low: f64, high: f64, name: impl Fn(f64) -> String) -> Self {
        let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let multiples = |factors: &[f64]| {
            let of = |power| factors.iter().map(move |factor| factor * 10f64.powi(power));
            let all = powers.clone().flat_map(of);
            all.filter(|value| (low..=high).contains(value)).collect::<Vec<_>>()
        };
        let tens = multiples(&[1.]);
        let every = tens.len().div_ceil(5).max(1) as i32;
        let mut values = tens;
        values.retain(|value| value.log10().round() as i32 % every == 0);
        if values.len() < 2 {
            values = multiples(&[1., 2., 5.]);
        }
        if values.len() < 2 {
            values = vec![low, high];
        }
        let ticks = values.into_iter().map(|value| (value, name(value))).collect();
        Self { low, high, logarithmic: true, ticks }
    }

    /// The same with other names for its ticks.
    #[must_use]
    pub fn named(mut self, name: impl Fn(f64) -> String) -> Self {
        self.ticks.iter_mut().for_each(|(value, label)| *label = name(*value));
        self
    }

    /// Where a value stands: 0 at the low end, 1 at the high one, never beyond.
    pub fn place(&self, value: f64) -> f64 {
        let of = |value: f64| if self.logarithmic { value.max(self.low).ln() } else { value };
        ((of(value) - of(self.low)) / (of(self.high) - of(self.low))).clamp(0., 1.)
    }

    /// Both ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

/// The lowest and the highest finite value.
fn ends(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// At most `most` multiples of 1, 2 or 5 times a power of ten, written with the digits they need.
fn round(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let rough = (high - low) / most as f64;
    // of a range without room for a normal number the power of ten below is 0
    if !(rough.is_normal() && rough > 0.) {
        return Vec::new();
    }
    let mut power = rough.log10().floor() as i32;
    let within = |step: f64| (high / step).floor() - (low / step).ceil() < most as f64;
    let steps = [1., 2., 5., 10.].map(|digit| digit * 10f64.powi(power));
    let at = steps.iter().position(|&step| within(step)).unwrap_or(3);
    power += i32::from(at == 3);
    let (first, last) = ((low / steps[at]).ceil() as i64, (high / steps[at]).floor() as i64);
    let values = (first..=last).map(|number| number as f64 * steps[at]);
    values.map(|value| (value, spelled(value, power))).collect()
}

/// A multiple of a power of ten: `1,500`, `0.25`, `2e-5`.
fn spelled(value: f64, power: i32) -> String {
    if value == 0. {
        return "0".into();
    }
    if !(-4..7).contains(&power) {
        let label = format!("{value:.2e}");
        let (digits, power) = label.split_once('e').unwrap_or((&label, "0"));
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        return format!("{digits}e{power}").replace('-', "−");
    }
    crate::report::format::number(value, usize::try_from(-power).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn a_range_of_denormal_numbers_has_an_axis_without_ticks() {
        for high in [5e-324, 1e-320, 1e-310, 3e-308, 1e-300] {
            assert!(Axis::from_zero([high], 4).ticks.len() <= 5, "{high}");
            assert!(Axis::linear([0., high], 4).place(high) > 0.5, "{high}");
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(names(&Axis::between(0., 150., 5)), ["0", "50", "100", "150"]);
        assert_eq!(names(&Axis::between(0., 52_000., 4)), ["0", "20,000", "40,000"]);
        assert_eq!(names(&Axis::between(0.866, 0.893, 4)), ["0.87", "0.88", "0.89"]);
        assert_eq!(names(&Axis::between(-1., 1., 5)), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(names(&Axis::between(0., 2.1e-5, 3)), ["0", "1e−5", "2e−5"]);
        for most in 2..9 {
            for (low, high) in [(0., 1.), (-3.7, 911.), (1e-9, 1.1e-9), (0.1, 0.7), (99., 101.)]
            {
                let count = Axis::between(low, high, most).ticks.len();
                assert!(count <= most, "{low}..{high}: {count} of {most}");
            }
        }
    }

    #[test]
    fn values_that_do_not_vary_stand_in_the_middle() {
        assert!((Axis::linear([3., 3.], 4).place(3.) - 0.5).abs() < 1e-12);
        assert_eq!(Axis::linear([0.], 4).place(0.), 0.5);
        assert!(!Axis::linear([f64::NAN], 4).ticks.is_empty());
    }

    #[test]
    fn powers_of_ten_are_evenly_spaced() {
        let axis = Axis::logarithmic(1e-4, 1., |value| format!("{value}"));
        assert!((axis.place(1e-2) - 0.5).abs() < 1e-12);
        assert_eq!(names(&axis), ["0.0001", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(axis.place(0.), 0.);
        let ticks = |low, high| {
            let axis = Axis::logarithmic(low, high, |value| format!("{value}"));
            axis.ticks.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(ticks(0.3, 8.), ["0.5", "1", "2", "5"]);
        assert_eq!(ticks(2., 3.), ["2", "3"]);
        assert_eq!(ticks(2.1, 3.), ["2.1", "3"]);
    }
}
