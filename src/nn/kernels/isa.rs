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
    /// Products of whole tiles, of bf16 pairs and of 8-bit integers (AMX).
    pub amx: bool,
}

impl Features {
    /// Plain code.
    pub const PORTABLE: Self =
        Self { isa: Isa::Portable, bf16: false, vnni: false, amx: false };
}

/// The values of `TWINDROP_MAX_CPU_ISA`, each allowing what those before it allow.
const LEVELS: [&str; 7] =
    ["portable", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"];

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
            amx: bits & 16 != 0,
        },
    }
}

/// The features in use as bits; [`UNKNOWN`] before the first call.
static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = u8::MAX;

/// Limits the instructions used from now on. What was packed before fits them only where the
/// vectors are as wide.
pub(in crate::nn) fn use_features(Features { isa, bf16, vnni, amx }: Features) {
    let flags = u8::from(bf16) << 2 | u8::from(vnni) << 3 | u8::from(amx) << 4;
    IN_USE.store(isa as u8 | flags, Ordering::Relaxed);
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
/// Where it is none of `portable`, `avx2`, `avx2_vnni`, `avx512`, `avx512_vnni`, `avx512_bf16`, `amx`.
pub fn check_isa() -> Result<()> {
    limit().map(|_| ())
}

/// The names of the instructions in use, as `TWINDROP_MAX_CPU_ISA` spells them.
pub fn isa_name() -> &'static str {
    name_of(features())
}

/// The name of some instructions, as `TWINDROP_MAX_CPU_ISA` spells it.
pub(in crate::nn) fn name_of(Features { isa, bf16, vnni, amx }: Features) -> &'static str {
    match isa {
        Isa::Portable => "portable",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if vnni => "avx2_vnni",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if amx => "amx",
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
    Features::PORTABLE
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
        let bf16 = is_x86_feature_detected!("avx512bf16") && allows("avx512_bf16");
        let vnni = is_x86_feature_detected!("avx512vnni") && allows("avx512_vnni");
        let amx = bf16 && vnni && allows("amx") && has_amx();
        return Features { isa: Isa::Avx512, bf16, vnni, amx };
    }
    if avx2 && allows("avx2") {
        let vnni = is_x86_feature_detected!("avxvnni") && allows("avx2_vnni");
        return Features { isa: Isa::Avx2, bf16: false, vnni, amx: false };
    }
    Features::PORTABLE
}

/// Whether the CPU has AMX for bf16 and 8-bit integers, and the kernel lets this process use its
/// registers, for which Linux wants to be asked.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn has_amx() -> bool {
    use std::arch::{asm, x86_64::__cpuid_count};
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let bits = __cpuid_count(7, 0).edx;
    let (bf16, tiles, int8) = (bits & 1 << 22, bits & 1 << 24, bits & 1 << 25);
    if bf16 == 0 || tiles == 0 || int8 == 0 {
        return false;
    }
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that reads no memory; it changes the two registers named.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    result == 0
}

/// Other systems are not asked.
#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn has_amx() -> bool {
    false
}
