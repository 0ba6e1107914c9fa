//! The program, the machine, and where models come from.

use super::findings::{Findings, size};
use crate::error::Result;
use crate::hub::HubSettings;
use crate::io;
use crate::nn::{ComputeDtype, isa_name, kernel_warnings};
use crate::train::Memory;
use std::fs;
use std::path::{Path, PathBuf};

/// Memory, and disk space, that training a BERT-base needs at least.
const LITTLE: u64 = 2 << 30;

pub fn check(findings: &mut Findings) -> Result<()> {
    findings.ok("twindrop", env!("CARGO_PKG_VERSION"))?;
    findings.ok("system", system())?;
    processor(findings)?;
    memory(findings)?;
    let here = std::env::current_dir().unwrap_or_else(|_| ".".into());
    let advice = "checkpoints may not fit: free some space, or choose another --output-dir";
    check_free_space(findings, "disk", &here, advice)?;
    hub(findings)
}

/// `Debian GNU/Linux 12, Linux 6.1.0, x86_64`.
fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let parts = [
        name.map(|name| name.trim_matches('"').to_string()),
        Some(match kernel {
            Some(kernel) => format!("{} {}", std::env::consts::OS, kernel.trim()),
            None => std::env::consts::OS.to_string(),
        }),
        Some(std::env::consts::ARCH.to_string()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn processor(findings: &mut Findings) -> Result<()> {
    findings.ok("cpu", crate::train::cpu())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = rayon::current_num_threads();
    let says = format!("{threads}, with {cores} CPU cores available");
    if threads > cores {
        let advice = "more threads than cores slow each other down: lower --threads";
        findings.warn("threads", says, advice)?;
    } else {
        findings.ok("threads", says)?;
    }
    let isa = isa_name();
    if std::env::var_os("TWINDROP_MAX_CPU_ISA").is_some() {
        let says = format!("{isa}, limited by TWINDROP_MAX_CPU_ISA");
        findings.warn("instructions", says, "unset TWINDROP_MAX_CPU_ISA for full speed")?;
    } else if isa == "portable" && cfg!(target_arch = "x86_64") {
        let advice = "expect about a tenth of the speed of a CPU with AVX2";
        findings.warn("instructions", "no AVX2: portable code", advice)?;
    } else if isa == "portable" {
        findings.ok("instructions", "portable code; SIMD kernels exist for x86-64 only")?;
    } else {
        findings.ok("instructions", isa)?;
    }
    for warning in kernel_warnings() {
        findings.warn("kernels", warning, "the results are right, and computed more slowly")?;
    }
    let how = |dtype: ComputeDtype| match dtype.available() {
        _ if dtype.is_native() => format!("{dtype} natively"),
        available if available == dtype => format!("{dtype} without VNNI instructions"),
        available => format!("{dtype} as {available}"),
    };
    findings.ok("dtype", ComputeDtype::ALL.map(how).join(", "))
}

fn memory(findings: &mut Findings) -> Result<()> {
    let Memory { total, available, limit } = Memory::of_machine();
    let Some(total) = total else {
        return findings.ok("memory", "unknown on this system");
    };
    let free = available.unwrap_or(total).min(limit.unwrap_or(u64::MAX));
    let mut says = format!("{} of {} available", size(free), size(total));
    if let Some(limit) = limit {
        says += &format!(", container limit {}", size(limit));
    }
    if free < LITTLE {
        let advice = "close other programs, or use gradient caching: --mini-batch-size";
        findings.warn("memory", says, advice)
    } else {
        findings.ok("memory", says)
    }
}

/// The room where `path` is, or would be made.
fn check_free_space(
    findings: &mut Findings,
    about: &str,
    path: &Path,
    advice: &str,
) -> Result<()> {
    let place = path.ancestors().find(|place| place.exists()).unwrap_or(path);
    match io::available(place) {
        None => findings
            .ok(about, format!("{} (free space unknown on this system)", path.display())),
        Some(free) => {
            let says = format!("{} free in {}", size(free), path.display());
            if free < LITTLE {
                findings.warn(about, says, advice)
            } else {
                findings.ok(about, says)
            }
        }
    }
}

fn hub(findings: &mut Findings) -> Result<()> {
    let HubSettings { endpoint, cache, token, offline, .. } = HubSettings::from_env();
    let token = if token.is_some() { "a token" } else { "no token" };
    let net = if offline { "offline, cache only" } else { "not asked whether it answers" };
    let says = format!("{}, {token}, {net}", without_password(&endpoint));
    if endpoint.starts_with("https://") || endpoint.starts_with("http://") {
        findings.ok("hub", says)?;
    } else {
        findings.fail(
            "hub",
            says,
            "set HF_ENDPOINT to a URL that begins with https:// or http://",
        )?;
    }
    let models = models(&cache);
    let about = format!("{models} models in the cache");
    findings.ok("hub", about)?;
    check_free_space(
        findings,
        "hub disk",
        &cache,
        "set HF_HOME to a directory with more free space",
    )
}

/// An address may carry a name and password.
fn without_password(endpoint: &str) -> String {
    match endpoint.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('@'))) {
        Some((scheme, Some((_, host)))) => format!("{scheme}://…@{host}"),
        _ => endpoint.to_string(),
    }
}

fn models(cache: &PathBuf) -> usize {
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("models--")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        assert_eq!(without_password("https://me:secret@mirror/hf"), "https://…@mirror/hf");
        assert_eq!(without_password("https://huggingface.co"), "https://huggingface.co");
    }
}
