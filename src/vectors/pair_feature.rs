//! Features of a pair of embeddings, read by classifiers.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A feature of two embeddings u and v, element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairFeature {
    /// `u`
    First,
    /// `v`
    Second,
    /// `|u − v|`
    Difference,
    /// `u·v`, the elementwise product.
    Product,
    /// `max(u, v)²` (ConSERT's published runs).
    MaxSquare,
}

const NAMES: [(PairFeature, &str); 5] = [
    (PairFeature::First, "u"),
    (PairFeature::Second, "v"),
    (PairFeature::Difference, "difference"),
    (PairFeature::Product, "product"),
    (PairFeature::MaxSquare, "max-square"),
];

impl PairFeature {
    /// The value at one element.
    pub fn value(self, u: f64, v: f64) -> f64 {
        match self {
            Self::First => u,
            Self::Second => v,
            Self::Difference => (u - v).abs(),
            Self::Product => u * v,
            Self::MaxSquare => u.max(v).powi(2),
        }
    }
}

impl fmt::Display for PairFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[*self as usize].1)
    }
}

impl FromStr for PairFeature {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, known)| *known == name.trim());
        found.map(|(feature, _)| *feature).ok_or_else(|| {
            let known = NAMES.map(|(_, name)| name).join(", ");
            Error::config(format!("feature `{name}` is unknown: use {known}"))
        })
    }
}
