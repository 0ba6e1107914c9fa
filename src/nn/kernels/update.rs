//! The optimiser's dtype: one pass over parameter, moments and gradient.

use super::dispatch;
use crate::nn::gradients::Gradient;
use rayon::prelude::*;

/// Elements a task handles.
const CHUNK: usize = 64 * 1024;

/// The numbers of one AdamW step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamStep {
    /// Step size after bias correction: `lr / (1 − β₁ᵗ)`.
    pub rate: f32,
    /// `1 − lr·weight_decay`.
    pub keep: f32,
    /// β₁.
    pub beta1: f32,
    /// β₂.
    pub beta2: f32,
    /// `1 / √(1 − β₂ᵗ)`.
    pub correction: f32,
    /// ε.
    pub epsilon: f32,
    /// What gradients are multiplied by first (clipping).
    pub scale: f32,
    /// Leave rows without a gradient as they are.
    pub lazy: bool,
}

/// `p ← keep·p − rate·m/(√v·correction + ε)` after `m ← β₁m + (1−β₁)g`, `v ← β₂v + (1−β₂)g²`
/// (Loshchilov & Hutter 2019). A row that the batch did not touch has `g = 0` and moves all the
/// same, unless `step` is lazy.
pub fn adam_step(
    values: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &Gradient,
    step: AdamStep,
) {
    match gradient {
        Gradient::Dense(gradient) => {
            let chunks = values
                .par_chunks_mut(CHUNK)
                .zip(first.par_chunks_mut(CHUNK))
                .zip(second.par_chunks_mut(CHUNK));
            chunks
                .zip(gradient.par_chunks(CHUNK))
                .for_each(|(((p, m), v), g)| adam_chunk(p, m, v, g, step));
        }
        Gradient::Rows(rows) => {
            let width = rows.width();
            let untouched = vec![0f32; width];
            let chunks = values
                .par_chunks_mut(width)
                .zip(first.par_chunks_mut(width))
                .zip(second.par_chunks_mut(width))
                .with_min_len(CHUNK.div_ceil(width));
            chunks.enumerate().for_each(|(row, ((p, m), v))| match rows.row(row) {
                Some(g) => adam_chunk(p, m, v, g, step),
                None if step.lazy => {}
                None => adam_chunk(p, m, v, &untouched, step),
            });
        }
    }
}

/// `Σ g²` in f64; partial sums of fixed chunks are added in order.
pub fn sum_of_squares(gradient: &[f32]) -> f64 {
    let partial: Vec<f64> = gradient.par_chunks(CHUNK).map(squares).collect();
    partial.iter().sum()
}

#[inline(always)]
fn adam_body(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: AdamStep) {
    let n = p.len();
    let (m, v, g) = (&mut m[..n], &mut v[..n], &g[..n]);
    for i in 0..n {
        let g = g[i] * step.scale;
        m[i] = step.beta1 * m[i] + (1. - step.beta1) * g;
        v[i] = step.beta2 * v[i] + (1. - step.beta2) * g * g;
        let denominator = v[i].sqrt() * step.correction + step.epsilon;
        p[i] = step.keep * p[i] - step.rate * m[i] / denominator;
    }
}

#[inline(always)]
fn squares_body(x: &[f32]) -> f64 {
    let mut lanes = [0f64; 8];
    let mut chunks = x.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    lanes.iter().fold(rest, |sum, lane| sum + lane)
}

dispatch!(
    fn adam_chunk(
        p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: AdamStep,
    ) = adam_body
);
dispatch!(fn squares(x: &[f32]) -> f64 = squares_body);
