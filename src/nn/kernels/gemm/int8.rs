//! Products of 8-bit integers: exact sums in `i32`, scaled once at the end.
//!
//! Activations are `unit·(q − zero)` with q in 0..=255, a scale a row; weights are `unit·q` with q in
//! −127..=127, a scale a column. AVX2 multiplies by `vpmaddubsw`, which adds two products in 16 bits
//! and saturates, and two such sums fit 16 bits only if the four weights of a group have positive
//! and negative sums of 128 at most (255·128 = 32,640). A column's scale grows, when it is rounded,
//! until they have: every CPU then computes the same integers. What is done to them in `f32` is
//! rounded once everywhere, so embeddings have the same bits on every CPU.

use super::pack::{self, Left, Packed};
use super::tile::{Out, Prefetch, by_rows};
use super::{Matrix, Target};
#[cfg(target_arch = "x86_64")]
use crate::nn::kernels::isa::Isa;
use crate::nn::kernels::isa::features;
#[cfg(target_arch = "x86_64")]
use crate::nn::kernels::simd::{Avx2, Avx512, on_avx2, on_avx512};
use crate::nn::kernels::simd::{BLOCK, Portable, Simd};
use crate::nn::kernels::{MAGIC, dispatch, with_simd};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Steps between the least and the largest activation: one less than a byte holds, since zero and
/// the largest are rounded apart.
const STEPS: f32 = 254.;
/// The largest weight as an integer; the least is its negative.
const WEIGHT: f32 = 127.;
/// What the positive weights of a group may sum to, and the negative ones.
const GROUP: i32 = 128;
/// Bytes of a block.
const BYTES: usize = 4 * BLOCK;

/// A row of the left: `unit·q + least`. Not centred on zero: GELU leaves hardly anything below it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowScale {
    pub unit: f32,
    pub least: f32,
}

/// The most rows of a tile.
pub(super) fn rows() -> usize {
    let features = features();
    match features.isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if features.vnni => 12,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => 8,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if features.vnni => 6,
        _ => 4,
    }
}

/// The least and the largest number, 0 among them; where one is not finite, neither is one of the
/// two. Bits compare as integers do: as signed ones the largest positive number wins, as unsigned
/// ones the negative number of the largest size, and NaN beats every number in both.
fn range(numbers: &[f32]) -> (f32, f32) {
    // SAFETY: only numbers of the slice are read.
    let (low, high) = with_simd!(S => unsafe { S::largest_bits(numbers) });
    let least = f32::from_bits(low);
    (if least > 0. { 0. } else { least }, f32::from_bits(high as u32))
}

/// `q = round(x·inverse) + zero` for a row, sixty-four a block, blocks `stride` bytes apart, zeros
/// past the end.
fn quantize(numbers: &[f32], inverse: f32, zero: f32, out: &mut [u8], stride: usize) {
    let offset = MAGIC + zero;
    let (blocks, rest) = numbers.as_chunks::<BYTES>();
    let mut lines = out.chunks_mut(stride).map(|line| {
        let line: &mut [u8; BYTES] = line.first_chunk_mut().expect("a line holds a block");
        line
    });
    with_simd!(S => {
        for (block, line) in blocks.iter().zip(&mut lines) {
            // SAFETY: a block and a line have sixty-four each.
            unsafe { S::low_bytes(block.as_ptr(), inverse, offset, line.as_mut_ptr()) };
        }
    });
    let mut rest = rest;
    for line in lines {
        line.fill(0);
        for (q, &x) in line.iter_mut().zip(std::mem::take(&mut rest)) {
            *q = x.mul_add(inverse, offset).to_bits() as u8;
        }
    }
}

/// The largest size of a sum of the positive or of the negative numbers of a group: numbers 0, 1,
/// 4, 5 of eight neighbours, and 2, 3, 6, 7, which `vpmaddubsw` and an addition bring together.
#[inline(always)]
fn groups_body(numbers: &[f32]) -> f32 {
    let mut most = 0f32;
    for eight in numbers.chunks(8) {
        let at = |i: usize| eight.get(i).copied().unwrap_or(0.);
        for first in [0, 2] {
            let group = [at(first), at(first + 1), at(first + 4), at(first + 5)];
            let positive: f32 = group.iter().map(|x| x.max(0.)).sum();
            let negative: f32 = group.iter().map(|x| (-x).max(0.)).sum();
            most = most.max(positive).max(negative);
        }
    }
    most
}
dispatch!(fn groups(numbers: &[f32]) -> f32 = groups_body);

