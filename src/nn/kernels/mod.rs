//! The CPU loops behind the operations: rayon across fixed chunks, one body compiled for each
//! instruction set and chosen at run time.
//!
//! A chunk's size depends on the shape alone, so results have the same bits for any number of
//! threads. Between instruction sets bits differ (fused multiply-add rounds once).

pub(super) mod attention;
pub(super) mod elementwise;
pub(super) mod gemm;
pub(super) mod norm;
pub mod update;

use std::sync::OnceLock;

/// The instruction sets a body is compiled for, best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// With dot products of bf16 and of 8-bit integers.
    #[cfg(target_arch = "x86_64")]
    Avx512Dot,
}

/// What loops are compiled for here: the best this machine has, or less where the variable
/// `TWINDROP_MAX_CPU_ISA` says `portable`, `avx2` or `avx512` (to test those, or for bits equal to
/// an older machine's).
pub(super) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| best().min(allowed()))
}

fn allowed() -> Isa {
    match std::env::var("TWINDROP_MAX_CPU_ISA").as_deref() {
        Ok("portable") => Isa::Portable,
        #[cfg(target_arch = "x86_64")]
        Ok("avx2") => Isa::Avx2,
        #[cfg(target_arch = "x86_64")]
        Ok("avx512") => Isa::Avx512,
        #[cfg(target_arch = "x86_64")]
        _ => Isa::Avx512Dot,
        #[cfg(not(target_arch = "x86_64"))]
        _ => Isa::Portable,
    }
}

fn best() -> Isa {
    #[cfg(target_arch = "x86_64")]
    {
        let fma = is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2");
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        let dots =
            is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512vnni");
        if fma && wide && dots {
            return Isa::Avx512Dot;
        }
        if fma && wide {
            return Isa::Avx512;
        }
        if fma {
            return Isa::Avx2;
        }
    }
    Isa::Portable
}

/// `dispatch!(fn name(args…) -> R = body)`: `name` calls `body::<FMA>` compiled for the best
/// instruction set of the machine. The body must be `#[inline(always)]`.
macro_rules! dispatch {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub(in crate::nn) fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { $body::<true>($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { $body::<true>($($arg),*) }
                match $crate::nn::kernels::isa() {
                    // SAFETY: `isa` found these features on this machine.
                    $crate::nn::kernels::Isa::Avx512 | $crate::nn::kernels::Isa::Avx512Dot => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::nn::kernels::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::nn::kernels::Isa::Portable => {}
                }
            }
            $body::<false>($($arg),*)
        }
    };
}
pub(super) use dispatch;

/// `a·b + c`, rounded once where the machine can (a call into libm where it can't is slow).
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

const LANES: usize = 16;

/// `Σ f(i)` over `0..len` in sixteen lanes, whose order is fixed.
#[inline(always)]
pub(super) fn sum_lanes(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    let mut sum = 0.;
    for i in whole..len {
        sum += f(i);
    }
    lanes.iter().fold(sum, |sum, lane| sum + lane)
}

/// `eˣ`, to 2 units in the last place on −87..88 and clamped outside (Cody–Waite reduction, then
/// a minimax polynomial of degree 6 on ±½ ln 2).
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.; // 1.5 · 2²³: adding it rounds to an integer
    let x = x.clamp(-87., 88.);
    let shifted = fma::<FMA>(x, std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = fma::<FMA>(n, -0.693_145_75, x);
    let r = fma::<FMA>(n, -1.428_606_8e-6, r);
    let mut p = 1.381_165_7e-3;
    for c in [8.370_135e-3, 4.166_853e-2, 1.666_650_9e-1, 4.999_999_3e-1] {
        p = fma::<FMA>(p, r, c);
    }
    let p = fma::<FMA>(p * r, r, r) + 1.;
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
            for got in [exp::<false>(x), exp::<true>(x)] {
                let error = (f64::from(got) - truth).abs() / truth;
                assert!(error < 2.5e-7, "exp({x}) = {got}, expected {truth}");
            }
        }
        assert_eq!(exp::<true>(0.), 1.);
    }

    #[test]
    fn lanes_sum_every_element_once() {
        for len in [0, 1, 15, 16, 17, 100] {
            assert_eq!(sum_lanes(len, |i| i as f32), (len * len.saturating_sub(1) / 2) as f32);
        }
    }
}
