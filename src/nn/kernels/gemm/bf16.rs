//! Products of bf16 pairs, summed in `f32` (AVX512_BF16).

use super::amx::{Sums, TileUnit};
use super::layout::{Left, Packed, cells};
use super::matrix::{Matrix, Target};
use super::tile::{self, Accumulator, Out, Prefetch, TileKernel};
use crate::nn::kernels::simd::{Avx512, BLOCK, Simd};
use std::arch::x86_64::*;

/// Numbers of a block.
const NUMBERS: usize = 2 * BLOCK;

struct Bf16;

impl TileKernel for Bf16 {
    type S = Avx512;

    #[inline(always)]
    unsafe fn run<const R: usize>(
        cells: usize,
        mut a: *const u32,
        mut b: *const u32,
        mut prefetch: Prefetch,
    ) -> [[__m512; 2]; R] {
        // SAFETY: as the caller vouches.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            for _ in 0..cells / BLOCK {
                prefetch.block::<Avx512>();
                for cell in 0..BLOCK {
                    let right =
                        [_mm512_loadu_si512(b.cast()), _mm512_loadu_si512(b.add(16).cast())];
                    let right = right.map(|right| as_bf16(right));
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left =
                            as_bf16(_mm512_set1_epi32(*a.add(row * BLOCK + cell) as i32));
                        sums[0] = _mm512_dpbf16_ps(sums[0], left, right[0]);
                        sums[1] = _mm512_dpbf16_ps(sums[1], left, right[1]);
                    }
                    b = b.add(32);
                }
                a = a.add(R * BLOCK);
            }
            sums
        }
    }
}

/// `target = left · right (+ bias)` by the tile unit.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
pub(super) unsafe fn multiply_amx(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    let cells = cells(right.dtype, right.k);
    let Target { data, stride, width, accumulate } = target;
    let (rows, mut sums) = (left.cells(), Sums::new());
    // SAFETY: the caller vouches for the unit.
    let mut unit = unsafe { TileUnit::new() };
    for (number, panel) in right.panels().enumerate() {
        let column = number * 2 * BLOCK;
        let begin = match bias {
            _ if accumulate => Accumulator::There,
            Some(bias) => Accumulator::Bias(bias[column..].as_ptr()),
            None => Accumulator::Zero,
        };
        for (first, here, size) in left.tiles.each() {
            let (a, b) = (rows[first * cells..].as_ptr(), panel.as_ptr());
            let columns = (2 * BLOCK).min(width - column);
            // SAFETY: both hold `cells` cells; rows below `here` are rows of the target.
            unsafe {
                unit.bf16((cells / BLOCK, size), a, b, &mut sums);
                for row in 0..here {
                    let at = data[(first + row) * stride + column..].as_mut_ptr();
                    let line = [0, 1].map(|half| Avx512::load(sums.row(row, half).cast()));
                    let out = Out { at, stride, rows: 1, columns };
                    tile::store::<Avx512, 1>(&[line], begin, out);
                }
            }
        }
    }
}

/// `target = left · right (+ bias)`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
pub(super) unsafe fn multiply(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    // SAFETY: as the caller vouches.
    unsafe { tile::panels::<Bf16>(left, right, bias, target) }
}

/// Packs rows `first..first + rows` of `a` (m × k) into a tile of `size` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
pub(super) unsafe fn left(
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    out: &mut [u32],
    size: usize,
) {
    for (block, out) in out.chunks_exact_mut(size * BLOCK).enumerate() {
        for (part, out) in out.chunks_mut(BLOCK * BLOCK).enumerate() {
            let some = (first + part * BLOCK, rows.saturating_sub(part * BLOCK).min(BLOCK));
            // SAFETY: every row below `rows` is a row of `a`, as the caller promised.
            let lines = unsafe { lines(k, block * BLOCK, some, a) };
            for (out, line) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(lines) {
                // SAFETY: 16 cells are one register.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), line) };
            }
        }
    }
}

