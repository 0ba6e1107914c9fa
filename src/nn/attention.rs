//! `o = dropout(softmax(q·kᵀ/√d + b))·v`, each sentence and head by itself.

use super::attention_heads::{AttentionScratch, Heads, by_sentence};
use super::bias::Bias;
use super::dropout::Dropout;
use super::kernels::attention::{padded, scale_rows, softmax, softmax_again, softmax_slope};
use super::kernels::gemm::{Matrix, Target, multiply, product_here};
use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{D, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Queries whose scores are in memory at once: a thread's stay in its cache.
const QUERIES: usize = 48;

struct Attention {
    heads: Heads,
    q: TapeTensor,
    k: TapeTensor,
    v: TapeTensor,
    bias: Option<Bias>,
    log_sums: Buffer, // (T, H), sentence by sentence as (H, L)
}

impl Tape {
    /// Multi-head self-attention within each sentence: three (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn attention(
        &mut self,
        [q, k, v]: [&TapeTensor; 3],
        packing: &Arc<Packing>,
        heads: usize,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        let heads = Heads { packing: packing.clone(), count: heads, width: q.cols, dropout };
        self.attend([q, k, v], heads, None)
    }

    /// The same with `bias[p(j) − p(i) + F, h]` added to the score of tokens i and j of head h, p
    /// being their `positions` (T) and `bias` (2F + 1, H), F no less than any position.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If the bias has fewer rows.
    pub fn biased_attention(
        &mut self,
        [q, k, v]: [&TapeTensor; 3],
        (bias, positions): (&TapeTensor, &Arc<[u32]>),
        packing: &Arc<Packing>,
        heads: usize,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        let heads = Heads { packing: packing.clone(), count: heads, width: q.cols, dropout };
        self.attend([q, k, v], heads, Some(Bias::new(bias, positions)))
    }

    fn attend(
        &mut self,
        [q, k, v]: [&TapeTensor; 3],
        heads: Heads,
        bias: Option<Bias>,
    ) -> Result<TapeTensor> {
        if let (Data::Composed(q), Data::Composed(k), Data::Composed(v)) =
            (&q.data, &k.data, &v.data)
        {
            return TapeTensor::composed(composed(&heads, q, k, v, bias.as_ref())?);
        }
        let (slices, added) = ([q.slice(), k.slice(), v.slice()], bias.as_ref());
        let (o, log_sums) = heads.each_sentence(self, |sentence, o, sums, scratch| {
            forward(&heads, added, sentence, slices, o, sums, scratch);
        });
        Ok(self.push(q.shape(), o, || Attention {
            heads,
            q: q.clone(),
            k: k.clone(),
            v: v.clone(),
            bias,
            log_sums,
        }))
    }
}

/// Some queries after others, so that the table of scores is never whole in memory.
fn forward(
    heads: &Heads,
    bias: Option<&Bias>,
    sentence: usize,
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    log_sums: &mut [f32],
    scratch: &mut AttentionScratch,
) {
    let (width, size) = (heads.width, heads.size());
    let range = heads.packing.range(sentence);
    let (len, stride) = (range.len(), padded(range.len()));
    let AttentionScratch { p, factors, record, dtype, left, keys, values } = scratch;
    let dtype = *dtype;
    p.resize(QUERIES.min(len) * stride, 0.);
    factors.resize(QUERIES.min(len), 0.);
    for head in 0..heads.count {
        let at = range.start * width + head * size;
        keys.pack_here(dtype, size, len, Matrix::columns(&k[at..], width));
        values.pack_here(dtype, len, size, Matrix::rows(&v[at..], width));
        for start in (0..len).step_by(QUERIES) {
            let rows = QUERIES.min(len - start);
            let (p, factors) = (&mut p[..rows * stride], &mut factors[..rows]);
            left.pack(dtype, size, (start, rows), Matrix::rows(&q[at..], width));
            multiply(left, keys, None, Target::fresh(p, stride, len));
            let scaling = scaled(heads, bias, head, &range, (start, stride), p);
            let sums =
                if *record { &mut log_sums[head * len + start..][..rows] } else { &mut [] };
            softmax(p, (len, stride), scaling, factors, sums);
            heads.drop_rows(sentence, (head, start), (len, stride), p);
            left.pack(dtype, len, (0, rows), Matrix::rows(p, stride));
            let o = &mut o[start * width + head * size..];
            multiply(left, values, None, Target::fresh(o, width, size));
            scale_rows(o, size, width, factors);
        }
    }
}

