//! How the settings of a head are spelled: `joined,dense,dropout=0.3`.

use crate::error::{Error, Result};

/// The parts of a spelling: a word, or a word with a value.
pub(super) fn parts(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (part, None),
    })
}

/// A count of at least one.
pub(super) fn count(what: &str, value: Option<&str>) -> Result<usize> {
    let count = value.and_then(|value| value.parse().ok());
    count.filter(|count| (1..=1 << 20).contains(count)).ok_or_else(|| {
        Error::config(format!("{what}={}: expected a count of 1 or more", value.unwrap_or("")))
    })
}

/// `true` or `false`.
pub(super) fn switch(what: &str, value: Option<&str>) -> Result<bool> {
    value.and_then(|value| value.parse().ok()).ok_or_else(|| {
        Error::config(format!("{what}={}: expected true or false", value.unwrap_or("")))
    })
}
