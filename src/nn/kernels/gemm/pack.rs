//! Operands of a product rearranged for the tiles, as [`layout`](super::layout) describes.

#[cfg(target_arch = "x86_64")]
use super::bf16;
use super::dtype::ComputeDtype;
use super::layout::{Left, Packed, RowScale, Tiles, cells, columns, rows};
use super::matrix::Matrix;
use super::{float, int8};
use crate::nn::kernels::with_simd;
use rayon::prelude::*;

impl Left {
    /// Packs rows `first..first + count` of `a` (m × k).
    ///
    /// # Panics
    /// Where a row lies outside the slice, or integers are asked of a matrix whose rows are not
    /// contiguous.
    pub fn pack(
        &mut self,
        dtype: ComputeDtype,
        k: usize,
        (first, count): (usize, usize),
        a: Matrix,
    ) {
        a.check(first + count, k);
        assert_eq!(dtype, dtype.available(), "packed for this CPU");
        let tiles = Tiles::new(count, rows(dtype));
        let cells = cells(dtype, k);
        let out = self.cells.take(cells * tiles.padded());
        match dtype {
            ComputeDtype::F32 => with_simd!(S => {
                for (row, here, size) in tiles.each() {
                    let out = &mut out[row * cells..][..size * cells];
                    // SAFETY: `check` above keeps reads inside, and `out` holds the tile.
                    unsafe { float::left::<S>(k, (first + row, here), a, out, size) }
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
}

impl Packed {
    /// Packs `b` (k × n), in parallel, into the memory of an older one.
    pub fn pack(mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) -> Self {
        self.pack_in_place(dtype, k, n, b);
        self
    }

    /// Packs `b` (k × n) in parallel.
    pub fn pack_in_place(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) {
        let columns = columns();
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

    /// The same on this thread alone.
    pub fn pack_here(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) {
        let columns = columns();
        let panel = self.begin(dtype, k, n, b);
        let out = self.cells.take(panel * n.div_ceil(columns));
        for (number, panel) in out.chunks_exact_mut(panel.max(1)).enumerate() {
            let first = number * columns;
            if dtype == ComputeDtype::Int8 {
                let scales =
                    (&mut self.units[first..][..columns], &mut self.sums[first..][..columns]);
                int8::right(k, (first, n), b, panel, scales);
            } else {
                right(dtype, k, (first, n), b, panel, columns);
            }
        }
    }

    /// Takes note of what is packed; the cells of a panel.
    fn begin(&mut self, dtype: ComputeDtype, k: usize, n: usize, b: Matrix) -> usize {
        b.check(k, n);
        assert_eq!(dtype, dtype.available(), "packed for this CPU");
        (self.dtype, self.k, self.n) = (dtype, k, n);
        let columns = columns();
        if dtype == ComputeDtype::Int8 {
            self.units.resize(n.next_multiple_of(columns), 0.);
            self.sums.resize(n.next_multiple_of(columns), 0.);
        }
        cells(dtype, k) * columns
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
            unsafe { float::right::<S>(k, (first, here), b, panel, columns) }
        }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above; `Bf16` is packed only where the CPU has it.
        ComputeDtype::Bf16 => unsafe { bf16::right(k, (first, here), b, panel, columns) },
        #[cfg(not(target_arch = "x86_64"))]
        ComputeDtype::Bf16 => unreachable!("no CPU of this kind multiplies bf16"),
        ComputeDtype::Int8 => unreachable!("integers are packed with their scales"),
    }
}