/// Scales the scores of a head and adds its bias, where there is one: those of queries from `start`
/// on, `stride` apart. What softmax must multiply them by then.
fn scaled(
    heads: &Heads,
    bias: Option<&Bias>,
    head: usize,
    sentence: &Range<usize>,
    (start, stride): (usize, usize),
    scores: &mut [f32],
) -> f32 {
    let Some(bias) = bias else { return heads.scale() };
    bias.add(head, sentence, (start, stride), scores, heads.scale());
    1.
}

impl Backward for Attention {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let heads = &self.heads;
        let mut flows: [Buffer; 3] = std::array::from_fn(|_| sweep.buffer(g.len()));
        let [dq, dk, dv] =
            flows.each_mut().map(|d| by_sentence(&heads.packing, d, heads.width));
        let inputs = [self.q.slice(), self.k.slice(), self.v.slice()];
        let bias = self.bias.as_ref();
        let sentences = dq.into_par_iter().zip(dk).zip(dv).enumerate();
        let slopes = sentences.map_init(Vec::new, |scratch, (sentence, ((dq, dk), dv))| {
            let (read, outputs) = ([&self.log_sums[..], &g], [dq, dk, dv]);
            backward(heads, bias, sentence, inputs, read, outputs, scratch)
        });
        let slopes: Vec<Option<Vec<f32>>> = slopes.collect();
        if let Some(bias) = bias {
            bias.send(slopes.into_iter().flatten().collect(), sweep);
        }
        for (value, flow) in [&self.q, &self.k, &self.v].into_iter().zip(flows) {
            sweep.add(value, flow);
        }
        Ok(())
    }
}

/// With `p` the probabilities and `p̃` their dropped form: `dv = p̃ᵀ·g`,
/// `dp = drop(g·vᵀ)`, `ds = p∘(dp − Σ dp∘p)/√d`, `dq = ds·k`, `dk = dsᵀ·q`; what comes back is
/// `√d·ds` summed by head and distance, where there is a bias.
fn backward(
    heads: &Heads,
    bias: Option<&Bias>,
    sentence: usize,
    [q, k, v]: [&[f32]; 3],
    [log_sums, g]: [&[f32]; 2],
    [dq, dk, dv]: [&mut [f32]; 3],
    scratch: &mut Vec<f32>,
) -> Option<Vec<f32>> {
    let (width, size) = (heads.width, heads.size());
    let range = heads.packing.range(sentence);
    let len = range.len();
    scratch.resize(3 * len * len, 0.);
    let (p, rest) = scratch.split_at_mut(len * len);
    let (dropped, ds) = rest[..2 * len * len].split_at_mut(len * len);
    let mut slopes = bias.map(Bias::zero_gradient);
    for head in 0..heads.count {
        let (at, column) = (range.start * width + head * size, head * size);
        let [q, k, v, g] = [q, k, v, g].map(|x| &x[at..]);
        product_here(
            len,
            size,
            Target::fresh(p, len, len),
            Matrix::rows(q, width),
            Matrix::columns(k, width),
        );
        let scale = scaled(heads, bias, head, &range, (0, len), p);
        let sums = &log_sums[range.start * heads.count + head * len..][..len];
        for (row, &sum) in p.chunks_exact_mut(len).zip(sums) {
            softmax_again(row, scale, sum);
        }
        dropped.copy_from_slice(p);
        heads.drop(sentence, head, dropped);
        let g_rows = Matrix::rows(g, width);
        product_here(
            len,
            len,
            Target::fresh(&mut dv[column..], width, size),
            Matrix::columns(dropped, len),
            g_rows,
        );
        product_here(len, size, Target::fresh(ds, len, len), g_rows, Matrix::columns(v, width));
        heads.drop(sentence, head, ds);
        for (p, ds) in p.chunks_exact(len).zip(ds.chunks_exact_mut(len)) {
            softmax_slope(p, ds, scale);
        }
        if let Some((bias, slopes)) = bias.zip(slopes.as_mut()) {
            bias.collect(head, ds, &range, slopes);
            ds.iter_mut().for_each(|slope| *slope *= heads.scale());
        }
        let (ds, ds_t) = (Matrix::rows(ds, len), Matrix::columns(ds, len));
        product_here(
            len,
            len,
            Target::fresh(&mut dq[column..], width, size),
            ds,
            Matrix::rows(k, width),
        );
        product_here(
            len,
            len,
            Target::fresh(&mut dk[column..], width, size),
            ds_t,
            Matrix::rows(q, width),
        );
    }
    slopes
}

