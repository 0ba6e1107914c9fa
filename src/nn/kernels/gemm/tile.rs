//! The tile: 12 × 32 sums held in 24 registers while k runs by.
//!
//! Zen 4 and Intel's servers retire one 512-bit multiply-add a cycle at least; a step of k costs
//! 24 of them against 2 loads and 12 broadcasts, so the loads hide.

use super::pack::{self, COLUMNS, DEPTH, Packed, ROWS, Scale};
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
    static LEFT: Cell<(Vec<u32>, Vec<Scale>)> = const { Cell::new((Vec::new(), Vec::new())) };
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
            let (mut left, mut scales) = LEFT.take();
            let size = pack::cells(b.arithmetic, b.k) * rows.next_multiple_of(ROWS);
            if left.len() < size {
                left.resize(size, 0);
            }
            // SAFETY: `Packed` exists only where the machine has the features; the assertions
            // above keep the rows of `a` and of the target inside their slices.
            unsafe {
                let (left, rows) = (&mut left[..size], (first, rows));
                let target = Target { data, stride, width, accumulate };
                if b.arithmetic == Arithmetic::Int8 {
                    scales.resize(rows.1.next_multiple_of(ROWS), Scale::default());
                    pack::left_int8(b.k, rows, a, left, &mut scales);
                    rows_of_int8(rows.1, target, bias, left, &scales, b);
                } else {
                    pack::left(b.arithmetic, b.k, rows, a, left);
                    rows_of(rows.1, target, bias, left, b);
                }
            }
            LEFT.set((left, scales));
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
        for (number, panel) in right.panels().enumerate() {
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
                        Arithmetic::Int8 => unreachable!("integers have their own way"),
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

/// The same of integers, whose sums must not be split: they are scaled once, at the end.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn rows_of_int8(
    rows: usize,
    target: Target,
    bias: Option<&[f32]>,
    left: &[u32],
    scales: &[Scale],
    right: &Packed,
) {
    let cells = pack::cells(right.arithmetic, right.k);
    let Target { data, stride, width, accumulate } = target;
    assert!(!accumulate, "integers overwrite");
    for (number, panel) in right.panels().enumerate() {
        for (tile, left) in left.chunks_exact(cells * ROWS).enumerate() {
            // SAFETY: both hold `cells / DEPTH` blocks.
            let sums = unsafe { tile_int8(cells / DEPTH, left.as_ptr(), panel.as_ptr()) };
            let first = tile * ROWS;
            for half in 0..2 {
                let column = number * COLUMNS + half * DEPTH;
                let count = width.saturating_sub(column).min(DEPTH);
                let mask = ((1u32 << count) - 1) as u16;
                let unit = right.units[column..][..DEPTH].as_ptr();
                let sum = right.sums[column..][..DEPTH].as_ptr();
                // SAFETY: loads are of 16 numbers at hand; masked lanes are not touched.
                unsafe {
                    let (unit, total) = (_mm512_loadu_ps(unit), _mm512_loadu_ps(sum));
                    let bias = match bias {
                        Some(bias) => {
                            _mm512_maskz_loadu_ps(mask, bias.as_ptr().wrapping_add(column))
                        }
                        None => _mm512_setzero_ps(),
                    };
                    for (row, sums) in sums.iter().enumerate().take(ROWS.min(rows - first)) {
                        let scale = scales[first + row];
                        let sum = _mm512_cvtepi32_ps(sums[half]);
                        let unit = _mm512_mul_ps(unit, _mm512_set1_ps(scale.unit));
                        let begin = _mm512_fmadd_ps(total, _mm512_set1_ps(scale.least), bias);
                        let at =
                            data.as_mut_ptr().wrapping_add((first + row) * stride + column);
                        _mm512_mask_storeu_ps(at, mask, _mm512_fmadd_ps(sum, unit, begin));
                    }
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
    ($name:ident, $features:literal, $sums:ty = $zero:expr, |$sum:ident, $left:ident, $right:ident| $step:expr) => {
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn $name(
            blocks: usize,
            mut a: *const u32,
            mut b: *const u32,
        ) -> [[$sums; 2]; ROWS] {
            let mut sums = [[$zero; 2]; ROWS];
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

tile!(
    tile_f32,
    "avx512f,avx512bw,avx512vl,avx512dq",
    __m512 = _mm512_setzero_ps(),
    |sum, a, b| _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), *sum)
);
tile!(
    tile_bf16,
    "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16",
    __m512 = _mm512_setzero_ps(),
    |sum, a, b| _mm512_dpbf16_ps(*sum, pack::as_bf16(a), pack::as_bf16(b))
);
tile!(
    tile_int8,
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni",
    __m512i = _mm512_setzero_si512(),
    |sum, a, b| _mm512_dpbusd_epi32(*sum, a, b)
);
