//! Softmax rows of packed attention, forward and recomputed for the backward pass.

use super::{LANES, dispatch, dot_lanes, exp, fold_lanes};

/// The width of a row of scores with room for whole lanes.
pub(in crate::nn) fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// Softmax of rows of `len` scores, `stride` apart, with room behind them: `s ← exp(scale·s − m)` with
/// m the largest of scale·s. Into `factors` go 1/Σs, which makes them probabilities, and into `sums`,
/// where there are any, m + ln Σs, all that the backward pass needs to make a row again.
pub(in crate::nn) fn softmax(
    s: &mut [f32],
    (len, stride): (usize, usize),
    scale: f32,
    factors: &mut [f32],
    sums: &mut [f32],
) {
    let room = sums.len().min(factors.len());
    exponentials(s, len, stride, scale, factors, sums);
    for (max, sum) in sums[..room].iter_mut().zip(factors.iter()) {
        *max += sum.ln();
    }
    factors.iter_mut().for_each(|sum| *sum = 1. / *sum);
}

/// `s ← exp(scale·s − m)` a row; m and the sum of the row. In whole lanes of sixteen: what follows a
/// row is −∞ first, and leaves 1e-38 at most.
#[inline(always)]
fn exponentials_body(
    s: &mut [f32],
    len: usize,
    stride: usize,
    scale: f32,
    sums: &mut [f32],
    maxima: &mut [f32],
) {
    for (i, (row, sum)) in s.chunks_exact_mut(stride).zip(sums).enumerate() {
        row[len..].fill(f32::NEG_INFINITY);
        let chunks = row.as_chunks_mut::<LANES>().0;
        let mut most = [f32::NEG_INFINITY; LANES];
        for chunk in chunks.iter() {
            for (most, &x) in most.iter_mut().zip(chunk) {
                *most = if x > *most { x } else { *most };
            }
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                let other = most[lane + half];
                most[lane] = if other > most[lane] { other } else { most[lane] };
            }
        }
        let max = most[0] * scale;
        let mut lanes = [0f32; LANES];
        for chunk in chunks.iter_mut() {
            for (x, sum) in chunk.iter_mut().zip(&mut lanes) {
                *x = exp((*x).mul_add(scale, -max));
                *sum += *x;
            }
        }
        *sum = fold_lanes(lanes);
        if let Some(maximum) = maxima.get_mut(i) {
            *maximum = max;
        }
    }
}

/// Multiplies rows of `size` numbers, `stride` apart, each by its factor.
#[inline(always)]
fn scale_rows_body(y: &mut [f32], size: usize, stride: usize, factors: &[f32]) {
    for (row, factor) in y.chunks_mut(stride).zip(factors) {
        row[..size].iter_mut().for_each(|y| *y *= factor);
    }
}

/// `s ← exp(scale·s − log_sum)`: the probabilities of a row seen before.
#[inline(always)]
fn again_body(s: &mut [f32], scale: f32, log_sum: f32) {
    for x in s.iter_mut() {
        *x = exp((*x).mul_add(scale, -log_sum));
    }
}

/// `g ← scale·p·(g − Σ p·g)`: through the softmax.
#[inline(always)]
fn slope_body(p: &[f32], g: &mut [f32], scale: f32) {
    let g = &mut g[..p.len()];
    let mean = dot_lanes(p, g);
    for i in 0..p.len() {
        g[i] = scale * p[i] * (g[i] - mean);
    }
}

dispatch!(
    fn exponentials(
        s: &mut [f32], len: usize, stride: usize, scale: f32, sums: &mut [f32],
        maxima: &mut [f32],
    ) = exponentials_body
);
dispatch!(fn scale_rows(y: &mut [f32], size: usize, stride: usize, factors: &[f32]) = scale_rows_body);
dispatch!(fn softmax_again(s: &mut [f32], scale: f32, log_sum: f32) = again_body);
dispatch!(fn softmax_slope(p: &[f32], g: &mut [f32], scale: f32) = slope_body);
