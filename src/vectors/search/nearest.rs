//! Exact search: tiles of a corpus against blocks of queries.

use super::Hit;
use crate::error::Result;
use crate::vectors::similarity::normalize;
use crate::vectors::top_k::{ScoredRow, TopK};
use crate::vectors::{EmbeddingRows, Similarity};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of the corpus that a thread takes at once.
const TILE: usize = 1024;
/// Queries whose scores with a tile are held at once: 1024 × 256 f32 are 1 MiB.
const QUERIES: usize = 256;
/// Tiles between one update of the bounds and the next.
const WAVE: usize = 32;
/// Queries that pass through the corpus together; their candidates in a wave are in memory.
const BLOCK: usize = 2048;
/// Scores compared with a bound at once.
const LANES: usize = 64;

/// What to find.
pub(super) struct SearchKind {
    /// At most so many for each query.
    pub top_k: usize,
    /// Only scores above this.
    pub above: f32,
    pub similarity: Similarity,
}

/// Finds the most similar rows of `corpus` for each of `queries`, and hands them to `take` with
/// the number of the first query, a block at a time.
///
/// How the work is divided depends on shapes alone, and rows have a total order: any number of
/// threads finds the same.
pub(super) fn each(
    queries: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    wanted: &SearchKind,
    mut take: impl FnMut(usize, Vec<Vec<Hit>>),
) -> Result<()> {
    for first in (0..queries.rows()).step_by(BLOCK) {
        let last = (first + BLOCK).min(queries.rows());
        let block = prepared(queries, first..last, wanted.similarity)?;
        take(first, nearest(&block, corpus, wanted)?);
    }
    Ok(())
}

/// Rows as they are compared: for the cosine, normalized.
pub(super) fn prepared(
    rows: &dyn EmbeddingRows,
    range: Range<usize>,
    similarity: Similarity,
) -> Result<Vec<f32>> {
    let mut data = rows.stretch(range)?.into_owned();
    if similarity == Similarity::Cosine {
        data.chunks_exact_mut(rows.width()).for_each(normalize);
    }
    Ok(data)
}

/// Products of a tile `(M, D)` with queries `(N, D)`: `(N, M)`, row-major.
pub(super) fn products(tile: &[f32], queries: &[f32], width: usize, scores: &mut [f32]) {
    let (m, n) = (tile.len() / width, queries.len() / width);
    let tile = MatRef::from_row_major_slice(tile, m, width);
    let queries = MatRef::from_column_major_slice(queries, width, n);
    let scores = MatMut::from_column_major_slice_mut(scores, m, n);
    matmul(scores, Accum::Replace, tile, queries, 1f32, Par::Seq);
}

/// A product of normalized rows in f32 may miss the bounds of a cosine.
pub(super) fn cosine(product: f32) -> f64 {
    f64::from(product.clamp(-1., 1.))
}

/// Similarities of a tile `(M, D)` with queries `(N, D)`: `(N, M)`, row-major.
fn scores(
    similarity: Similarity,
    tile: &[f32],
    queries: &[f32],
    width: usize,
    scores: &mut [f32],
) {
    if matches!(similarity, Similarity::Cosine | Similarity::Dot) {
        return products(tile, queries, width, scores);
    }
    let rows = scores.chunks_exact_mut(tile.len() / width);
    for (query, scores) in queries.chunks_exact(width).zip(rows) {
        for (row, score) in tile.chunks_exact(width).zip(scores) {
            *score = similarity.between(query, row) as f32;
        }
    }
}

/// Rows of a tile, by the number of their query.
type Candidates = Vec<(usize, Vec<ScoredRow>)>;

/// The hits of each of `queries` `(N, D)`, prepared.
fn nearest(
    queries: &[f32],
    corpus: &dyn EmbeddingRows,
    wanted: &SearchKind,
) -> Result<Vec<Vec<Hit>>> {
    let (width, rows) = (corpus.width(), corpus.rows());
    let mut best = vec![TopK::new(wanted.top_k, wanted.above.into()); queries.len() / width];
    let tiles: Vec<Range<usize>> =
        (0..rows).step_by(TILE).map(|first| first..(first + TILE).min(rows)).collect();
    for wave in tiles.chunks(WAVE) {
        let bounds: Vec<f64> = best.iter().map(TopK::bound).collect();
        let search = |tile: &Range<usize>| {
            let data = prepared(corpus, tile.clone(), wanted.similarity)?;
            Ok(candidates(&data, tile.start, queries, &bounds, width, wanted))
        };
        let found: Vec<Result<Candidates>> = wave.par_iter().map(search).collect();
        for found in found {
            for (query, rows) in found? {
                best[query].offer(rows);
            }
        }
    }
    let hits = |top: TopK| top.into_sorted().into_iter().map(Hit::from).collect();
    Ok(best.into_iter().map(hits).collect())
}

/// The rows of a tile above the bounds: query and rows, at most `top_k` for a query.
fn candidates(
    tile: &[f32],
    first: usize,
    queries: &[f32],
    bounds: &[f64],
    width: usize,
    wanted: &SearchKind,
) -> Candidates {
    let rows = tile.len() / width;
    let mut buffer = vec![0f32; rows * QUERIES.min(bounds.len())];
    let mut found = Vec::new();
    for (chunk, queries) in queries.chunks(QUERIES * width).enumerate() {
        let buffer = &mut buffer[..rows * (queries.len() / width)];
        scores(wanted.similarity, tile, queries, width, buffer);
        for (query, scores) in buffer.chunks_exact(rows).enumerate() {
            let query = chunk * QUERIES + query;
            let mut top = TopK::new(wanted.top_k, bounds[query]);
            above(scores, bounds[query], first, wanted.similarity, &mut top);
            let rows = top.into_sorted();
            if !rows.is_empty() {
                found.push((query, rows));
            }
        }
    }
    found
}

/// Offers the scores above `bound`; whole lanes are passed over where none is.
fn above(scores: &[f32], bound: f64, first: usize, similarity: Similarity, top: &mut TopK) {
    let row = |row, score: f32| {
        let score = if similarity == Similarity::Cosine { cosine(score) } else { score.into() };
        ScoredRow { row, score }
    };
    // bounds are f32 or infinite, so nothing is lost by comparing in f32
    let bound = bound as f32;
    let mut rows = Vec::new();
    for (lanes, part) in scores.chunks(LANES).enumerate() {
        if part.iter().fold(false, |any, &score| any | (score > bound)) {
            let start = first + lanes * LANES;
            rows.extend(part.iter().zip(start..).map(|(&score, id)| row(id, score)));
        }
    }
    top.offer(rows);
}
