//! Tiles: R × C sums held in registers while k runs by.
//!
//! The order in which an output element is summed depends on k alone: neither the number of rows,
//! nor the tile a row falls into, nor threads change a bit of it.

use super::int8;
use super::pack::{self, Left, Packed};
use super::{ComputeDtype, Target};
use crate::nn::kernels::isa::{Isa, features};
use crate::nn::kernels::simd::{BLOCK, Portable, Simd};
use crate::nn::kernels::with_simd;

/// Cells of k summed in registers before they are added to the target, so that a panel of the
/// right-hand side stays in the cache.
const STRETCH: usize = 512;

/// The most rows of a tile: as many as fill the registers with two vectors of sums each.
pub(super) fn rows(dtype: ComputeDtype) -> usize {
    match (dtype, features().isa) {
        (ComputeDtype::Int8, _) => int8::rows(),
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

/// `target = left · right (+ bias)` on this thread.
///
/// # Panics
/// Where shapes or dtypes disagree, or the target is too small.
pub(in crate::nn) fn multiply(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    let rows = left.tiles.each().map(|(first, here, _)| first + here).last().unwrap_or(0);
    if rows == 0 || right.n == 0 {
        return;
    }
    assert!((left.dtype, left.k) == (right.dtype, right.k), "operands of one product");
    assert!(target.width == right.n && bias.is_none_or(|bias| bias.len() == right.n));
    assert!(target.stride >= target.width);
    assert!(target.data.len() >= (rows - 1) * target.stride + target.width);
    if left.k == 0 {
        return empty(rows, bias, target);
    }
    match right.dtype {
        ComputeDtype::F32 if left.exact && features().isa == Isa::Portable => {
            // SAFETY: as below.
            unsafe { multiply_f32::<Portable<true>>(left, right, bias, target) }
        }
        ComputeDtype::F32 => with_simd!(S => {
            // SAFETY: the assertions above keep every row of the target inside its slice.
            unsafe { multiply_f32::<S>(left, right, bias, target) }
        }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above; `Bf16` is packed only where the CPU has it.
        ComputeDtype::Bf16 => unsafe { super::bf16::multiply(left, right, bias, target) },
        #[cfg(not(target_arch = "x86_64"))]
        ComputeDtype::Bf16 => unreachable!("no CPU of this kind multiplies bf16"),
        ComputeDtype::Int8 => int8::multiply(left, right, bias, target),
    }
}

/// The product of matrices with k = 0.
fn empty(rows: usize, bias: Option<&[f32]>, target: Target) {
    let Target { data, stride, width, accumulate } = target;
    for row in data.chunks_mut(stride).take(rows) {
        match bias {
            _ if accumulate => {}
            Some(bias) => row[..width].copy_from_slice(bias),
            None => row[..width].fill(0.),
        }
    }
}

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
unsafe fn multiply_f32<S: Simd>(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    // SAFETY: as the caller vouches.
    unsafe { panels::<F32<S>>(left, right, bias, target) }
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
    let cells = pack::cells(right.dtype, right.k);
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
