//! The step of a tile of integers, one for each instruction set.

use crate::nn::kernels::gemm::tile::Prefetch;
#[cfg(target_arch = "x86_64")]
use crate::nn::kernels::simd::{Avx2, Avx512};
use crate::nn::kernels::simd::{BLOCK, Portable, Simd};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// The step of a tile of integers.
pub(super) trait Int8Kernel {
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

/// Plain Rust.
pub(super) struct Plain;

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
        pub(super) struct $name;

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
        pub(super) struct $name;

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
