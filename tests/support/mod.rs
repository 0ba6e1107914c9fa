//! What the tests of several subjects share.
#![allow(dead_code, unused_imports, reason = "no test binary uses all of it")]

mod runs;
mod test_dir;

pub use runs::{differences, last_checkpoint, outputs, training_dir};
pub use test_dir::TestDir;
#[cfg(feature = "cli")]
pub use test_dir::{Printed, TWINDROP, succeed};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use twindrop::sentence_encoder::{Preset, SentenceEncoder};

/// A file of `datasets/sample`.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample").join(name)
}

/// A file or directory of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The numbers of a fixture in `.npy` format 1.0, as its bytes.
pub fn npy(name: &str) -> Vec<u8> {
    let bytes = fs::read(fixture(name)).expect("the fixture");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{name}");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[10 + header..].to_vec()
}

/// The smallest preset with random weights; its vocabulary is learnt from `texts`.
pub fn tiny<'a, I>(texts: I, seed: u64) -> SentenceEncoder
where
    I: IntoIterator<Item = &'a str, IntoIter: Send>,
{
    SentenceEncoder::fresh(Preset::Tiny, texts.into_iter(), seed).expect("a model")
}

/// Every file under a directory, by its path there with `/` between names.
pub fn files(directory: impl AsRef<Path>) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), directory.as_ref().to_path_buf())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a directory") {
            let entry = entry.expect("an entry");
            let name = prefix.clone() + entry.file_name().to_str().expect("a name in UTF-8");
            if entry.path().is_dir() {
                folders.push((name + "/", entry.path()));
            } else {
                found.insert(name, fs::read(entry.path()).expect("a file"));
            }
        }
    }
    found
}

/// Tensors of a file by name, row-major with their shapes; integers as f32.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of a safetensors file, of f32 or i32.
pub fn tensors(path: &Path) -> Tensors {
    let bytes = fs::read(path).expect("a file of tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let read = |four: &[u8], dtype| {
        let four = four.try_into().expect("four bytes");
        match dtype {
            Dtype::I32 => i32::from_le_bytes(four) as f32,
            _ => f32::from_le_bytes(four),
        }
    };
    let values = |view: &safetensors::tensor::TensorView| {
        view.data().chunks_exact(4).map(|four| read(four, view.dtype())).collect()
    };
    let tensors = tensors.iter();
    tensors
        .map(|(name, view)| (name.to_string(), (view.shape().to_vec(), values(&view))))
        .collect()
}

/// The texts that the metadata of a safetensors file lists: one text, or a pair, each.
pub fn reference_texts(path: &Path) -> Vec<Vec<String>> {
    let bytes = fs::read(path).expect("a reference");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
    let texts = &header.metadata().as_ref().expect("metadata")["texts"];
    let texts: Vec<Value> = serde_json::from_str(texts).expect("texts");
    let text = |text: &Value| text.as_str().expect("a text").to_string();
    let texts = texts.iter().map(|one| match one {
        Value::Array(pair) => pair.iter().map(text).collect(),
        one => vec![text(one)],
    });
    texts.collect()
}
