//! Vectors that stay on disk and are read a stretch at a time: `.npy`, `.safetensors`, and the
//! manifest of many.

use super::{EmbedManifest, EmbeddingRows, Embeddings};
use crate::error::{Error, Result};
use crate::io::tensors::npy::NpyHeader;
use crate::io::tensors::{TensorFile, decode};
use crate::io::{self, read_exact_at};
use safetensors::Dtype;
use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The rows of one or more files, laid end to end; each is read when it is asked for.
#[derive(Debug)]
pub struct StoredEmbeddings {
    parts: Vec<StoredFile>,
    width: usize,
}

/// One file.
#[derive(Debug)]
struct StoredFile {
    path: PathBuf,
    /// Offset of its first element, in bytes.
    start: u64,
    dtype: Dtype,
    rows: usize,
    /// The number of its first row among all.
    first: usize,
}

/// Dtype, rows, columns and the offset of the first element.
type StoredMatrix = (Dtype, usize, usize, u64);

impl StoredEmbeddings {
    /// A matrix in a `.npy` (f2, f4 or f8, C order) or `.safetensors` file (one tensor, F32 or
    /// F16), or the files that a `manifest.json` lists.
    ///
    /// # Errors
    /// Where a file is of another form or cut short, or the files of a manifest are of several
    /// widths or not all there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut stored = Self { parts: vec![], width: 0 };
        if path.extension().is_some_and(|extension| extension == "json") {
            for (file, rows) in EmbedManifest::read(path)?.files(path)? {
                stored.push(&file)?;
                let found = stored.parts.last().map_or(0, |part| part.rows);
                if found != rows {
                    let message = format!("has {found} rows, but its manifest says {rows}");
                    return Err(Error::data(&file, message));
                }
            }
        } else {
            stored.push(path)?;
        }
        Ok(stored)
    }

    fn push(&mut self, path: &Path) -> Result<()> {
        let (dtype, rows, width, start) = match path.extension().and_then(|e| e.to_str()) {
            Some("npy") => npy(path)?,
            Some("safetensors") => safetensors(path)?,
            _ => {
                let message = "expected a file name with the extension .npy or .safetensors";
                return Err(Error::data(path, message));
            }
        };
        let size = io::expect_at_most(path, u64::MAX)?;
        let bytes = rows.checked_mul(width).and_then(|n| n.checked_mul(dtype.bitsize() / 8));
        let stored = size.saturating_sub(start);
        if bytes.map(|bytes| bytes as u64) != Some(stored) {
            let message = format!(
                "holds {stored} bytes, which does not match its shape ({rows}, {width})"
            );
            return Err(Error::data(path, message));
        }
        if self.width != 0 && self.width != width {
            let message =
                format!("has {width} dimensions, but the files before it have {}", self.width);
            return Err(Error::data(path, message));
        }
        let first = self.rows();
        self.width = width;
        self.parts.push(StoredFile { path: path.into(), start, dtype, rows, first });
        Ok(())
    }

    /// How many vectors.
    pub fn rows(&self) -> usize {
        self.parts.last().map_or(0, |part| part.first + part.rows)
    }

    /// How many numbers in each.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows `rows` in memory.
    ///
    /// # Errors
    /// Where a file changed meanwhile, or holds a number that is not finite.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn read(&self, rows: Range<usize>) -> Result<Embeddings> {
        assert!(rows.end <= self.rows(), "rows of a file are asked for by their number");
        let mut data = Vec::with_capacity(rows.len() * self.width);
        for part in &self.parts {
            let end = rows.end.min(part.first + part.rows);
            let start = rows.start.max(part.first);
            if start < end {
                data.extend(self.part(part, start - part.first..end - part.first)?);
            }
        }
        Ok(Embeddings::new(self.width, data))
    }

    fn part(&self, part: &StoredFile, rows: Range<usize>) -> Result<Vec<f32>> {
        let row = self.width * part.dtype.bitsize() / 8;
        let mut bytes = vec![0; rows.len() * row];
        let start = part.start + (rows.start * row) as u64;
        let read = File::open(&part.path).and_then(|f| read_exact_at(&f, &mut bytes, start));
        read.map_err(|error| Error::io(&part.path, error))?;
        let mut numbers = Vec::with_capacity(rows.len() * self.width);
        decode(part.dtype, &bytes, &mut numbers);
        // no early end: a loop that always runs through is a vector loop
        if !numbers.iter().fold(true, |all, x| all & x.is_finite()) {
            let at = numbers.iter().position(|x| !x.is_finite()).expect("one is not");
            let row = rows.start + at / self.width;
            return Err(Error::data(&part.path, format!("row {row} is not finite")));
        }
        Ok(numbers)
    }
}

impl EmbeddingRows for StoredEmbeddings {
    fn rows(&self) -> usize {
        self.rows()
    }
    fn width(&self) -> usize {
        self.width
    }
    fn stretch(&self, rows: Range<usize>) -> Result<Cow<'_, [f32]>> {
        self.read(rows).map(|rows| Cow::Owned(rows.into_data()))
    }
}

/// The matrix of a `.npy` file.
fn npy(path: &Path) -> Result<StoredMatrix> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let header = NpyHeader::read(&file).map_err(|message| Error::data(path, message))?;
    Ok((header.dtype, header.rows, header.columns, header.start))
}

/// The only tensor of a `.safetensors` file.
fn safetensors(path: &Path) -> Result<StoredMatrix> {
    let wrong = |message: String| Error::data(path, message);
    let file = TensorFile::open(path)?;
    let names: Vec<&str> = file.names().collect();
    let [name] = names[..] else {
        return Err(wrong(format!("holds {} tensors, expected one matrix", names.len())));
    };
    let tensor = file.location(name)?;
    if !matches!(tensor.dtype, Dtype::F32 | Dtype::F16) {
        return Err(wrong(format!("is a matrix of {}, expected F32 or F16", tensor.dtype)));
    }
    match tensor.shape[..] {
        [rows, columns] if rows * columns > 0 => {
            Ok((tensor.dtype, rows, columns, tensor.start))
        }
        _ => Err(wrong("expected a matrix of at least one row and column".into())),
    }
}
