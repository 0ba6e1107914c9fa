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
    /// At least as many as it needs: products of many sizes share the memory.
    cells: Vec<u32>,
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) arithmetic: Arithmetic,
    /// What one unit of each column is (integers only).
    pub(super) units: Vec<f32>,
    /// The sum of each column as rounded, to be multiplied by the `least` of a row.
    pub(super) sums: Vec<f32>,
}

impl Packed {
    /// Packs `b` (k × n), in parallel, into the memory of an older one.
    pub fn pack(mut self, arithmetic: Arithmetic, k: usize, n: usize, b: Matrix) -> Self {
        b.check(k, n);
        let panel = cells(arithmetic, k) * COLUMNS;
        let len = panel * n.div_ceil(COLUMNS);
        if self.cells.len() < len {
            self.cells.resize(len, 0);
        }
        let panels = self.cells[..len].par_chunks_mut(panel);
        if arithmetic == Arithmetic::Int8 {
            assert!(b.row == 1, "integers are packed from rows along k");
            let columns = n.next_multiple_of(COLUMNS);
            self.units.resize(columns, 0.);
            self.sums.resize(columns, 0.);
            let units = self.units.par_chunks_mut(COLUMNS);
            let scales = units.zip(self.sums.par_chunks_mut(COLUMNS));
            panels.zip(scales).enumerate().for_each(|(number, (panel, scales))| {
                // SAFETY: as below.
                unsafe { right_int8(k, n, number * COLUMNS, b, panel, scales) }
            });
            return Self { k, n, arithmetic, ..self };
        }
        panels.enumerate().for_each(|(number, panel)| {
            // SAFETY: only a machine with these features packs, and `check` keeps reads inside.
            unsafe { right(arithmetic, k, n, number * COLUMNS, b, panel) }
        });
        Self { k, n, arithmetic, ..self }
    }

    /// The panels, each \[cells\]\[[`COLUMNS`]\].
    pub(super) fn panels(&self) -> impl Iterator<Item = &[u32]> {
        let panel = cells(self.arithmetic, self.k) * COLUMNS;
        self.cells.chunks_exact(panel).take(self.n.div_ceil(COLUMNS))
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
            let lines =
                unsafe { lines(arithmetic, k, block * DEPTH, (first + first_row, rows), a) };
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
    let turned = Matrix { row: b.column, column: b.row, ..b };
    for (half, first) in [first, first + DEPTH].into_iter().enumerate() {
        let columns = n.saturating_sub(first).min(DEPTH);
        for cell in (0..panel.len() / COLUMNS).step_by(DEPTH) {
            // SAFETY: every column below `columns` is a column of `b`.
            let lines = unsafe {
                match b.column {
                    1 => across(arithmetic, k, cell, (first, columns), b.row, b.data),
                    _ => transpose(lines(arithmetic, k, cell, (first, columns), turned)),
                }
            };
            put(lines, &mut panel[cell * COLUMNS..], half);
        }
    }
}

/// Writes a block, register c to cell c, into one half of a panel's columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn put(block: [__m512i; DEPTH], panel: &mut [u32], half: usize) {
    for (line, out) in block.into_iter().zip(panel.chunks_exact_mut(COLUMNS)) {
        // SAFETY: half a row of the panel is one register.
        unsafe { _mm512_storeu_si512(out[half * DEPTH..].as_mut_ptr().cast(), line) };
    }
}

/// A row of the left as `least + unit·q`, q in 0..=255. Not centred on zero: GELU leaves hardly
/// anything below it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scale {
    pub unit: f32,
    pub least: f32,
}

/// Rounds rows `first..first + rows` of `a` (m × k, row-major) to integers and packs them.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) unsafe fn left_int8(
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    panels: &mut [u32],
    scales: &mut [Scale],
) {
    assert_eq!(a.column, 1, "integers are packed from rows along k");
    let cells = cells(Arithmetic::Int8, k);
    for (number, panel) in panels.chunks_exact_mut(ROWS * cells).enumerate() {
        for row in 0..ROWS {
            let here = number * ROWS + row;
            let numbers = match here < rows {
                true => &a.data[(first + here) * a.row..][..k],
                false => &[],
            };
            let (least, most) = range(numbers);
            let scale = Scale { unit: (most - least) / 255., least };
            scales[here] = scale;
            let inverse = if scale.unit > 0. { 1. / scale.unit } else { 0. };
            for block in 0..cells / DEPTH {
                let out = panel[block * ROWS * DEPTH + row * DEPTH..].as_mut_ptr();
                // SAFETY: a row of a block is one register, and reads stay inside the row.
                unsafe {
                    let units = |x| {
                        let x = _mm512_sub_ps(x, _mm512_set1_ps(least));
                        let x = _mm512_mul_ps(x, _mm512_set1_ps(inverse));
                        _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x))
                    };
                    _mm512_storeu_si512(out.cast(), bytes(numbers, block * DEPTH * 4, units));
                }
            }
        }
    }
}