/// `q = round(x·inverse)`, as floats.
#[inline(always)]
fn rounded_body(numbers: &[f32], inverse: f32, out: &mut [f32]) {
    for (q, &x) in out.iter_mut().zip(numbers) {
        *q = ((x * inverse + MAGIC) - MAGIC).clamp(-WEIGHT, WEIGHT);
    }
}
dispatch!(fn rounded(numbers: &[f32], inverse: f32, out: &mut [f32]) = rounded_body);

/// Rounds the weights of an output to `unit·q`, q as whole `f32` in `out`, with the smallest unit
/// whose groups do not overflow; the unit. Weights that are such multiples already keep their unit.
pub(crate) fn quantize_weights(numbers: &[f32], out: &mut [f32]) -> f32 {
    let (least, most) = range(numbers);
    let largest = most.max(-least);
    if !largest.is_finite() || least.is_nan() || largest == 0. {
        out.fill(0.);
        return if largest == 0. { 0. } else { f32::NAN };
    }
    let mut fits = |unit: f32| {
        rounded(numbers, 1. / unit, out);
        groups(out) <= GROUP as f32
    };
    let whole = |unit: f32| {
        numbers.iter().all(|x| (x / unit - (x / unit).round_ties_even()).abs() < 1e-3)
    };
    for steps in (1..=WEIGHT as u32).rev() {
        let unit = largest / steps as f32;
        if whole(unit) && fits(unit) {
            return unit;
        }
    }
    // rounding takes at most two off a group, so no smaller unit fits
    let mut unit = (largest / WEIGHT).max(groups(numbers) / (GROUP as f32 + 2.));
    loop {
        // the unit that is found again in what it makes of the largest weight
        let steps = (largest / unit).round_ties_even();
        for _ in 0..4 {
            unit = steps * unit / steps;
        }
        if fits(unit) {
            return unit;
        }
        unit *= 1.004;
    }
}

/// The bytes of some cells: four a cell, the first k lowest in memory.
fn bytes(cells: &mut [u32]) -> &mut [u8] {
    let len = 4 * cells.len();
    // SAFETY: every `u32` is four bytes, all bit patterns of which are valid.
    unsafe { std::slice::from_raw_parts_mut(cells.as_mut_ptr().cast(), len) }
}

/// Rounds rows `first..first + rows` of `a` (m × k, row-major) and packs them into one tile of
/// as many rows as there are scales.
pub(super) fn left(
    k: usize,
    (first, rows): (usize, usize),
    a: Matrix,
    out: &mut [u32],
    scales: &mut [RowScale],
) {
    assert_eq!(a.column, 1, "integers are packed from rows along k");
    let (size, out) = (scales.len(), bytes(out));
    for (i, scale) in scales.iter_mut().enumerate() {
        let numbers = match i < rows {
            true => &a.data[(first + i) * a.row..][..k],
            false => &[],
        };
        let (least, most) = range(numbers);
        let unit = (most - least) / STEPS;
        let inverse = if unit > 0. { 1. / unit } else { 0. };
        let zero = (-least * inverse).round_ties_even();
        *scale = RowScale { unit, least: -zero * unit };
        quantize(numbers, inverse, zero, &mut out[i * BYTES..], size * BYTES);
    }
}

