//! Attention to what is near: `o = dropout(softmax(q·kᵀ/√d))·v` over the keys in a window.

use super::attention_heads::{AttentionScratch, Heads, by_sentence};
use super::dropout::Dropout;
use super::kernels::attention::{padded, scale_rows, softmax, softmax_again, softmax_slope};
use super::kernels::gemm::{Matrix, Target, product_here};
use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// What a token attends to: those of its sentence whose position is at most `reach` from its own.
/// Cloning shares the positions.
#[derive(Debug, Clone)]
pub struct LocalWindow {
    reach: u32,
    positions: Arc<[u32]>,
}

impl LocalWindow {
    /// A window over tokens of these positions, (T).
    pub fn new(reach: u32, positions: impl Into<Arc<[u32]>>) -> Self {
        Self { reach, positions: positions.into() }
    }

    fn sees(&self, token: usize, other: usize) -> bool {
        self.positions[token].abs_diff(self.positions[other]) <= self.reach
    }

    /// Whether every token attends to its whole sentence.
    fn is_open(&self, packing: &Packing) -> bool {
        packing.ranges().all(|range| {
            let (first, last) = extremes(&self.positions[range]);
            last - first <= self.reach
        })
    }

    /// The run of the tokens in `sentence` from the first to the last that one of `queries`
    /// sees.
    fn keys(&self, sentence: Range<usize>, queries: Range<usize>) -> Range<usize> {
        let (first, last) = extremes(&self.positions[queries]);
        let near = |&token: &usize| {
            let position = self.positions[token];
            position + self.reach >= first && position <= last + self.reach
        };
        let start = sentence.clone().find(near).unwrap_or(sentence.start);
        let end = sentence.rev().find(near).map_or(start, |token| token + 1);
        start..end
    }

    /// Writes `value` where `token` does not see one of `keys`.
    fn hide(&self, token: usize, keys: Range<usize>, row: &mut [f32], value: f32) {
        for (x, key) in row.iter_mut().zip(keys) {
            if !self.sees(token, key) {
                *x = value;
            }
        }
    }
}

fn extremes(positions: &[u32]) -> (u32, u32) {
    positions.iter().fold((u32::MAX, 0), |(low, high), &p| (low.min(p), high.max(p)))
}

/// Queries that share a run of keys.
const BLOCK: usize = 64;

struct Local {
    heads: Heads,
    window: LocalWindow,
    q: TapeTensor,
    k: TapeTensor,
    v: TapeTensor,
    log_sums: Buffer, // (T, H), sentence by sentence as (H, L)
}

impl Tape {
    /// Multi-head self-attention of each token to what `window` lets it see of its sentence:
    /// three (T, D) → (T, D), in O(length · window).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn local_attention(
        &mut self,
        [q, k, v]: [&TapeTensor; 3],
        packing: &Arc<Packing>,
        heads: usize,
        window: &LocalWindow,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        if window.is_open(packing) {
            return self.attention([q, k, v], packing, heads, dropout);
        }
        let heads = Heads { packing: packing.clone(), count: heads, width: q.cols, dropout };
        if let (Data::Composed(q), Data::Composed(k), Data::Composed(v)) =
            (&q.data, &k.data, &v.data)
        {
            return TapeTensor::composed(composed(&heads, window, [q, k, v])?);
        }
        let inputs = [q.slice(), k.slice(), v.slice()];
        let (o, log_sums) = heads.each_sentence(self, |sentence, o, sums, scratch| {
            for block in QueryBlock::each(window, &packing.range(sentence)) {
                forward(&heads, window, sentence, &block, inputs, o, sums, scratch);
            }
        });
        Ok(self.push(q.shape(), o, || Local {
            heads,
            window: window.clone(),
            q: q.clone(),
            k: k.clone(),
            v: v.clone(),
            log_sums,
        }))
    }
}

/// Some queries of a sentence and the keys that they see, by their place in the batch.
struct QueryBlock {
    sentence: Range<usize>,
    queries: Range<usize>,
    keys: Range<usize>,
}

impl QueryBlock {
    fn each(window: &LocalWindow, sentence: &Range<usize>) -> impl Iterator<Item = Self> {
        sentence.clone().step_by(BLOCK).map(move |start| {
            let queries = start..(start + BLOCK).min(sentence.end);
            let keys = window.keys(sentence.clone(), queries.clone());
            Self { sentence: sentence.clone(), queries, keys }
        })
    }

    /// The number of scores of a head.
    fn cells(&self) -> usize {
        self.queries.len() * self.keys.len()
    }

