//! Which programs load a model directory, and for each that does not, why and what to change.

mod files;
mod issue;
mod model2vec;
mod python;
mod rust;

use super::{SentenceEncoder, TextClassifier};
use crate::error::{Error, Result};
use files::Files;
use issue::Issues;
pub use issue::{Compatibility, Consumer, Issue};
use std::path::Path;

/// What each reader makes of the model in `dir`, by what the programs' own sources ask for;
/// [`Consumer::Model2Vec`] is checked for static embedding models only. Only headers of weights are
/// read, but for this crate, which loads the model.
///
/// # Errors
/// Where `dir` is no directory.
pub fn check_compatibility(dir: impl AsRef<Path>) -> Result<Vec<Compatibility>> {
    let dir = dir.as_ref();
    if !dir.is_dir() {
        let message = "no such directory; give a model directory";
        return Err(Error::config(format!("{}: {message}", dir.display())));
    }
    let (files, listed) = (Files::of(dir), Files::by_modules(dir));
    let verdict = |reader| {
        let mut faults = Issues::default();
        match reader {
            Consumer::SentenceTransformers3 => python::check(&listed, 3, &mut faults),
            Consumer::SentenceTransformers5 => python::check(&listed, 5, &mut faults),
            Consumer::SentenceTransformers6 => python::check(&listed, 6, &mut faults),
            Consumer::TextEmbeddingsInference => rust::inference(&files, &mut faults),
            Consumer::Candle => rust::candle(&files, &mut faults),
            Consumer::Model2Vec => model2vec::check(&listed, &mut faults),
            Consumer::Twindrop => own(dir, &files, &mut faults),
        }
        Compatibility { reader, faults: faults.0 }
    };
    let is_asked = |reader: &Consumer| *reader != Consumer::Model2Vec || listed.is_static();
    Ok(Consumer::ALL.into_iter().filter(is_asked).map(verdict).collect())
}

/// Nobody knows better than the loader itself; its message names the file.
fn own(dir: &Path, files: &Files, faults: &mut Issues) {
    let is_classifier = files.is_classifier();
    let loaded = match is_classifier {
        true => TextClassifier::from_pretrained(&dir.to_string_lossy()).map(drop),
        false => SentenceEncoder::from_directory(dir).map(drop),
    };
    if let Err(error) = loaded {
        faults.refuse(
            "",
            error.to_string(),
            "correct the file or setting that the message names",
        );
    }
}

#[cfg(test)]
mod tests;
