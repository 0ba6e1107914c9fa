//! How the directory of a static embedding model is written.

use super::weights;
use crate::error::{Error, Result};
use crate::io;
use crate::model::Model;
use crate::tokens::{BagStyle, Tokenizer};
use candle_core::{Device, Tensor};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// The program in whose form a static embedding model is saved, and whose vectors it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StaticFormat {
    /// sentence-transformers' `StaticEmbedding`: the mean of all tokens.
    #[default]
    SentenceTransformers,
    /// model2vec: the mean of the tokens that are known.
    Model2Vec,
}

const FORMATS: [(StaticFormat, &str); 2] = [
    (StaticFormat::SentenceTransformers, "sentence-transformers"),
    (StaticFormat::Model2Vec, "model2vec"),
];

impl FromStr for StaticFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = FORMATS.iter().find(|(_, name)| *name == text);
        found.map(|(format, _)| *format).ok_or_else(|| {
            let known = FORMATS.map(|(_, name)| name).join(" or ");
            Error::config(format!("layout `{text}` is unknown: use {known}"))
        })
    }
}

impl fmt::Display for StaticFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = FORMATS.iter().find(|(format, _)| format == self);
        f.pad(found.map_or("", |(_, name)| name))
    }
}

/// The `model_type` of model2vec's `config.json`.
pub(super) const MODEL2VEC: &str = "model2vec";

/// Tokens that model2vec cuts a text at where its `config.json` says nothing.
const LONGEST: usize = 512;

/// The tensors of a static embedding model.
pub(super) const TABLE: &str = "embedding.weight";
pub(super) const EMBEDDINGS: &str = "embeddings";
pub(super) const MAPPING: &str = "mapping";
pub(super) const WEIGHTS: &str = "weights";

/// All that is saved of a static embedding model beside its table and tokenizer.
#[derive(Debug, Clone, Default)]
pub(super) struct StaticLayout {
    pub format: StaticFormat,
    /// model2vec's `config.json` as it was.
    pub config: Map<String, Value>,
    /// The row of each token, where several share one.
    pub mapping: Option<Arc<[u32]>>,
    /// How often the vector of each token counts, where it is not once.
    pub weights: Option<Arc<[f32]>>,
}

impl StaticLayout {
    /// How the tokenizer takes texts.
    ///
    /// # Errors
    /// A message, where `max_length` of `config.json` is no number of tokens.
    pub fn style(&self) -> Result<BagStyle, String> {
        if self.format == StaticFormat::SentenceTransformers {
            return Ok(BagStyle::SentenceTransformers);
        }
        let max_length = match self.config.get("max_length") {
            None => Some(LONGEST),
            Some(Value::Null) => None,
            Some(value) => {
                let length = value.as_u64().filter(|length| (1..=1 << 30).contains(length));
                let message = || format!("max_length is {value}, expected a number of tokens");
                Some(length.ok_or_else(message)? as usize)
            }
        };
        Ok(BagStyle::Model2Vec { max_length })
    }

    /// All that an embedding depends on, as text.
    pub fn identity(&self) -> String {
        format!("{} {:?} {:?}", self.format, self.mapping, self.weights)
    }

    /// Writes `tokenizer.json` and, where the format has one, `config.json`.
    pub fn describe(
        &self,
        model: &Model,
        tokenizer: &Tokenizer,
        normalize: bool,
        dir: &Path,
    ) -> Result<()> {
        io::replace_with(&dir.join("tokenizer.json"), tokenizer.to_json()?)?;
        if self.format == StaticFormat::SentenceTransformers {
            return Ok(());
        }
        let mut config = self.config.clone();
        let mut set = |key: &str, value: Value| config.insert(key.to_string(), value);
        let longest = Some(tokenizer.max_len()).filter(|&length| length < usize::MAX);
        set("model_type", MODEL2VEC.into());
        set("architectures", json!(["StaticModel"]));
        set("max_length", json!(longest));
        set("normalize", normalize.into());
        set("embedding_dtype", "float32".into());
        set("hidden_dim", model.encoder().width().into());
        if self.mapping.is_some() {
            let rows = model.encoder().word_embeddings().spec().shape[0];
            set("vocabulary_quantization", rows.into());
        }
        let text = serde_json::to_string_pretty(&config).unwrap_or_default() + "\n";
        io::replace_with(&dir.join("config.json"), text)
    }

    /// Writes the table, and the mapping and weights where there are any.
    pub fn save_weights(&self, model: &Model, path: &Path) -> Result<()> {
        let table = model.encoder().word_embeddings().tensor().clone();
        let name = match self.format {
            StaticFormat::SentenceTransformers => TABLE,
            StaticFormat::Model2Vec => EMBEDDINGS,
        };
        let mut tensors = BTreeMap::from([(name.to_string(), table)]);
        if let Some(counts) = &self.weights {
            let counts = Tensor::from_slice(counts, counts.len(), &Device::Cpu)?;
            tensors.insert(WEIGHTS.into(), counts);
        }
        match &self.mapping {
            Some(mapping) => weights::save_with_indices(path, &tensors, (MAPPING, mapping)),
            None => weights::save(path, &tensors),
        }
    }
}