    /// Drops the probabilities of a head, rows `stride` apart, at the addresses of the whole (L, L)
    /// table.
    fn drop(&self, heads: &Heads, sentence: usize, head: usize, stride: usize, p: &mut [f32]) {
        let Some(dropout) = &heads.dropout else { return };
        let len = self.sentence.len();
        for (query, row) in self.queries.clone().zip(p.chunks_exact_mut(stride)) {
            let row = &mut row[..self.keys.len()];
            let cell = (head * len + query - self.sentence.start) * len;
            let base = cell + self.keys.start - self.sentence.start;
            dropout.apply_at(sentence, base as u32, row);
        }
    }
}

/// The scores or probabilities of one head live in `scratch`, (queries, keys).
#[allow(clippy::too_many_arguments)]
fn forward(
    heads: &Heads,
    window: &LocalWindow,
    sentence: usize,
    block: &QueryBlock,
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    log_sums: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    let (width, size, len) = (heads.width, heads.size(), block.sentence.len());
    let (queries, keys) = (block.queries.len(), block.keys.len());
    let first = block.queries.start - block.sentence.start;
    let (scratch, factors) = (&mut scratch.p, &mut scratch.factors);
    let stride = padded(keys);
    scratch.resize(queries * stride, 0.);
    factors.resize(queries, 0.);
    for head in 0..heads.count {
        let q = Matrix::rows(&q[block.queries.start * width + head * size..], width);
        let k = Matrix::columns(&k[block.keys.start * width + head * size..], width);
        let v = Matrix::rows(&v[block.keys.start * width + head * size..], width);
        product_here(queries, size, Target::fresh(scratch, stride, keys), q, k);
        let rows =
            scratch.chunks_exact_mut(stride).zip(block.queries.clone()).zip(&mut *factors);
        for (((row, token), factor), sum) in rows.zip(&mut log_sums[head * len + first..]) {
            window.hide(token, block.keys.clone(), row, f32::NEG_INFINITY);
            let (factor, sum) = (std::slice::from_mut(factor), std::slice::from_mut(sum));
            softmax(row, (keys, stride), heads.scale(), factor, sum);
            window.hide(token, block.keys.clone(), row, 0.);
        }
        block.drop(heads, sentence, head, stride, scratch);
        let o = &mut o[first * width + head * size..];
        let target = Target::fresh(o, width, size);
        product_here(queries, keys, target, Matrix::rows(scratch, stride), v);
        scale_rows(o, size, width, factors);
    }
}

impl Backward for Local {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let (packing, width) = (&self.heads.packing, self.heads.width);
        let mut flows: [Buffer; 3] = std::array::from_fn(|_| sweep.buffer(g.len()));
        let [dq, dk, dv] = flows.each_mut().map(|d| by_sentence(packing, d, width));
        dq.into_par_iter().zip(dk).zip(dv).enumerate().for_each_init(
            Vec::new,
            |scratch, (sentence, ((dq, dk), dv))| {
                dk.fill(0.);
                dv.fill(0.);
                for block in QueryBlock::each(&self.window, &packing.range(sentence)) {
                    self.block_back(sentence, &block, &g, [dq, dk, dv], scratch);
                }
            },
        );
        for (value, flow) in [&self.q, &self.k, &self.v].into_iter().zip(flows) {
            sweep.add(value, flow);
        }
        Ok(())
    }
}

