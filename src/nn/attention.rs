//! `o = dropout(softmax(q·kᵀ/√d))·v`, each sentence and head by itself.

use super::kernels::attention::{softmax, softmax_again, softmax_slope};
use super::kernels::gemm::{Matrix, Target, product_here};
use super::packing::Packing;
use super::perturb::Dropout;
use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{D, Device, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// Where the heads of a packed batch are.
#[derive(Clone)]
struct Heads {
    packing: Arc<Packing>,
    count: usize,
    width: usize, // D, all heads together
    dropout: Option<Dropout>,
}

impl Heads {
    fn size(&self) -> usize {
        self.width / self.count
    }

    fn scale(&self) -> f32 {
        1. / (self.size() as f32).sqrt()
    }

    /// Drops the probabilities (L, L) of a head in place.
    fn drop(&self, sentence: usize, head: usize, probabilities: &mut [f32]) {
        if let Some(dropout) = &self.dropout {
            let base = (head * probabilities.len()) as u32;
            dropout.apply_at(sentence, base, probabilities);
        }
    }
}

/// The rows of each sentence of a (T, D) matrix, to be written apart.
fn by_sentence<'a>(
    packing: &Packing,
    mut rest: &'a mut [f32],
    width: usize,
) -> Vec<&'a mut [f32]> {
    let mut rows = Vec::with_capacity(packing.sentences());
    for range in packing.ranges() {
        let (sentence, after) = rest.split_at_mut(range.len() * width);
        rows.push(sentence);
        rest = after;
    }
    rows
}

struct Attention {
    heads: Heads,
    q: Value,
    k: Value,
    v: Value,
    log_sums: Buffer, // (T, H), sentence by sentence as (H, L)
}

impl Tape {
    /// Multi-head self-attention within each sentence: three (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn attention(
        &mut self,
        [q, k, v]: [&Value; 3],
        packing: &Arc<Packing>,
        heads: usize,
        dropout: Option<Dropout>,
    ) -> Result<Value> {
        let heads = Heads { packing: packing.clone(), count: heads, width: q.cols, dropout };
        if let (Data::Composed(q), Data::Composed(k), Data::Composed(v)) =
            (&q.data, &k.data, &v.data)
        {
            return Value::composed(composed(&heads, q, k, v)?);
        }
        let mut o = self.buffer(q.rows * q.cols);
        let mut log_sums = self.buffer(q.rows * heads.count);
        let rows = by_sentence(packing, &mut o, q.cols);
        let sums = by_sentence(packing, &mut log_sums, heads.count);
        let slices = [q.slice(), k.slice(), v.slice()];
        rows.into_par_iter().zip(sums).enumerate().for_each_init(
            Vec::new,
            |scratch, (sentence, (o, sums))| {
                forward(&heads, sentence, slices, o, sums, scratch)
            },
        );
        Ok(self.push(q.shape(), o, || Attention {
            heads,
            q: q.clone(),
            k: k.clone(),
            v: v.clone(),
            log_sums,
        }))
    }
}

/// The scores or probabilities of one head live in `scratch` (L, L).
fn forward(
    heads: &Heads,
    sentence: usize,
    [q, k, v]: [&[f32]; 3],
    o: &mut [f32],
    log_sums: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    let (width, size) = (heads.width, heads.size());
    let range = heads.packing.range(sentence);
    let len = range.len();
    scratch.resize(len * len, 0.);
    for head in 0..heads.count {
        let at = range.start * width + head * size;
        let p = &mut scratch[..len * len];
        let scores = Target::fresh(p, len, len);
        let (q, k) = (Matrix::rows(&q[at..], width), Matrix::columns(&k[at..], width));
        product_here(len, size, scores, q, k);
        let sums = &mut log_sums[head * len..][..len];
        for (row, sum) in p.chunks_exact_mut(len).zip(sums) {
            *sum = softmax(row, heads.scale());
        }
        heads.drop(sentence, head, p);
        let o = Target::fresh(&mut o[head * size..], width, size);
        product_here(len, len, o, Matrix::rows(p, len), Matrix::rows(&v[at..], width));
    }
}

