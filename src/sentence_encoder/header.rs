//! What a safetensors file says of its tensors, without reading any.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A tensor as the header has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct TensorEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The first part of a safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// What framework the tensors are of: `pt` for PyTorch, which older readers insist on.
    pub format: Option<String>,
    /// Data type (`F32`, `BF16`, …) and shape of each tensor.
    pub tensors: BTreeMap<String, (String, Vec<usize>)>,
}

/// More than the header of any model: what is longer is no safetensors file.
const MOST: u64 = 100 << 20;

impl Header {
    /// The header of a file, whose length must be what it says.
    ///
    /// # Errors
    /// Where the file cannot be read, is cut short, or is not safetensors.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |words: &str| {
            Error::model(path, format!("not a complete safetensors file ({words})"))
        };
        let broken = |error| Error::io(path, error);
        let mut file = File::open(path).map_err(broken)?;
        let whole = file.metadata().map_err(broken)?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| wrong("it has no header"))?;
        let length = u64::from_le_bytes(length);
        if length > MOST || length + 8 > whole {
            return Err(wrong("its header is longer than the file"));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text).map_err(broken)?;
        let mut json: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&text).map_err(|_| wrong("its header is not JSON"))?;
        let metadata = json.remove("__metadata__").unwrap_or_default();
        let (mut tensors, mut end) = (BTreeMap::new(), 0);
        for (name, entry) in json {
            let entry: TensorEntry =
                serde_json::from_value(entry).map_err(|_| wrong("its header is incomplete"))?;
            end = end.max(entry.data_offsets[1]);
            tensors.insert(name, (entry.dtype, entry.shape));
        }
        if end.saturating_add(8 + length) > whole {
            return Err(wrong("it is truncated"));
        }
        let format = metadata["format"].as_str().map(String::from);
        Ok(Self { format, tensors })
    }

    /// The data types there are, the one of most numbers first.
    pub fn dtypes(&self) -> Vec<&str> {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for (dtype, shape) in self.tensors.values() {
            *numbers.entry(dtype).or_default() += shape.iter().product::<usize>();
        }
        let mut dtypes: Vec<_> = numbers.into_iter().collect();
        dtypes.sort_by_key(|(_, numbers)| std::cmp::Reverse(*numbers));
        dtypes.into_iter().map(|(dtype, _)| dtype).collect()
    }
}
