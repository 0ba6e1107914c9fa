//! What BERT and its descendants differ in.

use crate::error::Result;
use crate::nn::{Activation, Init, ParamSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// A post-norm transformer in numbers and in the names of its tensors.
#[derive(Debug, Clone)]
pub(in crate::encoder) struct BertSpec {
    /// V, rows of the word table.
    pub vocabulary: usize,
    /// Rows of the position table.
    pub positions: usize,
    /// Rows of the type table; 0 where there is none.
    pub types: usize,
    /// The id of the padding token where positions are counted on from it.
    pub padding: Option<u32>,
    /// E, the width of the tables.
    pub embedded: usize,
    /// The layer that leads from E to D, where there is one.
    pub bridge: Option<&'static str>,
    /// D.
    pub width: usize,
    /// Width of the feed-forward block.
    pub inner: usize,
    /// H; divides D.
    pub heads: usize,
    /// What stands before the names of each layer's tensors; layers that share them alike.
    pub layers: Vec<String>,
    /// The names of a layer's tensors.
    pub parts: LayerNames,
    /// The table of MPNet's distances.
    pub distances: Option<&'static str>,
    /// Between the two linear layers of the feed-forward block.
    pub activation: Activation,
    /// ε of every LayerNorm.
    pub epsilon: f32,
    /// Where dropout is, and at which rates.
    pub dropout: DropoutRates,
    /// Standard deviation of a fresh weight.
    pub deviation: f64,
}

/// What a layer calls its tensors.
#[derive(Debug, Clone, Copy)]
pub(in crate::encoder) struct LayerNames {
    pub query: &'static str,
    pub key: &'static str,
    pub value: &'static str,
    pub attention_output: &'static str,
    pub attention_norm: &'static str,
    pub intermediate: &'static str,
    pub output: &'static str,
    pub output_norm: &'static str,
}

/// Dropout rates of a model; none where its authors drop nothing.
#[derive(Debug, Clone, Copy)]
pub(in crate::encoder) struct DropoutRates {
    pub embeddings: f32,
    pub probabilities: f32,
    pub attention: Option<f32>,
    pub feed_forward: Option<f32>,
}

impl BertSpec {
    /// Its tensors, the word table before any other table.
    pub fn specs(&self) -> Vec<ParamSpec> {
        let mut specs = self.tables();
        specs.extend(norm("embeddings.LayerNorm", self.embedded));
        if let Some(bridge) = self.bridge {
            specs.extend(dense(bridge, self.width, self.embedded, self.deviation));
        }
        let distinct: BTreeSet<&String> = self.layers.iter().collect();
        specs.extend(distinct.into_iter().flat_map(|layer| self.layer(layer)));
        specs
    }

    fn tables(&self) -> Vec<ParamSpec> {
        let mut tables = vec![
            (WORDS, [self.vocabulary, self.embedded]),
            (POSITIONS, [self.positions, self.embedded]),
        ];
        if self.types > 0 {
            tables.push((TYPES, [self.types, self.embedded]));
        }
        if let Some(distances) = self.distances {
            tables.push((distances, [BUCKETS, self.heads]));
        }
        let table = |(name, shape)| ParamSpec::table(name, shape, self.deviation);
        tables.into_iter().map(table).collect()
    }

    fn layer(&self, layer: &str) -> Vec<ParamSpec> {
        let (parts, width, inner) = (&self.parts, self.width, self.inner);
        let dense = |part, outputs, inputs| {
            dense(&format!("{layer}.{part}"), outputs, inputs, self.deviation)
        };
        let norm = |part| norm(&format!("{layer}.{part}"), width);
        let [key, key_bias] = dense(parts.key, width, width);
        [
            dense(parts.query, width, width),
            [key, ParamSpec { unseen: true, ..key_bias }],
            dense(parts.value, width, width),
            dense(parts.attention_output, width, width),
            norm(parts.attention_norm),
            dense(parts.intermediate, inner, width),
            dense(parts.output, width, inner),
            norm(parts.output_norm),
        ]
        .concat()
    }
}

pub(super) const WORDS: &str = "embeddings.word_embeddings.weight";
pub(super) const POSITIONS: &str = "embeddings.position_embeddings.weight";
pub(super) const TYPES: &str = "embeddings.token_type_embeddings.weight";
/// Rows of MPNet's table of distances, whatever its configuration says.
pub(in crate::encoder) const BUCKETS: usize = 32;

fn dense(name: &str, outputs: usize, inputs: usize, deviation: f64) -> [ParamSpec; 2] {
    [
        ParamSpec::weight(format!("{name}.weight"), [outputs, inputs], deviation),
        ParamSpec::vector(format!("{name}.bias"), outputs, Init::Zeros),
    ]
}

fn norm(name: &str, width: usize) -> [ParamSpec; 2] {
    [
        ParamSpec::vector(format!("{name}.weight"), width, Init::Ones),
        ParamSpec::vector(format!("{name}.bias"), width, Init::Zeros),
    ]
}

/// The configuration of BERT or of a descendant.
pub(in crate::encoder) trait BertFamily:
    Debug + Send + Sync + Serialize + DeserializeOwned
{
    /// Puts what its authors leave out of `config.json`, where it is not BERT's default.
    fn complete(_: &mut serde_json::Map<String, serde_json::Value>) {}

    /// What cannot be computed, as a message for the owner of the file.
    fn check(&self) -> Result<(), String>;

    /// The model it describes; it was checked.
    fn spec(&self) -> BertSpec;

    /// The `config.json` of a model to be saved.
    fn saved(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
