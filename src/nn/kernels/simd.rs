//! Vectors of `f32`, one implementation an instruction set, so that a kernel is written once.
//!
//! Every method is `unsafe`: the caller runs on a CPU with the instructions, inside a function
//! compiled for them (`#[target_feature]`), and vouches for the memory behind each pointer.

#[cfg(target_arch = "x86_64")]
use super::isa::{Isa, isa};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Runs `f`, which is `#[inline(always)]`, compiled for AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn on_avx2<R>(f: impl FnOnce() -> R) -> R {
    #[target_feature(enable = "avx2,fma")]
    fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    debug_assert!(isa() >= Isa::Avx2);
    // SAFETY: only called where `isa` found the instructions on this CPU.
    unsafe { enter(f) }
}

/// Runs `f`, which is `#[inline(always)]`, compiled for AVX-512 F, BW, VL and DQ.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn on_avx512<R>(f: impl FnOnce() -> R) -> R {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
    fn enter<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    debug_assert!(isa() == Isa::Avx512);
    // SAFETY: only called where `isa` found the instructions on this CPU.
    unsafe { enter(f) }
}

/// `with_simd!(S => body)`: the body compiled for the vectors `S` that this CPU has.
macro_rules! with_simd {
    ($S:ident => $body:expr) => {
        match $crate::nn::kernels::isa::isa() {
            #[cfg(target_arch = "x86_64")]
            $crate::nn::kernels::isa::Isa::Avx512 => {
                type $S = $crate::nn::kernels::simd::Avx512;
                $crate::nn::kernels::simd::on_avx512(
                    #[inline(always)]
                    || $body,
                )
            }
            #[cfg(target_arch = "x86_64")]
            $crate::nn::kernels::isa::Isa::Avx2 => {
                type $S = $crate::nn::kernels::simd::Avx2;
                $crate::nn::kernels::simd::on_avx2(
                    #[inline(always)]
                    || $body,
                )
            }
            $crate::nn::kernels::isa::Isa::Portable => {
                type $S = $crate::nn::kernels::simd::Portable<false>;
                $body
            }
        }
    };
}
pub(in crate::nn) use with_simd;

/// A block is this many numbers square; every vector divides it.
pub(super) const BLOCK: usize = 16;

/// The vectors of one instruction set.
///
/// # Safety
/// See the module: each method needs the instructions of its type, and valid pointers.
#[allow(clippy::missing_safety_doc)] // said once, above
pub(super) trait Simd: Copy {
    /// Numbers in a vector.
    const LANES: usize;
    /// A vector of `f32`.
    type F32: Copy;

