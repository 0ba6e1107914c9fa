//! What follows attention in a layer of a post-norm transformer, in one go: output projection,
//! residual, LayerNorm, feed-forward, residual, LayerNorm.

use super::activate::Activation;
use super::kernels::gemm::{
    ComputeDtype, Left, Matrix, Packed, Target, chunk, multiply, with_left,
};
use super::kernels::norm;
use super::parameters::Parameter;
use super::tape::{Data, Tape, TapeTensor};
use crate::error::Result;
use rayon::prelude::*;
use std::cell::Cell;
use std::sync::Arc;

/// The parameters behind attention, each a weight and a bias.
pub struct PostNorm<'a> {
    /// (D, D).
    pub attention_output: [&'a Parameter; 2],
    /// (D).
    pub attention_norm: [&'a Parameter; 2],
    /// (I, D).
    pub intermediate: [&'a Parameter; 2],
    /// Between the two linear layers of the feed-forward block.
    pub activation: Activation,
    /// (D, I).
    pub output: [&'a Parameter; 2],
    /// (D).
    pub output_norm: [&'a Parameter; 2],
    /// Added to the variance in LayerNorm.
    pub epsilon: f32,
}

/// A linear layer ready for products.
struct PackedLinear {
    weight: Arc<Packed>,
    bias: Vec<f32>,
}

impl Tape {
    /// `z = LayerNorm(x + seen·Woᵀ + bo)`, then `LayerNorm(z + a(z·W₁ᵀ + b₁)·W₂ᵀ + b₂)`: two (T, D) →
    /// (T, D). The same bits as the operations one by one; a thread takes some rows through all of
    /// them while they are in its cache. Nothing on a tape that records, or is composed.
    ///
    /// # Errors
    /// Where a parameter is on another device.
    pub fn post_norm(
        &mut self,
        attended: &TapeTensor,
        x: &TapeTensor,
        parts: &PostNorm,
    ) -> Result<Option<TapeTensor>> {
        if self.is_recording() || !matches!(&x.data, Data::Fused { .. }) {
            return Ok(None);
        }
        let layer = |[weight, bias]: [&Parameter; 2]| {
            Ok::<_, crate::Error>(PackedLinear {
                weight: weight.packed(self.dtype)?,
                bias: bias.with(<[f32]>::to_vec)?,
            })
        };
        let norm = |[weight, bias]: [&Parameter; 2]| {
            Ok::<_, crate::Error>((weight.with(<[f32]>::to_vec)?, bias.with(<[f32]>::to_vec)?))
        };
        let block = FeedForwardBlock {
            layers: [
                layer(parts.attention_output)?,
                layer(parts.intermediate)?,
                layer(parts.output)?,
            ],
            norms: [norm(parts.attention_norm)?, norm(parts.output_norm)?],
            activation: parts.activation,
            epsilon: parts.epsilon,
            dtype: self.dtype,
            width: x.cols,
        };
        let mut y = self.buffer(x.rows * x.cols);
        let cells = chunk(x.rows) * x.cols;
        let chunks = y.par_chunks_mut(cells).zip(attended.slice().par_chunks(cells));
        chunks.zip(x.slice().par_chunks(cells)).for_each(|((y, attended), x)| {
            let mut scratch = SCRATCH.take();
            with_left(|left| block.rows(attended, x, y, left, &mut scratch));
            SCRATCH.set(scratch);
        });
        Ok(Some(self.unrecorded(x.shape(), y)))
    }
}

/// Memory of a thread for the rows it takes through the block.
#[derive(Default)]
struct BlockScratch {
    /// What a linear layer gives, then its sum with the residual, (R, D).
    sum: Vec<f32>,
    /// The output of the first LayerNorm, (R, D).
    z: Vec<f32>,
    /// Inside the feed-forward block, (R, I).
    inner: Vec<f32>,
    /// A row of it, (I).
    row: Vec<f32>,
}

thread_local! {
    /// Taken while in use.
    static SCRATCH: Cell<BlockScratch> = Cell::default();
}

struct FeedForwardBlock {
    /// Output projection and the two of the feed-forward block.
    layers: [PackedLinear; 3],
    norms: [(Vec<f32>, Vec<f32>); 2],
    activation: Activation,
    epsilon: f32,
    dtype: ComputeDtype,
    width: usize, // D
}

impl FeedForwardBlock {
    /// Takes some rows through the block, on this thread.
    fn rows(
        &self,
        attended: &[f32],
        x: &[f32],
        y: &mut [f32],
        left: &mut Left,
        scratch: &mut BlockScratch,
    ) {
        let width = self.width;
        let rows = y.len() / width;
        let BlockScratch { sum, z, inner, row } = scratch;
        sum.resize(rows * width, 0.);
        z.resize(rows * width, 0.);
        self.linear(0, left, (attended, width), sum);
        self.add_norm(0, sum, x, z);
        let wide = self.layers[1].weight.n;
        inner.resize(rows * wide, 0.);
        self.linear(1, left, (z, width), inner);
        for inner in inner.chunks_exact_mut(wide) {
            self.activation.apply(inner, row);
        }
        self.linear(2, left, (inner, wide), sum);
        self.add_norm(1, sum, z, y);
    }

    /// `y = x·Wᵀ + b`.
    fn linear(&self, nth: usize, left: &mut Left, (x, inputs): (&[f32], usize), y: &mut [f32]) {
        let PackedLinear { weight, bias } = &self.layers[nth];
        let rows = x.len() / inputs;
        left.pack(self.dtype, inputs, (0, rows), Matrix::rows(x, inputs));
        multiply(left, weight, Some(bias), Target::fresh(y, weight.n, weight.n));
    }

    /// `y = LayerNorm(sum + residual)`.
    fn add_norm(&self, nth: usize, sum: &mut [f32], residual: &[f32], y: &mut [f32]) {
        let (gamma, beta) = &self.norms[nth];
        let rows = sum.chunks_exact_mut(self.width).zip(residual.chunks_exact(self.width));
        for ((sum, residual), y) in rows.zip(y.chunks_exact_mut(self.width)) {
            norm::add_norm(sum, residual, y, gamma, beta, self.epsilon);
        }
    }
}
