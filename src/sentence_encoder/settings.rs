//! What sentence-transformers' own two files say of a model, beside its prompts.

use super::json::maybe_json;
use super::known_keys::{
    self, CROSS_ENCODER_SETTINGS, CROSS_ENCODER_TRANSFORMER, HARMLESS_OPTIONS, SETTINGS,
    TRANSFORMER,
};
use crate::error::{Error, Result};
use crate::vectors::Similarity;
use serde_json::{Value, json};
use std::path::Path;

/// The file of sentence-transformers' settings of a model.
pub(super) const SETTINGS_FILE: &str = "config_sentence_transformers.json";

/// The `model_type` there of a model that scores pairs of texts.
pub(super) const CROSS_ENCODER: &str = "CrossEncoder";

/// Names of the file with the length of a Transformer module: today's, then older ones by
/// architecture.
const LENGTH_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// `similarity_fn_name` and `truncate_dim` of `config_sentence_transformers.json`, and
/// `do_lower_case` of `sentence_bert_config.json`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DirectorySettings {
    pub similarity: Option<Similarity>,
    pub truncate_dim: Option<usize>,
    pub lower_case: bool,
    /// `max_seq_length`, as the file has it.
    pub max_seq_length: Option<u64>,
}

impl DirectorySettings {
    /// Those of a model in `dir` whose encoder lies in `transformer`; `uses_head`: the head of a
    /// CrossEncoder is used.
    pub fn read(
        dir: &Path,
        transformer: &Path,
        uses_head: bool,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let path = dir.join(SETTINGS_FILE);
        let own = maybe_json(&path)?;
        let (settings, module) = match uses_head && own["model_type"] == CROSS_ENCODER {
            true => (&CROSS_ENCODER_SETTINGS, &CROSS_ENCODER_TRANSFORMER),
            false => (&SETTINGS, &TRANSFORMER),
        };
        known_keys::check(&path, &own, &[settings], notes)?;
        let mut similarity = None;
        if let Some(name) = own["similarity_fn_name"].as_str() {
            similarity = name.parse().ok();
            if similarity.is_none() {
                let known = Similarity::ALL.map(Similarity::name).join(", ");
                notes.push(format!(
                    "{}: similarity_fn_name \"{name}\" is not one of {known}; cosine is used",
                    path.display()
                ));
            }
        }
        let truncate_dim = match &own["truncate_dim"] {
            Value::Null => None,
            value => Some(value.as_u64().filter(|&dim| dim > 0).ok_or_else(|| {
                let message =
                    format!("truncate_dim is {value}, expected a whole number above 0");
                Error::model(&path, message)
            })? as usize),
        };
        let mut files = LENGTH_FILES.iter().map(|name| transformer.join(name));
        let length =
            files.find(|path| path.is_file()).unwrap_or(transformer.join(LENGTH_FILES[0]));
        let json = maybe_json(&length)?;
        known_keys::check(&length, &json, &[module], notes)?;
        check_options(&length, &json)?;
        let lower_case = match &json["do_lower_case"] {
            Value::Null => false,
            Value::Bool(on) => *on,
            other => {
                let message = format!("do_lower_case is {other}, expected true or false");
                return Err(Error::model(&length, message));
            }
        };
        let max_seq_length = json["max_seq_length"].as_u64();
        Ok(Self { similarity, truncate_dim, lower_case, max_seq_length })
    }

    /// Writes what belongs there into the JSON of `config_sentence_transformers.json`.
    pub fn write(&self, config: &mut Value) {
        config["similarity_fn_name"] = json!(self.similarity.unwrap_or_default().name());
        if let Some(dim) = self.truncate_dim {
            config["truncate_dim"] = dim.into();
        }
    }
}

/// Refuses options of transformers that would change an embedding.
fn check_options(path: &Path, json: &Value) -> Result<()> {
    for group in [
        "model_args",
        "model_kwargs",
        "tokenizer_args",
        "processor_kwargs",
        "config_args",
        "config_kwargs",
    ] {
        let mut options = json[group].as_object().into_iter().flatten();
        let odd = options.find(|(option, _)| !HARMLESS_OPTIONS.contains(&option.as_str()));
        if let Some((option, value)) = odd {
            let message = format!(
                "{group} has {option} {value}, which is not supported; save the model with it \
                 applied"
            );
            return Err(Error::model(path, message));
        }
    }
    Ok(())
}
