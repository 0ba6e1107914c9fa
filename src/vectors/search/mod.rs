//! Vectors near to vectors, exactly: the top k of a corpus, pairs that say the same, doubles, and
//! negatives that are hard to tell from positives.

mod duplicates;
mod nearest;
mod negatives;
mod paraphrases;

pub use duplicates::{Duplicate, near_duplicates};
pub use negatives::{HardNegativeOptions, HardNegatives, Sampling, mine_hard_negatives};
pub use paraphrases::{Pair, ParaphraseOptions, paraphrase_mining};

use crate::error::{Error, Result};
use crate::vectors::EmbeddingRows;
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
    fn clip(self, score: f32) -> f32 {
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
    fn order(&self, other: &Self) -> Ordering {
        let nearer = other.score.total_cmp(&self.score);
        nearer.then(self.corpus_id.cmp(&other.corpus_id))
    }
}

/// How to search.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// How many to find for each query. 10.
    pub top_k: usize,
    /// What is near. The cosine.
    pub score: Score,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { top_k: 10, score: Score::Cosine }
    }
}

/// The `top_k` vectors of `corpus` `(M, D)` nearest to each of `queries` `(N, D)`, nearest first;
/// of those equally near, in the order of the corpus. Nothing is left out, and memory holds no
/// more of a corpus on disk than the stretches being looked at.
///
/// ```
/// use twindrop::vectors::Embeddings;
/// use twindrop::vectors::search::{SearchOptions, semantic_search};
///
/// let corpus = Embeddings::new(2, vec![1., 0., 0., 1., 3., 4.]);
/// let hits = semantic_search(&Embeddings::new(2, vec![0., 2.]), &corpus, &SearchOptions::default())?;
/// assert_eq!((hits[0][0].corpus_id, hits[0][1].corpus_id), (1, 2));
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where widths differ, `top_k` is zero, or the corpus cannot be read.
pub fn semantic_search(
    queries: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    options: &SearchOptions,
) -> Result<Vec<Vec<Hit>>> {
    if options.top_k == 0 {
        return Err(Error::config("top_k 0: expected at least 1"));
    }
    if queries.width() != corpus.width() {
        let (one, other) = (queries.width(), corpus.width());
        return Err(Error::config(format!(
            "the queries have {one} dimensions, the corpus {other}; embed both with one model"
        )));
    }
    let wanted = nearest::SearchKind {
        top_k: options.top_k,
        above: f32::NEG_INFINITY,
        score: options.score,
    };
    let mut hits = Vec::with_capacity(queries.rows());
    nearest::each(queries, corpus, &wanted, |_, found| hits.extend(found))?;
    Ok(hits)
}
