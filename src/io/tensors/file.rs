//! Tensors of one file, or of several that an index combines.

use super::element::{decode, decode_strided, element_size};
use super::location::TensorLocation;
use super::{header, index, torch};
use crate::error::{Error, Result};
use crate::io::{self, read_exact_at};
use safetensors::Dtype;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The files in which a directory may have its tensors; the first that exists is read.
const NAMES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Bytes read at once: a tensor is converted piece by piece, never held twice.
const PIECE: usize = 1 << 20;

/// The tensors of one file, or of several that an index combines. Opening checks that each tensor
/// lies within its file; elements are read when asked for.
///
/// ```no_run
/// use twindrop::io::tensors::TensorFile;
///
/// let file = TensorFile::open("path/to/pytorch_model.bin".as_ref())?;
/// for name in file.names() {
///     println!("{name} {:?}", file.shape(name));
/// }
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    files: Vec<File>,
    tensors: BTreeMap<String, TensorLocation>,
    format: Option<String>,
}

impl TensorFile {
    /// The tensors of a `.safetensors` file; of an index of shards where the name ends in
    /// `.json`; else of a file of `torch.save`, of which nothing is executed.
    ///
    /// # Errors
    /// Where it cannot be opened, is truncated or of another format; where it needs anything
    /// but tensors; where an index names a file outside its own directory.
    pub fn open(path: &Path) -> Result<Self> {
        if extension(path) == Some("json") {
            Self::open_index(path)
        } else {
            Self::open_one(path)
        }
    }

    /// The tensors of a model's directory: `model.safetensors`, else its shards, else
    /// `pytorch_model.bin`, else its shards.
    ///
    /// # Errors
    /// Where none of them exists, or as [`open`](Self::open).
    pub fn in_directory(directory: &Path) -> Result<Self> {
        let mut paths = NAMES.iter().map(|name| directory.join(name));
        let Some(path) = paths.find(|path| path.is_file()) else {
            let message = format!("no weights: none of {} exists", NAMES.join(", "));
            return Err(Error::model(directory, message));
        };
        Self::open(&path)
    }

    fn open_one(path: &Path) -> Result<Self> {
        let wrong = |message: String| Error::model(path, message);
        let size = io::expect_at_most(path, u64::MAX)?;
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let (tensors, format) = if extension(path) == Some("safetensors") {
            let header = header::read(&file, size).map_err(wrong)?;
            (header.tensors, header.format)
        } else {
            (torch::read(&file, size).map_err(wrong)?, None)
        };
        Ok(Self { path: path.into(), files: vec![file], tensors, format })
    }

    fn open_index(path: &Path) -> Result<Self> {
        let mut all =
            Self { path: path.into(), files: vec![], tensors: BTreeMap::new(), format: None };
        for (file, names) in index::read(path)? {
            let mut shard = Self::open_one(&io::inside(path, &file)?)?;
            for name in names {
                let Some(mut location) = shard.tensors.remove(&name) else {
                    let message =
                        format!("tensor {name} is missing from {file}, which the index names");
                    return Err(Error::model(path, message));
                };
                location.file = all.files.len();
                all.tensors.insert(name, location);
            }
            all.files.append(&mut shard.files);
            all.format = shard.format;
        }
        Ok(all)
    }

