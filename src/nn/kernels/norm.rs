//! LayerNorm of `residual + dropout(x)`, forward and backward, a row at a time.

use super::{dispatch, dot_lanes, sum_lanes};

/// Normalises the row `r` in place to `x̂ = (r − mean)/σ`, writes `y = γ·x̂ + β`, and returns
/// `1/σ` (σ² is the biased variance + ε).
#[inline(always)]
fn forward_body(
    r: &mut [f32],
    y: &mut [f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
) -> f32 {
    let n = r.len();
    let (y, gamma, beta) = (&mut y[..n], &gamma[..n], &beta[..n]);
    let (mean, inverse) = moments(r, epsilon);
    for i in 0..n {
        r[i] = (r[i] - mean) * inverse;
        y[i] = r[i].mul_add(gamma[i], beta[i]);
    }
    inverse
}

/// The mean of a row and `1/σ`.
#[inline(always)]
fn moments(r: &[f32], epsilon: f32) -> (f32, f32) {
    let n = r.len() as f32;
    let mean = sum_lanes(r, |x| x) / n;
    let variance = sum_lanes(r, |x| (x - mean) * (x - mean)) / n;
    (mean, 1. / (variance + epsilon).sqrt())
}

/// `y = LayerNorm(r + residual)` with the bits of [`forward`], and the sum in `r`.
#[inline(always)]
fn add_norm_body(
    r: &mut [f32],
    residual: &[f32],
    y: &mut [f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
) {
    let n = r.len();
    let (residual, y, gamma, beta) = (&residual[..n], &mut y[..n], &gamma[..n], &beta[..n]);
    for i in 0..n {
        r[i] += residual[i];
    }
    let (mean, inverse) = moments(r, epsilon);
    for i in 0..n {
        y[i] = ((r[i] - mean) * inverse).mul_add(gamma[i], beta[i]);
    }
}

/// `g ← (γg − mean(γg) − x̂·mean(γg·x̂))/σ`, and adds `g·x̂` to `dγ`, `g` to `dβ`.
#[inline(always)]
fn backward_body(
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
        d_gamma[i] = g[i].mul_add(normal[i], d_gamma[i]);
        d_beta[i] += g[i];
        g[i] *= gamma[i];
    }
    let mean = sum_lanes(g, |g| g) / n as f32;
    let slope = dot_lanes(g, normal) / n as f32;
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
    fn add_norm(
        r: &mut [f32], residual: &[f32], y: &mut [f32], gamma: &[f32], beta: &[f32],
        epsilon: f32,
    ) = add_norm_body
);
dispatch!(
    fn backward(
        normal: &[f32], g: &mut [f32], gamma: &[f32], inverse: f32, d_gamma: &mut [f32],
        d_beta: &mut [f32],
    ) = backward_body
);
