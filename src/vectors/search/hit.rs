//! A result of a search.

use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::str::FromStr;

/// How near two vectors are; the larger, the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Score {
    /// `a·b / (‖a‖‖b‖)`; a vector of zeros is at 0 from all.
    #[default]
    Cosine,
    /// `a·b`
    Dot,
}

impl Score {
    /// Products of unit vectors in f32 may miss the bounds of a cosine.
    pub(super) fn clip(self, score: f32) -> f32 {
        if self == Self::Cosine { score.clamp(-1., 1.) } else { score }
    }
}

impl FromStr for Score {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "cosine" => Ok(Self::Cosine),
            "dot" => Ok(Self::Dot),
            _ => Err(Error::config(format!("score `{text}` is unknown: use cosine or dot"))),
        }
    }
}

/// A vector of a corpus that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its row.
    pub corpus_id: usize,
    /// How near it is.
    pub score: f32,
}

impl Hit {
    /// The nearer first; of two as near, the one that stands first in the corpus.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let nearer = other.score.total_cmp(&self.score);
        nearer.then(self.corpus_id.cmp(&other.corpus_id))
    }
}
