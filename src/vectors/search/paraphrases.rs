//! Pairs of texts that say the same, as sentence-transformers' `paraphrase_mining` finds them.

use super::{Hit, nearest};
use crate::error::{Error, Result};
use crate::vectors::{EmbeddingRows, Similarity};

/// Two rows and how near they are; `a` stands before `b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// How near they are.
    pub score: f32,
    /// The first row.
    pub a: usize,
    /// The second.
    pub b: usize,
}

/// Which pairs are wanted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ParaphraseOptions {
    /// Neighbours of a row that may make a pair with it. 100.
    pub top_k: usize,
    /// Pairs in all, the nearest. 500,000.
    pub max_pairs: usize,
    /// Only pairs at least so near; any by default.
    pub threshold: Option<f32>,
    /// The similarity. The cosine.
    pub similarity: Similarity,
}

impl ParaphraseOptions {
    /// Considers the `top_k` neighbours of each row.
    pub fn with_top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Returns at most `max_pairs` pairs.
    pub fn with_max_pairs(self, max_pairs: usize) -> Self {
        Self { max_pairs, ..self }
    }

    /// Returns pairs of at least this similarity only.
    pub fn with_threshold(self, threshold: f32) -> Self {
        Self { threshold: Some(threshold), ..self }
    }

    /// Ranks by `similarity`.
    pub fn with_similarity(self, similarity: Similarity) -> Self {
        Self { similarity, ..self }
    }
}

impl Default for ParaphraseOptions {
    fn default() -> Self {
        Self { top_k: 100, max_pairs: 500_000, threshold: None, similarity: Similarity::Cosine }
    }
}

/// The nearest pairs among `rows` `(N, D)`, nearest first; of those equally near, in the order of
/// the rows. A pair is found if either is among the `top_k` neighbours of the other.
///
/// ```
/// use twindrop::vectors::Embeddings;
/// use twindrop::vectors::search::{ParaphraseOptions, paraphrase_mining};
///
/// let rows = Embeddings::new(2, vec![1., 0., 0., 1., 1., 0.1]);
/// let pairs = paraphrase_mining(&rows, &ParaphraseOptions::default())?;
/// assert_eq!((pairs[0].a, pairs[0].b), (0, 2));
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where a number of the options is zero or no number, or rows cannot be read.
pub fn paraphrase_mining(
    rows: &dyn EmbeddingRows,
    options: &ParaphraseOptions,
) -> Result<Vec<Pair>> {
    if options.top_k == 0 || options.max_pairs == 0 {
        return Err(Error::config("top_k and max_pairs: expected at least 1"));
    }
    if options.threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(Error::config("threshold: expected a finite number"));
    }
    let wanted = nearest::SearchKind {
        top_k: options.top_k.saturating_add(1), // a row is its own neighbour
        above: options.threshold.map_or(f32::NEG_INFINITY, f32::next_down),
        similarity: options.similarity,
    };
    let mut pairs = Vec::new();
    nearest::each(rows, rows, &wanted, |first, found| {
        for (row, hits) in found.iter().enumerate() {
            pairs.extend(neighbours(first + row, hits, options.top_k));
        }
        settle(&mut pairs, options.max_pairs);
    })?;
    Ok(pairs)
}

fn neighbours(row: usize, hits: &[Hit], top_k: usize) -> impl Iterator<Item = Pair> {
    let others = hits.iter().filter(move |hit| hit.corpus_id != row).take(top_k);
    others.map(move |hit| Pair {
        score: hit.score,
        a: row.min(hit.corpus_id),
        b: row.max(hit.corpus_id),
    })
}

/// Each pair once, the best `most` of them, best first.
fn settle(pairs: &mut Vec<Pair>, most: usize) {
    let places = |pair: &Pair| (pair.a, pair.b);
    pairs.sort_unstable_by(|one, other| {
        places(one).cmp(&places(other)).then(other.score.total_cmp(&one.score))
    });
    pairs.dedup_by_key(|pair| places(pair));
    pairs.sort_by(|one, other| other.score.total_cmp(&one.score));
    pairs.truncate(most);
}
