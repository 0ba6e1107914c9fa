//! Many token vectors to one: the only place these formulas are named.

use crate::error::{Error, Result};
use crate::nn::{Packing, Pool, Tape, Value};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// How a sentence's token vectors become its embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pooling {
    /// The first token of the last layer, with no dense layer after it (sentence-transformers'
    /// `cls`, SimCSE's `cls_before_pooler`).
    Cls,
    /// The mean of the last layer (SimCSE's `avg`).
    #[default]
    Mean,
    /// The maximum of each column of the last layer.
    Max,
    /// `Σ x / √L` of the last layer.
    MeanSqrtLen,
    /// The mean of the last layer with token t counted t times.
    WeightedMean,
    /// The last token of the last layer.
    LastToken,
    /// The mean of layer 1 and the last layer (SimCSE's `avg_first_last`).
    FirstLast,
    /// The mean of the embedding output and the last layer (`avg_first_last` of older papers).
    EmbeddingLast,
    /// The mean of the last two layers (SimCSE's `avg_top2`, ConSERT's `last2avg`).
    LastTwo,
}

/// Every pooling with its name here and its other names.
const NAMES: [(Pooling, &str, &[&str]); 9] = [
    (Pooling::Cls, "cls", &["cls_before_pooler"]),
    (Pooling::Mean, "mean", &["avg"]),
    (Pooling::Max, "max", &[]),
    (Pooling::MeanSqrtLen, "mean_sqrt_len_tokens", &["mean_sqrt_len"]),
    (Pooling::WeightedMean, "weightedmean", &[]),
    (Pooling::LastToken, "lasttoken", &[]),
    (Pooling::FirstLast, "first-last", &["avg_first_last", "firstlastavg", "first_last"]),
    (Pooling::EmbeddingLast, "embedding-last", &["embedding_last"]),
    (Pooling::LastTwo, "last-two", &["avg_top2", "last2avg", "last_two"]),
];

impl Pooling {
    /// Every way there is.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(pooling, ..)| *pooling)
    }

    /// The hidden states it reads of an encoder of `layers` layers (0 is the embedding output).
    pub fn reads(self, layers: usize) -> Vec<usize> {
        match self {
            Self::FirstLast => vec![1.min(layers), layers],
            Self::EmbeddingLast => vec![0, layers],
            Self::LastTwo => vec![layers.saturating_sub(1), layers],
            _ => vec![layers],
        }
    }

    /// How each of those states is pooled.
    fn pool(self) -> Pool {
        match self {
            Self::Cls => Pool::Cls,
            Self::Max => Pool::Max,
            Self::MeanSqrtLen => Pool::MeanSqrtLen,
            Self::WeightedMean => Pool::WeightedMean,
            Self::LastToken => Pool::LastToken,
            Self::Mean | Self::FirstLast | Self::EmbeddingLast | Self::LastTwo => Pool::Mean,
        }
    }

    /// One row a sentence, (N, D), from the states that [`reads`](Self::reads) names, each
    /// (T, D).
    ///
    /// # Errors
    /// Where a tensor operation fails.
    pub fn apply(
        self,
        tape: &mut Tape,
        states: &[Value],
        packing: &Arc<Packing>,
    ) -> Result<Value> {
        let pooled = states.iter().map(|state| tape.pool(state, packing, self.pool()));
        let pooled = pooled.collect::<Result<Vec<_>>>()?;
        match &pooled[..] {
            [one] => Ok(one.clone()),
            many => tape.mean_of(many),
        }
    }
}

impl FromStr for Pooling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found =
            NAMES.iter().find(|(_, name, others)| *name == text || others.contains(&text));
        found.map(|(pooling, ..)| *pooling).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(_, name, _)| *name).collect();
            Error::config(format!(
                "pooling `{text}` is unknown: use one of {}",
                known.join(", ")
            ))
        })
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = NAMES.iter().find(|(pooling, ..)| pooling == self);
        f.write_str(found.map_or("", |(_, name, _)| name))
    }
}

impl TryFrom<String> for Pooling {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Pooling> for String {
    fn from(pooling: Pooling) -> Self {
        pooling.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pooling_is_read_as_it_is_spelled_and_by_its_other_names() {
        for (pooling, name, others) in NAMES {
            assert_eq!(pooling.to_string(), name);
            for name in others.iter().chain([&name]) {
                assert_eq!(name.parse::<Pooling>().unwrap(), pooling);
            }
        }
        assert!("average".parse::<Pooling>().is_err());
    }
}
