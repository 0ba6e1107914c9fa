//! Programs that load model directories, and what keeps one from it.

use serde::{Serialize, Serializer};
use std::fmt;

/// A program that loads model directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consumer {
    /// sentence-transformers 3 (3.0.1), on transformers 4.
    SentenceTransformers3,
    /// sentence-transformers 5 before 5.4 (5.1.2), on transformers 4.
    SentenceTransformers5,
    /// sentence-transformers 6 (6.2.0), on transformers 5.
    SentenceTransformers6,
    /// text-embeddings-inference 1.9, its candle backend.
    TextEmbeddingsInference,
    /// Programs over candle's own BERT: `config.json`, `tokenizer.json`, `model.safetensors`.
    Candle,
    /// model2vec 0.10, which reads static embedding models only.
    Model2Vec,
    /// This crate.
    Twindrop,
}

impl Consumer {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::SentenceTransformers3,
        Self::SentenceTransformers5,
        Self::SentenceTransformers6,
        Self::TextEmbeddingsInference,
        Self::Candle,
        Self::Model2Vec,
        Self::Twindrop,
    ];
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SentenceTransformers3 => "sentence-transformers 3",
            Self::SentenceTransformers5 => "sentence-transformers 5",
            Self::SentenceTransformers6 => "sentence-transformers 6",
            Self::TextEmbeddingsInference => "text-embeddings-inference 1.9",
            Self::Candle => "candle",
            Self::Model2Vec => "model2vec 0.10",
            Self::Twindrop => "twindrop",
        })
    }
}

impl Serialize for Consumer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Something in a directory that a reader does not take as it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// Whether the reader refuses the directory; else it loads it, and its vectors differ.
    pub refused: bool,
    /// The file, by its path in the directory.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
    /// What to do.
    pub advice: String,
}

/// What a reader makes of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compatibility {
    /// The program.
    pub reader: Consumer,
    /// What it stumbles over; nothing, where it loads the model and computes the same vectors.
    pub faults: Vec<Issue>,
}

impl Compatibility {
    /// Whether the directory loads.
    pub fn loads(&self) -> bool {
        self.faults.iter().all(|fault| !fault.refused)
    }
}

/// Faults as they are found.
#[derive(Default)]
pub(super) struct Issues(pub(super) Vec<Issue>);

impl Issues {
    pub fn push(&mut self, refused: bool, file: &str, why: String, advice: String) {
        self.0.push(Issue { refused, file: file.into(), why, advice });
    }

    pub fn refuse(&mut self, file: &str, why: impl Into<String>, advice: impl Into<String>) {
        self.push(true, file, why.into(), advice.into());
    }

    pub fn differ(&mut self, file: &str, why: impl Into<String>, advice: impl Into<String>) {
        self.push(false, file, why.into(), advice.into());
    }
}
