//! The `config.json` of BERT.

use super::spec::{BertFamily, BertSpec, DropoutRates, LayerNames};
use crate::encoder::{check, standard};
use crate::nn::Activation;
use serde::{Deserialize, Serialize};

/// The part of `config.json` that decides what a BERT computes. Names and defaults are
/// transformers'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// `"bert"`, or the name of a descendant.
    #[serde(default = "bert")]
    pub model_type: String,
    /// V, rows of the word table.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// L.
    pub num_hidden_layers: usize,
    /// H; divides D.
    pub num_attention_heads: usize,
    /// Width of the feed-forward block.
    pub intermediate_size: usize,
    /// Between the two linear layers of the feed-forward block: `"gelu"`, `"gelu_new"`,
    /// `"relu"` and others ([`Activation::of_transformers`]).
    #[serde(default = "standard::gelu")]
    pub hidden_act: String,
    /// Dropout on embeddings and block outputs.
    #[serde(default = "standard::tenth")]
    pub hidden_dropout_prob: f32,
    /// Dropout on attention probabilities.
    #[serde(default = "standard::tenth")]
    pub attention_probs_dropout_prob: f32,
    /// Rows of the position table: the longest sentence.
    #[serde(default = "standard::positions")]
    pub max_position_embeddings: usize,
    /// Rows of the type table.
    #[serde(default = "standard::types")]
    pub type_vocab_size: usize,
    /// ε of every LayerNorm.
    #[serde(default = "standard::epsilon")]
    pub layer_norm_eps: f32,
    /// Id of the padding token. No padding exists, but some descendants count positions from it.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Standard deviation of a fresh weight.
    #[serde(default = "standard::deviation")]
    pub initializer_range: f64,
    /// `"absolute"`; nothing else is known.
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
    /// Whatever else the file says; kept for saving.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

fn bert() -> String {
    "bert".into()
}
fn absolute() -> String {
    "absolute".into()
}

impl BertConfig {
    /// A size among the other fields.
    pub(in crate::encoder) fn whole(&self, name: &str) -> Result<usize, String> {
        let value = self.other.get(name).unwrap_or(&serde_json::Value::Null);
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| format!("{name} is {value}, expected a whole number"))
    }

    /// A configuration that starts from nothing: `width` wide, `layers` deep, heads of 32.
    pub fn fresh(vocabulary: usize, width: usize, layers: usize, positions: usize) -> Self {
        let other = serde_json::json!({ "architectures": ["BertModel"] });
        Self {
            model_type: bert(),
            vocab_size: vocabulary,
            hidden_size: width,
            num_hidden_layers: layers,
            num_attention_heads: (width / 32).max(1),
            intermediate_size: 4 * width,
            hidden_act: standard::gelu(),
            hidden_dropout_prob: standard::tenth(),
            attention_probs_dropout_prob: standard::tenth(),
            max_position_embeddings: positions,
            type_vocab_size: standard::types(),
            layer_norm_eps: standard::epsilon(),
            pad_token_id: 0,
            initializer_range: standard::deviation(),
            position_embedding_type: absolute(),
            other: other.as_object().cloned().unwrap_or_default(),
        }
    }

    /// What cannot be computed, as a message for the owner of the file.
    ///
    /// # Errors
    /// Where a setting is out of range or asks for a variant that is not built.
    pub fn check(&self) -> Result<(), String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        check::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", width),
            ("num_attention_heads", heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ])?;
        check::layers("num_hidden_layers", self.num_hidden_layers)?;
        check::heads(("hidden_size", width), ("num_attention_heads", heads))?;
        check::activation("hidden_act", &self.hidden_act)?;
        check::encoder_only(&self.other)?;
        check::only("position_embedding_type", &self.position_embedding_type, "absolute")?;
        check::rates(&[self.hidden_dropout_prob, self.attention_probs_dropout_prob])?;
        check::epsilon("layer_norm_eps", self.layer_norm_eps)
    }
}

impl BertFamily for BertConfig {
    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }

    fn spec(&self) -> BertSpec {
        let layer = |number| format!("encoder.layer.{number}");
        let hidden = self.hidden_dropout_prob;
        BertSpec {
            vocabulary: self.vocab_size,
            positions: self.max_position_embeddings,
            types: self.type_vocab_size,
            padding: None,
            embedded: self.hidden_size,
            bridge: None,
            width: self.hidden_size,
            inner: self.intermediate_size,
            heads: self.num_attention_heads,
            layers: (0..self.num_hidden_layers).map(layer).collect(),
            parts: PARTS,
            distances: None,
            activation: Activation::of_transformers(&self.hidden_act).unwrap_or_default(),
            epsilon: self.layer_norm_eps,
            dropout: DropoutRates {
                embeddings: hidden,
                probabilities: self.attention_probs_dropout_prob,
                attention: Some(hidden),
                feed_forward: Some(hidden),
            },
            deviation: self.initializer_range,
        }
    }
}

const PARTS: LayerNames = LayerNames {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};
