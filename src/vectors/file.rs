//! Vectors from a file: NumPy's `.npy` and `.safetensors`.

use super::{Embeddings, StoredEmbeddings};
use crate::error::Result;
use std::path::Path;

impl Embeddings {
    /// The rows of a matrix in a `.npy` (f2, f4 or f8, C order) or `.safetensors` file (one
    /// tensor, F32 or F16), or of the files that a manifest lists. [`StoredEmbeddings`] leaves them on disk.
    ///
    /// # Errors
    /// Where the file is of another form, cut short, or holds a number that is not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let stored = StoredEmbeddings::open(path)?;
        stored.read(0..stored.rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn file(name: &str, bytes: &[u8]) -> Result<Embeddings> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        Embeddings::read(path)
    }

    fn npy_of(header: &str, numbers: &[f32]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
        bytes
    }

    #[test]
    fn a_matrix_is_read_and_anything_else_refused() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let numbers = [1., 2., 3., 4., 5., 6.];
        let read = file("x.npy", &npy_of(header, &numbers)).unwrap();
        assert_eq!((read.rows(), read.width(), read.row(1)), (2, 3, &[4., 5., 6.][..]));
        for (name, bytes) in [
            ("x.npy", npy_of(header, &numbers[..5])),
            ("x.npy", npy_of(&header.replace("False", "True"), &numbers)),
            ("x.npy", npy_of(&header.replace("(2, 3)", "(6,)"), &numbers)),
            ("x.npy", npy_of(&header.replace("(2, 3)", "(4611686018427387904, 3)"), &numbers)),
            ("x.npy", npy_of(&header.replace("<f4", "<i4"), &numbers)),
            ("x.npy", npy_of(header, &[f32::NAN; 6])),
            ("x.npy", b"\x93NUMPY\x01\x00\xff\xff".to_vec()),
            ("x.npy", vec![]),
            ("x.safetensors", vec![1; 20]),
            ("x.txt", vec![]),
        ] {
            assert!(file(name, &bytes).is_err(), "{name} of {} bytes", bytes.len());
        }
    }
}
