//! Encoders: packed tokens to hidden states. One file per architecture.

mod bag;
mod bert;

pub use bag::{Bag, BagConfig};
pub use bert::{Bert, BertConfig};

use crate::error::{Error, Result};
use crate::nn::{Parameters, Spec, Tape, Value};
use crate::tokens::Tokens;
use crate::view::Pass;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Packed tokens to hidden states.
pub trait Encoder: Send + Sync {
    /// The hidden states asked for by `keep`, each (T, D): 0 is the embedding output, `i` the
    /// output of layer `i`. The encoder asks `pass` for positions, cutoffs and dropout.
    ///
    /// # Errors
    /// Where a token lies outside the vocabulary or a sentence is longer than the model.
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &Pass,
        keep: &[usize],
    ) -> Result<Vec<Value>>;

    /// D, the width of a hidden state.
    fn width(&self) -> usize;

    /// L, the number of layers.
    fn layers(&self) -> usize;

    /// The longest sentence it can see, in tokens.
    fn max_positions(&self) -> usize;

    /// About how many numbers a tape that will be walked back keeps for a token.
    fn numbers_per_token(&self) -> usize {
        (18 * self.layers() + 4) * self.width()
    }

    /// Its `config.json`.
    fn config(&self) -> serde_json::Value;
}

/// The fields of a configuration; where one is wrong, its name comes first.
fn fields<T: DeserializeOwned>(json: serde_json::Value) -> std::result::Result<T, String> {
    serde_path_to_error::deserialize(json).map_err(|error| error.to_string())
}

/// Refuses sizes beyond any encoder before anything is computed of them, whatever the
/// architecture: depth by the names people give it, and all that counts rows or columns.
fn absurd(json: &serde_json::Value) -> std::result::Result<(), String> {
    const DEEP: [&str; 5] =
        ["num_hidden_layers", "n_layers", "num_layers", "num_hidden_groups", "inner_group_num"];
    const WIDE: [&str; 4] = ["_size", "_embeddings", "_heads", "dim"];
    for (name, value) in json.as_object().into_iter().flatten() {
        let most = match name.as_str() {
            name if DEEP.contains(&name) => 1 << 10,
            name if WIDE.iter().any(|end| name.ends_with(end)) => 1 << 24,
            _ => continue,
        };
        if value.as_f64().is_some_and(|size| size > f64::from(most)) {
            return Err(format!("{name} is {value}, which no encoder has (at most {most})"));
        }
    }
    Ok(())
}

/// An architecture by its `config.json`, before it has any tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Architecture {
    /// `model_type: "bert"`.
    Bert(BertConfig),
    /// `model_type: "bag"`.
    Bag(BagConfig),
}

impl Architecture {
    /// The architecture that a `config.json` at `path` describes.
    ///
    /// # Errors
    /// Where it is of an unknown `model_type`, or out of range.
    pub fn parse(path: &Path, json: serde_json::Value) -> Result<Self> {
        let wrong = |words: String| Error::model(path, words);
        absurd(&json).map_err(wrong)?;
        let kind = json.get("model_type").and_then(|kind| kind.as_str()).unwrap_or("");
        match kind {
            "bert" => {
                let config: BertConfig = fields(json).map_err(wrong)?;
                config.check().map_err(wrong)?;
                Ok(Self::Bert(config))
            }
            "bag" => {
                let config: BagConfig = fields(json).map_err(wrong)?;
                config.check().map_err(wrong)?;
                Ok(Self::Bag(config))
            }
            "" => Err(wrong("model_type is missing; known ones are bert, bag".into())),
            kind => Err(wrong(format!(
                "model_type \"{kind}\" is unknown; known ones are bert, bag"
            ))),
        }
    }

    /// The tensors it needs.
    pub fn specs(&self) -> Vec<Spec> {
        match self {
            Self::Bert(config) => Bert::specs(config),
            Self::Bag(config) => Bag::specs(config),
        }
    }

    /// The encoder over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn build(self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(match self {
            Self::Bert(config) => Box::new(Bert::new(config, parameters)?),
            Self::Bag(config) => Box::new(Bag::new(config, parameters)?),
        })
    }
}
