//! The scale of scores for which none is given, by the lowest and the highest of them.

use crate::data::Scale;

/// What scores lie on, as far as they tell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct ScaleReading {
    /// The scale; where it is in question, the smallest usual one that holds the scores.
    pub scale: Scale,
    /// Whether it was read off the scores.
    pub detected: bool,
    /// What it may be as well, where the scores do not tell.
    pub others: Vec<Scale>,
}

/// The share of a scale that the highest of its scores hardly fails to reach.
const REACH: f64 = 0.9;

/// Scales from zero that people use beyond 0..1, in order.
const USUAL: [f64; 3] = [5., 10., 100.];

impl ScaleReading {
    /// A scale that was given.
    pub fn given(scale: Scale) -> Self {
        Self { scale, detected: false, others: Vec::new() }
    }

    /// The scale of scores from `low` to `high`: 0..1, else −1..1, else the first of 0..5, 0..10 and
    /// 0..100 that holds them. In question where their lowest is 1 and their highest the end of a
    /// scale from 1; or where they lie far below the end of a scale wider than 0..5.
    pub fn of(low: f64, high: f64) -> Self {
        let scale = |low, high| Scale { low, high };
        let sure = |scale| Self { scale, detected: true, others: Vec::new() };
        if low >= 0. && high <= 1. {
            return sure(Scale::UNIT);
        }
        if low >= -1. && high <= 1. {
            return sure(scale(-1., 1.));
        }
        let Some(end) = USUAL.into_iter().find(|&end| low >= 0. && high <= end) else {
            let found = scale(low.min(0.), high);
            return Self { others: vec![scale(low, high)], ..sure(found) };
        };
        let mut others = Vec::new();
        if low == 1. && high == end {
            others.push(scale(1., end));
        } else if end > 5. && high < REACH * end {
            others.push(scale(low, high));
        }
        Self { others, ..sure(scale(0., end)) }
    }

    /// What to say of it: `scores 0.4 to 10 read as 0..10`.
    pub fn note(&self, low: f64, high: f64) -> String {
        format!("scores {low} to {high} read as {}", self.scale)
    }

    /// What to ask where it is in question.
    pub fn question(&self, low: f64, high: f64) -> Option<String> {
        let other = self.others.first()?;
        if *other == self.scale {
            return Some(format!(
                "scores {low} to {high} fit no usual scale, and the objective needs to know theirs; \
                 give it, as --score-scale {other}"
            ));
        }
        Some(format!(
            "scores {low} to {high} may lie on {} or on {other}, and the objective needs to know; \
             give --score-scale {} or --score-scale {other}",
            self.scale, self.scale
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(low: f64, high: f64) -> (String, String) {
        let reading = ScaleReading::of(low, high);
        let others: Vec<String> = reading.others.iter().map(Scale::to_string).collect();
        assert!(
            reading.detected && reading.scale.contains(low) && reading.scale.contains(high)
        );
        (reading.scale.to_string(), others.join(" "))
    }

    #[test]
    fn the_scale_is_the_first_usual_one_that_holds_all_scores() {
        for (low, high, scale) in [
            (0., 1., "0..1"),
            (0.2, 0.7, "0..1"),
            (-0.3, 0.9, "-1..1"),
            (0., 5., "0..5"),
            (0.4, 4.2, "0..5"),
            (2., 4., "0..5"),
            (0.4, 10., "0..10"),
            (0., 9.5, "0..10"),
            (3., 100., "0..100"),
        ] {
            assert_eq!(reading(low, high), (scale.into(), String::new()), "{low} to {high}");
        }
    }

    #[test]
    fn scores_that_fit_two_scales_are_a_question() {
        for (low, high, scale, other) in [
            (1., 5., "0..5", "1..5"),
            (1., 10., "0..10", "1..10"),
            (0., 7., "0..10", "0..7"),
            (1., 7., "0..10", "1..7"),
            (0., 40., "0..100", "0..40"),
            (0., 400., "0..400", "0..400"),
            (-5., 5., "-5..5", "-5..5"),
        ] {
            assert_eq!(reading(low, high), (scale.into(), other.into()), "{low} to {high}");
        }
        let reading = ScaleReading::of(1., 5.);
        assert_eq!(
            reading.question(1., 5.).unwrap(),
            "scores 1 to 5 may lie on 0..5 or on 1..5, and the objective needs to know; give \
             --score-scale 0..5 or --score-scale 1..5"
        );
        assert_eq!(ScaleReading::of(0.4, 10.).note(0.4, 10.), "scores 0.4 to 10 read as 0..10");
    }
}
