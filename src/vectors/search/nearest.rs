//! The one loop behind every search: tiles of a corpus against blocks of queries.

use super::hit::{Hit, Score};
use crate::error::Result;
use crate::vectors::EmbeddingRows;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of the corpus that a thread takes at once.
const TILE: usize = 1024;
/// Queries whose scores with a tile are held at once: 1024 × 256 f32 are 1 MiB.
const QUERIES: usize = 256;
/// Tiles between one tightening of the bounds and the next.
const WAVE: usize = 32;
/// Queries that go through the corpus together; their candidates in a wave are in memory.
const BLOCK: usize = 2048;
/// Scores compared with a bound at once.
const LANES: usize = 64;

/// What to find.
pub(super) struct SearchKind {
    /// At most so many for each query.
    pub top_k: usize,
    /// Only what is nearer than this.
    pub above: f32,
    pub score: Score,
}

/// Finds the nearest rows of `corpus` for each of `queries`, and hands them to `take` with the
/// number of the first query, a block at a time.
///
/// How the work is cut depends on shapes alone, and hits have a total order: any number of
/// threads finds the same.
pub(super) fn each(
    queries: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    wanted: &SearchKind,
    mut take: impl FnMut(usize, Vec<Vec<Hit>>),
) -> Result<()> {
    for first in (0..queries.rows()).step_by(BLOCK) {
        let last = (first + BLOCK).min(queries.rows());
        let block = prepared(queries, first..last, wanted.score)?;
        take(first, nearest(&block, corpus, wanted)?);
    }
    Ok(())
}

/// Rows as they are multiplied: for the cosine, of length one.
pub(super) fn prepared(
    rows: &dyn EmbeddingRows,
    range: Range<usize>,
    score: Score,
) -> Result<Vec<f32>> {
    let mut data = rows.stretch(range)?.into_owned();
    if score == Score::Cosine {
        data.chunks_exact_mut(rows.width()).for_each(normalize);
    }
    Ok(data)
}

/// `x/‖x‖`, the sum in f64 and a fixed order of eight lanes; zero stays zero.
fn normalize(x: &mut [f32]) {
    let (eights, rest) = x.as_chunks::<8>();
    let mut lanes = [0f64; 8];
    for eight in eights {
        for (lane, &x) in lanes.iter_mut().zip(eight) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    let rest = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    let square = lanes.iter().sum::<f64>() + rest;
    if square > 0. {
        let inverse = 1. / square.sqrt();
        x.iter_mut().for_each(|x| *x = (f64::from(*x) * inverse) as f32);
    }
}

/// Scores of a tile `(M, D)` with queries `(N, D)`: `(N, M)`, row-major.
pub(super) fn products(tile: &[f32], queries: &[f32], width: usize, scores: &mut [f32]) {
    let (m, n) = (tile.len() / width, queries.len() / width);
    let tile = MatRef::from_row_major_slice(tile, m, width);
    let queries = MatRef::from_column_major_slice(queries, width, n);
    let scores = MatMut::from_column_major_slice_mut(scores, m, n);
    matmul(scores, Accum::Replace, tile, queries, 1f32, Par::Seq);
}

/// The hits of each of `queries` `(N, D)`, prepared.
fn nearest(
    queries: &[f32],
    corpus: &dyn EmbeddingRows,
    wanted: &SearchKind,
) -> Result<Vec<Vec<Hit>>> {
    let (width, rows) = (corpus.width(), corpus.rows());
    let mut best = vec![TopScores { hits: vec![], bound: wanted.above }; queries.len() / width];
    let tiles: Vec<Range<usize>> =
        (0..rows).step_by(TILE).map(|first| first..(first + TILE).min(rows)).collect();
    for wave in tiles.chunks(WAVE) {
        let bounds: Vec<f32> = best.iter().map(|best| best.bound).collect();
        let look = |tile: &Range<usize>| {
            let data = prepared(corpus, tile.clone(), wanted.score)?;
            Ok(candidates(&data, tile.start, queries, &bounds, width, wanted))
        };
        let found: Vec<Result<Vec<(usize, Hit)>>> = wave.par_iter().map(look).collect();
        for found in found {
            for (query, hit) in found? {
                best[query].hits.push(hit);
            }
        }
        best.par_iter_mut().for_each(|best| best.settle(wanted.top_k));
    }
    let hits = best.into_iter().map(|mut best| {
        best.hits.sort_unstable_by(Hit::order);
        best.hits
    });
    Ok(hits.collect())
}

/// The best of a query so far, and what another must surpass to be among them.
#[derive(Clone)]
struct TopScores {
    hits: Vec<Hit>,
    bound: f32,
}

impl TopScores {
    fn settle(&mut self, top_k: usize) {
        if self.hits.len() >= top_k {
            keep_best(&mut self.hits, top_k);
            // one as near that comes later in the corpus is not better
            let worst = self.hits.iter().max_by(|a, b| a.order(b)).expect("top_k is not 0");
            self.bound = self.bound.max(worst.score);
        }
    }
}

fn keep_best(hits: &mut Vec<Hit>, top_k: usize) {
    if hits.len() > top_k {
        hits.select_nth_unstable_by(top_k - 1, Hit::order);
        hits.truncate(top_k);
    }
}

/// What of a tile surpasses the bounds: query and hit, at most `top_k` for a query.
fn candidates(
    tile: &[f32],
    first: usize,
    queries: &[f32],
    bounds: &[f32],
    width: usize,
    wanted: &SearchKind,
) -> Vec<(usize, Hit)> {
    let rows = tile.len() / width;
    let mut scores = vec![0f32; rows * QUERIES.min(bounds.len())];
    let (mut found, mut hits) = (Vec::new(), Vec::new());
    for (chunk, queries) in queries.chunks(QUERIES * width).enumerate() {
        let scores = &mut scores[..rows * (queries.len() / width)];
        products(tile, queries, width, scores);
        for (query, scores) in scores.chunks_exact(rows).enumerate() {
            let query = chunk * QUERIES + query;
            surpass(scores, bounds[query], first, &mut hits);
            hits.iter_mut().for_each(|hit| hit.score = wanted.score.clip(hit.score));
            keep_best(&mut hits, wanted.top_k);
            found.extend(hits.drain(..).map(|hit| (query, hit)));
        }
    }
    found
}

/// The scores above `bound`; whole lanes are passed over where none is.
fn surpass(scores: &[f32], bound: f32, first: usize, hits: &mut Vec<Hit>) {
    for (lanes, part) in scores.chunks(LANES).enumerate() {
        if part.iter().fold(false, |any, &score| any | (score > bound)) {
            let above = part.iter().enumerate().filter(|(_, score)| **score > bound);
            let id = |at| first + lanes * LANES + at;
            hits.extend(above.map(|(at, &score)| Hit { corpus_id: id(at), score }));
        }
    }
}
