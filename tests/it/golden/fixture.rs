//! The files of a golden set: cases, and tensors as `{shape, data}`.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use twindrop::nn::{Backend, ComputeDtype, Packing};

/// Both implementations of every operation.
pub const BACKENDS: [Backend; 2] = [Backend::Fused, Backend::Composed];

/// Everything that computes a model, and how far from f64 it may be, relative to the largest
/// number of a tensor: f32 rounds at 2⁻²⁴, bf16 at 2⁻⁹ in each of a model's products. int8 rounds
/// only what is embedded, never a gradient.
pub fn ways() -> impl Iterator<Item = (Backend, ComputeDtype, f64)> {
    let exact = BACKENDS.map(|backend| (backend, ComputeDtype::F32, 1e-5));
    let coarse = [(ComputeDtype::Bf16, 3e-2), (ComputeDtype::Int8, 1e-1)];
    let coarse = coarse.map(|(dtype, bound)| (Backend::Fused, dtype, bound));
    let here = |way: &(Backend, ComputeDtype, f64)| way.1.available() == way.1;
    exact.into_iter().chain(coarse.into_iter().filter(here))
}

/// A tensor of the reference, row-major.
#[derive(Debug, Deserialize)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

/// Which positions of a padded (N, T) batch are real.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Mask(Array);

/// The file of `topic`.
pub fn open<T: DeserializeOwned>(topic: &str) -> T {
    serde_json::from_str(&read(topic)).unwrap_or_else(|e| panic!("{topic}.json: {e}"))
}

/// The text of the file of `topic`.
pub fn read(topic: &str) -> String {
    let path = directory().join(format!("{topic}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The directory of the model called `name` in the set.
pub fn model(name: &str) -> PathBuf {
    directory().join(name)
}

/// Where the reference lies: `TWINDROP_GOLDEN`, or the project's own.
fn directory() -> PathBuf {
    let other = std::env::var_os("TWINDROP_GOLDEN").map(PathBuf::from);
    other.unwrap_or_else(|| crate::support::fixture("golden"))
}

impl Array {
    /// The numbers as f32.
    pub fn single(&self) -> Vec<f32> {
        self.data.iter().map(|&x| x as f32).collect()
    }

    /// The numbers as ids, classes or positions.
    pub fn whole(&self) -> Vec<u32> {
        self.data.iter().map(|&x| x as u32).collect()
    }

    /// `self[i]` of the first dimension.
    pub fn at(&self, i: usize) -> Self {
        let len = self.data.len() / self.shape[0];
        Self { shape: self.shape[1..].to_vec(), data: self.data[i * len..][..len].to_vec() }
    }

    /// Every `self[i]` of the first dimension.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        (0..self.shape[0]).map(|i| self.at(i))
    }
}

impl Mask {
    /// The real rows of a padded (N, T, D) or (N, T) array, end to end.
    pub fn pack(&self, padded: &Array) -> Array {
        let Array { shape, data: mask } = &self.0;
        assert_eq!(padded.shape[..2], shape[..2], "a mask and what it masks");
        let width = padded.data.len() / mask.len();
        let rows = padded.data.chunks_exact(width).zip(mask);
        let data: Vec<f64> =
            rows.filter(|(_, real)| **real > 0.).flat_map(|(row, _)| row).copied().collect();
        Array { shape: vec![data.len() / width, width], data }
    }

    /// The sentences that remain without padding.
    pub fn packing(&self) -> Arc<Packing> {
        let lengths = self.0.each().map(|row| row.data.iter().sum::<f64>() as usize);
        let samples = 0..self.0.shape[0] as u64;
        Arc::new(Packing::new(lengths, samples.collect()))
    }
}
