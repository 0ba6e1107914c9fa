//! Named lists of numbers in a safetensors file, read back only as they were written.

use crate::error::{Error, Result};
use crate::io;
use crate::io::tensors::{TensorFile, write_tensors};
use safetensors::{Dtype, View};
use std::borrow::Cow;
use std::path::Path;

/// A list as it lies in the file.
struct StoredList<'a>(&'a [f32], [usize; 1]);

impl View for StoredList<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        io::bytes(self.0).into()
    }
    fn data_len(&self) -> usize {
        self.0.len() * 4
    }
}

/// Writes lists by name, one list at a time in memory.
pub(super) fn write<'a>(
    path: &Path,
    lists: impl IntoIterator<Item = (String, &'a [f32])>,
) -> Result<()> {
    let stored = |(name, list): (String, &'a [f32])| {
        let length = list.len();
        (name, StoredList(list, [length]))
    };
    io::write(path, |file| write_tensors(file, lists.into_iter().map(stored), None))
}

/// The lists of these names and lengths, in any order of the file.
pub(super) fn read<'n>(
    path: &Path,
    lists: impl IntoIterator<Item = (String, &'n usize)>,
) -> Result<Vec<Vec<f32>>> {
    let file = TensorFile::open(path)?;
    let lists = lists.into_iter().map(|(name, &length)| {
        if file.dtype(&name) != Some(Dtype::F32) || file.shape(&name) != Some(&[length]) {
            let message = format!("{name} is missing, or not {length} numbers");
            return Err(Error::model(path, message));
        }
        file.read(&name)
    });
    lists.collect()
}

/// The numbers of a tensor of any shape that has `length` of them.
pub(super) fn read_one(file: &TensorFile, name: &str, length: usize) -> Result<Vec<f32>> {
    let sizes = file.shape(name).unwrap_or_default();
    let count = sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    if file.dtype(name) != Some(Dtype::F32) || count != Some(length) {
        let message = format!("{name} is missing, or not {length} numbers");
        return Err(Error::model(file.path(), message));
    }
    file.read(name)
}
