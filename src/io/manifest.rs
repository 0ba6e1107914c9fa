//! Manifests: JSON files, written last, that list other files with their sizes and hashes.

use super::{read_text, replace_with, sha256};
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The largest manifest, in bytes: a shard of embeddings takes 300 of them.
const LARGEST: u64 = 256 << 20;

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl FileEntry {
    /// Of the file at `path`, as it is now.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
        Ok(Self { bytes, sha256: sha256(path)? })
    }

    /// Whether the file at `path` is still of this size and hash.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn matches(&self, path: &Path) -> Result<bool> {
        let bytes = fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
        Ok(bytes == self.bytes && sha256(path)? == self.sha256)
    }
}

/// The manifest at `path`.
///
/// # Errors
/// Where it cannot be read, or is not one of `kind` (as the message calls it).
pub fn read_manifest<T: DeserializeOwned>(path: &Path, kind: &str) -> Result<T> {
    let text = read_text(path, LARGEST)?;
    serde_json::from_str(&text)
        .map_err(|error| Error::data(path, format!("not a manifest of {kind}: {error}")))
}

/// Puts a manifest in the place of `path`.
///
/// # Errors
/// Where it cannot be written; an older one is then untouched.
pub fn write_manifest(path: &Path, manifest: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(manifest)
        .map_err(|error| Error::data(path, format!("not written: {error}")))?;
    replace_with(path, text + "\n")
}
