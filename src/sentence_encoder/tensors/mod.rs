//! Tensors by name, wherever they lie: `.safetensors`, what `torch.save` writes, or shards of
//! either.

mod archive;
mod number;
mod pickle;
mod rebuild;
mod shards;
mod torch;
mod write;

pub(crate) use write::write_tensors;

use crate::error::{Error, Result};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where a directory may keep its tensors; the first there is read.
const NAMES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// The most of a safetensors header: a tensor takes 100 bytes of it.
const HEADER: u64 = 16 << 20;

/// The tensors of one file, or of several that an index puts together. Opening checks that each
/// lies within its file; the numbers are read when asked for.
///
/// ```no_run
/// use twindrop::sentence_encoder::TensorFile;
///
/// let file = TensorFile::open("path/to/pytorch_model.bin".as_ref())?;
/// for name in file.names() {
///     println!("{name} {:?}", file.shape(name));
/// }
/// # Ok::<(), twindrop::Error>(())
/// ```
pub struct TensorFile {
    path: PathBuf,
    maps: Vec<Mmap>,
    places: BTreeMap<String, TensorLocation>,
}

/// Where the numbers of a tensor lie.
#[derive(Debug, Clone, PartialEq)]
struct TensorLocation {
    /// Which of the maps.
    map: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    /// The first byte of the first number.
    start: usize,
    /// How many numbers further the next is along each axis, where they do not lie row-major.
    strides: Option<Vec<usize>>,
}

/// Tensors by name, or what is wrong with the bytes.
type TensorLocations = std::result::Result<BTreeMap<String, TensorLocation>, String>;

impl TensorFile {
    /// The tensors of a `.safetensors` file; of an index of shards where the name ends in
    /// `.json`; else of a file of `torch.save`, of which nothing is executed.
    ///
    /// # Errors
    /// Where it cannot be opened, is cut short or of another form; where it asks for anything
    /// but tensors; where an index names a file outside its own directory.
    pub fn open(path: &Path) -> Result<Self> {
        let ends = |ending: &str| path.extension().is_some_and(|end| end == ending);
        if ends("json") {
            return shards::open(path);
        }
        let map = map(path)?;
        let places = if ends("safetensors") { safe(&map) } else { torch::places(&map) };
        let places = places.map_err(|words| Error::model(path, words))?;
        Ok(Self { path: path.into(), maps: vec![map], places })
    }

    /// The tensors of a model's directory: `model.safetensors`, else its shards, else
    /// `pytorch_model.bin`, else its shards.
    ///
    /// # Errors
    /// Where none of them is there, or as [`open`](Self::open).
    pub fn in_directory(directory: &Path) -> Result<Self> {
        let mut paths = NAMES.iter().map(|name| directory.join(name));
        let Some(path) = paths.find(|path| path.is_file()) else {
            let words = format!("no weights: none of {} exists", NAMES.join(", "));
            return Err(Error::model(directory, words));
        };
        Self::open(&path)
    }

    /// The file, or the index of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// The shape of the tensor called `name`, if there is one.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.places.get(name).map(|place| &place.shape[..])
    }

    /// How its numbers are stored.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.places.get(name).map(|place| place.dtype)
    }

    /// Its numbers, row-major, as f32. The memory that its part of the file took is given back.
    ///
    /// # Errors
    /// Where there is no such tensor, it holds other than F64, F32, F16, BF16 or I8, or a number
    /// that is not finite.
    pub fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        let wrong = |words: String| Error::model(&self.path, format!("tensor {name} {words}"));
        let place = self.places.get(name).ok_or_else(|| wrong("is missing".into()))?;
        let bytes = &self.maps[place.map][place.start..][..place.bytes()];
        let numbers = match &place.strides {
            None => number::row_major(place.dtype, bytes),
            Some(strides) => number::strided(place.dtype, bytes, &place.shape, strides),
        };
        let numbers = numbers.ok_or_else(|| {
            wrong(format!("is {:?}, expected F32, F16, BF16, F64 or I8", place.dtype))
        })?;
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(wrong("holds a number that is not finite".into()));
        }
        self.give_back(place);
        Ok(numbers)
    }

    fn give_back(&self, place: &TensorLocation) {
        #[cfg(unix)]
        {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            let map = &self.maps[place.map];
            // SAFETY: pages of a read-only map of a file; whoever reads them again gets the
            // same. It is advice: that it was not taken is no error.
            let _ = unsafe { map.unchecked_advise_range(advice, place.start, place.bytes()) };
        }
    }
}

impl TensorLocation {
    /// From its first byte to behind its last; it was checked when the file was opened.
    fn bytes(&self) -> usize {
        span(&self.shape, self.strides.as_deref()).expect("checked") * self.dtype.bitsize() / 8
    }
}

/// The numbers between the first and the last of a tensor, both counted: `1 + Σ (nᵢ − 1) sᵢ`.
fn span(shape: &[usize], strides: Option<&[usize]>) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    match strides {
        None => shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n)),
        Some(strides) => shape.iter().zip(strides).try_fold(1usize, |all, (&n, &stride)| {
            all.checked_add((n - 1).checked_mul(stride)?)
        }),
    }
}

fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    // SAFETY: the map is read only, and where each tensor lies is checked before any is read; a
    // file cut short by another process while it is mapped is the one danger that remains.
    unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))
}

/// The tensors of a safetensors file, whose crate checks that they lie end to end.
fn safe(bytes: &[u8]) -> TensorLocations {
    let told = bytes.first_chunk::<8>().map_or(0, |told| u64::from_le_bytes(*told));
    if told > HEADER && told < bytes.len() as u64 {
        return Err(format!("a header of {told} bytes, more than the limit of {HEADER}"));
    }
    let read = SafeTensors::read_metadata(bytes);
    let (length, header) =
        read.map_err(|error| format!("not a complete safetensors file ({error})"))?;
    let places = header.tensors().into_iter().map(|(name, info)| {
        let (shape, start) = (info.shape.clone(), 8 + length + info.data_offsets.0);
        (name, TensorLocation { map: 0, dtype: info.dtype, shape, start, strides: None })
    });
    Ok(places.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_from_the_first_number_to_the_last() {
        assert_eq!(span(&[2, 3], None), Some(6));
        assert_eq!(span(&[2, 3], Some(&[1, 2])), Some(6));
        assert_eq!(span(&[2, 3], Some(&[10, 1])), Some(13));
        assert_eq!(span(&[], Some(&[])), Some(1));
        assert_eq!(span(&[0, 3], Some(&[3, 1])), Some(0));
        assert_eq!(span(&[usize::MAX, 2], None), None);
        assert_eq!(span(&[3], Some(&[usize::MAX])), None);
    }

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
