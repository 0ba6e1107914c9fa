//! Exact search: the top k of a corpus, paraphrase mining, near duplicates, and hard negatives.

mod duplicates;
mod hit;
mod nearest;
mod negatives;
mod paraphrases;

pub use duplicates::{Duplicate, near_duplicates};
pub use hit::Hit;
pub use negatives::{
    HardNegativeOptions, HardNegatives, Rescore, Sampling, mine_hard_negatives,
    mine_hard_negatives_by,
};
pub use paraphrases::{Pair, ParaphraseOptions, paraphrase_mining};

use crate::error::{Error, Result};
use crate::vectors::{EmbeddingRows, Similarity};

/// How to search.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// How many to find for each query. 10.
    pub top_k: usize,
    /// The similarity. The cosine.
    pub similarity: Similarity,
}

impl SearchOptions {
    /// Finds `top_k` rows for each query.
    pub fn with_top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Ranks by `similarity`.
    pub fn with_similarity(self, similarity: Similarity) -> Self {
        Self { similarity, ..self }
    }
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { top_k: 10, similarity: Similarity::Cosine }
    }
}

/// The `top_k` rows of `corpus` `(M, D)` most similar to each of `queries` `(N, D)`, most similar
/// first; of equally similar ones, in the order of the corpus. The search is exact, and memory
/// holds no more of a corpus on disk than the tiles being compared.
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
        similarity: options.similarity,
    };
    let mut hits = Vec::with_capacity(queries.rows());
    nearest::each(queries, corpus, &wanted, |_, found| hits.extend(found))?;
    Ok(hits)
}
