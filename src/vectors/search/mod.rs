//! Vectors near to vectors, exactly: the top k of a corpus, pairs that say the same, doubles, and
//! negatives that are hard to tell from positives.

mod duplicates;
mod hit;
mod nearest;
mod negatives;
mod paraphrases;

pub use duplicates::{Duplicate, near_duplicates};
pub use hit::{Hit, Score};
pub use negatives::{HardNegativeOptions, HardNegatives, Sampling, mine_hard_negatives};
pub use paraphrases::{Pair, ParaphraseOptions, paraphrase_mining};

use crate::error::{Error, Result};
use crate::vectors::EmbeddingRows;

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
