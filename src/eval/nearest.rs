//! Exact search in f64, tile by tile, for retrieval metrics.

use rayon::prelude::*;

use super::texts::rows;
use crate::vectors::Embeddings;
use crate::vectors::top_k::{ScoredRow, TopK};
use crate::vectors::{Similarity, similarity};

/// Queries compared at once; with a tile of documents, their scores are what is held.
const QUERIES: usize = 128;

/// The `depth` documents most similar to each query so far; of equally similar ones, those of the
/// lower row.
pub(super) struct TopDocuments {
    similarity: Similarity,
    depth: usize,
    best: Vec<TopK>,
}

impl TopDocuments {
    /// No documents yet, for so many queries.
    pub fn new(similarity: Similarity, depth: usize, queries: usize) -> Self {
        let best = vec![TopK::new(depth, f64::NEG_INFINITY); queries];
        Self { similarity, depth, best }
    }

    /// Compares more documents `(M, D)`, whose rows count from `first`, with `queries` `(N, D)`.
    pub fn add(&mut self, queries: &Embeddings, documents: &Embeddings, first: usize) {
        let (similarity, depth) = (self.similarity, self.depth);
        let longest = documents.iter().map(norm).fold(0., f64::max);
        for (tile, best) in self.best.chunks_mut(QUERIES).enumerate() {
            let start = tile * QUERIES;
            let queries = rows(queries, start..start + best.len());
            let scores = similarity.matrix(documents, &queries); // (M, tile)
            best.par_iter_mut().enumerate().for_each(|(nth, best)| {
                let query = queries.row(nth);
                let scores = scores.col_as_slice(nth);
                let mut here = TopK::new(depth, f64::NEG_INFINITY);
                here.offer(
                    scores.iter().zip(0..).map(|(&score, row)| ScoredRow { row, score }),
                );
                let least = best.bound().max(here.bound()) - slack(norm(query), longest);
                let likely = (0..scores.len()).filter(|&row| scores[row] >= least);
                // computed alone, a score does not depend on the tile
                best.offer(likely.map(|row| ScoredRow {
                    score: similarity.between(documents.row(row), query),
                    row: first + row,
                }));
            });
        }
    }

    /// The documents found for each query, the most similar first.
    pub fn finish(self) -> Vec<Vec<ScoredRow>> {
        self.best.into_iter().map(TopK::into_sorted).collect()
    }
}

/// More than the rounding by which a matrix of scores differs from a score by itself.
fn slack(query: f64, document: f64) -> f64 {
    1e-11 * (1. + query + document + query * document)
}

/// `‖v‖`
fn norm(vector: &[f32]) -> f64 {
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

    fn found(similarity: Similarity, depth: usize, tiles: &[usize]) -> Vec<Vec<ScoredRow>> {
        let (queries, corpus) = (some(1, 150, 5), some(2, 230, 5));
        let mut nearest = TopDocuments::new(similarity, depth, 150);
        let mut first = 0;
        for &tile in tiles {
            nearest.add(&queries, &rows(&corpus, first..first + tile), first);
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
                let score = |(row, vector): (usize, &[f32])| ScoredRow {
                    score: similarity.between(vector, query),
                    row,
                };
                let mut all: Vec<ScoredRow> = corpus.iter().enumerate().map(score).collect();
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
