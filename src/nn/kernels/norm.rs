//! LayerNorm of `residual + dropout(x)`, forward and backward, a row at a time.

use super::{dispatch, fma, sum_lanes};

/// Normalises the row `r` in place to `x̂ = (r − mean)/σ`, writes `y = γ·x̂ + β`, and returns
/// `1/σ` (σ² is the biased variance + ε).
#[inline(always)]
fn forward_body<const FMA: bool>(
    r: &mut [f32],
    y: &mut [f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
) -> f32 {
    let n = r.len();
    let (y, gamma, beta) = (&mut y[..n], &gamma[..n], &beta[..n]);
    let mean = sum_lanes(n, |i| r[i]) / n as f32;
    let variance = sum_lanes(n, |i| (r[i] - mean) * (r[i] - mean)) / n as f32;
    let inverse = 1. / (variance + epsilon).sqrt();
    for i in 0..n {
        r[i] = (r[i] - mean) * inverse;
        y[i] = fma::<FMA>(r[i], gamma[i], beta[i]);
    }
    inverse
}

/// `g ← (γg − mean(γg) − x̂·mean(γg·x̂))/σ`, and adds `g·x̂` to `dγ`, `g` to `dβ`.
#[inline(always)]
fn backward_body<const FMA: bool>(
    normal: &[f32],
    g: &mut [f32],
    gamma: &[f32],
    inverse: f32,
    d_gamma: &mut [f32],
    d_beta: &mut [f32],
) {
    let n = g.len();
    let (normal, gamma) = (&normal[..n], &gamma[..n]);
    let (d_gamma, d_beta) = (&mut d_gamma[..n], &mut d_beta[..n]);
    for i in 0..n {
        d_gamma[i] = fma::<FMA>(g[i], normal[i], d_gamma[i]);
        d_beta[i] += g[i];
        g[i] *= gamma[i];
    }
    let mean = sum_lanes(n, |i| g[i]) / n as f32;
    let slope = sum_lanes(n, |i| g[i] * normal[i]) / n as f32;
    for i in 0..n {
        g[i] = (g[i] - mean - normal[i] * slope) * inverse;
    }
}

dispatch!(
    fn forward(
        r: &mut [f32], y: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f32,
    ) -> f32 = forward_body
);
dispatch!(
    fn backward(
        normal: &[f32], g: &mut [f32], gamma: &[f32], inverse: f32, d_gamma: &mut [f32],
        d_beta: &mut [f32],
    ) = backward_body
);
