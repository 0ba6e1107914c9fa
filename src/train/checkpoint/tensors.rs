//! Named lists of numbers in a safetensors file, read back only as they were written.

use crate::error::{Error, Result};
use crate::io;
use crate::nn::Parameter;
use crate::sentence_encoder::write_tensors;
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, View};
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// Numbers that lie in memory already.
pub(super) enum Numbers<'a> {
    List(&'a [f32]),
    Of(&'a Parameter),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Of(parameter) => parameter.len(),
        }
    }
}

/// A list as it lies in the file.
struct StoredList<'a>(Numbers<'a>, [usize; 1]);

impl View for StoredList<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        match self.0 {
            Numbers::List(list) => io::bytes(list).into(),
            Numbers::Of(parameter) => {
                parameter.with(io::bytes).expect("a model's tensors are f32 on the CPU").into()
            }
        }
    }
    fn data_len(&self) -> usize {
        self.0.len() * 4
    }
}

/// Writes lists by name, one list at a time in memory.
pub(super) fn write<'a>(
    path: &Path,
    lists: impl IntoIterator<Item = (String, Numbers<'a>)>,
) -> Result<()> {
    let stored = |(name, list): (String, Numbers<'a>)| {
        let length = list.len();
        (name, StoredList(list, [length]))
    };
    io::write(path, |file| write_tensors(file, lists.into_iter().map(stored), None))
}

/// A file of lists.
pub(super) struct Lists<'a> {
    path: &'a Path,
    map: Mmap,
}

impl<'a> Lists<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        // SAFETY: the map is read only, and its header is checked before any list is read; a
        // file cut short by another process while it is mapped is the one danger that remains.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))?;
        Ok(Self { path, map })
    }

    /// The lists of these names and lengths.
    pub fn read<'n>(
        &self,
        names: impl IntoIterator<Item = (String, &'n usize)>,
    ) -> Result<Vec<Vec<f32>>> {
        let wrong = |words: String| Error::model(self.path, words);
        let file = SafeTensors::deserialize(&self.map)
            .map_err(|error| wrong(format!("not a complete safetensors file ({error})")))?;
        let lists = names.into_iter().map(|(name, &length)| {
            let list = file.tensor(&name).ok();
            let list = list.filter(|l| l.dtype() == Dtype::F32 && l.shape() == [length]);
            let list = list
                .ok_or_else(|| wrong(format!("{name} is missing, or not {length} numbers")))?;
            let numbers = list.data().chunks_exact(4);
            Ok(numbers
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect())
        });
        lists.collect()
    }
}
