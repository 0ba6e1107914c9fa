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
