//! Whether a run fits.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;

/// A size as people type it: `8GiB`, `500MB`, `2g`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

/// Every unit with its size; a bare letter is the power of two.
const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("b", 1),
];

impl std::str::FromStr for Bytes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = text.trim().to_lowercase();
        let unit =
            UNITS.into_iter().find_map(|(unit, size)| Some((lower.strip_suffix(unit)?, size)));
        let (number, size) = unit.unwrap_or((&lower, 1));
        let number = number.trim().parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.);
        let wrong =
            || Error::config(format!("size `{text}`: expected a size such as 8GiB or 500MB"));
        number.map(|number| Self((number * size as f64) as u64)).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Bytes {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

/// Exact, so that it reads back as it was: the largest unit that divides it.
impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.into_iter().find(|(_, size)| self.0.is_multiple_of(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

/// Refuses a run that is expected to take more than it may, or than there is.
///
/// # Errors
/// Where it does not fit.
pub(super) fn check(expected: u64, limit: Option<Bytes>) -> Result<()> {
    let (most, whose) = match (limit, Memory::of_machine().most()) {
        (Some(Bytes(most)), _) => (most, "--max-memory is"),
        (None, Some(most)) => (most, "the machine has"),
        (None, None) => return Ok(()),
    };
    if expected <= most {
        return Ok(());
    }
    let (expected, most) = (expected >> 20, most >> 20);
    Err(Error::config(format!(
        "the run needs about {expected} MiB of memory, but {whose} {most} MiB: use gradient \
         caching (--mini-batch-size), smaller batches (--per-device-train-batch-size) or shorter \
         sequences (--max-seq-length)"
    )))
}

/// Memory in bytes, as far as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Of the machine.
    pub total: Option<u64>,
    /// Of it, what could be taken now.
    pub available: Option<u64>,
    /// What the container may take, where it is less than the machine has.
    pub limit: Option<u64>,
}

impl Memory {
    /// Of the machine and container this process runs in.
    pub fn of_machine() -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
        };
        let (total, available) = (line("MemTotal:"), line("MemAvailable:"));
        let group = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let groups =
            ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let limit = groups.into_iter().filter_map(group).min();
        Self { total, available, limit: limit.filter(|&l| total.is_none_or(|total| l < total)) }
    }

    /// What can be had at most.
    pub fn most(&self) -> Option<u64> {
        self.limit.into_iter().chain(self.total).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_back_as_they_were_written() {
        for (text, bytes) in
            [("8GiB", 8 << 30), ("1.5g", 3 << 29), ("500MB", 500_000_000), ("7", 7)]
        {
            let size: Bytes = text.parse().unwrap();
            assert_eq!(size, Bytes(bytes));
            assert_eq!(size.to_string().parse::<Bytes>().unwrap(), size);
        }
        for text in ["", "GiB", "-1g", "nan", "8 apples"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_numbers() {
        assert!(check(1 << 30, Some(Bytes(1 << 30))).is_ok());
        let message = check(2 << 30, Some(Bytes(1 << 30))).unwrap_err().to_string();
        assert!(message.contains("2048 MiB") && message.contains("1024 MiB"), "{message}");
    }
}
