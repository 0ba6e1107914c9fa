//! Operands rearranged for the tile.
//!
//! The unit is a cell of 32 bits: what one multiply-add of a lane takes along k. A cell is one
//! `f32`, two `bf16` or four `i8`, so one loop serves every arithmetic. Both operands are padded
//! with zeros to whole blocks and panels.
//!
//! - left: panels of [`ROWS`] rows, each in blocks of \[ROWS\]\[[`DEPTH`]\] cells, so that a row-major
//!   matrix is copied 64 bytes at a time;
//! - right: panels of [`COLUMNS`] columns, each \[cells\]\[COLUMNS\].

use super::{Arithmetic, Matrix};
use rayon::prelude::*;
use std::arch::x86_64::*;

/// Rows of a tile.
pub(super) const ROWS: usize = 12;
/// Columns of a tile: two registers.
pub(super) const COLUMNS: usize = 32;
/// Cells of a block: one register.
pub(super) const DEPTH: usize = 16;

/// Cells, whole blocks of them, that `k` numbers fill.
pub(super) fn cells(arithmetic: Arithmetic, k: usize) -> usize {
    k.div_ceil(arithmetic.numbers()).next_multiple_of(DEPTH)
}

/// A right-hand matrix (k × n), packed.
#[derive(Debug, Clone, Default)]
pub(in crate::nn) struct Packed {
    pub(super) cells: Vec<u32>,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) arithmetic: Arithmetic,
}

impl Packed {
    /// Packs `b` (k × n), in parallel, into the memory of an older one.
    pub fn pack(mut self, arithmetic: Arithmetic, k: usize, n: usize, b: Matrix) -> Self {
        b.check(k, n);
        let panel = cells(arithmetic, k) * COLUMNS;
        self.cells.resize(panel * n.div_ceil(COLUMNS), 0);
        self.cells.par_chunks_mut(panel).enumerate().for_each(|(number, panel)| {
            // SAFETY: only a machine with these features packs, and `check` keeps reads inside.
            unsafe { right(arithmetic, k, n, number * COLUMNS, b, panel) }
        });
        Self { k, n, arithmetic, ..self }
    }
}

/// Packs rows `first..first + rows` of `a` (m × k) into whole panels.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
pub(super) unsafe fn left(
    arithmetic: Arithmetic,
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    panels: &mut [u32],
) {
    let cells = cells(arithmetic, k);
    for (number, panel) in panels.chunks_exact_mut(ROWS * cells).enumerate() {
        let first_row = number * ROWS;
        let rows = rows.saturating_sub(first_row).min(ROWS);
        for (block, out) in panel.as_chunks_mut::<{ ROWS * DEPTH }>().0.iter_mut().enumerate() {
            // SAFETY: every row below `rows` is a row of `a`, as the caller promised.
            let lines = unsafe {
                lines(
                    arithmetic,
                    k,
                    block * DEPTH,
                    (first + first_row, rows),
                    a.row,
                    a.column,
                    a.data,
                )
            };
            for (out, line) in out.as_chunks_mut::<DEPTH>().0.iter_mut().zip(lines) {
                // SAFETY: 16 cells are one register.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), line) };
            }
        }
    }
}

/// Packs columns `first..first + COLUMNS` of `b` (k × n) into one panel.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn right(
    arithmetic: Arithmetic,
    k: usize,
    n: usize,
    first: usize,
    b: Matrix,
    panel: &mut [u32],
) {
    for (half, first) in [first, first + DEPTH].into_iter().enumerate() {
        let columns = n.saturating_sub(first).min(DEPTH);
        for cell in (0..panel.len() / COLUMNS).step_by(DEPTH) {
            // SAFETY: every column below `columns` is a column of `b`.
            let lines = unsafe {
                match b.column {
                    1 => across(arithmetic, k, cell, (first, columns), b.row, b.data),
                    _ => {
                        let (row, column) = (b.column, b.row);
                        transpose(lines(
                            arithmetic,
                            k,
                            cell,
                            (first, columns),
                            row,
                            column,
                            b.data,
                        ))
                    }
                }
            };
            for (line, out) in
                lines.into_iter().zip(panel[cell * COLUMNS..].chunks_exact_mut(COLUMNS))
            {
                // SAFETY: half a row of the panel is one register.
                unsafe { _mm512_storeu_si512(out[half * DEPTH..].as_mut_ptr().cast(), line) };
            }
        }
    }
}

