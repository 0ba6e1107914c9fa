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

use super::layout::{Left, Packed, RowScale, cells};
use super::matrix::Target;
use super::tile::{Out, Prefetch, by_rows};
use crate::nn::kernels::isa::{Isa, features};
use crate::nn::kernels::simd::Simd;
#[cfg(target_arch = "x86_64")]
use crate::nn::kernels::simd::{on_avx2, on_avx512};
use kernels::{Int8Kernel, Plain};
#[cfg(target_arch = "x86_64")]
use kernels::{Maddubs256, Maddubs512, Vnni256, Vnni512};
pub(super) use pack::{left, right};
pub(crate) use quantize::quantize_weights;

/// Scales and offsets of what a tile computes.
#[derive(Clone, Copy)]
struct TileScales<'a> {
    scales: &'a [RowScale],
    units: &'a [f32],
    sums: &'a [f32],
    bias: Option<&'a [f32]>,
}

/// `target = left · right (+ bias)` of integers.
pub(super) fn multiply(left: &Left, right: &Packed, bias: Option<&[f32]>, target: Target) {
    assert!(!target.accumulate, "integers overwrite");
    let features = features();
    // SAFETY, of all: `features` found the instructions on this CPU; the caller checked the target.
    match features.isa {
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
            let edges = TileScales {
                scales: &left.scales[row..][..here],
                units: &right.units[column..][..columns],
                sums: &right.sums[column..][..columns],
                bias: bias.map(|bias| &bias[column..][..count]),
            };
            // SAFETY: both hold `cells` cells, and `out` lies inside `data`.
            unsafe { by_rows!(size, one::<K>(cells, (a, b), prefetch, edges, out)) }
        }
    }
}

/// `unitᵢ·unitⱼ·sum + leastᵢ·sumⱼ + bias`.
#[inline(always)]
unsafe fn one<K: Int8Kernel, const R: usize>(
    cells: usize,
    (a, b): (*const u32, *const u32),
    prefetch: Prefetch,
    edges: TileScales,
    out: Out,
) {
    // SAFETY: as the caller vouches; numbers beyond the columns are neither read nor written.
    unsafe {
        let tile = K::run::<R>(cells, a, b, prefetch);
        for half in 0..2 {
            let start = half * K::S::LANES;
            let count = out.columns.saturating_sub(start);
            let whole = count >= K::S::LANES;
            let unit = K::S::load(edges.units[start..].as_ptr());
            let total = K::S::load(edges.sums[start..].as_ptr());
            let bias = match edges.bias {
                Some(bias) => K::S::load_first(bias.as_ptr().wrapping_add(start), count),
                None => K::S::splat(0.),
            };
            for (row, sums) in tile.iter().enumerate() {
                let Some(scale) = edges.scales.get(row) else { break };
                let unit = K::S::mul(unit, K::S::splat(scale.unit));
                let begin = K::S::mul_add(total, K::S::splat(scale.least), bias);
                let sum = K::S::mul_add(K::float(sums[half]), unit, begin);
                let at = out.at.wrapping_add(row * out.stride + start);
                if whole {
                    K::S::store(at, sum);
                } else {
                    K::S::store_first(at, sum, count);
                }
            }
        }
    }
}
