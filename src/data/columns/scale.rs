//! The range of gold scores: what counts as 0 and what as 1.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The lowest and the highest score there can be. Written `low..high`, both included.
///
/// ```
/// use twindrop::data::Scale;
/// let sick: Scale = "1..5".parse()?;
/// assert_eq!(sick.unit(2.0), 0.25);
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scale {
    /// Not alike at all.
    pub low: f64,
    /// The same; above `low`.
    pub high: f64,
}

impl Scale {
    /// 0..1, as in most corpora of paraphrases.
    pub const UNIT: Self = Self { low: 0., high: 1. };
    /// 0..5, as in the semantic textual similarity tasks.
    pub const FIVE: Self = Self { low: 0., high: 5. };

    /// The scale from `low` to `high`.
    ///
    /// # Errors
    /// If either is not finite, or `low` is not below `high`.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        let sound = low < high && (high - low).is_finite();
        sound.then_some(Self { low, high }).ok_or_else(|| {
            Error::config(format!(
                "score scale {low}..{high}: expected two numbers, lower first"
            ))
        })
    }

    /// Whether `score` lies on the scale.
    pub fn contains(&self, score: f64) -> bool {
        (self.low..=self.high).contains(&score)
    }

    /// (score − low) / (high − low), in 0..1 for a score on the scale.
    pub fn unit(&self, score: f64) -> f64 {
        (score - self.low) / (self.high - self.low)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.low, self.high)
    }
}

impl FromStr for Scale {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once("..").and_then(|(low, high)| {
            Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
        });
        let (low, high) = numbers.ok_or_else(|| {
            Error::config(format!("score scale {text:?}: expected low..high, such as 0..5"))
        })?;
        Self::new(low, high)
    }
}

impl TryFrom<String> for Scale {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Scale> for String {
    fn from(scale: Scale) -> Self {
        scale.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reads_what_it_writes() {
        for (text, low, high) in [("0..5", 0., 5.), ("1..5", 1., 5.), ("-1..0.5", -1., 0.5)] {
            let scale: Scale = text.parse().unwrap();
            assert_eq!((scale, scale.to_string().as_str()), (Scale { low, high }, text));
            let json = serde_json::to_string(&scale).unwrap();
            assert_eq!(serde_json::from_str::<Scale>(&json).unwrap(), scale);
        }
    }

    #[test]
    fn a_scale_needs_two_finite_numbers_in_order() {
        for text in
            ["", "5", "5..0", "1..1", "a..b", "0..inf", "nan..1", "0-5", "-1e308..1e308"]
        {
            assert!(text.parse::<Scale>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn the_ends_of_a_scale_are_zero_and_one_and_belong_to_it() {
        let scale = Scale { low: 1., high: 5. };
        assert_eq!([1., 2., 5.].map(|score| scale.unit(score)), [0., 0.25, 1.]);
        assert_eq!([0.99, 1., 5., 5.01].map(|s| scale.contains(s)), [false, true, true, false]);
        assert!(!scale.contains(f64::NAN));
    }
}
