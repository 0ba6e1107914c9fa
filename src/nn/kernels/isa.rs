//! Which instructions the kernels may use: what this CPU has, feature by feature, and no more than
//! `TWINDROP_MAX_CPU_ISA` allows.

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU8, Ordering};

/// The width of the vectors that loops are compiled for, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::nn) enum Isa {
    /// Plain Rust, for any CPU.
    Portable,
    /// AVX2 and FMA: 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, VL, DQ and BW: 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What the kernels use on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::nn) struct Features {
    pub isa: Isa,
    /// Dot products of bf16 pairs, of 512 bits (AVX512_BF16).
    pub bf16: bool,
    /// Dot products of four 8-bit integers as wide as `isa` (AVX512_VNNI, or AVX-VNNI where the
    /// vectors have 256 bits).
    pub vnni: bool,
}

/// The values of `TWINDROP_MAX_CPU_ISA`, each allowing what those before it allow.
const LEVELS: [&str; 6] =
    ["portable", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16"];

/// The environment variable that limits the instructions used.
pub(in crate::nn) const VARIABLE: &str = "TWINDROP_MAX_CPU_ISA";

/// The instructions in use. Where the variable holds an unknown value it counts as unset here;
/// [`check_isa`] refuses it.
pub(in crate::nn) fn features() -> Features {
    match IN_USE.load(Ordering::Relaxed) {
        UNKNOWN => {
            let found = detect(limit().unwrap_or(LEVELS.len() - 1));
            use_features(found);
            found
        }
        bits => Features {
            isa: match bits & 3 {
                #[cfg(target_arch = "x86_64")]
                1 => Isa::Avx2,
                #[cfg(target_arch = "x86_64")]
                2 => Isa::Avx512,
                _ => Isa::Portable,
            },
            bf16: bits & 4 != 0,
            vnni: bits & 8 != 0,
        },
    }
}

/// The features in use as bits; [`UNKNOWN`] before the first call.
static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

/// Limits the instructions used from now on. What was packed before fits them only where the
/// vectors are as wide.
pub(in crate::nn) fn use_features(Features { isa, bf16, vnni }: Features) {
    IN_USE.store(isa as u8 | u8::from(bf16) << 2 | u8::from(vnni) << 3, Ordering::Relaxed);
}

/// The vector width in use.
pub(in crate::nn) fn isa() -> Isa {
    features().isa
}

/// The position in [`LEVELS`] that the variable asks for.
fn limit() -> Result<usize> {
    let Some(value) = std::env::var_os(VARIABLE) else { return Ok(LEVELS.len() - 1) };
    LEVELS.iter().position(|&level| value == level).ok_or_else(|| {
        Error::config(format!(
            "{VARIABLE}={}: unknown instruction set; use one of {}, or unset it",
            value.to_string_lossy(),
            LEVELS.join(", ")
        ))
    })
}

/// Refuses a value of `TWINDROP_MAX_CPU_ISA` that names no instruction set.
///
/// # Errors
/// Where it is none of `portable`, `avx2`, `avx2_vnni`, `avx512`, `avx512_vnni`, `avx512_bf16`.
pub fn check_isa() -> Result<()> {
    limit().map(|_| ())
}

/// The names of the instructions in use, as `TWINDROP_MAX_CPU_ISA` spells them.
pub fn isa_name() -> &'static str {
    name_of(features())
}

/// The name of some instructions, as `TWINDROP_MAX_CPU_ISA` spells it.
pub(in crate::nn) fn name_of(Features { isa, bf16, vnni }: Features) -> &'static str {
    match isa {
        Isa::Portable => "portable",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if vnni => "avx2_vnni",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if bf16 && vnni => "avx512_bf16",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if vnni => "avx512_vnni",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => "avx512",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect(_: usize) -> Features {
    Features { isa: Isa::Portable, bf16: false, vnni: false }
}

#[cfg(target_arch = "x86_64")]
fn detect(limit: usize) -> Features {
    let allows = |level| limit >= LEVELS.iter().position(|&l| l == level).unwrap_or(usize::MAX);
    let avx2 = is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw");
    if avx2 && avx512 && allows("avx512") {
        return Features {
            isa: Isa::Avx512,
            bf16: is_x86_feature_detected!("avx512bf16") && allows("avx512_bf16"),
            vnni: is_x86_feature_detected!("avx512vnni") && allows("avx512_vnni"),
        };
    }
    if avx2 && allows("avx2") {
        let vnni = is_x86_feature_detected!("avxvnni") && allows("avx2_vnni");
        return Features { isa: Isa::Avx2, bf16: false, vnni };
    }
    Features { isa: Isa::Portable, bf16: false, vnni: false }
}
