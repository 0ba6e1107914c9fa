//! Loops over single elements: addition, masks, GELU and its like, the logistic function.

use super::{dispatch, exp};
use crate::random::RngKey;
use rayon::prelude::*;

/// Elements a task handles: large enough to pay for the hand-over, small enough to share.
pub(in crate::nn) const CHUNK: usize = 16 * 1024;

/// `sum += x`.
pub(in crate::nn) fn add(sum: &mut [f32], x: &[f32]) {
    sum.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(sum, x)| {
        sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
    });
}

/// `y *= x`.
pub(in crate::nn) fn multiply(y: &mut [f32], x: &[f32]) {
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, x)| *y *= x);
    });
}

/// `(Φ(x), φ(x))`. The tail is `φ(x)` times Mills' ratio as a polynomial in `1/(1+0.27|x|)`,
/// fitted to a relative error of 3e-8 on 0..13.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let a = x.abs().min(13.);
    let e = exp(-0.5 * a * a);
    let t = 1. / 0.27f32.mul_add(a, 1.);
    let mut p = 2.877_994e-2f32;
    for c in [
        -1.255_714_7e-1,
        1.678_173_6e-1,
        -6.685_412e-2,
        1.061_144_2e-1,
        7.281_955e-2,
        1.016_014_9e-1,
        1.075_741_5e-1,
        1.077_186_9e-1,
    ] {
        p = p.mul_add(t, c);
    }
    let tail = e * p * t;
    let distribution = if x < 0. { tail } else { 1. - tail };
    (distribution, e * 0.398_942_3)
}

#[inline(always)]
fn gelu_body(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = x * normal(x).0;
    }
}

#[inline(always)]
fn gelu_in_place_body(x: &mut [f32]) {
    for x in x.iter_mut() {
        *x *= normal(*x).0;
    }
}

#[inline(always)]
fn gelu_slope_body(x: &[f32], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        let (distribution, density) = normal(x);
        *g *= x.mul_add(density, distribution);
    }
}

/// `σ(x) = 1/(1 + e⁻ˣ)`.
#[inline(always)]
fn logistic(x: f32) -> f32 {
    1. / (1. + exp(-x))
}

#[inline(always)]
fn silu_body(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = x * logistic(x);
    }
}

#[inline(always)]
fn silu_slope_body(x: &[f32], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        let s = logistic(x);
        *g *= s * x.mul_add(1. - s, 1.);
    }
}

#[inline(always)]
fn sigmoid_body(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = logistic(x);
    }
}

#[inline(always)]
fn sigmoid_slope_body(x: &[f32], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        let s = logistic(x);
        *g *= s * (1. - s);
    }
}

/// `(2u, 2u′)` with `u = √(2/π)·(x + 0.044715·x³)`.
#[inline(always)]
fn twice_inner(x: f32) -> (f32, f32) {
    const TWICE: f32 = 1.595_769; // 2·√(2/π)
    let square = 0.044_715 * x * x;
    (TWICE * x * (1. + square), TWICE * 3f32.mul_add(square, 1.))
}

#[inline(always)]
fn gelu_tanh_body(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = x * logistic(twice_inner(x).0);
    }
}

#[inline(always)]
fn gelu_tanh_slope_body(x: &[f32], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        let (twice, slope) = twice_inner(x);
        let s = logistic(twice);
        *g *= s * (x * slope).mul_add(1. - s, 1.);
    }
}

const QUICK: f32 = 1.702;

#[inline(always)]
fn quick_gelu_body(x: &[f32], y: &mut [f32]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = x * logistic(QUICK * x);
    }
}

#[inline(always)]
fn quick_gelu_slope_body(x: &[f32], g: &mut [f32]) {
    for (g, &x) in g.iter_mut().zip(x) {
        let s = logistic(QUICK * x);
        *g *= s * (QUICK * x).mul_add(1. - s, 1.);
    }
}

/// `y[i] = x[i]·scale` where the bit at `base + i` says keep, else 0.
#[inline(always)]
fn drop_body(x: &[f32], y: &mut [f32], key: RngKey, base: u32, threshold: u32, scale: f32) {
    for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
        let keep = key.bits(base.wrapping_add(i as u32)) >= threshold;
        *y = if keep { x * scale } else { 0. };
    }
}

