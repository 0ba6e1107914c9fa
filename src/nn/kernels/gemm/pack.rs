//! Operands of a product rearranged for the tiles.
//!
//! The unit is a cell of 32 bits: what one multiply-add of a lane takes along k. A cell is one
//! `f32`, two `bf16` or four 8-bit integers, so one layout serves every dtype. Both operands are
//! padded with zeros along k to whole blocks of [`BLOCK`] cells.
//!
//! - left: tiles of R rows, each in blocks of \[R\]\[BLOCK\] cells;
//! - right: panels of C columns, each \[cells\]\[C\]; C is a property of the tile.

#[cfg(target_arch = "x86_64")]
use super::bf16;
use super::int8::{self, RowScale};
use super::tile::{self, Tiles};
use super::{ComputeDtype, Matrix};
use crate::nn::kernels::simd::{BLOCK, Simd};
use crate::nn::kernels::with_simd;
use rayon::prelude::*;

/// Cells, whole blocks of them, that `k` numbers fill.
pub(super) fn cells(dtype: ComputeDtype, k: usize) -> usize {
    k.div_ceil(dtype.numbers()).next_multiple_of(BLOCK)
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
    fn take(&mut self, len: usize) -> &mut [u32] {
        if self.0.len() * 16 < len {
            self.0.resize(len.div_ceil(16), CacheLine([0; 16]));
        }
        // SAFETY: a line is sixteen cells and nothing else: 64 bytes, aligned to 64.
        let all = unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * 16)
        };
        &mut all[..len]
    }

    fn get(&self, len: usize) -> &[u32] {
        // SAFETY: as above.
        let all =
            unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * 16) };
        &all[..len]
    }
}

/// Rows of a left-hand matrix, packed for a dtype.
#[derive(Debug, Default)]
pub(in crate::nn) struct Left {
    cells: Cells,
    /// Unit and offset of each row (integers only).
    pub(super) scales: Vec<RowScale>,
    pub(super) dtype: ComputeDtype,
    pub(super) k: usize,
    pub(super) tiles: Tiles,
    /// Round `a·b + c` of `f32` products once, whatever the CPU, where it is slow as well.
    pub exact: bool,
}

