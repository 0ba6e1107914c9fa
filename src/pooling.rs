//! Many token vectors to one: the only place these formulas are named.

use crate::error::{Error, Result};
use crate::nn::{Packing, Pool, Tape, TapeTensor};
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
    /// Several of the last layer, one beside the other: `cls+max` is twice as wide.
    Joined(Modes),
}

/// Two poolings of the last layer or more, each once, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modes([Option<Pool>; 6]);

/// What may be joined, in the order in which sentence-transformers' flags are.
const PLAIN: [Pooling; 6] = [
    Pooling::Cls,
    Pooling::Max,
    Pooling::Mean,
    Pooling::MeanSqrtLen,
    Pooling::WeightedMean,
    Pooling::LastToken,
];

impl Modes {
    fn of(modes: &[Pooling]) -> Option<Self> {
        let mut slots = [None; 6];
        let plain = modes.iter().all(|mode| PLAIN.contains(mode));
        if !plain || !(2..=slots.len()).contains(&modes.len()) {
            return None;
        }
        for (slot, mode) in slots.iter_mut().zip(modes) {
            *slot = Some(mode.pool());
        }
        let repeats =
            |(n, slot): (usize, &Option<Pool>)| slot.is_some() && slots[..n].contains(slot);
        (!slots.iter().enumerate().any(repeats)).then_some(Self(slots))
    }

    fn pools(self) -> impl Iterator<Item = Pool> {
        self.0.into_iter().flatten()
    }

    /// The poolings one by one.
    pub fn iter(self) -> impl Iterator<Item = Pooling> {
        let of = |pool| PLAIN.into_iter().find(|mode| mode.pool() == pool);
        self.pools().filter_map(of)
    }

    /// Whether flags that are on or off can say it: they have one order.
    pub fn is_in_order(self) -> bool {
        let place = |mode| PLAIN.iter().position(|known| *known == mode);
        self.iter().map(place).is_sorted()
    }
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

    /// Whether the position of a token in its sentence is part of its weight.
    pub fn weighs_positions(self) -> bool {
        match self {
            Self::Joined(modes) => modes.iter().any(Self::weighs_positions),
            one => one == Self::WeightedMean,
        }
    }

    /// Several poolings of the last layer as one, where there are several, each once.
    pub fn joined(modes: &[Self]) -> Option<Self> {
        match modes {
            [one] => Some(*one),
            several => Modes::of(several).map(Self::Joined),
        }
    }

    /// How many times as wide as a token's vector the embedding is.
    pub fn widens(self) -> usize {
        if let Self::Joined(modes) = self { modes.pools().count() } else { 1 }
    }

    /// Whether it reads one layer, the last.
    pub fn reads_last(self) -> bool {
        !matches!(self, Self::FirstLast | Self::EmbeddingLast | Self::LastTwo)
    }

    /// How each of those states is pooled, if in one way.
    fn pool(self) -> Pool {
        match self {
            Self::Cls => Pool::Cls,
            Self::Max => Pool::Max,
            Self::MeanSqrtLen => Pool::MeanSqrtLen,
            Self::WeightedMean => Pool::WeightedMean,
            Self::LastToken => Pool::LastToken,
            Self::Mean | Self::FirstLast | Self::EmbeddingLast | Self::LastTwo => Pool::Mean,
            Self::Joined(modes) => modes.pools().next().unwrap_or(Pool::Mean),
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
        states: &[TapeTensor],
        packing: &Arc<Packing>,
    ) -> Result<TapeTensor> {
        if let (Self::Joined(modes), [state]) = (self, states) {
            let pooled = modes.pools().map(|pool| tape.pool(state, packing, pool));
            let pooled = pooled.collect::<Result<Vec<_>>>()?;
            return tape.joined(&pooled);
        }
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
        if text.contains('+') {
            let modes = text.split('+').map(|mode| mode.trim().parse());
            let modes: Vec<Self> = modes.collect::<Result<_>>()?;
            return Self::joined(&modes).ok_or_else(|| {
                let message = "only cls, max, mean, mean_sqrt_len_tokens, weightedmean and \
                             lasttoken can be joined, each once";
                Error::config(format!("pooling `{text}`: {message}"))
            });
        }
        let found =
            NAMES.iter().find(|(_, name, others)| *name == text || others.contains(&text));
        found.map(|(pooling, ..)| *pooling).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(_, name, _)| *name).collect();
            Error::config(format!(
                "pooling `{text}` is unknown: use one of {}, or several joined by +",
                known.join(", ")
            ))
        })
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Joined(modes) = self {
            let names: Vec<_> = modes.iter().map(|mode| mode.to_string()).collect();
            return f.write_str(&names.join("+"));
        }
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

    #[test]
    fn several_are_joined_in_the_order_they_are_spelled() {
        let joined: Pooling = "max+avg+cls".parse().unwrap();
        assert_eq!((joined.to_string().as_str(), joined.widens()), ("max+mean+cls", 3));
        let Pooling::Joined(modes) = joined else { panic!("{joined}") };
        assert!(!modes.is_in_order());
        for wrong in ["cls+cls", "cls+first-last", "cls+", "+", "cls+average"] {
            assert!(wrong.parse::<Pooling>().is_err(), "{wrong}");
        }
    }
}
