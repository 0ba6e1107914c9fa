//! Products of 8-bit integers: exact sums in `i32`, scaled once at the end.
//!
//! Activations are `unit·(q − zero)` with q in 0..=255, a scale a row; weights are `unit·q` with q in
//! −127..=127, a scale a column. AVX2 multiplies by `vpmaddubsw`, which adds two products in 16 bits
//! and saturates, and two such sums fit 16 bits only if the four weights of a group have positive
//! and negative sums of 128 at most (255·128 = 32,640). A column's scale grows, when it is rounded,
//! until they have: every CPU then computes the same integers. What is done to them in `f32` is
//! rounded once everywhere, so embeddings have the same bits on every CPU.

mod kernels;
mod pack;
mod quantize;

#[cfg(target_arch = "x86_64")]
use super::amx::{Sums, TileUnit};
use super::layout::{Left, Packed, RowScale, cells};
use super::matrix::Target;
use super::tile::{Out, Prefetch, by_rows};
use crate::nn::kernels::isa::{Isa, features};
use crate::nn::kernels::simd::Simd;
#[cfg(target_arch = "x86_64")]
use crate::nn::kernels::simd::{Avx512, BLOCK, on_avx2, on_avx512};
use kernels::{Int8Kernel, Plain};
#[cfg(target_arch = "x86_64")]
use kernels::{Maddubs256, Maddubs512, Vnni256, Vnni512};
pub(super) use pack::{left, right};
pub(crate) use quantize::quantize_weights;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_mm512_cvtepi32_ps, _mm512_load_si512};

/// Scales and offsets of what a tile computes.
#[derive(Clone, Copy)]
struct TileScales<'a> {
    scales: &'a [RowScale],
    units: &'a [f32],
    sums: &'a [f32],
    bias: Option<&'a [f32]>,
}

