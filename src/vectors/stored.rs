//! Vectors that stay on disk and are read a stretch at a time: `.npy`, `.safetensors`, and the
//! manifest of many.

use super::{EmbeddingRows, Embeddings};
use crate::error::{Error, Result};
use crate::io;
use half::f16;
use serde_json::Value;
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The rows of one or more files, laid end to end; each is read when it is asked for.
#[derive(Debug)]
pub struct StoredEmbeddings {
    parts: Vec<StoredFile>,
    width: usize,
}

/// One file: where its numbers begin, and how they are written.
#[derive(Debug)]
struct StoredFile {
    path: PathBuf,
    start: u64,
    kind: StoredFormat,
    rows: usize,
    /// The number of its first row among all.
    first: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum StoredFormat {
    Half,
    Single,
    Double,
}

impl StoredFormat {
    fn bytes(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Single => 4,
            Self::Double => 8,
        }
    }

    fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Half => {
                let pairs = bytes.as_chunks::<2>().0.iter();
                pairs.map(|pair| f16::from_le_bytes(*pair).to_f32()).collect()
            }
            Self::Single => {
                let fours = bytes.as_chunks::<4>().0.iter();
                fours.map(|four| f32::from_le_bytes(*four)).collect()
            }
            Self::Double => {
                let eights = bytes.as_chunks::<8>().0.iter();
                eights.map(|eight| f64::from_le_bytes(*eight) as f32).collect()
            }
        }
    }
}

/// What the head of a file says: the kind of its numbers, rows, numbers in a row, and where they
/// begin.
type Head = (StoredFormat, usize, usize, u64);

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
            for (file, rows) in listed(path)? {
                stored.push(&file)?;
                let found = stored.parts.last().map_or(0, |part| part.rows);
                if found != rows {
                    let words = format!("has {found} rows, but its manifest says {rows}");
                    return Err(Error::data(&file, words));
                }
            }
        } else {
            stored.push(path)?;
        }
        Ok(stored)
    }

    fn push(&mut self, path: &Path) -> Result<()> {
        let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
        let size = file.metadata().map_err(|error| Error::io(path, error))?.len();
        let head = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => npy(&mut file),
            Some("safetensors") => safetensors(&mut file, size),
            _ => Err("expected a file name with the extension .npy or .safetensors".into()),
        };
        let wrong = |words| Error::data(path, words);
        let (kind, rows, width, start) = head.map_err(wrong)?;
        let whole = rows.checked_mul(width).and_then(|count| count.checked_mul(kind.bytes()));
        let held = size.saturating_sub(start);
        if whole.map(|whole| whole as u64) != Some(held) {
            let words =
                format!("holds {held} bytes, which does not match its shape ({rows}, {width})");
            return Err(wrong(words));
        }
        if self.width != 0 && self.width != width {
            let words =
                format!("has {width} dimensions, but the files before it have {}", self.width);
            return Err(wrong(words));
        }
        let (path, first) = (path.to_path_buf(), self.rows());
        self.width = width;
        self.parts.push(StoredFile { path, start, kind, rows, first });
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
        let row = self.width * part.kind.bytes();
        let mut bytes = vec![0; rows.len() * row];
        let attempt = || {
            let mut file = File::open(&part.path)?;
            file.seek(SeekFrom::Start(part.start + (rows.start * row) as u64))?;
            file.read_exact(&mut bytes)
        };
        let read: std::io::Result<()> = { attempt }();
        read.map_err(|error| Error::io(&part.path, error))?;
        let numbers = part.kind.numbers(&bytes);
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

/// The most of a manifest: a shard takes 300 bytes of it.
const MANIFEST: u64 = 256 << 20;

/// What a manifest says, or ranges that lie in a file of their own.
pub(super) fn json(path: &Path) -> Result<Value> {
    let text = io::read_text(path, MANIFEST)?;
    serde_json::from_str(&text).map_err(|error| Error::data(path, format!("not JSON: {error}")))
}