/// A block of a matrix whose lines have stride `line` and whose numbers along k have stride
/// `along`: register i holds [`DEPTH`] cells of line `first + i`, from cell `cell` on. Lines from
/// `count` on are zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn lines(
    arithmetic: Arithmetic,
    k: usize,
    cell: usize,
    (first, count): (usize, usize),
    line: usize,
    along: usize,
    data: &[f32],
) -> [__m512i; DEPTH] {
    if along != 1 {
        // SAFETY: the same lines, read across.
        return transpose(unsafe { across(arithmetic, k, cell, (first, count), along, data) });
    }
    let mut block = [_mm512_setzero_si512(); DEPTH];
    let start = cell * arithmetic.numbers();
    let left = k.saturating_sub(start);
    for (i, cells) in block.iter_mut().enumerate().take(count) {
        let at = data.as_ptr().wrapping_add((first + i) * line + start);
        // SAFETY: masks end where k does.
        *cells = unsafe {
            match arithmetic {
                Arithmetic::F32 => _mm512_castps_si512(load(at, left)),
                Arithmetic::Bf16 => {
                    let (low, high) =
                        (load(at, left), load(at.wrapping_add(16), left.saturating_sub(16)));
                    as_cells(_mm512_cvtne2ps_pbh(high, low))
                }
            }
        };
    }
    block
}

/// A block of a matrix whose numbers along k are `along` apart and whose lines are neighbours:
/// register c holds cell `cell + c` of lines `first..first + count`, zero beyond.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn across(
    arithmetic: Arithmetic,
    k: usize,
    cell: usize,
    (first, count): (usize, usize),
    along: usize,
    data: &[f32],
) -> [__m512i; DEPTH] {
    let row = |i: usize| {
        let at = data.as_ptr().wrapping_add(i * along + first);
        // SAFETY: the mask ends where the lines do, or is empty beyond k.
        unsafe { load(at, if i < k { count } else { 0 }) }
    };
    let mut block = [_mm512_setzero_si512(); DEPTH];
    for (c, cells) in block.iter_mut().enumerate() {
        let i = (cell + c) * arithmetic.numbers();
        *cells = match arithmetic {
            Arithmetic::F32 => _mm512_castps_si512(row(i)),
            Arithmetic::Bf16 => {
                let both = as_cells(_mm512_cvtne2ps_pbh(row(i + 1), row(i)));
                let (low, high) =
                    (_mm512_castsi512_si256(both), _mm512_extracti64x4_epi64::<1>(both));
                let high = _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(high));
                _mm512_or_si512(_mm512_cvtepu16_epi32(low), high)
            }
        };
    }
    block
}

/// The first `count` (at most 16) numbers at `at`, zeros after.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn load(at: *const f32, count: usize) -> __m512 {
    let mask = if count >= 16 { u16::MAX } else { (1 << count) - 1 };
    // SAFETY: the caller vouches for `count` numbers; masked lanes are not read.
    unsafe { _mm512_maskz_loadu_ps(mask, at) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn as_cells(numbers: __m512bh) -> __m512i {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(numbers) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn as_bf16(cells: __m512i) -> __m512bh {
    // SAFETY: as above.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(cells) }
}

/// Rows to columns, 16 × 16 cells: pairs, fours, then quarters of registers change places.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512i; DEPTH]) -> [__m512i; DEPTH] {
    let mut pairs = rows;
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    // fours[4g + j]: column 4q + j of rows 4g..4g + 4 in quarter q
    let mut fours = pairs;
    for g in (0..16).step_by(4) {
        fours[g] = _mm512_unpacklo_epi64(pairs[g], pairs[g + 2]);
        fours[g + 1] = _mm512_unpackhi_epi64(pairs[g], pairs[g + 2]);
        fours[g + 2] = _mm512_unpacklo_epi64(pairs[g + 1], pairs[g + 3]);
        fours[g + 3] = _mm512_unpackhi_epi64(pairs[g + 1], pairs[g + 3]);
    }
    let mut columns = fours;
    for j in 0..4 {
        let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
        let (ab02, cd02) =
            (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d));
        let (ab13, cd13) =
            (_mm512_shuffle_i32x4::<0xdd>(a, b), _mm512_shuffle_i32x4::<0xdd>(c, d));
        columns[j] = _mm512_shuffle_i32x4::<0x88>(ab02, cd02);
        columns[8 + j] = _mm512_shuffle_i32x4::<0xdd>(ab02, cd02);
        columns[4 + j] = _mm512_shuffle_i32x4::<0x88>(ab13, cd13);
        columns[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab13, cd13);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_transposed() {
        if !is_x86_feature_detected!("avx512f") {
            return;
        }
        let rows: Vec<u32> = (0..256).collect();
        let mut columns = [0u32; 256];
        #[target_feature(enable = "avx512f")]
        unsafe fn run(rows: &[u32], columns: &mut [u32]) {
            // SAFETY: 16 rows of 16.
            unsafe {
                let rows = std::array::from_fn(|i| {
                    _mm512_loadu_si512(rows.as_ptr().add(16 * i).cast())
                });
                for (i, column) in transpose(rows).into_iter().enumerate() {
                    _mm512_storeu_si512(columns.as_mut_ptr().add(16 * i).cast(), column);
                }
            }
        }
        // SAFETY: detected above.
        unsafe { run(&rows, &mut columns) };
        for i in 0..16 {
            for j in 0..16 {
                assert_eq!(columns[16 * i + j], rows[16 * j + i], "{i} {j}");
            }
        }
    }
}
