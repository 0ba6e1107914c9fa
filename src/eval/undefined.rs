//! Why a correlation has no value.

use std::fmt;

/// Why a correlation has no value. Nothing else is a reason: [`pearson`](super::pearson) and
/// [`spearman`](super::spearman) are `None` exactly where [`Undefined::of`] says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undefined {
    /// There are fewer than two pairs: so many.
    TooFew(usize),
    /// A gold score is NaN or infinite.
    GoldNotFinite,
    /// A similarity is NaN or infinite.
    NotFinite,
    /// All gold scores are equal.
    GoldConstant,
    /// All similarities are equal.
    Constant,
}

impl Undefined {
    /// Why gold scores and similarities have no correlation; nothing where they have one.
    pub fn of(gold: &[f64], similarities: &[f64]) -> Option<Self> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let constant = |values: &[f64]| values.windows(2).all(|pair| pair[0] == pair[1]);
        match gold.len() {
            few @ 0..2 => Some(Self::TooFew(few)),
            _ if !finite(gold) => Some(Self::GoldNotFinite),
            _ if !finite(similarities) => Some(Self::NotFinite),
            _ if constant(gold) => Some(Self::GoldConstant),
            _ if constant(similarities) => Some(Self::Constant),
            _ => None,
        }
    }
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew(1) => f.write_str("1 pair; a correlation needs at least 2"),
            Self::TooFew(few) => write!(f, "{few} pairs; a correlation needs at least 2"),
            Self::GoldNotFinite => f.write_str("a gold score is not finite"),
            Self::NotFinite => f.write_str("a similarity is not finite"),
            Self::GoldConstant => f.write_str("all gold scores are equal"),
            Self::Constant => f.write_str("all similarities are equal"),
        }
    }
}

/// That the vector of a sentence is not finite, and of which one.
pub(super) fn vector_not_finite(sentence: &str) -> String {
    format!("the embedding of {:?} is not finite", crate::error::excerpt(sentence, 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::stats::correlation::{pearson, spearman};

    #[test]
    fn a_reason_is_told_in_words() {
        for (gold, similarities, message) in [
            (&[][..], &[][..], "0 pairs; a correlation needs at least 2"),
            (&[1.], &[1.], "1 pair; a correlation needs at least 2"),
            (&[1., f64::INFINITY], &[1., 2.], "a gold score is not finite"),
            (&[1., 2.], &[1., f64::NAN], "a similarity is not finite"),
            (&[1., 1.], &[1., 2.], "all gold scores are equal"),
            (&[1., 2.], &[0., -0.], "all similarities are equal"),
        ] {
            let reason = Undefined::of(gold, similarities).expect("a reason");
            assert_eq!(reason.to_string(), message);
        }
        assert_eq!(Undefined::of(&[1., 2.], &[2., 1.]), None);
    }

    fn side() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            8 => Just(0.), 8 => Just(-0.), 8 => Just(1.), 1 => Just(f64::NAN),
            1 => Just(f64::NEG_INFINITY), 1 => Just(f64::MAX),
        ];
        prop::collection::vec(value, 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn there_is_a_reason_exactly_where_there_is_no_correlation((x, y) in (side(), side())) {
            let n = x.len().min(y.len());
            let (x, y) = (&x[..n], &y[..n]);
            let reason = Undefined::of(x, y);
            prop_assert_eq!(reason.is_some(), pearson(x, y).is_none());
            prop_assert_eq!(reason.is_some(), spearman(x, y).is_none());
        }
    }
}
