//! Rows that nearly repeat an earlier one.

use super::nearest::{cosine, prepared, products};
use crate::error::{Error, Result};
use crate::vectors::top_k::ScoredRow;
use crate::vectors::{EmbeddingRows, Similarity};
use rayon::prelude::*;

/// Rows settled at once, and kept rows that a thread compares them with.
const BLOCK: usize = 1024;

/// By so much f32 products of a unit vector with itself may miss 1.
const ROUNDING: f32 = 2e-6;

/// A row that repeats one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicate {
    /// The row.
    pub row: usize,
    /// The kept row nearest to it; of several, the first.
    pub of: usize,
    /// Their cosine.
    pub score: f32,
}

/// The rows of `rows` `(N, D)` whose cosine with a row that is kept, and stands before them, is
/// `threshold` or more. The first of those alike is kept, and a row that goes takes no other with
/// it.
///
/// ```
/// use twindrop::vectors::{Embeddings, search::near_duplicates};
///
/// let rows = Embeddings::new(2, vec![1., 0., 0., 1., 1., 0.01]);
/// let twice = near_duplicates(&rows, 0.99)?;
/// assert_eq!((twice.len(), twice[0].row, twice[0].of), (1, 2, 0));
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where the threshold is not in 0..1, or rows cannot be read.
pub fn near_duplicates(rows: &dyn EmbeddingRows, threshold: f32) -> Result<Vec<Duplicate>> {
    if !(threshold > 0. && threshold <= 1.) {
        let message = format!("threshold {threshold}: expected more than 0 and at most 1");
        return Err(Error::config(message));
    }
    let threshold = threshold.min(1. - ROUNDING);
    let (width, mut kept, mut vectors, mut found) = (rows.width(), vec![], vec![], vec![]);
    for first in (0..rows.rows()).step_by(BLOCK) {
        let block =
            prepared(rows, first..(first + BLOCK).min(rows.rows()), Similarity::Cosine)?;
        let before = among(&vectors, &block, width, threshold);
        let mut own = vec![0.; (block.len() / width).pow(2)];
        products(&block, &block, width, &mut own);
        let mut fresh: Vec<usize> = Vec::new(); // kept rows of this block
        for (row, vector) in block.chunks_exact(width).enumerate() {
            let scores = &own[row * (block.len() / width)..];
            let place = |at: usize| kept.len() - fresh.len() + at;
            let near = fresh.iter().enumerate().filter(|(_, at)| scores[**at] >= threshold);
            let near =
                near.map(|(at, &i)| ScoredRow { row: place(at), score: cosine(scores[i]) });
            match near.chain(before[row]).min_by(ScoredRow::order) {
                Some(best) => {
                    let (of, score) = (kept[best.row], best.score as f32);
                    found.push(Duplicate { row: first + row, of, score });
                }
                None => {
                    fresh.push(row);
                    kept.push(first + row);
                    vectors.extend_from_slice(vector);
                }
            }
        }
    }
    Ok(found)
}

/// The kept vector nearest to each row of a block, where one is near enough.
fn among(kept: &[f32], block: &[f32], width: usize, threshold: f32) -> Vec<Option<ScoredRow>> {
    let rows = block.len() / width;
    let compare = |(number, tile): (usize, &[f32])| {
        let many = tile.len() / width;
        let mut scores = vec![0.; many * rows];
        products(tile, block, width, &mut scores);
        let nearest = |scores: &[f32]| {
            let near = scores.iter().enumerate().filter(|(_, score)| **score >= threshold);
            let row =
                |(at, &score)| ScoredRow { row: number * BLOCK + at, score: cosine(score) };
            near.map(row).min_by(ScoredRow::order)
        };
        scores.chunks_exact(many).map(nearest).collect::<Vec<_>>()
    };
    let tiles = kept.par_chunks(BLOCK * width).enumerate().map(compare);
    // of a total order the least is the same however tiles are joined
    tiles.reduce(
        || vec![None; rows],
        |one, other| {
            let pairs = one.into_iter().zip(other);
            pairs.map(|(a, b)| a.into_iter().chain(b).min_by(ScoredRow::order)).collect()
        },
    )
}
