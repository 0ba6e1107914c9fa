//! Tiles: R × C sums held in registers while k runs by.
//!
//! The order in which an output element is summed depends on k alone: neither the number of rows,
//! nor the tile a row falls into, nor threads change a bit of it.

use super::layout::{Left, Packed, cells};
use super::matrix::Target;
use crate::nn::kernels::simd::{BLOCK, Simd};

/// Cells of k summed in registers before they are added to the target, so that a panel of the
/// right-hand side stays in the cache.
const STRETCH: usize = 512;

/// Calls a function generic over the rows of a tile.
macro_rules! by_rows {
    ($size:expr, $call:ident::<$($types:ty),*>($($arg:expr),* $(,)?)) => {
        match $size {
            1 => $call::<$($types,)* 1>($($arg),*),
            2 => $call::<$($types,)* 2>($($arg),*),
            4 => $call::<$($types,)* 4>($($arg),*),
            6 => $call::<$($types,)* 6>($($arg),*),
            8 => $call::<$($types,)* 8>($($arg),*),
            10 => $call::<$($types,)* 10>($($arg),*),
            12 => $call::<$($types,)* 12>($($arg),*),
            size => unreachable!("no tile has {size} rows"),
        }
    };
}
pub(super) use by_rows;

/// Memory to prefetch while a tile is computed: its share of the next panel of the right-hand side,
/// which comes from afar, where every other tile of a panel finds it in the cache.
#[derive(Clone, Copy)]
pub(super) struct Prefetch {
    at: *const u32,
    /// Lines a block.
    lines: usize,
}

impl Prefetch {
    /// The share of tile `nth` of `tiles` in a panel that starts at `at`, with `stretch` cells of
    /// `columns` columns.
    pub fn new(
        at: *const u32,
        (nth, tiles): (usize, usize),
        columns: usize,
        cells: usize,
    ) -> Self {
        let lines = columns.div_ceil(tiles).min(8); // a block has as many lines as columns
        Self { at: at.wrapping_add(nth * lines * cells / BLOCK * LINE), lines }
    }

    /// Prefetches what belongs to a block.
    #[inline(always)]
    pub unsafe fn block<S: Simd>(&mut self) {
        for _ in 0..self.lines {
            // SAFETY: any address will do.
            unsafe { S::prefetch(self.at) };
            self.at = self.at.wrapping_add(LINE);
        }
    }
}

/// Cells of a cache line.
const LINE: usize = 16;

/// The step of a tile: `cells` cells of k, from packed operands, in registers.
pub(super) trait TileKernel {
    type S: Simd;

    /// `sums[i][h] = Σ a[i, k]·b[k, h·LANES..]`.
    ///
    /// # Safety
    /// Whole blocks of `cells` cells lie behind both pointers, and the CPU has the instructions.
    unsafe fn run<const R: usize>(
        cells: usize,
        a: *const u32,
        b: *const u32,
        prefetch: Prefetch,
    ) -> [[<Self::S as Simd>::F32; 2]; R];
}

/// Every panel by every tile, a stretch of k after another.
///
/// # Safety
/// The CPU has the kernel's instructions, and the target holds all rows.
#[inline(always)]
pub(super) unsafe fn panels<K: TileKernel>(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    let cells = cells(right.dtype, right.k);
    let columns = 2 * K::S::LANES;
    let Target { data, stride, width, accumulate } = target;
    let (rows, tiles) = (left.cells(), left.tiles.count());
    for start in (0..cells).step_by(STRETCH) {
        let stretch = STRETCH.min(cells - start);
        for (number, panel) in right.panels().enumerate() {
            let column = number * columns;
            let begin = match bias {
                _ if start > 0 || accumulate => Accumulator::There,
                Some(bias) => Accumulator::Bias(bias[column..].as_ptr()),
                None => Accumulator::Zero,
            };
            let b = panel[start * columns..].as_ptr();
            let next = b.wrapping_add(panel.len());
            for (nth, (row, here, size)) in left.tiles.each().enumerate() {
                let prefetch = Prefetch::new(next, (nth, tiles), columns, stretch);
                let a = rows[row * cells + start * size..].as_ptr();
                let at = data[row * stride + column..].as_mut_ptr();
                let count = columns.min(width - column);
                let out = Out { at, stride, rows: here, columns: count };
                // SAFETY: `stretch` cells follow `a` and `b`, and `out` lies inside `data`.
                unsafe { by_rows!(size, one::<K>(stretch, (a, b), prefetch, begin, out)) }
            }
        }
    }
}

/// What the sums of a tile are added to.
#[derive(Clone, Copy)]
pub(super) enum Accumulator {
    Zero,
    There,
    Bias(*const f32),
}

/// Where a tile is written.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub at: *mut f32,
    pub stride: usize,
    pub rows: usize,
    pub columns: usize,
}

#[inline(always)]
unsafe fn one<K: TileKernel, const R: usize>(
    cells: usize,
    (a, b): (*const u32, *const u32),
    prefetch: Prefetch,
    begin: Accumulator,
    out: Out,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let sums = K::run::<R>(cells, a, b, prefetch);
        store::<K::S, R>(&sums, begin, out);
    }
}

/// Writes the sums; a tile at the right edge is masked.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const R: usize>(
    sums: &[[S::F32; 2]; R],
    begin: Accumulator,
    Out { at, stride, rows, columns }: Out,
) {
    let whole = columns == 2 * S::LANES;
    for (row, sums) in sums.iter().enumerate() {
        if row >= rows {
            break;
        }
        for (half, &sum) in sums.iter().enumerate() {
            let start = half * S::LANES;
            let count = columns.saturating_sub(start);
            let at = at.wrapping_add(row * stride + start);
            // SAFETY: numbers beyond `columns` are neither read nor written.
            unsafe {
                let load = |from: *const f32| {
                    if whole { S::load(from) } else { S::load_first(from, count) }
                };
                let sum = match begin {
                    Accumulator::Zero => sum,
                    Accumulator::There => S::add(load(at), sum),
                    Accumulator::Bias(bias) => S::add(load(bias.wrapping_add(start)), sum),
                };
                if whole {
                    S::store(at, sum);
                } else {
                    S::store_first(at, sum, count);
                }
            }
        }
    }
}
