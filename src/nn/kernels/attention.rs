//! Softmax rows of packed attention, forward and recomputed for the backward pass.

use super::{dispatch, exp, fma, sum_lanes};

/// `s ← softmax(scale·s)`; returns the logarithm of the denominator, all that the backward
/// pass needs to make the row again.
#[inline(always)]
fn softmax_body<const FMA: bool>(s: &mut [f32], scale: f32) -> f32 {
    let max = s.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max }) * scale;
    for x in s.iter_mut() {
        *x = exp::<FMA>(fma::<FMA>(*x, scale, -max));
    }
    let sum = sum_lanes(s.len(), |i| s[i]);
    let inverse = 1. / sum;
    for x in s.iter_mut() {
        *x *= inverse;
    }
    max + sum.ln()
}

/// `s ← exp(scale·s − log_sum)`: the probabilities of a row seen before.
#[inline(always)]
fn again_body<const FMA: bool>(s: &mut [f32], scale: f32, log_sum: f32) {
    for x in s.iter_mut() {
        *x = exp::<FMA>(fma::<FMA>(*x, scale, -log_sum));
    }
}

/// `g ← scale·p·(g − Σ p·g)`: through the softmax.
#[inline(always)]
fn slope_body<const FMA: bool>(p: &[f32], g: &mut [f32], scale: f32) {
    let g = &mut g[..p.len()];
    let mean = sum_lanes(p.len(), |i| p[i] * g[i]);
    for i in 0..p.len() {
        g[i] = scale * p[i] * (g[i] - mean);
    }
}

dispatch!(fn softmax(s: &mut [f32], scale: f32) -> f32 = softmax_body);
dispatch!(fn softmax_again(s: &mut [f32], scale: f32, log_sum: f32) = again_body);
dispatch!(fn softmax_slope(p: &[f32], g: &mut [f32], scale: f32) = slope_body);