    unsafe fn splat(x: f32) -> Self::F32;
    unsafe fn load(at: *const f32) -> Self::F32;
    /// The first `count` numbers at `at`, zeros after; nothing beyond them is read.
    unsafe fn load_first(at: *const f32, count: usize) -> Self::F32;
    unsafe fn store(at: *mut f32, x: Self::F32);
    /// Stores the first `count` numbers only.
    unsafe fn store_first(at: *mut f32, x: Self::F32, count: usize);
    unsafe fn add(a: Self::F32, b: Self::F32) -> Self::F32;
    unsafe fn mul(a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a·b + c`, rounded once where the instruction set can.
    unsafe fn mul_add(a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;

    /// Asks for a line of memory to be brought into the second-level cache; any address will do.
    #[inline(always)]
    unsafe fn prefetch(_: *const u32) {}

    /// The largest bit pattern of some numbers as an unsigned and as a signed integer, 0 at least.
    #[inline(always)]
    unsafe fn largest_bits(numbers: &[f32]) -> (u32, i32) {
        numbers.iter().fold((0, 0), |(unsigned, signed), x| {
            (unsigned.max(x.to_bits()), signed.max(x.to_bits() as i32))
        })
    }

    /// `out[i] = from[i]·factor + offset` for sixty-four numbers, of whose bits the lowest eight
    /// are kept.
    #[inline(always)]
    unsafe fn low_bytes(from: *const f32, factor: f32, offset: f32, out: *mut u8) {
        for i in 0..4 * BLOCK {
            // SAFETY: as the caller vouches.
            unsafe { *out.add(i) = (*from.add(i)).mul_add(factor, offset).to_bits() as u8 };
        }
    }

    /// Transposes a block: `out[j·out_stride + i] = from[i·stride + j]` for i < `rows` and
    /// j < `columns`, and 0 up to 16 beyond; writes the first `lines` lines of 16 numbers.
    #[inline(always)]
    unsafe fn transpose(
        (from, stride): (*const f32, usize),
        (rows, columns): (usize, usize),
        (out, out_stride): (*mut f32, usize),
        lines: usize,
    ) {
        for j in 0..lines {
            for i in 0..BLOCK {
                let inside = i < rows && j < columns;
                // SAFETY: as the caller vouches.
                unsafe {
                    let x = if inside { *from.add(i * stride + j) } else { 0. };
                    *out.add(j * out_stride + i) = x;
                }
            }
        }
    }
}

/// Arrays that the compiler turns into what vectors there are. `EXACT` rounds `a·b + c` once on
/// CPUs that have no instruction for it as well (by a slow function call).
#[derive(Clone, Copy)]
pub(super) struct Portable<const EXACT: bool>;

/// Whether the target's `a·b + c` is one instruction.
const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

impl<const EXACT: bool> Simd for Portable<EXACT> {
    const LANES: usize = 8;
    type F32 = [f32; 8];

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 8] {
        [x; 8]
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> [f32; 8] {
        // SAFETY: as the caller vouches.
        unsafe { at.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_first(at: *const f32, count: usize) -> [f32; 8] {
        // SAFETY: as the caller vouches.
        std::array::from_fn(|i| if i < count { unsafe { *at.add(i) } } else { 0. })
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, x: [f32; 8]) {
        // SAFETY: as the caller vouches.
        unsafe { at.cast::<[f32; 8]>().write_unaligned(x) }
    }

    #[inline(always)]
    unsafe fn store_first(at: *mut f32, x: [f32; 8], count: usize) {
        for (i, x) in x.into_iter().enumerate().take(count) {
            // SAFETY: as the caller vouches.
            unsafe { *at.add(i) = x };
        }
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn mul_add(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| {
            if EXACT || FUSED { a[i].mul_add(b[i], c[i]) } else { a[i] * b[i] + c[i] }
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// Ones, then zeros: eight from `8 − count` on are a mask of the first `count` lanes.
#[cfg(target_arch = "x86_64")]
static MASK: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // SAFETY: eight numbers follow every start from 0 to 8.
        unsafe { _mm256_loadu_si256(MASK.as_ptr().add(8 - count.min(8)).cast()) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for Avx2 {
    const LANES: usize = 8;
    type F32 = __m256;

    #[inline(always)]
    unsafe fn prefetch(at: *const u32) {
        // SAFETY: as the caller vouches; a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: as the caller vouches, here and below.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn load_first(at: *const f32, count: usize) -> __m256 {
        // SAFETY: as above; masked lanes are not read.
        unsafe { _mm256_maskload_ps(at, Self::mask(count)) }
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, x: __m256) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(at, x) }
    }

    #[inline(always)]
    unsafe fn store_first(at: *mut f32, x: __m256, count: usize) {
        // SAFETY: as above; masked lanes are not written.
        unsafe { _mm256_maskstore_ps(at, Self::mask(count), x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn largest_bits(numbers: &[f32]) -> (u32, i32) {
        // SAFETY: as above; masked lanes are not read.
        unsafe {
            let mut most = [_mm256_setzero_si256(); 4];
            for start in (0..numbers.len()).step_by(16) {
                for half in 0..2 {
                    let at = start + 8 * half;
                    let left = numbers.len().saturating_sub(at);
                    let x = numbers.as_ptr().wrapping_add(at);
                    let x = if left >= 8 { Self::load(x) } else { Self::load_first(x, left) };
                    let x = _mm256_castps_si256(x);
                    most[half] = _mm256_max_epu32(most[half], x);
                    most[2 + half] = _mm256_max_epi32(most[2 + half], x);
                }
            }
            let mut unsigned = [0u32; 8];
            let mut signed = [0i32; 8];
            let [a, b, c, d] = most;
            _mm256_storeu_si256(unsigned.as_mut_ptr().cast(), _mm256_max_epu32(a, b));
            _mm256_storeu_si256(signed.as_mut_ptr().cast(), _mm256_max_epi32(c, d));
            (unsigned.into_iter().fold(0, u32::max), signed.into_iter().fold(0, i32::max))
        }
    }

    #[inline(always)]
    unsafe fn low_bytes(from: *const f32, factor: f32, offset: f32, out: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let (factor, offset) = (Self::splat(factor), Self::splat(offset));
            let low = _mm256_set1_epi32(0xff);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            for start in [0, 32] {
                let mut words = [_mm256_setzero_si256(); 4];
                for (i, word) in words.iter_mut().enumerate() {
                    let x = Self::load(from.add(start + 8 * i));
                    let x = _mm256_castps_si256(Self::mul_add(x, factor, offset));
                    *word = _mm256_and_si256(x, low);
                }
                let first = _mm256_packus_epi32(words[0], words[1]);
                let second = _mm256_packus_epi32(words[2], words[3]);
                // packing goes half by half: fours of bytes come out in this order
                let bytes = _mm256_packus_epi16(first, second);
                let bytes = _mm256_permutevar8x32_epi32(bytes, order);
                _mm256_storeu_si256(out.add(start).cast(), bytes);
            }
        }
    }

    /// Four blocks of 8 × 8.
    #[inline(always)]
    unsafe fn transpose(
        (from, stride): (*const f32, usize),
        (rows, columns): (usize, usize),
        (out, out_stride): (*mut f32, usize),
        lines: usize,
    ) {
        for (row, column) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
            if column >= lines {
                continue;
            }
            let count = columns.saturating_sub(column).min(8);
            // SAFETY: as the caller vouches; rows beyond `rows` are read with an empty mask.
            unsafe {
                let r: [__m256; 8] = std::array::from_fn(|i| {
                    let count = if row + i < rows { count } else { 0 };
                    let at = from.wrapping_add((row + i) * stride + column);
                    if count == 8 { _mm256_loadu_ps(at) } else { Self::load_first(at, count) }
                });
                // pairs of rows, then of pairs, then of halves change places
                let p: [__m256; 8] = std::array::from_fn(|i| match i % 2 {
                    0 => _mm256_unpacklo_ps(r[i], r[i + 1]),
                    _ => _mm256_unpackhi_ps(r[i - 1], r[i]),
                });
                let q: [__m256; 8] = std::array::from_fn(|i| {
                    let (a, b) = (p[i / 4 * 4 + i % 4 / 2], p[i / 4 * 4 + i % 4 / 2 + 2]);
                    match i % 2 {
                        0 => _mm256_shuffle_ps::<0x44>(a, b),
                        _ => _mm256_shuffle_ps::<0xee>(a, b),
                    }
                });
                for j in 0..8.min(lines - column) {
                    let (a, b) = (q[j % 4], q[j % 4 + 4]);
                    let line = if j < 4 {
                        _mm256_permute2f128_ps::<0x20>(a, b)
                    } else {
                        _mm256_permute2f128_ps::<0x31>(a, b)
                    };
                    _mm256_storeu_ps(out.add((column + j) * out_stride + row), line);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    #[inline(always)]
    fn mask(count: usize) -> u16 {
        ((1u32 << count.min(16)) - 1) as u16
    }

    /// Rows to columns, 16 × 16 cells of 32 bits: pairs, fours, then quarters of registers
    /// change places.
    #[inline(always)]
    pub unsafe fn transposed(rows: [__m512i; BLOCK]) -> [__m512i; BLOCK] {
        // SAFETY: as the caller vouches.
        unsafe {
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
                let ab02 = _mm512_shuffle_i32x4::<0x88>(a, b);
                let cd02 = _mm512_shuffle_i32x4::<0x88>(c, d);
                let ab13 = _mm512_shuffle_i32x4::<0xdd>(a, b);
                let cd13 = _mm512_shuffle_i32x4::<0xdd>(c, d);
                columns[j] = _mm512_shuffle_i32x4::<0x88>(ab02, cd02);
                columns[8 + j] = _mm512_shuffle_i32x4::<0xdd>(ab02, cd02);
                columns[4 + j] = _mm512_shuffle_i32x4::<0x88>(ab13, cd13);
                columns[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab13, cd13);
            }
            columns
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for Avx512 {
    const LANES: usize = 16;
    type F32 = __m512;

    #[inline(always)]
    unsafe fn prefetch(at: *const u32) {
        // SAFETY: as the caller vouches; a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: as the caller vouches, here and below.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(at) }
    }

    #[inline(always)]
    unsafe fn load_first(at: *const f32, count: usize) -> __m512 {
        // SAFETY: as above; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(Self::mask(count), at) }
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, x: __m512) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(at, x) }
    }

    #[inline(always)]
    unsafe fn store_first(at: *mut f32, x: __m512, count: usize) {
        // SAFETY: as above; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(at, Self::mask(count), x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn largest_bits(numbers: &[f32]) -> (u32, i32) {
        // SAFETY: as above; masked lanes are not read.
        unsafe {
            let (mut unsigned, mut signed) = (_mm512_setzero_si512(), _mm512_setzero_si512());
            for start in (0..numbers.len()).step_by(16) {
                let x = numbers.as_ptr().add(start);
                let x = _mm512_castps_si512(Self::load_first(x, numbers.len() - start));
                unsigned = _mm512_max_epu32(unsigned, x);
                signed = _mm512_max_epi32(signed, x);
            }
            (_mm512_reduce_max_epu32(unsigned), _mm512_reduce_max_epi32(signed))
        }
    }

    #[inline(always)]
    unsafe fn low_bytes(from: *const f32, factor: f32, offset: f32, out: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let (factor, offset) = (Self::splat(factor), Self::splat(offset));
            for start in [0, 16, 32, 48] {
                let x = Self::mul_add(Self::load(from.add(start)), factor, offset);
                let bytes = _mm512_cvtepi32_epi8(_mm512_castps_si512(x));
                _mm_storeu_si128(out.add(start).cast(), bytes);
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(
        (from, stride): (*const f32, usize),
        (rows, columns): (usize, usize),
        (out, out_stride): (*mut f32, usize),
        lines: usize,
    ) {
        // SAFETY: as the caller vouches; rows beyond `rows` are read with an empty mask.
        unsafe {
            let block: [__m512i; BLOCK] = std::array::from_fn(|i| {
                let count = if i < rows { columns } else { 0 };
                _mm512_castps_si512(Self::load_first(from.wrapping_add(i * stride), count))
            });
            for (j, line) in Self::transposed(block).into_iter().enumerate().take(lines) {
                _mm512_storeu_si512(out.add(j * out_stride).cast(), line);
            }
        }
    }
}
