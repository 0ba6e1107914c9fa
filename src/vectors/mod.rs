//! Embeddings: `trait Embed`, files of them, similarity, search, quantization, whitening.

#[cfg(feature = "eval")]
mod covariance;
mod file;
mod manifest;
#[cfg(feature = "eval")]
mod matrix;
mod pair_feature;
mod precision;
#[cfg(feature = "eval")]
mod principal_components;
mod ranges;
#[cfg(feature = "eval")]
pub mod search;
pub(crate) mod similarity;
#[cfg(feature = "eval")]
pub(crate) mod spectral;
mod stored;
#[cfg(feature = "eval")]
pub(crate) mod top_k;
#[cfg(feature = "eval")]
pub(crate) mod units;
#[cfg(feature = "eval")]
mod whitening;

pub use manifest::{EmbedManifest, InputFile, InputRead, Shard};
pub use pair_feature::PairFeature;
pub use precision::{Precision, Quantized, quantize_embeddings};
#[cfg(feature = "eval")]
pub use principal_components::PrincipalComponents;
pub use ranges::Ranges;
pub use similarity::Similarity;
pub use stored::StoredEmbeddings;
#[cfg(feature = "eval")]
pub use whitening::Whitening;

use crate::error::Result;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// One vector per text, row-major: `rows` × `width`.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    width: usize,
    data: Vec<f32>,
}

impl Embeddings {
    /// Rows of `width` numbers laid end to end.
    ///
    /// # Panics
    /// If `data` is not a whole number of rows.
    pub fn new(width: usize, data: Vec<f32>) -> Self {
        assert!(
            width > 0 && data.len().is_multiple_of(width),
            "the number of values must be a multiple of the dimension"
        );
        Self { width, data }
    }

    /// How many vectors.
    pub fn rows(&self) -> usize {
        self.data.len() / self.width
    }

    /// How many numbers in each.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vector of text `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.width..(i + 1) * self.width]
    }

    /// All rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.width)
    }

    /// The numbers, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The numbers themselves.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// Vectors that can be looked at a stretch at a time, in memory or on disk.
pub trait EmbeddingRows: Sync {
    /// How many vectors.
    fn rows(&self) -> usize;

    /// How many numbers in each.
    fn width(&self) -> usize;

    /// Vectors `rows`, row-major.
    ///
    /// # Errors
    /// Where they cannot be read.
    fn stretch(&self, rows: Range<usize>) -> Result<Cow<'_, [f32]>>;
}

impl EmbeddingRows for Embeddings {
    fn rows(&self) -> usize {
        self.rows()
    }
    fn width(&self) -> usize {
        self.width
    }
    fn stretch(&self, rows: Range<usize>) -> Result<Cow<'_, [f32]>> {
        Ok(Cow::Borrowed(&self.data[rows.start * self.width..rows.end * self.width]))
    }
}

/// A model of embeddings.
pub trait Embed: Send + Sync {
    /// One vector per text, in the order given.
    ///
    /// # Errors
    /// Where the model cannot run on a text.
    fn embed(&self, texts: &[&str]) -> Result<Embeddings>;

    /// Embeddings of search queries, of a model that distinguishes them from documents.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    fn embed_queries(&self, texts: &[&str]) -> Result<Embeddings> {
        self.embed(texts)
    }

    /// Embeddings of documents to be searched.
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    fn embed_documents(&self, texts: &[&str]) -> Result<Embeddings> {
        self.embed(texts)
    }

    /// Logits of the model's own head, (N, C), for N examples of one text or two; a regression has
    /// one column.
    ///
    /// # Errors
    /// Where it has no head, as is assumed of a model that does not say otherwise.
    fn logits(&self, _examples: &[Vec<&str>]) -> Result<Embeddings> {
        Err(crate::error::Error::config("the model has no classification or regression head"))
    }

    /// The similarity function that its vectors are made for.
    fn similarity_function(&self) -> Similarity {
        Similarity::Cosine
    }
}

/// `exp(xᵢ/T − max x/T) / Σⱼ exp(xⱼ/T − max x/T)` of logits x at temperature T.
pub(crate) fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let highest = logits.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
    let power = |&x: &f32| (f64::from(x - highest) / temperature).exp();
    let powers: Vec<f64> = logits.iter().map(power).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The place of the largest number, 0 where there is none; of equal ones the first.
pub(crate) fn argmax<T: PartialOrd>(numbers: &[T]) -> usize {
    (1..numbers.len()).fold(0, |top, at| if numbers[at] > numbers[top] { at } else { top })
}

/// Each text once, in order of first appearance, and where among them each text stands.
pub(crate) fn distinct<T: AsRef<str>>(texts: &[T]) -> (Vec<&str>, Vec<usize>) {
    let (mut distinct, mut known) = (Vec::new(), HashMap::with_capacity(texts.len()));
    let places = texts.iter().map(AsRef::as_ref).map(|text| {
        *known.entry(text).or_insert_with(|| {
            distinct.push(text);
            distinct.len() - 1
        })
    });
    let places = places.collect();
    (distinct, places)
}