    /// The file, or the index of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The framework that a `.safetensors` file says its tensors are of: `pt` for PyTorch.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The shape of the tensor called `name`, if there is one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| &tensor.shape[..])
    }

    /// The dtype of the tensor called `name`, if there is one.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.tensors.get(name).map(|tensor| tensor.dtype)
    }

    /// The dtypes in use, the one of most elements first.
    pub fn dtypes(&self) -> Vec<Dtype> {
        let mut elements: BTreeMap<Dtype, usize> = BTreeMap::new();
        for tensor in self.tensors.values() {
            let count = elements.entry(tensor.dtype).or_default();
            *count = count.saturating_add(tensor.shape.iter().product());
        }
        let mut dtypes: Vec<_> = elements.into_iter().collect();
        dtypes.sort_by_key(|(_, elements)| Reverse(*elements));
        dtypes.into_iter().map(|(dtype, _)| dtype).collect()
    }

    /// The elements of a tensor, row-major, as f32.
    ///
    /// # Errors
    /// Where there is no such tensor, its dtype is none of F64, F32, F16, BF16 and I8, or an
    /// element is not finite.
    pub fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        let numbers = self.read(name)?;
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(self.wrong(name, "holds a number that is not finite"));
        }
        Ok(numbers)
    }

    /// As [`numbers`](Self::numbers), but with elements that are not finite.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.location(name)?;
        let Some(size) = element_size(tensor.dtype) else {
            let message = format!("is {}, expected F32, F16, BF16, F64 or I8", tensor.dtype);
            return Err(self.wrong(name, &message));
        };
        let file = &self.files[tensor.file];
        let read = |bytes: &mut [u8], offset: usize| {
            read_exact_at(file, bytes, tensor.start + offset as u64)
                .map_err(|error| Error::io(&self.path, error))
        };
        let length = tensor.bytes();
        if let Some(strides) = &tensor.strides {
            let mut bytes = vec![0; length];
            read(&mut bytes, 0)?;
            return Ok(decode_strided(tensor.dtype, &bytes, &tensor.shape, strides));
        }
        let mut values = Vec::with_capacity(length / size);
        let mut piece = vec![0; length.min(PIECE)];
        for offset in (0..length).step_by(PIECE) {
            let piece = &mut piece[..PIECE.min(length - offset)];
            read(piece, offset)?;
            decode(tensor.dtype, piece, &mut values);
        }
        Ok(values)
    }

    /// The elements of a tensor of integers, row-major.
    ///
    /// # Errors
    /// Where there is no such tensor, its dtype is none of I64, I32 and U32, or an element is
    /// negative or above 2³² − 1.
    pub fn indices(&self, name: &str) -> Result<Vec<u32>> {
        let tensor = self.location(name)?;
        let size = match tensor.dtype {
            Dtype::I64 => 8,
            Dtype::I32 | Dtype::U32 => 4,
            dtype => {
                return Err(self.wrong(name, &format!("is {dtype}, expected I64, I32 or U32")));
            }
        };
        let mut bytes = vec![0; tensor.bytes()];
        if tensor.strides.is_some() {
            return Err(self.wrong(name, "is not stored row by row"));
        }
        read_exact_at(&self.files[tensor.file], &mut bytes, tensor.start)
            .map_err(|error| Error::io(&self.path, error))?;
        let index = |element: &[u8]| {
            let negative = tensor.dtype != Dtype::U32 && element[size - 1] >= 0x80;
            let high = element.get(4..).unwrap_or_default().iter().any(|&byte| byte != 0);
            let low = [element[0], element[1], element[2], element[3]];
            (!negative && !high).then(|| u32::from_le_bytes(low))
        };
        let indices: Option<Vec<u32>> = bytes.chunks_exact(size).map(index).collect();
        indices.ok_or_else(|| self.wrong(name, "has an element that is not an index"))
    }

    /// Where a tensor is stored.
    pub(crate) fn location(&self, name: &str) -> Result<&TensorLocation> {
        self.tensors.get(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    fn wrong(&self, name: &str, message: &str) -> Error {
        Error::model(&self.path, format!("tensor {name} {message}"))
    }
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by torch 2.15: see `tests/fixtures/torch_bin.py`.
    #[test]
    fn what_torch_saved_is_read_number_for_number() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for name in ["torch.bin", "torch-legacy.bin"] {
            let file = TensorFile::open(&folder.join(name)).unwrap();
            let counted: Vec<f32> = (0..12).map(|i| i as f32 / 4. - 1.).collect();
            for (tensor, dtype) in [
                ("single", Dtype::F32),
                ("double", Dtype::F64),
                ("half", Dtype::F16),
                ("bfloat", Dtype::BF16),
                ("parameter", Dtype::F32),
                ("shared", Dtype::F32),
            ] {
                assert_eq!(file.dtype(tensor), Some(dtype), "{name} {tensor}");
                assert_eq!(file.shape(tensor), Some(&[3, 4][..]), "{name} {tensor}");
                assert_eq!(file.numbers(tensor).unwrap(), counted, "{name} {tensor}");
            }
            let turned = file.numbers("turned").unwrap();
            assert_eq!(file.shape("turned"), Some(&[4, 3][..]));
            let expected = (0..12).map(|i| counted[i % 3 * 4 + i / 3]);
            assert_eq!(turned, expected.collect::<Vec<_>>(), "{name}");
            assert_eq!(file.numbers("column").unwrap(), [counted[1], counted[5], counted[9]]);
            assert_eq!(file.numbers("tail").unwrap(), counted[8..]);
            assert_eq!(file.numbers("spread").unwrap(), [0.5; 6]);
            assert_eq!(file.numbers("scalar").unwrap(), [0.5]);
            assert!(file.numbers("nothing").unwrap().is_empty());
            let error = file.numbers("places").unwrap_err().to_string();
            assert!(error.contains("tensor places is I64"), "{error}");
            assert_eq!(file.names().count(), 13, "epoch is no tensor");
        }
    }
}