impl Backward for Attention {
    fn backward(&self, g: Buffer, sweep: &mut Sweep) -> Result<()> {
        let heads = &self.heads;
        let mut flows: [Buffer; 3] = std::array::from_fn(|_| sweep.buffer(g.len()));
        let [dq, dk, dv] =
            flows.each_mut().map(|d| by_sentence(&heads.packing, d, heads.width));
        let inputs = [self.q.slice(), self.k.slice(), self.v.slice()];
        dq.into_par_iter().zip(dk).zip(dv).enumerate().for_each_init(
            Vec::new,
            |scratch, (sentence, ((dq, dk), dv))| {
                let outputs = [dq, dk, dv];
                backward(heads, sentence, inputs, &self.log_sums, &g, outputs, scratch);
            },
        );
        for (value, flow) in [&self.q, &self.k, &self.v].into_iter().zip(flows) {
            sweep.add(value, flow);
        }
        Ok(())
    }
}

/// With `p` the probabilities and `p̃` their dropped form: `dv = p̃ᵀ·g`,
/// `dp = drop(g·vᵀ)`, `ds = p∘(dp − Σ dp∘p)/√d`, `dq = ds·k`, `dk = dsᵀ·q`.
fn backward(
    heads: &Heads,
    sentence: usize,
    [q, k, v]: [&[f32]; 3],
    log_sums: &[f32],
    g: &[f32],
    [dq, dk, dv]: [&mut [f32]; 3],
    scratch: &mut Vec<f32>,
) {
    let (width, size) = (heads.width, heads.size());
    let range = heads.packing.range(sentence);
    let len = range.len();
    scratch.resize(3 * len * len, 0.);
    let (p, rest) = scratch.split_at_mut(len * len);
    let (dropped, ds) = rest[..2 * len * len].split_at_mut(len * len);
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
        let sums = &log_sums[range.start * heads.count + head * len..][..len];
        for (row, &sum) in p.chunks_exact_mut(len).zip(sums) {
            softmax_again(row, heads.scale(), sum);
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
            softmax_slope(p, ds, heads.scale());
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
}

fn composed(heads: &Heads, q: &Tensor, k: &Tensor, v: &Tensor) -> candle_core::Result<Tensor> {
    let sentences = heads.packing.ranges().enumerate().map(|(sentence, range)| {
        let len = range.len();
        let split = |x: &Tensor| {
            let x = x.narrow(0, range.start, len)?.reshape((len, heads.count, heads.size()))?;
            x.transpose(0, 1)?.contiguous() // (H, L, d)
        };
        let (q, k, v) = (split(q)?, split(k)?, split(v)?);
        let scores = (q.matmul(&k.t()?)? * f64::from(heads.scale()))?;
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let p = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        let mut mask = vec![1f32; heads.count * len * len];
        for (head, mask) in mask.chunks_exact_mut(len * len).enumerate() {
            heads.drop(sentence, head, mask);
        }
        let p =
            (&p * Tensor::from_vec(mask, p.shape(), &Device::Cpu)?.to_device(p.device())?)?;
        p.matmul(&v)?.transpose(0, 1)?.reshape((len, heads.width))
    });
    Tensor::cat(&sentences.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use crate::nn::tape::tests::assert_agree;
    use crate::noise::Key;
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
                let dropout = (rate > 0.)
                    .then(|| Dropout::new(rate, &packing, |sample| Key::new(1).at(sample)));
                let [q, k, v] = ["q", "k", "v"].map(|name| tape.leaf(&p.get(name).unwrap()));
                tape.attention([&q, &k, &v], &packing, heads, dropout)
            });
        }
    }
}
