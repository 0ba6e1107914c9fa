//! Rounding to 8-bit integers: activations by row, weights by column.

use crate::nn::kernels::simd::{BLOCK, Simd};
use crate::nn::kernels::{MAGIC, dispatch, with_simd};

/// The largest weight as an integer; the least is its negative.
const WEIGHT: f32 = 127.;
/// What the positive weights of a group may sum to, and the negative ones.
const GROUP: i32 = 128;
/// Bytes of a block.
pub(super) const BYTES: usize = 4 * BLOCK;

/// The least and the largest number, 0 among them; where one is not finite, neither is one of the
/// two. Bits compare as integers do: as signed ones the largest positive number wins, as unsigned
/// ones the negative number of the largest size, and NaN beats every number in both.
pub(super) fn range(numbers: &[f32]) -> (f32, f32) {
    // SAFETY: only numbers of the slice are read.
    let (low, high) = with_simd!(S => unsafe { S::largest_bits(numbers) });
    let least = f32::from_bits(low);
    (if least > 0. { 0. } else { least }, f32::from_bits(high as u32))
}

/// `q = round(x·inverse) + zero` for a row, sixty-four a block, blocks `stride` bytes apart, zeros
/// past the end.
pub(super) fn quantize(
    numbers: &[f32],
    inverse: f32,
    zero: f32,
    out: &mut [u8],
    stride: usize,
) {
    let offset = MAGIC + zero;
    let (blocks, rest) = numbers.as_chunks::<BYTES>();
    let mut lines = out.chunks_mut(stride).map(|line| {
        let line: &mut [u8; BYTES] = line.first_chunk_mut().expect("a line holds a block");
        line
    });
    with_simd!(S => {
        for (block, line) in blocks.iter().zip(&mut lines) {
            // SAFETY: a block and a line have sixty-four each.
            unsafe { S::low_bytes(block.as_ptr(), inverse, offset, line.as_mut_ptr()) };
        }
    });
    let mut rest = rest;
    for line in lines {
        line.fill(0);
        for (q, &x) in line.iter_mut().zip(std::mem::take(&mut rest)) {
            *q = x.mul_add(inverse, offset).to_bits() as u8;
        }
    }
}

/// The largest size of a sum of the positive or of the negative numbers of a group: numbers 0, 1,
/// 4, 5 of eight neighbours, and 2, 3, 6, 7, which `vpmaddubsw` and an addition bring together.
#[inline(always)]
fn groups_body(numbers: &[f32]) -> f32 {
    let mut most = 0f32;
    for eight in numbers.chunks(8) {
        let at = |i: usize| eight.get(i).copied().unwrap_or(0.);
        for first in [0, 2] {
            let group = [at(first), at(first + 1), at(first + 4), at(first + 5)];
            let positive: f32 = group.iter().map(|x| x.max(0.)).sum();
            let negative: f32 = group.iter().map(|x| (-x).max(0.)).sum();
            most = most.max(positive).max(negative);
        }
    }
    most
}
dispatch!(fn groups(numbers: &[f32]) -> f32 = groups_body);

/// `q = round(x·inverse)`, as floats.
#[inline(always)]
fn rounded_body(numbers: &[f32], inverse: f32, out: &mut [f32]) {
    for (q, &x) in out.iter_mut().zip(numbers) {
        *q = ((x * inverse + MAGIC) - MAGIC).clamp(-WEIGHT, WEIGHT);
    }
}
dispatch!(fn rounded(numbers: &[f32], inverse: f32, out: &mut [f32]) = rounded_body);

/// Rounds the weights of an output to `unit·q`, q as whole `f32` in `out`, with the smallest unit
/// whose groups do not overflow; the unit. Weights that are such multiples already keep their unit.
pub(crate) fn quantize_weights(numbers: &[f32], out: &mut [f32]) -> f32 {
    let (least, most) = range(numbers);
    let largest = most.max(-least);
    if !largest.is_finite() || least.is_nan() || largest == 0. {
        out.fill(0.);
        return if largest == 0. { 0. } else { f32::NAN };
    }
    let mut fits = |unit: f32| {
        rounded(numbers, 1. / unit, out);
        groups(out) <= GROUP as f32
    };
    let whole = |unit: f32| {
        numbers.iter().all(|x| (x / unit - (x / unit).round_ties_even()).abs() < 1e-3)
    };
    for steps in (1..=WEIGHT as u32).rev() {
        let unit = largest / steps as f32;
        if whole(unit) && fits(unit) {
            return unit;
        }
    }
    // rounding takes at most two off a group, so no smaller unit fits
    let mut unit = (largest / WEIGHT).max(groups(numbers) / (GROUP as f32 + 2.));
    loop {
        // the unit that is found again in what it makes of the largest weight
        let steps = (largest / unit).round_ties_even();
        for _ in 0..4 {
            unit = steps * unit / steps;
        }
        if fits(unit) {
            return unit;
        }
        unit *= 1.004;
    }
}