#[inline(always)]
fn drop_in_place_body(y: &mut [f32], key: RngKey, base: u32, threshold: u32, scale: f32) {
    for (i, y) in y.iter_mut().enumerate() {
        let keep = key.bits(base.wrapping_add(i as u32)) >= threshold;
        *y = if keep { *y * scale } else { 0. };
    }
}

dispatch!(
    /// `y = x·Φ(x)`, Φ the normal distribution function (the exact GELU of Hendrycks & Gimpel
    /// 2016, not the tanh approximation).
    fn gelu(x: &[f32], y: &mut [f32]) = gelu_body
);
dispatch!(
    /// [`gelu`] in its place.
    fn gelu_in_place(x: &mut [f32]) = gelu_in_place_body
);
dispatch!(
    /// `g *= Φ(x) + x·φ(x)`, the derivative of [`gelu`].
    fn gelu_backward(x: &[f32], g: &mut [f32]) = gelu_slope_body
);
dispatch!(
    /// `y = x·σ(2u)` with `u = √(2/π)·(x + 0.044715·x³)`: GELU by its authors' approximation.
    fn gelu_tanh(x: &[f32], y: &mut [f32]) = gelu_tanh_body
);
dispatch!(
    /// `g *= σ(2u)·(1 + x·(1 − σ(2u))·2u′)`, the derivative of [`gelu_tanh`].
    fn gelu_tanh_backward(x: &[f32], g: &mut [f32]) = gelu_tanh_slope_body
);
dispatch!(
    /// `y = x·σ(1.702·x)`.
    fn quick_gelu(x: &[f32], y: &mut [f32]) = quick_gelu_body
);
dispatch!(
    /// `g *= σ(z)·(1 + z·(1 − σ(z)))` with `z = 1.702·x`, the derivative of [`quick_gelu`].
    fn quick_gelu_backward(x: &[f32], g: &mut [f32]) = quick_gelu_slope_body
);
dispatch!(
    /// `y = x·σ(x)`, σ the logistic function.
    fn silu(x: &[f32], y: &mut [f32]) = silu_body
);
dispatch!(
    /// `g *= σ(x)·(1 + x·(1 − σ(x)))`, the derivative of [`silu`].
    fn silu_backward(x: &[f32], g: &mut [f32]) = silu_slope_body
);
dispatch!(
    /// `y = σ(x)`.
    fn sigmoid(x: &[f32], y: &mut [f32]) = sigmoid_body
);
dispatch!(
    /// `g *= σ(x)·(1 − σ(x))`, the derivative of [`sigmoid`].
    fn sigmoid_backward(x: &[f32], g: &mut [f32]) = sigmoid_slope_body
);
dispatch!(
    /// One row of dropout: kept cells are scaled, the others are zero.
    fn drop_row(x: &[f32], y: &mut [f32], key: RngKey, base: u32, threshold: u32, scale: f32)
        = drop_body
);
dispatch!(
    /// The same in place.
    fn drop_row_in_place(y: &mut [f32], key: RngKey, base: u32, threshold: u32, scale: f32)
        = drop_in_place_body
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_of_known_points() {
        // x·Φ(x) from tables of the normal distribution
        for (x, y) in [(0., 0.), (1., 0.841_344_7), (-1., -0.158_655_3), (3., 2.995_950_3)] {
            let mut out = [0.];
            gelu(&[x], &mut out);
            assert!((out[0] - y).abs() < 1e-6, "gelu({x}) = {}", out[0]);
        }
        let mut far = [0.; 2];
        gelu(&[-40., 40.], &mut far);
        assert!(far[0].abs() < 1e-30 && far[1] == 40.);
    }

    #[test]
    fn gelu_slope_is_its_finite_difference() {
        for i in -50..50 {
            let (x, h) = (i as f32 / 10., 1e-2f32);
            let mut y = [0.; 2];
            gelu(&[x - h, x + h], &mut y);
            let mut slope = [1.];
            gelu_backward(&[x], &mut slope);
            assert!((slope[0] - (y[1] - y[0]) / (2. * h)).abs() < 1e-4, "at {x}");
        }
    }
}