/// Rounds columns `first..first + COLUMNS` of `b` (k × n, columns contiguous) and packs them.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn right_int8(
    k: usize,
    n: usize,
    first: usize,
    b: Matrix,
    panel: &mut [u32],
    (units, sums): (&mut [f32], &mut [f32]),
) {
    let columns = |half: usize| {
        std::array::from_fn::<&[f32], DEPTH, _>(|j| {
            let column = first + half * DEPTH + j;
            if column < n { &b.data[column * b.column..][..k] } else { &[] }
        })
    };
    for half in 0..2 {
        let columns = columns(half);
        let units = &mut units[half * DEPTH..][..DEPTH];
        let sums = &mut sums[half * DEPTH..][..DEPTH];
        for (unit, column) in units.iter_mut().zip(columns) {
            let (least, most) = range(column);
            *unit = most.max(-least) / 127.;
        }
        let mut counts = [0i32; DEPTH];
        for cell in (0..panel.len() / COLUMNS).step_by(DEPTH) {
            let mut block = [_mm512_setzero_si512(); DEPTH];
            for (j, line) in block.iter_mut().enumerate() {
                let inverse = if units[j] > 0. { 1. / units[j] } else { 0. };
                let round = |x| {
                    let x = _mm512_mul_ps(x, _mm512_set1_ps(inverse));
                    _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x))
                };
                // SAFETY: reads stay inside the column.
                *line = unsafe { bytes(columns[j], cell * 4, round) };
                let (zero, one) = (_mm512_setzero_si512(), _mm512_set1_epi8(1));
                counts[j] += _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(zero, one, *line));
            }
            put(transpose(block), &mut panel[cell * COLUMNS..], half);
        }
        for ((sum, unit), count) in sums.iter_mut().zip(units).zip(counts) {
            *sum = *unit * count as f32;
        }
    }
}

/// The least and the largest, 0 among them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn range(numbers: &[f32]) -> (f32, f32) {
    let (mut least, mut most) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for at in (0..numbers.len()).step_by(16) {
        // SAFETY: the mask ends where the numbers do.
        let numbers = unsafe { load(numbers.as_ptr().add(at), numbers.len() - at) };
        (least, most) = (_mm512_min_ps(least, numbers), _mm512_max_ps(most, numbers));
    }
    (_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most))
}

/// Numbers `start..start + 64` as bytes, sixteen at a time by `round`; zeros past the end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn bytes(numbers: &[f32], start: usize, round: impl Fn(__m512) -> __m128i) -> __m512i {
    let quarter = |i: usize| {
        let at = start + 16 * i;
        let left = numbers.len().saturating_sub(at);
        // SAFETY: the mask ends where the numbers do.
        round(unsafe { load(numbers.as_ptr().wrapping_add(at), left) })
    };
    let all = _mm512_castsi128_si512(quarter(0));
    let all = _mm512_inserti64x2::<1>(all, quarter(1));
    let all = _mm512_inserti64x2::<2>(all, quarter(2));
    _mm512_inserti64x2::<3>(all, quarter(3))
}

/// A block of a matrix whose rows are lines along k: register i holds [`DEPTH`] cells of line
/// `first + i`, from cell `cell` on. Lines from `count` on are zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn lines(
    arithmetic: Arithmetic,
    k: usize,
    cell: usize,
    (first, count): (usize, usize),
    Matrix { data, row, column }: Matrix,
) -> [__m512i; DEPTH] {
    if column != 1 {
        assert_eq!(row, 1, "numbers lie side by side along rows or along columns");
        // SAFETY: the same lines, read across.
        return transpose(unsafe { across(arithmetic, k, cell, (first, count), column, data) });
    }
    let mut block = [_mm512_setzero_si512(); DEPTH];
    let start = cell * arithmetic.numbers();
    let left = k.saturating_sub(start);
    for (i, cells) in block.iter_mut().enumerate().take(count) {
        let at = data.as_ptr().wrapping_add((first + i) * row + start);
        // SAFETY: masks end where k does.
        *cells = unsafe {
            match arithmetic {
                Arithmetic::F32 => _mm512_castps_si512(load(at, left)),
                Arithmetic::Bf16 => {
                    let (low, high) =
                        (load(at, left), load(at.wrapping_add(16), left.saturating_sub(16)));
                    as_cells(_mm512_cvtne2ps_pbh(high, low))
                }
                Arithmetic::Int8 => unreachable!("integers have their own way"),
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
            Arithmetic::Int8 => unreachable!("integers have their own way"),
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
