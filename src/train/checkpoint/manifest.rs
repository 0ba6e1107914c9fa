//! `manifest.json`: the files of a checkpoint and their SHA-256. It is written last, and files that
//! it does not list are not read.

use crate::error::{Error, Result};
use crate::io::{FileEntry, inside, read_manifest, read_text, write_manifest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const NAME: &str = "manifest.json";
const FORMAT: &str = "twindrop-checkpoint-2";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointManifest {
    format: String,
    files: BTreeMap<String, FileEntry>,
}

/// Lists the files `names` of `directory` as they are now.
pub(super) fn write(directory: &Path, names: &[&str]) -> Result<()> {
    let files =
        names.iter().map(|&name| Ok((name.into(), FileEntry::of(&directory.join(name))?)));
    let files = files.collect::<Result<_>>()?;
    let manifest = CheckpointManifest { format: FORMAT.into(), files };
    write_manifest(&directory.join(NAME), &manifest)
}

/// Whether a directory has the manifest of a checkpoint, whatever else it has.
pub(super) fn is_own(directory: &Path) -> bool {
    let path = directory.join(NAME);
    path.is_file()
        && read_text(&path, 1 << 20).is_ok_and(|text| text.contains("twindrop-checkpoint"))
}

/// The names that a manifest lists, all of whose files exist unchanged.
pub(super) fn verify(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join(NAME);
    let wrong = |message: String| Error::model(&path, message);
    let manifest: CheckpointManifest = read_manifest(&path, "a checkpoint")?;
    if manifest.format != FORMAT {
        return Err(wrong(format!("format {}, expected {FORMAT}", manifest.format)));
    }
    for (name, entry) in &manifest.files {
        let file = inside(&path, name)?;
        if !entry.matches(&file)? {
            let message = "does not match its size and SHA-256 in the manifest";
            return Err(Error::model(&file, message));
        }
    }
    Ok(manifest.files.into_keys().collect())
}