/// The files that a manifest lists, and how many rows each is said to have.
fn listed(path: &Path) -> Result<Vec<(PathBuf, usize)>> {
    let json = json(path)?;
    if json["complete"] == false {
        let words =
            "the run that writes these embeddings has not finished; continue it with --resume";
        return Err(Error::data(path, words));
    }
    let width = json["settings"]["precision"].as_str().unwrap_or("float32");
    if !matches!(width, "float32" | "float16") {
        let words = format!("its embeddings are {width}; expected float32 or float16");
        return Err(Error::data(path, words));
    }
    let shard = |shard: &Value| {
        let rows = usize::try_from(shard["rows"].as_u64()?).ok()?;
        Some(io::inside(path, shard["file"].as_str()?).map(|file| (file, rows)))
    };
    let shards = json["shards"].as_array().filter(|shards| !shards.is_empty());
    let files = shards.and_then(|shards| shards.iter().map(shard).collect::<Option<Vec<_>>>());
    let words = "lists no shards; is it a manifest of `embed`?";
    files.ok_or_else(|| Error::data(path, words))?.into_iter().collect()
}

/// Format 1.0 and 2.0: magic, version, length of the header, the header, the numbers.
fn npy(file: &mut File) -> std::result::Result<Head, String> {
    let mut take = |length: usize| {
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes).map_err(|_| "truncated, or not .npy".to_string())?;
        Ok::<_, String>(bytes)
    };
    let start = take(8)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Err("truncated, or not .npy".into());
    }
    let size = if start[6] == 1 { 2 } else { 4 };
    let length =
        take(size)?.iter().rev().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    if length > 1 << 16 {
        return Err("truncated, or not .npy".into());
    }
    let header = take(length)?;
    let header = String::from_utf8_lossy(&header);
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
        return Err("expected a matrix of at least one row".into());
    };
    let kinds = [
        ("<f2", StoredFormat::Half),
        ("<f4", StoredFormat::Single),
        ("<f8", StoredFormat::Double),
    ];
    let kind = kinds.into_iter().find(|(name, _)| header.contains(name));
    let (_, kind) = kind.ok_or("expected numbers in f2, f4 or f8, little-endian")?;
    Ok((kind, rows, width, (8 + size + length) as u64))
}

/// The length of a JSON header, the header, the numbers.
fn safetensors(file: &mut File, size: u64) -> std::result::Result<Head, String> {
    let wrong = |words: &str| format!("not a complete safetensors file ({words})");
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| wrong("no header"))?;
    let length = u64::from_le_bytes(length);
    if length > size.saturating_sub(8).min(100_000_000) {
        return Err(wrong("the header is truncated"));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(|_| wrong("the header is truncated"))?;
    let header: serde_json::Map<String, Value> =
        serde_json::from_slice(&header).map_err(|_| wrong("the header is not JSON"))?;
    let tensors: Vec<&Value> =
        header.iter().filter(|(name, _)| *name != "__metadata__").map(|(_, v)| v).collect();
    let [tensor] = tensors[..] else {
        return Err(format!("holds {} tensors, expected one matrix of F32", tensors.len()));
    };
    let kind = match tensor["dtype"].as_str() {
        Some("F32") => StoredFormat::Single,
        Some("F16") => StoredFormat::Half,
        _ => return Err("expected one matrix of F32 or F16".into()),
    };
    let shape = tensor["shape"].as_array().map_or(&[][..], Vec::as_slice);
    let shape: Vec<usize> =
        shape.iter().filter_map(|n| usize::try_from(n.as_u64()?).ok()).collect();
    match shape[..] {
        [_, 0] => Err("its rows are empty".into()),
        [0, _] => Err("expected a matrix of at least one row".into()),
        [rows, width] if tensor["data_offsets"][0] == 0 => Ok((kind, rows, width, 8 + length)),
        _ => Err("expected one matrix of F32 or F16".into()),
    }
}
