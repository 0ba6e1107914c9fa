//! An index (`model.safetensors.index.json`): which file of its directory has which tensor.

use crate::error::{Error, Result};
use crate::io;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The most of an index; that of a model of 671 billion parameters has 9 MB.
const LARGEST: u64 = 16 << 20;

/// The most files of an index: each is kept open.
const FILES: usize = 256;

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// The names of the tensors of each file that the index at `path` lists.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let text = io::read_text(path, LARGEST)?;
    let index: ShardIndex = serde_json::from_str(&text)
        .map_err(|error| Error::model(path, format!("not an index of tensors: {error}")))?;
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, file) in index.weight_map {
        // an index of indices would have no end
        if file.ends_with(".json") {
            return Err(Error::model(path, format!("`{file}` is not a tensor file")));
        }
        files.entry(file).or_default().push(name);
    }
    if files.len() > FILES {
        let message = format!("names {} files, more than the limit of {FILES}", files.len());
        return Err(Error::model(path, message));
    }
    Ok(files)
}
