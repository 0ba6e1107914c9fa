//! Where the parameters of a saved model are: the file, and the name of the tensor there.

use super::encoder::SentenceEncoder;
use super::json::maybe_json;
use super::modules::{DENSE_NAMES, HEADS, WEIGHTS};
use super::sequence_classifier;
use super::static_layout::{EMBEDDINGS, MODEL2VEC, StaticFormat, TABLE};
use crate::error::Result;
use crate::heads::{SequenceHead, is_training_only};
use std::path::Path;

/// How a directory names the tensors of a model.
pub(crate) enum StoredNames {
    /// As the parameters.
    Own,
    /// As transformers names those of a classifier.
    Classifier(Box<SequenceHead>),
    /// The one table of a static embedding model, by this name.
    Table(&'static str),
}

impl StoredNames {
    /// Those of a model that is saved.
    pub fn of(encoder: &SentenceEncoder) -> Self {
        match (encoder.sequence_head(), encoder.static_format()) {
            (Some(head), _) => Self::Classifier(Box::new(head)),
            (None, Some(StaticFormat::SentenceTransformers)) => Self::Table(TABLE),
            (None, Some(StaticFormat::Model2Vec)) => Self::Table(EMBEDDINGS),
            (None, None) => Self::Own,
        }
    }

    /// Those of a directory.
    ///
    /// # Errors
    /// Where its `config.json` or `modules.json` is damaged.
    pub fn in_directory(directory: &Path) -> Result<Self> {
        let config = maybe_json(&directory.join("config.json"))?;
        let modules = maybe_json(&directory.join("modules.json"))?;
        let first = modules[0]["type"].as_str().unwrap_or("");
        if config["model_type"] == MODEL2VEC {
            return Ok(Self::Table(EMBEDDINGS));
        }
        if first.ends_with("StaticEmbedding") {
            return Ok(Self::Table(TABLE));
        }
        let is_classifier = sequence_classifier::is_classifier(&config, &modules);
        let head = SequenceHead::of(&config).filter(|_| is_classifier);
        Ok(head.map_or(Self::Own, |head| Self::Classifier(Box::new(head))))
    }

    /// The file of a parameter, and the name of its tensor.
    pub fn place(&self, name: &str) -> (&'static str, String) {
        if let Some(own) = name.strip_prefix(DENSE_NAMES) {
            return ("2_Dense/model.safetensors", own.to_string());
        }
        match self {
            Self::Classifier(head) => match head.stored_name(name) {
                Some(stored) => (WEIGHTS, stored),
                None if is_training_only(name) => (HEADS, name.to_string()),
                None => (WEIGHTS, format!("{}{name}", head.prefix)),
            },
            _ if is_training_only(name) => (HEADS, name.to_string()),
            Self::Table(table) => (WEIGHTS, table.to_string()),
            Self::Own => (WEIGHTS, name.to_string()),
        }
    }
}
