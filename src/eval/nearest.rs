//! Exact search, tile by tile: what of a corpus each query finds most alike.

use rayon::prelude::*;

use super::similarity::{self, Similarity};
use super::texts::rows;
use crate::vectors::Embeddings;

/// Queries compared at once; with a tile of documents, their scores are what is held.
const QUERIES: usize = 128;

/// A document, and how alike it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ScoredDocument {
    pub score: f64,
    pub place: usize,
}

/// The `depth` documents most like each query so far; of equally alike ones, those of the lower
/// place.
pub(super) struct TopDocuments {
    similarity: Similarity,
    depth: usize,
    hits: Vec<Vec<ScoredDocument>>,
}

impl TopDocuments {
    /// Nothing seen yet, for so many queries.
    pub fn new(similarity: Similarity, depth: usize, queries: usize) -> Self {
        Self { similarity, depth, hits: vec![Vec::new(); queries] }
    }

    /// Looks through more documents `(M, D)`, the first of which has the place `first`, for
    /// `queries` `(N, D)`.
    pub fn see(&mut self, queries: &Embeddings, documents: &Embeddings, first: usize) {
        let (similarity, depth) = (self.similarity, self.depth);
        let longest = documents.iter().map(length).fold(0., f64::max);
        for (tile, hits) in self.hits.chunks_mut(QUERIES).enumerate() {
            let start = tile * QUERIES;
            let queries = rows(queries, start..start + hits.len());
            let scores = similarity.matrix(documents, &queries); // (M, tile)
            hits.par_iter_mut().enumerate().for_each(|(nth, hits)| {
                let query = queries.row(nth);
                let scores: Vec<f64> = scores.col(nth).iter().copied().collect();
                let cut = cut(&scores, hits, depth) - slack(length(query), longest);
                let likely = (0..scores.len()).filter(|&place| scores[place] >= cut);
                // a score of its own, which does not depend on where in a tile a row stands
                hits.extend(likely.map(|place| ScoredDocument {
                    score: similarity.between(documents.row(place), query),
                    place: first + place,
                }));
                hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
                hits.truncate(depth);
            });
        }
    }

    /// The documents found for each query, the most alike first.
    pub fn finish(self) -> Vec<Vec<ScoredDocument>> {
        self.hits
    }
}

/// A score that no document below it can do without: the `depth`th largest here or before.
fn cut(scores: &[f64], hits: &[ScoredDocument], depth: usize) -> f64 {
    let before = hits.get(depth - 1).map_or(f64::NEG_INFINITY, |hit| hit.score);
    if scores.len() <= depth {
        return before;
    }
    let mut scores = scores.to_vec();
    let (_, here, _) = scores.select_nth_unstable_by(depth - 1, |a, b| b.total_cmp(a));
    before.max(*here)
}

/// More than the rounding by which a matrix of scores differs from a score by itself.
fn slack(query: f64, document: f64) -> f64 {
    1e-11 * (1. + query + document + query * document)
}

/// `‖v‖`
fn length(vector: &[f32]) -> f64 {
    similarity::dot(vector, vector).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::RngKey;

    /// Small whole numbers, so that many documents are equally alike.
    fn some(seed: u64, rows: usize, width: usize) -> Embeddings {
        let mut draws = RngKey::new(seed).rng();
        let numbers = (0..rows * width).map(|_| draws.below(5) as f32 - 2.);
        Embeddings::new(width, numbers.collect())
    }

    fn found(
        similarity: Similarity,
        depth: usize,
        tiles: &[usize],
    ) -> Vec<Vec<ScoredDocument>> {
        let (queries, corpus) = (some(1, 150, 5), some(2, 230, 5));
        let mut nearest = TopDocuments::new(similarity, depth, 150);
        let mut first = 0;
        for &tile in tiles {
            nearest.see(&queries, &rows(&corpus, first..first + tile), first);
            first += tile;
        }
        assert_eq!(first, 230);
        nearest.finish()
    }

    #[test]
    fn what_is_found_is_the_head_of_all_documents_sorted() {
        let (queries, corpus) = (some(1, 150, 5), some(2, 230, 5));
        for similarity in Similarity::ALL {
            let found = found(similarity, 7, &[230]);
            for (query, found) in queries.iter().zip(&found) {
                let score = |(place, row)| ScoredDocument {
                    score: similarity.between(row, query),
                    place,
                };
                let mut all: Vec<ScoredDocument> =
                    corpus.iter().enumerate().map(score).collect();
                all.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable: by place
                assert_eq!(found, &all[..7], "{similarity:?}");
            }
        }
    }

    #[test]
    fn tiles_do_not_change_what_is_found() {
        for similarity in Similarity::ALL {
            let whole = found(similarity, 9, &[230]);
            assert_eq!(found(similarity, 9, &[1, 8, 100, 121]), whole);
        }
        let few = found(Similarity::Dot, 500, &[200, 30]);
        assert!(few.iter().all(|hits| hits.len() == 230));
    }
}
