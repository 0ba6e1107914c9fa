//! DistilBERT (Sanh et al. 2019): a BERT of half the layers, without token types.

use super::bert::{BertFamily, BertSpec, DropoutRates, LayerNames};
use super::{check, standard};
use crate::nn::Activation;
use serde::{Deserialize, Serialize};

/// The part of `config.json` that decides what a DistilBERT computes. Names and defaults are
/// transformers'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistilbertConfig {
    /// Always `"distilbert"`.
    pub model_type: String,
    /// V, rows of the word table.
    pub vocab_size: usize,
    /// D.
    pub dim: usize,
    /// L.
    pub n_layers: usize,
    /// H; divides D.
    pub n_heads: usize,
    /// Width of the feed-forward block.
    pub hidden_dim: usize,
    /// Between the two linear layers of the feed-forward block.
    #[serde(default = "standard::gelu")]
    pub activation: String,
    /// Dropout on embeddings and on what the feed-forward block says; there is none after
    /// attention.
    #[serde(default = "standard::tenth")]
    pub dropout: f32,
    /// Dropout on attention probabilities.
    #[serde(default = "standard::tenth")]
    pub attention_dropout: f32,
    /// Rows of the position table: the longest sentence.
    #[serde(default = "standard::positions")]
    pub max_position_embeddings: usize,
    /// Standard deviation of a fresh weight.
    #[serde(default = "standard::deviation")]
    pub initializer_range: f64,
    /// Whatever else the file says; kept for saving. How positions began
    /// (`sinusoidal_pos_embds`) is among it: their table is in the weights either way.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl BertFamily for DistilbertConfig {
    fn check(&self) -> Result<(), String> {
        check::sizes(&[
            ("vocab_size", self.vocab_size),
            ("dim", self.dim),
            ("n_heads", self.n_heads),
            ("hidden_dim", self.hidden_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ])?;
        check::layers("n_layers", self.n_layers)?;
        check::heads(("dim", self.dim), ("n_heads", self.n_heads))?;
        check::activation("activation", &self.activation)?;
        check::rates(&[self.dropout, self.attention_dropout])
    }

    fn spec(&self) -> BertSpec {
        let layer = |number| format!("transformer.layer.{number}");
        BertSpec {
            vocabulary: self.vocab_size,
            positions: self.max_position_embeddings,
            types: 0,
            padding: None,
            embedded: self.dim,
            bridge: None,
            width: self.dim,
            inner: self.hidden_dim,
            heads: self.n_heads,
            layers: (0..self.n_layers).map(layer).collect(),
            parts: PARTS,
            distances: None,
            activation: Activation::of_transformers(&self.activation).unwrap_or_default(),
            epsilon: 1e-12,
            dropout: DropoutRates {
                embeddings: self.dropout,
                probabilities: self.attention_dropout,
                attention: None,
                feed_forward: Some(self.dropout),
            },
            deviation: self.initializer_range,
        }
    }
}

const PARTS: LayerNames = LayerNames {
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    intermediate: "ffn.lin1",
    output: "ffn.lin2",
    output_norm: "output_layer_norm",
};