/// Rounds the columns of `b` (k × n, each contiguous) from `first` on and packs them into a panel
/// of as many columns as there are units.
pub(super) fn right(
    k: usize,
    (first, n): (usize, usize),
    b: Matrix,
    panel: &mut [u32],
    (units, sums): (&mut [f32], &mut [f32]),
) {
    assert_eq!(b.row, 1, "integers are packed from columns along k");
    let columns = units.len();
    panel.fill(0);
    let mut rounded = vec![0f32; k];
    for (j, (unit, sum)) in units.iter_mut().zip(sums).enumerate() {
        (*unit, *sum) = (0., 0.);
        if first + j >= n {
            continue;
        }
        let numbers = &b.data[(first + j) * b.column..][..k];
        *unit = quantize_weights(numbers, &mut rounded);
        let mut total = 0i32;
        for (cell, four) in rounded.chunks(4).enumerate() {
            let mut bytes = [0u8; 4];
            for (byte, &q) in bytes.iter_mut().zip(four) {
                total += q as i32;
                *byte = q as i8 as u8;
            }
            panel[cell * columns + j] = u32::from_ne_bytes(bytes);
        }
        *sum = *unit * total as f32;
    }
}

/// The step of a tile of integers.
trait Int8Kernel {
    type S: Simd;
    type Sum: Copy;

    /// `sums[i][h] = Σ a[i, k]·b[k, h·LANES..]`.
    ///
    /// # Safety
    /// Whole blocks of `cells` cells lie behind both pointers, and the CPU has the instructions.
    unsafe fn run<const R: usize>(
        cells: usize,
        a: *const u32,
        b: *const u32,
        prefetch: Prefetch,
    ) -> [[Self::Sum; 2]; R];

    /// The sums as `f32`.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn float(sum: Self::Sum) -> <Self::S as Simd>::F32;
}

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
    let cells = pack::cells(right.dtype, right.k);
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

/// Plain Rust.
struct Plain;

impl Int8Kernel for Plain {
    type S = Portable<true>;
    type Sum = [i32; 8];

    #[inline(always)]
    unsafe fn run<const R: usize>(
        cells: usize,
        a: *const u32,
        b: *const u32,
        _: Prefetch,
    ) -> [[[i32; 8]; 2]; R] {
        let mut sums = [[[0i32; 8]; 2]; R];
        for cell in 0..cells {
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as the caller vouches.
                let left = unsafe {
                    let block = cell / BLOCK * R * BLOCK;
                    (*a.add(block + row * BLOCK + cell % BLOCK)).to_ne_bytes().map(i32::from)
                };
                for (half, sums) in sums.iter_mut().enumerate() {
                    for (lane, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: as the caller vouches.
                        let right = unsafe { *b.add(cell * 16 + half * 8 + lane) };
                        let right = right.to_ne_bytes().map(|x| i32::from(x as i8));
                        *sum += left[0] * right[0] + left[1] * right[1];
                        *sum += left[2] * right[2] + left[3] * right[3];
                    }
                }
            }
        }
        sums
    }

    #[inline(always)]
    unsafe fn float(sum: [i32; 8]) -> [f32; 8] {
        sum.map(|x| x as f32)
    }
}

