//! Which programs load a model directory, and for each that does not, why and what to change.

mod files;
mod python;
mod rust;

use super::SentenceEncoder;
use crate::error::{Error, Result};
use files::Files;
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::Path;

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
    /// This crate.
    Twindrop,
}

impl Consumer {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SentenceTransformers3,
        Self::SentenceTransformers5,
        Self::SentenceTransformers6,
        Self::TextEmbeddingsInference,
        Self::Candle,
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
struct Issues(Vec<Issue>);

impl Issues {
    fn push(&mut self, refused: bool, file: &str, why: String, advice: String) {
        self.0.push(Issue { refused, file: file.into(), why, advice });
    }

    fn refuse(&mut self, file: &str, why: impl Into<String>, advice: impl Into<String>) {
        self.push(true, file, why.into(), advice.into());
    }

    fn differ(&mut self, file: &str, why: impl Into<String>, advice: impl Into<String>) {
        self.push(false, file, why.into(), advice.into());
    }
}

/// What each reader makes of the model in `dir`, by what the programs' own sources ask for. Only
/// headers of weights are read, but for this crate, which loads the model.
///
/// # Errors
/// Where `dir` is no directory.
pub fn check_compatibility(dir: impl AsRef<Path>) -> Result<Vec<Compatibility>> {
    let dir = dir.as_ref();
    if !dir.is_dir() {
        let words = "no such directory; give a model directory";
        return Err(Error::config(format!("{}: {words}", dir.display())));
    }
    let files = Files::of(dir);
    let verdict = |reader| {
        let mut faults = Issues::default();
        match reader {
            Consumer::SentenceTransformers3 => python::check(&files, 3, &mut faults),
            Consumer::SentenceTransformers5 => python::check(&files, 5, &mut faults),
            Consumer::SentenceTransformers6 => python::check(&files, 6, &mut faults),
            Consumer::TextEmbeddingsInference => rust::inference(&files, &mut faults),
            Consumer::Candle => rust::candle(&files, &mut faults),
            Consumer::Twindrop => own(dir, &mut faults),
        }
        Compatibility { reader, faults: faults.0 }
    };
    Ok(Consumer::ALL.map(verdict).into())
}

/// Nobody knows better than the loader itself; its message names the file.
fn own(dir: &Path, faults: &mut Issues) {
    if let Err(error) = SentenceEncoder::from_directory(dir) {
        faults.refuse(
            "",
            error.to_string(),
            "correct the file or setting that the message names",
        );
    }
}

#[cfg(test)]
mod tests;
