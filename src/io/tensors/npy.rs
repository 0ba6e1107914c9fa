//! The header of a matrix in NumPy's `.npy`, formats 1.0 and 2.0: magic, version, length, a Python
//! dict.

use crate::io::read_exact_at;
use safetensors::Dtype;
use std::fs::File;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Bytes of the header that is written, as NumPy writes for a matrix.
const LENGTH: usize = 128;

/// The longest header that is read, in bytes.
const LONGEST: usize = 1 << 16;

/// A matrix in C order.
#[derive(Debug, PartialEq)]
pub(crate) struct NpyHeader {
    /// F16, F32 or F64.
    pub dtype: Dtype,
    pub rows: usize,
    pub columns: usize,
    /// Offset of the first element, in bytes.
    pub start: u64,
}

impl NpyHeader {
    /// The header of a file.
    ///
    /// # Errors
    /// In words, where it is not `.npy`, or not a matrix of little-endian floats in C order.
    pub fn read(file: &File) -> Result<Self, String> {
        let mut at = 0;
        let mut take = |length: usize| {
            let mut bytes = vec![0; length];
            read_exact_at(file, &mut bytes, at).map_err(|_| "truncated, or not .npy")?;
            at += length as u64;
            Ok::<_, String>(bytes)
        };
        let start = take(8)?;
        if !start.starts_with(MAGIC) {
            return Err("truncated, or not .npy".into());
        }
        let size = if start[6] == 1 { 2 } else { 4 };
        let length = take(size)?;
        let length =
            length.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
        if length > LONGEST {
            return Err("truncated, or not .npy".into());
        }
        let header = take(length)?;
        let header = String::from_utf8_lossy(&header);
        if header.contains("'fortran_order': True") {
            return Err("in Fortran order, expected C order".into());
        }
        let (rows, columns) = shape(&header).ok_or("expected a matrix of at least one row")?;
        let dtypes = [("<f2", Dtype::F16), ("<f4", Dtype::F32), ("<f8", Dtype::F64)];
        let dtype = dtypes.into_iter().find(|(name, _)| header.contains(name));
        let (_, dtype) = dtype.ok_or("expected numbers in f2, f4 or f8, little-endian")?;
        Ok(Self { dtype, rows, columns, start: at })
    }
}

/// `'shape': (rows, columns)`, both at least 1.
fn shape(header: &str) -> Option<(usize, usize)> {
    let (_, rest) = header.split_once("'shape': (")?;
    let (shape, _) = rest.split_once(')')?;
    let sizes: Vec<&str> = shape.split(',').map(str::trim).collect();
    let ([rows, columns] | [rows, columns, ""]) = sizes[..] else { return None };
    let size = |text: &str| text.parse().ok().filter(|size| *size > 0);
    Some((size(rows)?, size(columns)?))
}

/// The header of a matrix of `descr` (`<f4`, say) in format 1.0: of one length for any shape.
pub(crate) fn header(descr: &str, rows: u64, columns: usize) -> Vec<u8> {
    let mut dict = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    );
    let before = MAGIC.len() + 4; // version and length
    dict.push_str(&" ".repeat(LENGTH - 1 - before - dict.len()));
    dict.push('\n');
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    header.extend((dict.len() as u16).to_le_bytes());
    header.extend(dict.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_of_one_length_and_read_back() {
        for (rows, columns) in [(1, 384), (u64::MAX >> 24, 1 << 20)] {
            let bytes = header("<f4", rows, columns);
            assert_eq!(bytes.len(), LENGTH);
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("x.npy");
            std::fs::write(&path, bytes).unwrap();
            let read = NpyHeader::read(&File::open(path).unwrap()).unwrap();
            let rows = rows as usize;
            let start = LENGTH as u64;
            assert_eq!(read, NpyHeader { dtype: Dtype::F32, rows, columns, start });
        }
    }
}