fn composed(
    heads: &Heads,
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    bias: Option<&Bias>,
) -> candle_core::Result<Tensor> {
    let sentences = heads.packing.ranges().enumerate().map(|(sentence, range)| {
        let [q, k, v] = [q, k, v].map(|x| heads.split(x, range.clone()));
        let mut scores = (q?.matmul(&k?.t()?)? * f64::from(heads.scale()))?;
        if let Some(bias) = bias {
            scores = (scores + bias.composed(heads, sentence)?)?;
        }
        heads.mix(sentence, &scores, &v?)
    });
    Tensor::cat(&sentences.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

impl Heads {
    /// The heads of some rows of a (T, D) matrix: (H, L, d).
    pub fn split(&self, x: &Tensor, rows: Range<usize>) -> candle_core::Result<Tensor> {
        let (start, len) = (rows.start, rows.len());
        let x = x.narrow(0, start, len)?.reshape((len, self.count, self.size()))?;
        x.transpose(0, 1)?.contiguous()
    }

    /// `dropout(softmax(scores))·v` of a sentence: scores (H, L, L), v (H, L, d) → (L, D).
    pub fn mix(
        &self,
        sentence: usize,
        scores: &Tensor,
        v: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let len = scores.dim(D::Minus1)?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let p = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        let mut mask = vec![1f32; self.count * len * len];
        for (head, mask) in mask.chunks_exact_mut(len * len).enumerate() {
            self.drop(sentence, head, mask);
        }
        let p = (&p * Tensor::from_vec(mask, p.shape(), p.device())?)?;
        p.matmul(v)?.transpose(0, 1)?.reshape((len, self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;
    use std::sync::Arc;

    #[test]
    fn fused_attention_agrees_with_composed() {
        for (lengths, heads, width, rate) in [
            (&[1][..], 1, 4, 0.),
            (&[3, 1, 7], 2, 6, 0.),
            (&[16, 17, 15], 4, 32, 0.3),
            (&[70, 2], 3, 48, 0.1),
        ] {
            let samples = (0..lengths.len() as u64).collect();
            let packing = Arc::new(Packing::new(lengths.iter().copied(), samples));
            let matrix = vec![packing.tokens(), width];
            let shapes = [("q", matrix.clone()), ("k", matrix.clone()), ("v", matrix)];
            assert_agree(&shapes, 2e-5, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let [q, k, v] = ["q", "k", "v"].map(|name| tape.leaf(&p.get(name).unwrap()));
                tape.attention([&q, &k, &v], &packing, heads, dropout)
            });
        }
    }
    /// One bias for two attentions, over positions that count on and over others.
    #[test]
    fn fused_biased_attention_agrees_with_composed() {
        for (lengths, positions, heads, rate) in [
            (&[1][..], vec![0], 1, 0.),
            (&[3, 1, 4], vec![0, 1, 2, 0, 0, 1, 2, 3], 2, 0.),
            (&[3, 2, 4], vec![4, 0, 2, 1, 0, 1, 3, 4, 6], 3, 0.3),
            (&[40, 2], (0..40).chain(0..2).collect(), 4, 0.1),
        ] {
            let samples = (0..lengths.len() as u64).collect();
            let packing = Arc::new(Packing::new(lengths.iter().copied(), samples));
            let matrix = vec![packing.tokens(), heads * 4];
            let rows = 2 * positions.iter().max().unwrap() + 1;
            let positions: Arc<[u32]> = positions.into();
            let shapes = [
                ("q", matrix.clone()),
                ("k", matrix.clone()),
                ("v", matrix),
                ("bias", vec![rows as usize, heads]),
            ];
            assert_agree(&shapes, 2e-5, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let [q, k, v, bias] =
                    ["q", "k", "v", "bias"].map(|name| tape.leaf(&p.get(name).unwrap()));
                let bias = (&bias, &positions);
                let x = tape.biased_attention([&q, &k, &v], bias, &packing, heads, dropout)?;
                tape.biased_attention([&x, &q, &v], bias, &packing, heads, None)
            });
        }
    }
}