impl Local {
    /// As for attention to everything; what a block says of keys and values is added up.
    fn block_back(
        &self,
        sentence: usize,
        block: &QueryBlock,
        g: &[f32],
        [dq, dk, dv]: [&mut [f32]; 3],
        scratch: &mut Vec<f32>,
    ) {
        let (heads, window) = (&self.heads, &self.window);
        let (width, size, len) = (heads.width, heads.size(), block.sentence.len());
        let (queries, keys, cells) = (block.queries.len(), block.keys.len(), block.cells());
        let start = block.sentence.start;
        scratch.resize(3 * cells, 0.);
        let (p, rest) = scratch.split_at_mut(cells);
        let (dropped, ds) = rest[..2 * cells].split_at_mut(cells);
        for head in 0..heads.count {
            let at = |x| Matrix::rows(x, width);
            let query_at = block.queries.start * width + head * size;
            let key_at = block.keys.start * width + head * size;
            let (q, g) = (&self.q.slice()[query_at..], &g[query_at..]);
            let (k, v) = (&self.k.slice()[key_at..], &self.v.slice()[key_at..]);
            let turned = |x| Matrix::columns(x, width);
            product_here(queries, size, Target::fresh(p, keys, keys), at(q), turned(k));
            let sums = &self.log_sums[start * heads.count + head * len..];
            let sums = &sums[block.queries.start - start..];
            let rows = p.chunks_exact_mut(keys).zip(block.queries.clone());
            for ((row, token), &sum) in rows.zip(sums) {
                softmax_again(row, heads.scale(), sum);
                window.hide(token, block.keys.clone(), row, 0.);
            }
            dropped.copy_from_slice(p);
            block.drop(heads, sentence, head, keys, dropped);
            let (query_at, key_at) = (query_at - start * width, key_at - start * width);
            let more = |data| Target { data, stride: width, width: size, accumulate: true };
            let dropped_t = Matrix::columns(dropped, keys);
            product_here(keys, queries, more(&mut dv[key_at..]), dropped_t, at(g));
            product_here(queries, size, Target::fresh(ds, keys, keys), at(g), turned(v));
            block.drop(heads, sentence, head, keys, ds);
            for (p, ds) in p.chunks_exact(keys).zip(ds.chunks_exact_mut(keys)) {
                softmax_slope(p, ds, heads.scale());
            }
            let (ds, ds_t) = (Matrix::rows(ds, keys), Matrix::columns(ds, keys));
            let dq = Target::fresh(&mut dq[query_at..], width, size);
            product_here(queries, keys, dq, ds, at(k));
            product_here(keys, queries, more(&mut dk[key_at..]), ds_t, at(q));
        }
    }
}

fn composed(
    heads: &Heads,
    window: &LocalWindow,
    [q, k, v]: [&Tensor; 3],
) -> candle_core::Result<Tensor> {
    let sentences = heads.packing.ranges().enumerate().map(|(sentence, range)| {
        let [q, k, v] = [q, k, v].map(|x| heads.split(x, range.clone()));
        let scores = (q?.matmul(&k?.t()?)? * f64::from(heads.scale()))?;
        let tokens = range.clone().flat_map(|token| range.clone().map(move |key| (token, key)));
        let hidden =
            tokens.map(|(token, key)| if window.sees(token, key) { 0f32 } else { -1e9 });
        let hidden = Tensor::from_iter(hidden, scores.device())?;
        let hidden = hidden.reshape((range.len(), range.len()))?;
        heads.mix(sentence, &scores.broadcast_add(&hidden)?, &v?)
    });
    Tensor::cat(&sentences.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use super::LocalWindow;
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;
    use std::sync::Arc;

    /// Positions that count, that are shuffled, and that leave some out.
    #[test]
    fn fused_local_attention_agrees_with_composed() {
        let counted = |t: u32| t;
        let shuffled = |t: u32| t * 7 % 131;
        let spanned = |t: u32| if t < 5 { t } else { t + 3 };
        let ways: [fn(u32) -> u32; 3] = [counted, shuffled, spanned];
        for (way, (lengths, heads, reach, rate)) in ways.into_iter().flat_map(|way| {
            [
                (&[3, 1, 7][..], 2, 0, 0.),
                (&[3, 1, 7], 2, 2, 0.),
                (&[130, 2, 65], 3, 5, 0.3),
                (&[130, 64], 1, 70, 0.),
            ]
            .map(|case| (way, case))
        }) {
            let samples = (0..lengths.len() as u64).collect();
            let packing = Arc::new(Packing::new(lengths.iter().copied(), samples));
            let positions: Vec<u32> =
                packing.ranges().flat_map(|r| (0..r.len() as u32).map(way)).collect();
            let window = LocalWindow::new(reach, positions);
            let matrix = vec![packing.tokens(), 6 * heads];
            let shapes = [("q", matrix.clone()), ("k", matrix.clone()), ("v", matrix)];
            assert_agree(&shapes, 2e-5, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let [q, k, v] = ["q", "k", "v"].map(|name| tape.leaf(&p.get(name).unwrap()));
                tape.local_attention([&q, &k, &v], &packing, heads, &window, dropout)
            });
        }
    }

    #[test]
    fn a_block_sees_the_keys_that_its_window_reaches() {
        let window = LocalWindow::new(10, (0..300).collect::<Vec<u32>>());
        assert_eq!(window.keys(0..300, 64..128), 54..138);
        assert_eq!(window.keys(0..300, 0..64), 0..74);
        assert_eq!(window.keys(100..300, 292..300), 282..300);
        let packing = Packing::new([11], vec![0]);
        assert!(window.is_open(&packing) && !window.is_open(&Packing::new([12], vec![0])));
    }
}
