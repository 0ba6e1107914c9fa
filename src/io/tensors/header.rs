//! The header of a `.safetensors` file: 8 bytes of length, then JSON.

use super::location::TensorLocation;
use crate::io::read_exact_at;
use safetensors::tensor::Metadata;
use std::collections::BTreeMap;
use std::fs::File;

/// The longest header, in bytes: a tensor takes about 100 of them.
const LONGEST: u64 = 16 << 20;

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub tensors: BTreeMap<String, TensorLocation>,
    /// The framework of the tensors: `pt` for PyTorch, which older readers require.
    pub format: Option<String>,
}

/// The header of a file of `size` bytes, whose tensors fill the rest of it without gaps.
pub(super) fn read(file: &File, size: u64) -> Result<Header, String> {
    let wrong = |what: &str| format!("not a complete safetensors file ({what})");
    let mut length = [0; 8];
    read_exact_at(file, &mut length, 0).map_err(|_| wrong("it has no header"))?;
    let length = u64::from_le_bytes(length);
    if length > size.saturating_sub(8) {
        return Err(wrong("its header is longer than the file"));
    }
    if length > LONGEST {
        return Err(format!("a header of {length} bytes, more than the limit of {LONGEST}"));
    }
    let mut json = vec![0; length as usize];
    read_exact_at(file, &mut json, 8).map_err(|_| wrong("its header is truncated"))?;
    let header: Metadata = serde_json::from_slice(&json)
        .map_err(|error| wrong(&format!("its header: {error}")))?;
    let infos = header.offset_keys().into_iter().filter_map(|name| {
        let info = header.info(&name)?.clone();
        Some((name, info))
    });
    // the only way to the crate's check that the tensors are contiguous and of their shapes' sizes
    let header = Metadata::new(header.metadata().clone(), infos.collect());
    let header = header.map_err(|error| wrong(&error.to_string()))?;
    let data = 8 + length;
    match data.checked_add(header.data_len() as u64) {
        Some(end) if end == size => {}
        Some(end) if end < size => return Err(wrong("bytes follow its last tensor")),
        _ => return Err(wrong("it is truncated")),
    }
    let tensors = header.tensors().into_iter().map(|(name, info)| {
        let start = data + info.data_offsets.0 as u64;
        let shape = info.shape.clone();
        let location =
            TensorLocation { file: 0, dtype: info.dtype, shape, start, strides: None };
        (name, location)
    });
    let format = header.metadata().as_ref().and_then(|metadata| metadata.get("format"));
    Ok(Header { tensors: tensors.collect(), format: format.cloned() })
}
