//! `manifest.json`: the files of a checkpoint and their SHA-256. It is written last, and what it
//! does not vouch for is not read.

use crate::error::{Error, Result};
use crate::io;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

const NAME: &str = "manifest.json";
const FORMAT: &str = "twindrop-checkpoint-1";

/// No manifest of ours is longer, in bytes.
const LONGEST: u64 = 1 << 16;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointManifest {
    format: String,
    files: BTreeMap<String, FileEntry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    bytes: u64,
    sha256: String,
}

fn entry(path: &Path) -> Result<FileEntry> {
    let bytes = fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
    Ok(FileEntry { bytes, sha256: io::sha256(path)? })
}

/// Vouches for `names` in `directory` as they are now.
pub(super) fn write(directory: &Path, names: &[&str]) -> Result<()> {
    let files = names.iter().map(|&name| Ok((name.into(), entry(&directory.join(name))?)));
    let manifest =
        CheckpointManifest { format: FORMAT.into(), files: files.collect::<Result<_>>()? };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    io::write_with(&directory.join(NAME), text)
}

/// The names a manifest vouches for; all of them are there, whole and unchanged.
pub(super) fn verify(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join(NAME);
    let wrong = |words: String| Error::model(&path, words);
    let file = fs::File::open(&path).map_err(|error| Error::io(&path, error))?;
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| Error::io(&path, error))?;
    let manifest: CheckpointManifest = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("not a checkpoint manifest: {error}")))?;
    if manifest.format != FORMAT {
        return Err(wrong(format!("format {}, expected {FORMAT}", manifest.format)));
    }
    for (name, known) in &manifest.files {
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') || name.starts_with('.')
        {
            return Err(wrong(format!("`{name}` is not a file name in the same directory")));
        }
        let file = directory.join(name);
        let bytes = fs::metadata(&file).map_err(|error| Error::io(&file, error))?.len();
        if bytes != known.bytes || io::sha256(&file)? != known.sha256 {
            return Err(Error::model(
                &file,
                "does not match its size and SHA-256 in the manifest",
            ));
        }
    }
    Ok(manifest.files.into_keys().collect())
}
