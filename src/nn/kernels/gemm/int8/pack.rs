//! Integers packed with their scales.

use super::quantize::{BYTES, quantize, quantize_weights, range};
use crate::nn::kernels::gemm::layout::RowScale;
use crate::nn::kernels::gemm::matrix::Matrix;

/// Steps between the least and the largest activation: one less than a byte holds, since zero and
/// the largest are rounded apart.
const STEPS: f32 = 254.;

/// The bytes of some cells: four a cell, the first k lowest in memory.
fn bytes(cells: &mut [u32]) -> &mut [u8] {
    let len = 4 * cells.len();
    // SAFETY: every `u32` is four bytes, all bit patterns of which are valid.
    unsafe { std::slice::from_raw_parts_mut(cells.as_mut_ptr().cast(), len) }
}

/// Rounds rows `first..first + rows` of `a` (m × k, row-major) and packs them into one tile of
/// as many rows as there are scales.
pub fn left(
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    out: &mut [u32],
    scales: &mut [RowScale],
) {
    assert_eq!(a.column, 1, "integers are packed from rows along k");
    let (size, out) = (scales.len(), bytes(out));
    for (i, scale) in scales.iter_mut().enumerate() {
        let numbers = match i < rows {
            true => &a.data[(first + i) * a.row..][..k],
            false => &[],
        };
        let (least, most) = range(numbers);
        let unit = (most - least) / STEPS;
        let inverse = if unit > 0. { 1. / unit } else { 0. };
        let zero = (-least * inverse).round_ties_even();
        *scale = RowScale { unit, least: -zero * unit };
        quantize(numbers, inverse, zero, &mut out[i * BYTES..], size * BYTES);
    }
}

/// Rounds the columns of `b` (k × n, each contiguous) from `first` on and packs them into a panel
/// of as many columns as there are units.
pub fn right(
    k: usize,
    (first, n): (usize, usize),
    b: Matrix,
    panel: &mut [u32],
    (units, sums): (&mut [f32], &mut [f32]),
) {
    assert_eq!(b.row, 1, "integers are packed from columns along k");
    let columns = units.len();
    panel.fill(0);
    let mut rounded = vec![0f32; k];
    for (j, (unit, sum)) in units.iter_mut().zip(sums).enumerate() {
        (*unit, *sum) = (0., 0.);
        if first + j >= n {
            continue;
        }
        let numbers = &b.data[(first + j) * b.column..][..k];
        *unit = quantize_weights(numbers, &mut rounded);
        let mut total = 0i32;
        for (cell, four) in rounded.chunks(4).enumerate() {
            let mut bytes = [0u8; 4];
            for (byte, &q) in bytes.iter_mut().zip(four) {
                total += q as i32;
                *byte = q as i8 as u8;
            }
            panel[cell * columns + j] = u32::from_ne_bytes(bytes);
        }
        *sum = *unit * total as f32;
    }
}
