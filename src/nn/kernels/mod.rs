//! The CPU loops behind the operations: rayon across fixed chunks, one body compiled for each
//! instruction set and chosen at run time.
//!
//! A chunk's size depends on the shape alone, so results have the same bits for any number of
//! threads. `a·b + c` is rounded once on every CPU, where it has no instruction for it by a slow
//! function call; so all but `f32` and bf16 products has the same bits on all of them.

pub(super) mod attention;
pub(super) mod elementwise;
pub(super) mod gemm;
pub(super) mod norm;
pub mod update;

pub(in crate::nn) mod isa;
mod simd;

/// `dispatch!(fn name(args…) -> R = body)`: `name` calls `body` compiled for the widest vectors
/// of the CPU. The body must be `#[inline(always)]`.
macro_rules! dispatch {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(in crate::nn) fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::nn::kernels::isa::{Isa, isa};
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { $body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { $body($($arg),*) }
                match isa() {
                    // SAFETY: `isa` found these features on this machine.
                    Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    Isa::Portable => {}
                }
            }
            $body($($arg),*)
        }
    };
}
pub(super) use dispatch;
pub(in crate::nn) use simd::with_simd;

/// Lanes of a sum, whatever the vectors of the CPU.
pub(super) const LANES: usize = 16;

/// `Σ f(xᵢ)` in sixteen lanes, whose order is fixed.
#[inline(always)]
pub(super) fn sum_lanes(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for block in blocks {
        for (sum, &x) in lanes.iter_mut().zip(block) {
            *sum += f(x);
        }
    }
    let rest: f32 = rest.iter().fold(0., |sum, &x| sum + f(x));
    rest + fold_lanes(lanes)
}

/// `Σ xᵢ·yᵢ` in sixteen lanes, each product rounded.
#[inline(always)]
pub(super) fn dot_lanes(x: &[f32], y: &[f32]) -> f32 {
    let (blocks, rest) = x.as_chunks::<LANES>();
    let (others, other_rest) = y.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for (block, other) in blocks.iter().zip(others) {
        for ((sum, &x), &y) in lanes.iter_mut().zip(block).zip(other) {
            *sum += x * y;
        }
    }
    let rest: f32 = rest.iter().zip(other_rest).fold(0., |sum, (&x, &y)| sum + x * y);
    rest + fold_lanes(lanes)
}

/// The sum of sixteen lanes: of halves, of quarters, and so on.
#[inline(always)]
pub(super) fn fold_lanes(mut lanes: [f32; LANES]) -> f32 {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// 1.5 · 2²³: adding it to a number below 2²² rounds that to an integer, ties to even, which the
/// low bits of the sum then hold.
pub(super) const MAGIC: f32 = 12_582_912.;

/// `eˣ`, to 2 units in the last place on −87..88 and clamped outside (Cody–Waite reduction, then
/// a minimax polynomial of degree 6 on ±½ ln 2).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87., 88.);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-0.693_145_75, x);
    let r = n.mul_add(-1.428_606_8e-6, r);
    let mut p = 1.381_165_7e-3f32;
    for c in [8.370_135e-3, 4.166_853e-2, 1.666_650_9e-1, 4.999_999_3e-1] {
        p = p.mul_add(r, c);
    }
    let p = (p * r).mul_add(r, r) + 1.;
    let power = shifted.to_bits().wrapping_shl(23).wrapping_add(1f32.to_bits());
    p * f32::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for i in -8_700..8_800 {
            let x = i as f32 / 100.;
            let truth = f64::from(x).exp();
            let got = exp(x);
            let error = (f64::from(got) - truth).abs() / truth;
            assert!(error < 2.5e-7, "exp({x}) = {got}, expected {truth}");
        }
        assert_eq!(exp(0.), 1.);
    }

    #[test]
    fn lanes_sum_every_element_once() {
        for len in [0usize, 1, 15, 16, 17, 100] {
            let numbers: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let expected = (len * len.saturating_sub(1) / 2) as f32;
            assert_eq!(sum_lanes(&numbers, |x| x), expected);
            assert_eq!(dot_lanes(&numbers, &vec![1.; len]), expected);
        }
    }
}