/// Packs columns `first..first + here` of `b` (k × n) into one panel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
pub(super) unsafe fn right(
    k: usize,
    (first, here): (usize, usize),
    b: Matrix,
    panel: &mut [u32],
    columns: usize,
) {
    let turned = Matrix { row: b.column, column: b.row, ..b };
    for (block, out) in panel.chunks_exact_mut(BLOCK * columns).enumerate() {
        for side in (0..columns).step_by(BLOCK) {
            let some = (first + side, here.saturating_sub(side).min(BLOCK));
            // SAFETY: every column below `here` is a column of `b`.
            let lines = unsafe {
                match b.column {
                    1 => across(k, block * BLOCK, some, b.row, b.data),
                    _ => Avx512::transposed(lines(k, block * BLOCK, some, turned)),
                }
            };
            for (line, out) in lines.into_iter().zip(out.chunks_exact_mut(columns)) {
                // SAFETY: half a row of the panel is one register.
                unsafe { _mm512_storeu_si512(out[side..].as_mut_ptr().cast(), line) };
            }
        }
    }
}

/// A block of a matrix whose rows are lines along k: register i holds [`BLOCK`] cells of line
/// `first + i`, from cell `cell` on. Lines from `count` on are zero.
#[inline(always)]
unsafe fn lines(
    k: usize,
    cell: usize,
    (first, count): (usize, usize),
    Matrix { data, row, column }: Matrix,
) -> [__m512i; BLOCK] {
    // SAFETY: as the caller vouches; masks end where k does.
    unsafe {
        if column != 1 {
            assert_eq!(row, 1, "numbers lie side by side along rows or along columns");
            // the same lines, read across
            return Avx512::transposed(across(k, cell, (first, count), column, data));
        }
        let mut block = [_mm512_setzero_si512(); BLOCK];
        let start = 2 * cell;
        let left = k.saturating_sub(start);
        for (i, cells) in block.iter_mut().enumerate().take(count) {
            let at = data.as_ptr().wrapping_add((first + i) * row + start);
            let (low, high) = if left >= NUMBERS {
                (_mm512_loadu_ps(at), _mm512_loadu_ps(at.add(BLOCK)))
            } else {
                let high = left.saturating_sub(BLOCK);
                let rest = at.wrapping_add(BLOCK);
                (Avx512::load_first(at, left), Avx512::load_first(rest, high))
            };
            *cells = as_cells(_mm512_cvtne2ps_pbh(high, low));
        }
        block
    }
}

/// A block of a matrix whose numbers along k are `along` apart and whose lines are neighbours:
/// register c holds cell `cell + c` of lines `first..first + count`, zero beyond.
#[inline(always)]
unsafe fn across(
    k: usize,
    cell: usize,
    (first, count): (usize, usize),
    along: usize,
    data: &[f32],
) -> [__m512i; BLOCK] {
    // SAFETY: as the caller vouches; the mask ends where the lines do, or is empty beyond k.
    unsafe {
        let mut block = [_mm512_setzero_si512(); BLOCK];
        for (c, cells) in block.iter_mut().enumerate() {
            let i = 2 * (cell + c);
            let at = data.as_ptr().wrapping_add(i * along + first);
            let low = Avx512::load_first(at, if i < k { count } else { 0 });
            let next = at.wrapping_add(along);
            let high = Avx512::load_first(next, if i + 1 < k { count } else { 0 });
            let both = as_cells(_mm512_cvtne2ps_pbh(high, low));
            let low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
            let high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(both));
            *cells = _mm512_or_si512(low, _mm512_slli_epi32::<16>(high));
        }
        block
    }
}

#[inline(always)]
unsafe fn as_cells(numbers: __m512bh) -> __m512i {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(numbers) }
}

#[inline(always)]
unsafe fn as_bf16(cells: __m512i) -> __m512bh {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(cells) }
}
