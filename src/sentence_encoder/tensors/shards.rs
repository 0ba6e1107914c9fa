//! An index (`model.safetensors.index.json`): which file of its directory holds which tensor.

use super::TensorFile;
use crate::error::{Error, Result};
use crate::io;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The most of an index; that of a model of 671 billion numbers has 9 MB.
const MOST: u64 = 16 << 20;

/// The most files that an index puts together: each is opened.
const FILES: usize = 1000;

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// The tensors that the index at `path` names, all of them there.
pub(super) fn open(path: &Path) -> Result<TensorFile> {
    let text = io::read_text(path, MOST)?;
    let index: ShardIndex = serde_json::from_str(&text)
        .map_err(|error| Error::model(path, format!("not an index of tensors: {error}")))?;
    let mut shards: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, file) in &index.weight_map {
        shards.entry(file).or_default().push(name);
    }
    if shards.len() > FILES {
        let words = format!("names {} files, more than the limit of {FILES}", shards.len());
        return Err(Error::model(path, words));
    }
    let mut all = TensorFile { path: path.into(), maps: vec![], places: BTreeMap::new() };
    for (file, names) in shards {
        // an index of indices would have no end
        if file.ends_with(".json") {
            return Err(Error::model(path, format!("`{file}` is not a tensor file")));
        }
        let mut shard = TensorFile::open(&io::inside(path, file)?)?;
        for name in names {
            let Some(mut place) = shard.places.remove(name) else {
                let words =
                    format!("tensor {name} is missing from {file}, which the index names");
                return Err(Error::model(path, words));
            };
            place.map = all.maps.len();
            all.places.insert(name.into(), place);
        }
        all.maps.append(&mut shard.maps);
    }
    Ok(all)
}
