//! Where a target lays out the files that one execution reads.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder in memory, where there is such a thing, and the bytes of what is read from none.
pub struct Scratch {
    folder: PathBuf,
    size: usize,
    pub bytes: Vec<u8>,
    /// The first byte of an input, with which it chooses between ways to read the rest.
    pub choice: u8,
}

impl Scratch {
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let folder = place.join(format!("twindrop-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Self { folder, size: 0, bytes: vec![], choice: 0 }
    }

    /// What was written stays: each target writes the same files again.
    pub fn clear(&mut self) {
        self.size = 0;
        self.bytes.clear();
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn write(&mut self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        self.size += content.as_ref().len();
        if name.contains('/') {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        }
        fs::write(path, content).expect("a file");
    }

    /// Writes it unless it is there.
    pub fn provide(&mut self, name: &str, content: impl AsRef<[u8]>) {
        if !self.path(name).exists() {
            self.write(name, content);
        }
    }

    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Bytes that will be read, in files and out of them.
    pub fn size(&self) -> usize {
        self.size + self.bytes.len()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The first byte, and the rest.
pub fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(&first, rest)| (first, rest))
}

/// An input that stands for several files, a NUL between them.
pub fn files(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|&byte| byte == 0)
}