/// A kernel of one instruction that multiplies four pairs and adds them to a lane.
#[cfg(target_arch = "x86_64")]
macro_rules! vnni {
    ($(#[$doc:meta])* $name:ident, $simd:ty, $int:ty, $zero:ident, $splat:ident, $load:ident, $dot:ident, $float:ident) => {
        $(#[$doc])*
        struct $name;

        #[cfg(target_arch = "x86_64")]
        impl Int8Kernel for $name {
            type S = $simd;
            type Sum = $int;

            #[inline(always)]
            unsafe fn run<const R: usize>(
                cells: usize,
                mut a: *const u32,
                mut b: *const u32,
                mut prefetch: Prefetch,
            ) -> [[$int; 2]; R] {
                const LANES: usize = <$simd>::LANES;
                // SAFETY: as the caller vouches.
                unsafe {
                    let mut sums = [[$zero(); 2]; R];
                    for _ in 0..cells / BLOCK {
                        prefetch.block::<$simd>();
                        for cell in 0..BLOCK {
                            let right = [$load(b.cast()), $load(b.add(LANES).cast())];
                            for (row, sums) in sums.iter_mut().enumerate() {
                                let left = $splat(*a.add(row * BLOCK + cell) as i32);
                                sums[0] = $dot(sums[0], left, right[0]);
                                sums[1] = $dot(sums[1], left, right[1]);
                            }
                            b = b.add(2 * LANES);
                        }
                        a = a.add(R * BLOCK);
                    }
                    sums
                }
            }

            #[inline(always)]
            unsafe fn float(sum: $int) -> <$simd as Simd>::F32 {
                // SAFETY: as the caller vouches.
                unsafe { $float(sum) }
            }
        }
    };
}

/// A kernel of two cells at a time: products of pairs in 16 bits, two cells of them added, then
/// widened to 32 bits.
#[cfg(target_arch = "x86_64")]
macro_rules! maddubs {
    ($(#[$doc:meta])* $name:ident, $simd:ty, $int:ty, $zero:ident, $splat:ident, $load:ident, $ones:ident, $pairs:ident, $add16:ident, $widen:ident, $add32:ident, $float:ident) => {
        $(#[$doc])*
        struct $name;

        #[cfg(target_arch = "x86_64")]
        impl Int8Kernel for $name {
            type S = $simd;
            type Sum = $int;

            #[inline(always)]
            unsafe fn run<const R: usize>(
                cells: usize,
                mut a: *const u32,
                mut b: *const u32,
                mut prefetch: Prefetch,
            ) -> [[$int; 2]; R] {
                const LANES: usize = <$simd>::LANES;
                // SAFETY: as the caller vouches.
                unsafe {
                    let ones = $ones(1);
                    let mut sums = [[$zero(); 2]; R];
                    for _ in 0..cells / BLOCK {
                        prefetch.block::<$simd>();
                        for cell in (0..BLOCK).step_by(2) {
                            let first = [$load(b.cast()), $load(b.add(LANES).cast())];
                            let second =
                                [$load(b.add(2 * LANES).cast()), $load(b.add(3 * LANES).cast())];
                            for (row, sums) in sums.iter_mut().enumerate() {
                                let one = $splat(*a.add(row * BLOCK + cell) as i32);
                                let two = $splat(*a.add(row * BLOCK + cell + 1) as i32);
                                let low = $add16($pairs(one, first[0]), $pairs(two, second[0]));
                                let high = $add16($pairs(one, first[1]), $pairs(two, second[1]));
                                sums[0] = $add32(sums[0], $widen(low, ones));
                                sums[1] = $add32(sums[1], $widen(high, ones));
                            }
                            b = b.add(4 * LANES);
                        }
                        a = a.add(R * BLOCK);
                    }
                    sums
                }
            }

            #[inline(always)]
            unsafe fn float(sum: $int) -> <$simd as Simd>::F32 {
                // SAFETY: as the caller vouches.
                unsafe { $float(sum) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vnni!(
    /// AVX512_VNNI.
    Vnni512, Avx512, __m512i, _mm512_setzero_si512, _mm512_set1_epi32, _mm512_loadu_si512,
    _mm512_dpbusd_epi32, _mm512_cvtepi32_ps
);
#[cfg(target_arch = "x86_64")]
vnni!(
    /// AVX-VNNI: the same of 256 bits, encoded for CPUs without AVX-512.
    Vnni256, Avx2, __m256i, _mm256_setzero_si256, _mm256_set1_epi32, _mm256_loadu_si256,
    _mm256_dpbusd_avx_epi32, _mm256_cvtepi32_ps
);
#[cfg(target_arch = "x86_64")]
maddubs!(
    /// AVX-512BW.
    Maddubs512, Avx512, __m512i, _mm512_setzero_si512, _mm512_set1_epi32, _mm512_loadu_si512,
    _mm512_set1_epi16, _mm512_maddubs_epi16, _mm512_add_epi16, _mm512_madd_epi16,
    _mm512_add_epi32, _mm512_cvtepi32_ps
);
#[cfg(target_arch = "x86_64")]
maddubs!(
    /// AVX2.
    Maddubs256, Avx2, __m256i, _mm256_setzero_si256, _mm256_set1_epi32, _mm256_loadu_si256,
    _mm256_set1_epi16, _mm256_maddubs_epi16, _mm256_add_epi16, _mm256_madd_epi16,
    _mm256_add_epi32, _mm256_cvtepi32_ps
);
