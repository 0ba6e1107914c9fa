//! Named lists of numbers in a safetensors file, read back only as they were written.

use crate::error::{Error, Result};
use crate::io;
use crate::io::tensors::{TensorFile, write_tensors};
use crate::nn::Parameter;
use safetensors::{Dtype, View};
use std::borrow::Cow;
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
