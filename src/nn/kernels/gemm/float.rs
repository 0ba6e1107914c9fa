//! Products of `f32`.

use super::layout::{Left, Packed};
use super::matrix::{Matrix, Target};
use super::tile::{self, Prefetch, TileKernel};
use crate::nn::kernels::simd::{BLOCK, Simd};

/// `f32` as they are.
struct F32<S>(S);

impl<S: Simd> TileKernel for F32<S> {
    type S = S;

    #[inline(always)]
    unsafe fn run<const R: usize>(
        cells: usize,
        a: *const u32,
        b: *const u32,
        mut prefetch: Prefetch,
    ) -> [[S::F32; 2]; R] {
        // SAFETY: as the caller vouches.
        unsafe {
            let (mut a, mut b) = (a.cast::<f32>(), b.cast::<f32>());
            let mut sums = [[S::splat(0.); 2]; R];
            for _ in 0..cells / BLOCK {
                prefetch.block::<S>();
                for cell in 0..BLOCK {
                    let right = [S::load(b), S::load(b.add(S::LANES))];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let left = S::splat(*a.add(row * BLOCK + cell));
                        sums[0] = S::mul_add(left, right[0], sums[0]);
                        sums[1] = S::mul_add(left, right[1], sums[1]);
                    }
                    b = b.add(2 * S::LANES);
                }
                a = a.add(R * BLOCK);
            }
            sums
        }
    }
}

#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    // SAFETY: as the caller vouches.
    unsafe { tile::panels::<F32<S>>(left, right, bias, target) }
}

/// Packs rows `first..first + rows` of `a` into a tile of `size` rows.
#[inline(always)]
pub(super) unsafe fn left<S: Simd>(
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    out: &mut [u32],
    size: usize,
) {
    let Matrix { data, row, column } = a;
    for (block, out) in out.chunks_exact_mut(size * BLOCK).enumerate() {
        let start = block * BLOCK;
        let count = k.saturating_sub(start).min(BLOCK);
        let out = out.as_mut_ptr().cast::<f32>();
        // SAFETY: the caller vouches for rows `first..first + rows` of `a`; masks end where k does.
        unsafe {
            if column == 1 {
                for i in 0..size {
                    let from = data.as_ptr().wrapping_add((first + i) * row + start);
                    let count = if i < rows { count } else { 0 };
                    copy_block::<S>(from, count, out.add(i * BLOCK));
                }
            } else {
                debug_assert_eq!(row, 1, "contiguous along rows or along columns");
                let mut block = [0f32; BLOCK * BLOCK];
                let from = data.as_ptr().wrapping_add(start * column + first);
                let lines = (block.as_mut_ptr(), BLOCK);
                S::transpose((from, column), (count, rows), lines, size);
                std::ptr::copy_nonoverlapping(block.as_ptr(), out, size * BLOCK);
            }
        }
    }
}

/// Copies the first `count` of sixteen numbers, zeros after.
#[inline(always)]
unsafe fn copy_block<S: Simd>(from: *const f32, count: usize, out: *mut f32) {
    for at in (0..BLOCK).step_by(S::LANES) {
        // SAFETY: the caller vouches for `count` numbers and for sixteen at `out`.
        unsafe {
            let from = from.wrapping_add(at);
            let x = if count >= at + S::LANES {
                S::load(from)
            } else {
                S::load_first(from, count.saturating_sub(at))
            };
            S::store(out.add(at), x);
        }
    }
}

/// Packs columns `first..first + here` of `b` into a panel of `columns`.
#[inline(always)]
pub(super) unsafe fn right<S: Simd>(
    k: usize,
    (first, here): (usize, usize),
    b: Matrix,
    panel: &mut [u32],
    columns: usize,
) {
    let Matrix { data, row, column } = b;
    for (block, out) in panel.chunks_exact_mut(columns * BLOCK).enumerate() {
        let start = block * BLOCK;
        let count = k.saturating_sub(start).min(BLOCK);
        let out = out.as_mut_ptr().cast::<f32>();
        for side in (0..columns).step_by(BLOCK) {
            let here = here.saturating_sub(side).min(BLOCK);
            // SAFETY: the caller vouches for columns `first..first + here` of `b`.
            unsafe {
                if column == 1 {
                    for i in 0..BLOCK {
                        let from = data.as_ptr().wrapping_add((start + i) * row + first + side);
                        let here = if i < count { here } else { 0 };
                        copy_block::<S>(from, here, out.add(i * columns + side));
                    }
                } else {
                    debug_assert_eq!(row, 1, "contiguous along rows or along columns");
                    let from = data.as_ptr().wrapping_add((first + side) * column + start);
                    let lines = (out.add(side), columns);
                    S::transpose((from, column), (here, count), lines, BLOCK);
                }
            }
        }
    }
}