impl<'a> TileScales<'a> {
    /// Of `rows` rows from `row` on, and of `count` columns of the matrix from `column` on.
    fn of(
        (left, row, rows): (&'a Left, usize, usize),
        (right, column, count): (&'a Packed, usize, usize),
        bias: Option<&'a [f32]>,
    ) -> Self {
        Self {
            scales: &left.scales[row..][..rows],
            units: &right.units[column..],
            sums: &right.sums[column..],
            bias: bias.map(|bias| &bias[column..][..count]),
        }
    }
}

/// `target = left · right (+ bias)` of integers.
pub(super) fn multiply(left: &Left, right: &Packed, bias: Option<&[f32]>, target: Target) {
    assert!(!target.accumulate, "integers overwrite");
    let features = features();
    // SAFETY, of all: `features` found the instructions on this CPU; the caller checked the target.
    match features.isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: see above.
        Isa::Avx512 if features.amx => unsafe { multiply_amx(left, right, bias, target) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: see above.
        Isa::Avx512 if features.vnni => unsafe {
            multiply_avx512_vnni(left, right, bias, target)
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => on_avx512(
            #[inline(always)]
            // SAFETY: see above.
            || unsafe { panels::<Maddubs512>(left, right, bias, target) },
        ),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: see above.
        Isa::Avx2 if features.vnni => unsafe { multiply_avx_vnni(left, right, bias, target) },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => on_avx2(
            #[inline(always)]
            // SAFETY: see above.
            || unsafe { panels::<Maddubs256>(left, right, bias, target) },
        ),
        // SAFETY: see above.
        Isa::Portable => unsafe { panels::<Plain>(left, right, bias, target) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn multiply_avx512_vnni(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    // SAFETY: as the caller vouches.
    unsafe { panels::<Vnni512>(left, right, bias, target) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avxvnni")]
unsafe fn multiply_avx_vnni(left: &Left, right: &Packed, bias: Option<&[f32]>, target: Target) {
    // SAFETY: as the caller vouches.
    unsafe { panels::<Vnni256>(left, right, bias, target) }
}

/// By the tile unit.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn multiply_amx(left: &Left, right: &Packed, bias: Option<&[f32]>, target: Target) {
    let cells = cells(right.dtype, right.k);
    let Target { data, stride, width, .. } = target;
    let (rows, mut sums) = (left.cells(), Sums::new());
    // SAFETY: the caller vouches for the unit.
    let mut unit = unsafe { TileUnit::new() };
    for (number, panel) in right.panels().enumerate() {
        let column = number * 2 * Avx512::LANES;
        let count = (2 * Avx512::LANES).min(width - column);
        for (row, here, size) in left.tiles.each() {
            let (a, b) = (rows[row * cells..].as_ptr(), panel.as_ptr());
            let edges = TileScales::of((left, row, here), (right, column, count), bias);
            // SAFETY: both hold `cells` cells; rows below `here` are rows of the target.
            unsafe {
                unit.int8((cells / BLOCK, size), a, b, &mut sums);
                for half in 0..2 {
                    let columns = HalfScales::<Avx512>::new(&edges, half, count);
                    for (nth, scale) in edges.scales.iter().enumerate() {
                        let at = data[(row + nth) * stride + column..].as_mut_ptr();
                        let sum = _mm512_load_si512(sums.row(nth, half).cast());
                        columns.store(_mm512_cvtepi32_ps(sum), *scale, at);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn panels<K: Int8Kernel>(
    left: &Left,
    right: &Packed,
    bias: Option<&[f32]>,
    target: Target,
) {
    let cells = cells(right.dtype, right.k);
    let columns = 2 * K::S::LANES;
    let Target { data, stride, width, .. } = target;
    let (rows, tiles) = (left.cells(), left.tiles.count());
    for (number, panel) in right.panels().enumerate() {
        let column = number * columns;
        let count = columns.min(width - column);
        let next = panel.as_ptr().wrapping_add(panel.len());
        for (nth, (row, here, size)) in left.tiles.each().enumerate() {
            let prefetch = Prefetch::new(next, (nth, tiles), columns, cells);
            let (a, b) = (rows[row * cells..].as_ptr(), panel.as_ptr());
            let at = data[row * stride + column..].as_mut_ptr();
            let out = Out { at, stride, rows: here, columns: count };
            let edges = TileScales::of((left, row, here), (right, column, count), bias);
            // SAFETY: both hold `cells` cells, and `out` lies inside `data`.
            unsafe { by_rows!(size, one::<K>(cells, (a, b), prefetch, edges, out)) }
        }
    }
}

#[inline(always)]
unsafe fn one<K: Int8Kernel, const R: usize>(
    cells: usize,
    (a, b): (*const u32, *const u32),
    prefetch: Prefetch,
    edges: TileScales,
    out: Out,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let tile = K::run::<R>(cells, a, b, prefetch);
        for half in 0..2 {
            let columns = HalfScales::<K::S>::new(&edges, half, out.columns);
            for (row, sums) in tile.iter().enumerate() {
                let Some(scale) = edges.scales.get(row) else { break };
                let at = out.at.wrapping_add(row * out.stride);
                columns.store(K::float(sums[half]), *scale, at);
            }
        }
    }
}

/// What the sums of a vector of columns are scaled by.
struct HalfScales<S: Simd> {
    start: usize,
    /// Columns of the matrix from `start` on.
    count: usize,
    unit: S::F32,
    total: S::F32,
    bias: S::F32,
}

impl<S: Simd> HalfScales<S> {
    #[inline(always)]
    unsafe fn new(edges: &TileScales, half: usize, columns: usize) -> Self {
        let start = half * S::LANES;
        let count = columns.saturating_sub(start);
        // SAFETY: the caller has the instructions; numbers beyond the columns are not read.
        unsafe {
            let unit = S::load(edges.units[start..].as_ptr());
            let total = S::load(edges.sums[start..].as_ptr());
            let bias = match edges.bias {
                Some(bias) => S::load_first(bias.as_ptr().wrapping_add(start), count),
                None => S::splat(0.),
            };
            Self { start, count, unit, total, bias }
        }
    }

    /// Writes `unitᵢ·unitⱼ·sum + leastᵢ·sumⱼ + bias` to the row at `at`.
    #[inline(always)]
    unsafe fn store(&self, sum: S::F32, scale: RowScale, at: *mut f32) {
        // SAFETY: the caller vouches for the row; numbers beyond the columns are not written.
        unsafe {
            let unit = S::mul(self.unit, S::splat(scale.unit));
            let offset = S::mul_add(self.total, S::splat(scale.least), self.bias);
            let result = S::mul_add(sum, unit, offset);
            let at = at.wrapping_add(self.start);
            if self.count >= S::LANES {
                S::store(at, result);
            } else {
                S::store_first(at, result, self.count);
            }
        }
    }
}
