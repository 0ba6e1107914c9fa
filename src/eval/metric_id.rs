//! Which figure: a correlation of a similarity, and how subsets join.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::eval::stats::correlation::{pearson, spearman};
use crate::vectors::Similarity;

/// Of values or of ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Correlation {
    /// [`spearman`]
    #[default]
    Spearman,
    /// [`pearson`]
    Pearson,
}

impl Correlation {
    /// Both, in the order reports name them.
    pub const ALL: [Self; 2] = [Self::Spearman, Self::Pearson];

    /// `spearman` or `pearson`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spearman => "spearman",
            Self::Pearson => "pearson",
        }
    }

    /// The correlation of two sides; `None` where it is [undefined](super::Undefined).
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn of(self, x: &[f64], y: &[f64]) -> Option<f64> {
        match self {
            Self::Spearman => spearman(x, y),
            Self::Pearson => pearson(x, y),
        }
    }
}

/// How the subsets of a set make one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregation {
    /// One correlation over the pairs of all subsets together.
    #[default]
    All,
    /// `Σ rₛ / S`: the plain mean of the correlations of the S subsets.
    Mean,
    /// `Σ nₛrₛ / Σ nₛ`: each subset counted as often as it has pairs.
    Wmean,
}

impl Aggregation {
    /// All three.
    pub const ALL: [Self; 3] = [Self::All, Self::Mean, Self::Wmean];

    /// The name SentEval gives it: `all`, `mean` or `wmean`.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Mean => "mean",
            Self::Wmean => "wmean",
        }
    }
}

/// A figure of a set, spelled `spearman_cosine` over all pairs, as sentence-transformers does,
/// and `spearman_cosine_mean` or `spearman_cosine_wmean` over subsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MetricId {
    /// How subsets join.
    pub aggregation: Aggregation,
    /// Of values or of ranks.
    pub correlation: Correlation,
    /// Of two vectors.
    pub similarity: Similarity,
}

impl MetricId {
    /// Every combination, correlations side by side.
    pub fn product(
        aggregations: &[Aggregation],
        correlations: &[Correlation],
        similarities: &[Similarity],
    ) -> Vec<Self> {
        let mut figures = Vec::new();
        for &aggregation in aggregations {
            for &similarity in similarities {
                for &correlation in correlations {
                    figures.push(Self { aggregation, correlation, similarity });
                }
            }
        }
        figures
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.correlation.name(), self.similarity.name())?;
        match self.aggregation {
            Aggregation::All => Ok(()),
            other => write!(f, "_{}", other.name()),
        }
    }
}

impl FromStr for Aggregation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        among("aggregation", &Self::ALL, Self::name, text)
    }
}

impl FromStr for Correlation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        among("correlation", &Self::ALL, Self::name, text)
    }
}

/// The one of `all` that is called `text`.
fn among<T: Copy>(what: &str, all: &[T], name: fn(T) -> &'static str, text: &str) -> Result<T> {
    all.iter().copied().find(|&one| name(one) == text).ok_or_else(|| {
        let known: Vec<&str> = all.iter().copied().map(name).collect();
        Error::config(format!("{what} `{text}` is unknown: use one of {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_names_people_know() {
        let figures = MetricId::product(&Aggregation::ALL, &Correlation::ALL, &Similarity::ALL);
        assert_eq!(figures.len(), 24);
        let names: Vec<String> = figures.iter().map(MetricId::to_string).collect();
        assert_eq!(names[..3], ["spearman_cosine", "pearson_cosine", "spearman_dot"]);
        assert_eq!(names[8], "spearman_cosine_mean");
        assert_eq!(names[23], "pearson_manhattan_wmean");
        assert_eq!(MetricId::default().to_string(), "spearman_cosine");
    }

    #[test]
    fn every_part_of_a_figure_is_read_as_it_is_spelled() {
        for one in Aggregation::ALL {
            assert_eq!(one.name().parse::<Aggregation>().unwrap(), one);
        }
        for one in Correlation::ALL {
            assert_eq!(one.name().parse::<Correlation>().unwrap(), one);
        }
        for one in Similarity::ALL {
            assert_eq!(one.name().parse::<Similarity>().unwrap(), one);
        }
        let error = "kendall".parse::<Correlation>().unwrap_err().to_string();
        assert_eq!(error, "correlation `kendall` is unknown: use one of spearman, pearson");
    }
}
