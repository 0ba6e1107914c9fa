//! The tile: 12 × 32 sums held in 24 registers while k runs by.
//!
//! Zen 4 and Intel's servers retire one 512-bit multiply-add a cycle at least; a step of k costs
//! 24 of them against 2 loads and 12 broadcasts, so the loads hide.

use super::pack::{self, COLUMNS, DEPTH, Packed, ROWS};
use super::{Arithmetic, Matrix, Target};
use rayon::prelude::*;
use std::arch::x86_64::*;
use std::cell::Cell;

/// Cells of k summed in registers before they are added to the target: a panel of the right-hand
/// side is then 64 KiB, and twelve rows of the left 24 KiB.
const STRETCH: usize = 512;

/// Rows a task computes; fewer where there would be too few tasks. Depends on the shape alone.
fn chunk(m: usize) -> usize {
    match m {
        0..384 => 2 * ROWS,
        384..768 => 4 * ROWS,
        _ => 8 * ROWS,
    }
}

thread_local! {
    /// The packed left-hand rows of this thread's task. Taken while in use, so that a task
    /// stolen in the middle of another starts its own.
    static LEFT: Cell<Vec<u32>> = const { Cell::new(Vec::new()) };
}

/// `target (m × n) = a (m × k) · b (k × n) (+ bias)`, in parallel over rows of the target.
pub(super) fn multiply(m: usize, target: Target, bias: Option<&[f32]>, a: Matrix, b: &Packed) {
    a.check(m, b.k);
    let Target { data, stride, width, accumulate } = target;
    assert!(width == b.n && bias.is_none_or(|bias| bias.len() == width));
    let rows = chunk(m);
    data.par_chunks_mut(rows * stride).take(m.div_ceil(rows)).enumerate().for_each(
        |(number, data)| {
            let first = number * rows;
            let rows = rows.min(m - first);
            assert!(data.len() > (rows - 1) * stride + width - 1);
            let mut left = LEFT.take();
            let size = pack::cells(b.arithmetic, b.k) * rows.next_multiple_of(ROWS);
            if left.len() < size {
                left.resize(size, 0);
            }
            // SAFETY: `Packed` exists only where the machine has the features; the assertions
            // above keep the rows of `a` and of the target inside their slices.
            unsafe {
                pack::left(b.arithmetic, b.k, (first, rows), a, &mut left[..size]);
                let target = Target { data, stride, width, accumulate };
                rows_of(rows, target, bias, &left[..size], b);
            }
            LEFT.set(left);
        },
    );
}

/// Rows of the target from packed rows of the left.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn rows_of(
    rows: usize,
    target: Target,
    bias: Option<&[f32]>,
    left: &[u32],
    right: &Packed,
) {
    let cells = pack::cells(right.arithmetic, right.k);
    let Target { data, stride, width, accumulate } = target;
    for start in (0..cells).step_by(STRETCH) {
        let blocks = STRETCH.min(cells - start) / DEPTH;
        for (number, panel) in right.cells.chunks_exact(cells * COLUMNS).enumerate() {
            let column = number * COLUMNS;
            let columns = COLUMNS.min(width - column);
            let mask = u32::MAX >> (COLUMNS - columns);
            let masks = [mask as u16, (mask >> 16) as u16];
            for (number, left) in left.chunks_exact(cells * ROWS).enumerate() {
                let row = number * ROWS;
                let (a, b) = (left[start * ROWS..].as_ptr(), panel[start * COLUMNS..].as_ptr());
                let at = data[row * stride + column..].as_mut_ptr();
                // SAFETY: `blocks` blocks follow `a` and `b`; the tile writes `rows` rows of
                // the columns under `masks`, all inside `data`.
                unsafe {
                    let sums = match right.arithmetic {
                        Arithmetic::F32 => tile_f32(blocks, a, b),
                        Arithmetic::Bf16 => tile_bf16(blocks, a, b),
                    };
                    let begin = match bias {
                        _ if start > 0 || accumulate => Begin::There,
                        Some(bias) => Begin::Bias(bias[column..].as_ptr()),
                        None => Begin::Zero,
                    };
                    store(&sums[..ROWS.min(rows - row)], begin, masks, at, stride);
                }
            }
        }
    }
}

/// What the sums of a tile are added to.
#[derive(Clone, Copy)]
enum Begin {
    Zero,
    There,
    Bias(*const f32),
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn store(
    sums: &[[__m512; 2]],
    begin: Begin,
    masks: [u16; 2],
    at: *mut f32,
    stride: usize,
) {
    for (row, sums) in sums.iter().enumerate() {
        for (half, (&sum, mask)) in sums.iter().zip(masks).enumerate() {
            let at = at.wrapping_add(row * stride + half * DEPTH);
            // SAFETY: masked lanes are neither read nor written.
            unsafe {
                let begin = match begin {
                    Begin::Zero => sum,
                    Begin::There => _mm512_add_ps(_mm512_maskz_loadu_ps(mask, at), sum),
                    Begin::Bias(bias) => {
                        let bias = bias.wrapping_add(half * DEPTH);
                        _mm512_add_ps(_mm512_maskz_loadu_ps(mask, bias), sum)
                    }
                };
                _mm512_mask_storeu_ps(at, mask, begin);
            }
        }
    }
}

/// The loop over k, once per kind of cell.
macro_rules! tile {
    ($name:ident, $features:literal, |$sum:ident, $left:ident, $right:ident| $step:expr) => {
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn $name(
            blocks: usize,
            mut a: *const u32,
            mut b: *const u32,
        ) -> [[__m512; 2]; ROWS] {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            for _ in 0..blocks {
                for cell in 0..DEPTH {
                    // SAFETY: the caller vouches for `blocks` blocks behind both pointers.
                    unsafe {
                        let right = [
                            _mm512_loadu_si512(b.cast()),
                            _mm512_loadu_si512(b.add(DEPTH).cast()),
                        ];
                        for (row, sums) in sums.iter_mut().enumerate() {
                            let $left = _mm512_set1_epi32(*a.add(row * DEPTH + cell) as i32);
                            for ($sum, $right) in sums.iter_mut().zip(right) {
                                *$sum = $step;
                            }
                        }
                        b = b.add(COLUMNS);
                    }
                }
                a = a.wrapping_add(ROWS * DEPTH);
            }
            sums
        }
    };
}

tile!(tile_f32, "avx512f,avx512bw,avx512vl,avx512dq", |sum, a, b| {
    _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), *sum)
});
tile!(tile_bf16, "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16", |sum, a, b| {
    _mm512_dpbf16_ps(*sum, pack::as_bf16(a), pack::as_bf16(b))
});