impl Left {
    /// Packs rows `first..first + rows` of `a` (m × k).
    ///
    /// # Panics
    /// Where a row lies outside the slice, or integers are asked of a matrix whose rows are not
    /// contiguous.
    pub fn pack(
        &mut self,
        dtype: ComputeDtype,
        k: usize,
        (first, rows): (usize, usize),
        a: Matrix,
    ) {
        a.check(first + rows, k);
        assert_eq!(dtype, dtype.available(), "packed for this CPU");
        let tiles = Tiles::new(rows, tile::rows(dtype));
        let cells = cells(dtype, k);
        let out = self.cells.take(cells * tiles.padded());
        match dtype {
            ComputeDtype::F32 => with_simd!(S => {
                for (row, here, size) in tiles.each() {
                    let out = &mut out[row * cells..][..size * cells];
                    // SAFETY: `check` above keeps reads inside, and `out` holds the tile.
                    unsafe { left_f32::<S>(k, (first + row, here), a, out, size) }
                }
            }),
            #[cfg(target_arch = "x86_64")]
            ComputeDtype::Bf16 => {
                for (row, here, size) in tiles.each() {
                    let out = &mut out[row * cells..][..size * cells];
                    // SAFETY: as above; `Bf16` is packed only where the CPU has it.
                    unsafe { bf16::left(k, (first + row, here), a, out, size) }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            ComputeDtype::Bf16 => unreachable!("no CPU of this kind multiplies bf16"),
            ComputeDtype::Int8 => {
                self.scales.resize(tiles.padded(), RowScale::default());
                for (row, here, size) in tiles.each() {
                    let out = &mut out[row * cells..][..size * cells];
                    let scales = &mut self.scales[row..][..size];
                    int8::left(k, (first + row, here), a, out, scales);
                }
            }
        }
        (self.dtype, self.k, self.tiles) = (dtype, k, tiles);
    }

    pub(super) fn cells(&self) -> &[u32] {
        self.cells.get(cells(self.dtype, self.k) * self.tiles.padded())
    }
}

/// A right-hand matrix (k × n), packed.
#[derive(Debug, Default)]
pub(in crate::nn) struct Packed {
    cells: Cells,
    pub(super) k: usize,
    pub n: usize,
    pub(super) dtype: ComputeDtype,
    /// What one unit of each column is (integers only).
    pub(super) units: Vec<f32>,
    /// The sum of each column as rounded, to be multiplied by the `least` of a row.
    pub(super) sums: Vec<f32>,
}

impl Packed {
    /// Packs `b` (k × n), in parallel, into the memory of an older one.
    pub fn pack(mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) -> Self {
        self.pack_in_place(dtype, k, n, b);
        self
    }

    /// Packs `b` (k × n) in parallel.
    pub fn pack_in_place(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) {
        let columns = tile::columns();
        let panel = self.begin(dtype, k, n, b);
        let out = self.cells.take(panel * n.div_ceil(columns));
        if dtype == ComputeDtype::Int8 {
            let units = self.units.par_chunks_mut(columns);
            let scales = units.zip(self.sums.par_chunks_mut(columns));
            let panels = out.par_chunks_mut(panel.max(1)).zip(scales).enumerate();
            panels.for_each(|(number, (panel, scales))| {
                int8::right(k, (number * columns, n), b, panel, scales);
            });
        } else {
            let panels = out.par_chunks_mut(panel.max(1)).enumerate();
            panels.for_each(|(number, panel)| {
                right(dtype, k, (number * columns, n), b, panel, columns);
            });
        }
    }

    /// The same on this thread alone; not of integers.
    pub fn pack_here(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) {
        let columns = tile::columns();
        let panel = self.begin(dtype, k, n, b);
        let out = self.cells.take(panel * n.div_ceil(columns));
        for (number, panel) in out.chunks_exact_mut(panel.max(1)).enumerate() {
            right(dtype, k, (number * columns, n), b, panel, columns);
        }
    }

    /// Takes note of what is packed; the cells of a panel.
    fn begin(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) -> usize {
        b.check(k, n);
        assert_eq!(dtype, dtype.available(), "packed for this CPU");
        (self.dtype, self.k, self.n) = (dtype, k, n);
        let columns = tile::columns();
        if dtype == ComputeDtype::Int8 {
            self.units.resize(n.next_multiple_of(columns), 0.);
            self.sums.resize(n.next_multiple_of(columns), 0.);
        }
        cells(dtype, k) * columns
    }

    /// The panels, each \[cells\]\[columns of a tile\].
    pub(super) fn panels(&self) -> impl Iterator<Item = &[u32]> {
        let columns = tile::columns();
        let panel = cells(self.dtype, self.k) * columns;
        self.cells.get(panel * self.n.div_ceil(columns)).chunks_exact(panel.max(1))
    }
}

/// Packs the columns of `b` (k × n) from `first` on into one panel.
fn right(
    dtype: ComputeDtype,
    k: usize,
    (first, n): (usize, usize),
    b: Matrix,
    panel: &mut [u32],
    columns: usize,
) {
    let here = (n - first).min(columns);
    match dtype {
        ComputeDtype::F32 => with_simd!(S => {
            // SAFETY: the caller checked the bounds of `b`.
            unsafe { right_f32::<S>(k, (first, here), b, panel, columns) }
        }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above; `Bf16` is packed only where the CPU has it.
        ComputeDtype::Bf16 => unsafe { bf16::right(k, (first, here), b, panel, columns) },
        #[cfg(not(target_arch = "x86_64"))]
        ComputeDtype::Bf16 => unreachable!("no CPU of this kind multiplies bf16"),
        ComputeDtype::Int8 => unreachable!("integers are packed with their scales"),
    }
}

/// Packs rows `first..first + rows` of `a` into a tile of `size` rows.
#[inline(always)]
unsafe fn left_f32<S: Simd>(
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
unsafe fn right_f32<S: Simd>(
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
