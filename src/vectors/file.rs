//! Embeddings and their ranges from a file.

use super::{Embeddings, Ranges, StoredEmbeddings};
use crate::error::{Error, Result};
use crate::io::read_manifest;
use serde_json::Value;
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

impl Ranges {
    /// The ranges in a manifest (`.json`) that an earlier run wrote, or in a `.npy` of two rows,
    /// the lowest numbers and the highest.
    ///
    /// # Errors
    /// Where the file is of another form or holds no ranges.
    pub fn read(path: &Path) -> Result<Self> {
        let ranges = if path.extension().is_some_and(|extension| extension == "json") {
            let json: Value = read_manifest(path, "`embed`")?;
            let ranges = json.get("ranges").unwrap_or(&json).clone();
            serde_json::from_value(ranges).map_err(|_| {
                let message = "holds no ranges: expected {\"low\": [numbers], \"high\": [numbers]}, or a manifest of an int8 or uint8 run";
                Error::data(path, message)
            })?
        } else {
            let stored = StoredEmbeddings::open(path)?;
            if stored.rows() != 2 {
                let message = format!(
                    "has {} rows, expected a row of minima and a row of maxima",
                    stored.rows()
                );
                return Err(Error::data(path, message));
            }
            let rows = stored.read(0..2)?;
            Self { low: rows.row(0).to_vec(), high: rows.row(1).to_vec() }
        };
        let sound = ranges.low.len() == ranges.high.len()
            && ranges.pairs().all(|(low, high)| low <= high && (high - low).is_finite());
        if ranges.low.is_empty() || !sound {
            return Err(Error::data(path, "holds a range whose high is below its low"));
        }
        Ok(ranges)
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
