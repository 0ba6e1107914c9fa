//! Vectors from a file: NumPy's `.npy` and `.safetensors`.

use super::Embeddings;
use crate::disk;
use crate::error::{Error, Result};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

impl Embeddings {
    /// The rows of a matrix in a `.npy` (f4 or f8, C order) or `.safetensors` file (one tensor,
    /// F32).
    ///
    /// # Errors
    /// Where the file is of another form, cut short, or holds a number that is not finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = disk::read_bytes(path, u64::MAX)?;
        let read = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => npy(&bytes),
            Some("safetensors") => safetensors(&bytes),
            _ => Err("expected a name in .npy or .safetensors".into()),
        };
        let (width, data) = read.map_err(|words| Error::data(path, words))?;
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            return Err(Error::data(path, format!("row {} is not finite", at / width)));
        }
        Ok(Self::new(width, data))
    }
}

type Matrix = std::result::Result<(usize, Vec<f32>), String>;

fn singles(bytes: &[u8]) -> Vec<f32> {
    let fours = bytes.as_chunks::<4>().0.iter();
    fours.map(|four| f32::from_le_bytes(*four)).collect()
}

/// Format 1.0 and 2.0: magic, version, length of the header, the header, the numbers.
fn npy(bytes: &[u8]) -> Matrix {
    let cut = || "cut short, or no .npy".to_string();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(cut)?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(cut)?;
    let (length, rest) =
        rest.split_at_checked(if version[0] == 1 { 2 } else { 4 }).ok_or_else(cut)?;
    let length = length.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
    let header = String::from_utf8_lossy(header);
    if header.contains("'fortran_order': True") {
        return Err("in Fortran order, expected C order".into());
    }
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')'));
    let shape = shape.map(|(shape, _)| shape.split(',').map(str::trim).collect::<Vec<_>>());
    let count = |text: &str| text.parse::<usize>().ok().filter(|count| *count > 0);
    let [rows, width] = match shape.as_deref() {
        Some([rows, width] | [rows, width, ""]) => [count(rows), count(width)],
        _ => [None, None],
    };
    let (Some(rows), Some(width)) = (rows, width) else {
        return Err("expected a matrix of one row or more".into());
    };
    let size = [("<f4", 4), ("<f8", 8)].into_iter().find(|(kind, _)| header.contains(kind));
    let (_, size) = size.ok_or("expected numbers in f4 or f8, little-endian")?;
    let whole = rows.checked_mul(width).and_then(|count| count.checked_mul(size));
    if whole != Some(data.len()) {
        return Err(format!(
            "holds {} bytes, its shape ({rows}, {width}) asks for others",
            data.len()
        ));
    }
    Ok((
        width,
        match size {
            4 => singles(data),
            _ => {
                let eights = data.as_chunks::<8>().0.iter();
                eights.map(|eight| f64::from_le_bytes(*eight) as f32).collect()
            }
        },
    ))
}

fn safetensors(bytes: &[u8]) -> Matrix {
    let wrong = |error| format!("not a whole safetensors file ({error})");
    let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
    match &file.tensors()[..] {
        [(_, view)] if view.dtype() == Dtype::F32 && view.shape().len() == 2 => {
            match view.shape()[1] {
                0 => Err("its rows are empty".into()),
                width => Ok((width, singles(view.data()))),
            }
        }
        tensors => Err(format!("holds {} tensors, expected one matrix of F32", tensors.len())),
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
