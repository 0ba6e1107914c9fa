//! How packed operands lie in memory.
//!
//! The unit is a cell of 32 bits: what one multiply-add of a lane takes along k. A cell is one
//! `f32`, two `bf16` or four 8-bit integers, so one layout serves every dtype. Both operands are
//! padded with zeros along k to whole blocks of [`BLOCK`] cells.
//!
//! - left: tiles of R rows, each in blocks of \[R\]\[BLOCK\] cells;
//! - right: panels of C columns, each \[cells\]\[C\]; C is a property of the tile.

#[cfg(target_arch = "x86_64")]
use super::amx;
use super::dtype::ComputeDtype;
use crate::nn::kernels::isa::{Isa, features};
use crate::nn::kernels::simd::BLOCK;

/// Cells, whole blocks of them, that `k` numbers fill.
pub(super) fn cells(dtype: ComputeDtype, k: usize) -> usize {
    k.div_ceil(dtype.numbers()).next_multiple_of(BLOCK)
}

/// The most rows of a tile: as many as fill the registers with two vectors of sums each.
pub(super) fn rows(dtype: ComputeDtype) -> usize {
    match (dtype, features().isa) {
        #[cfg(target_arch = "x86_64")]
        (ComputeDtype::Int8 | ComputeDtype::Bf16, _) if features().amx => amx::ROWS,
        (ComputeDtype::Int8, isa) => int8_rows(isa, features().vnni),
        #[cfg(target_arch = "x86_64")]
        (_, Isa::Avx512) => 12,
        #[cfg(target_arch = "x86_64")]
        (_, Isa::Avx2) => 6,
        (_, Isa::Portable) => 4,
    }
}

/// The columns of a tile: two vectors.
pub(super) fn columns() -> usize {
    match features().isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => 32,
        _ => 16,
    }
}

/// The same of integers, whose kernels hold more in registers.
fn int8_rows(isa: Isa, vnni: bool) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if vnni => 12,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => 8,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if vnni => 6,
        _ => 4,
    }
}

/// How rows are shared out among tiles: all of one size but the last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tiles {
    rows: usize,
    size: usize,
}

impl Tiles {
    /// As few tiles of at most `most` rows as will do, as equal as they can be.
    pub fn new(rows: usize, most: usize) -> Self {
        let count = rows.div_ceil(most).max(1);
        Self { rows, size: size_for(rows.div_ceil(count), most) }
    }

    /// Each tile: its first row, how many rows of the matrix are in it, and its size.
    pub fn each(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.rows).step_by(self.size.max(1)).map(move |first| {
            let here = self.size.min(self.rows - first);
            (first, here, size_for(here, self.size))
        })
    }

    /// How many tiles.
    pub fn count(self) -> usize {
        self.rows.div_ceil(self.size.max(1))
    }

    /// Rows of all tiles.
    pub fn padded(self) -> usize {
        self.each().map(|(first, _, size)| first + size).last().unwrap_or(0)
    }
}

/// The smallest size of a tile that holds `rows`: 1 or an even number.
fn size_for(rows: usize, most: usize) -> usize {
    if rows == 1 { 1 } else { rows.next_multiple_of(2).min(most) }
}

/// A cache line: loads of whole vectors from aligned memory never straddle two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct CacheLine(#[allow(dead_code)] [u32; 16]); // read through `Cells`

/// Cells that start on a cache line; grows, and keeps what it has.
#[derive(Debug, Default)]
pub(super) struct Cells(Vec<CacheLine>);

impl Cells {
    /// The first `len` cells, of unspecified content.
    pub fn take(&mut self, len: usize) -> &mut [u32] {
        if self.0.len() * 16 < len {
            self.0.resize(len.div_ceil(16), CacheLine([0; 16]));
        }
        // SAFETY: a line is sixteen cells and nothing else: 64 bytes, aligned to 64.
        let all = unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16)
        };
        &mut all[..len]
    }

    pub fn get(&self, len: usize) -> &[u32] {
        // SAFETY: as above.
        let all =
            unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) };
        &all[..len]
    }
}

/// A row of the left: `unit·q + least`. Not centred on zero: GELU leaves hardly anything below it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowScale {
    pub unit: f32,
    pub least: f32,
}

/// Rows of a left-hand matrix, packed for a dtype.
#[derive(Debug, Default)]
pub(in crate::nn) struct Left {
    pub(super) cells: Cells,
    /// Unit and offset of each row (integers only).
    pub(super) scales: Vec<RowScale>,
    pub(super) dtype: ComputeDtype,
    pub(super) k: usize,
    pub(super) tiles: Tiles,
    /// Round `a·b + c` of `f32` products once, whatever the CPU, where it is slow as well.
    pub exact: bool,
}

impl Left {
    pub(super) fn cells(&self) -> &[u32] {
        self.cells.get(cells(self.dtype, self.k) * self.tiles.padded())
    }
}

/// A right-hand matrix (k × n), packed.
#[derive(Debug, Default)]
pub(in crate::nn) struct Packed {
    pub(super) cells: Cells,
    pub(super) k: usize,
    pub n: usize,
    pub(super) dtype: ComputeDtype,
    /// What one unit of each column is (integers only).
    pub(super) units: Vec<f32>,
    /// The sum of each column as rounded, to be multiplied by the `least` of a row.
    pub(super) sums: Vec<f32>,
}

impl Packed {
    /// The panels, each \[cells\]\[columns of a tile\].
    pub(super) fn panels(&self) -> impl Iterator<Item = &[u32]> {
        let columns = columns();
        let panel = cells(self.dtype, self.k) * columns;
        self.cells.get(panel * self.n.div_ceil(columns)).chunks_exact(panel.max(1))
    }
}
