//! BERT (Devlin et al. 2019): post-norm transformer over word, position and type embeddings.

use super::{Config, Encoder, check, climb, fields};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{Packing, Parameter, Parameters, Spec, Start, Tape, Value};
use crate::noise::Site;
use crate::tokens::Tokens;
use crate::view::Pass;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The part of `config.json` that decides what a BERT computes. Names and defaults are
/// transformers'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// Always `"bert"`.
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
    /// `"gelu"`; nothing else is known.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Dropout on embeddings and block outputs.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f32,
    /// Dropout on attention probabilities.
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f32,
    /// Rows of the position table: the longest sentence.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Rows of the type table.
    #[serde(default = "types")]
    pub type_vocab_size: usize,
    /// ε of every LayerNorm.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// Id of the padding token (never seen: no padding exists).
    #[serde(default)]
    pub pad_token_id: u32,
    /// Standard deviation of a fresh weight.
    #[serde(default = "deviation")]
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
fn gelu() -> String {
    "gelu".into()
}
fn absolute() -> String {
    "absolute".into()
}
fn tenth() -> f32 {
    0.1
}
fn positions() -> usize {
    512
}
fn types() -> usize {
    2
}
fn epsilon() -> f32 {
    1e-12
}
fn deviation() -> f64 {
    0.02
}

impl BertConfig {
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
            hidden_act: gelu(),
            hidden_dropout_prob: tenth(),
            attention_probs_dropout_prob: tenth(),
            max_position_embeddings: positions,
            type_vocab_size: types(),
            layer_norm_eps: epsilon(),
            pad_token_id: 0,
            initializer_range: deviation(),
            position_embedding_type: absolute(),
            other: other.as_object().cloned().unwrap_or_default(),
        }
    }

    /// What cannot be computed, in words for the person whose file it is.
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
        check::only("hidden_act", &self.hidden_act, "gelu")?;
        check::only("position_embedding_type", &self.position_embedding_type, "absolute")?;
        check::rates(&[self.hidden_dropout_prob, self.attention_probs_dropout_prob])?;
        check::epsilon("layer_norm_eps", self.layer_norm_eps)
    }
}

impl Config for BertConfig {
    fn read(json: serde_json::Value) -> Result<Self, String> {
        let config: Self = fields(json)?;
        config.check()?;
        Ok(config)
    }

    fn specs(&self) -> Vec<Spec> {
        Bert::specs(self)
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Bert::new(self.clone(), parameters)?))
    }
}

/// `y = x·Wᵀ + b` by name.
#[derive(Debug)]
struct Dense {
    weight: Parameter,
    bias: Parameter,
}

impl Dense {
    fn new(parameters: &Parameters, name: &str) -> Result<Self> {
        let get = |part| parameters.get(&format!("{name}.{part}"));
        Ok(Self { weight: get("weight")?, bias: get("bias")? })
    }

    fn on(&self, tape: &mut Tape, x: &Value) -> Result<Value> {
        tape.linear(x, &self.weight, &self.bias)
    }

    fn pair(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }
}

#[derive(Debug)]
struct Layer {
    query: Dense,
    key: Dense,
    value: Dense,
    attention_output: Dense,
    attention_norm: Dense,
    intermediate: Dense,
    output: Dense,
    output_norm: Dense,
}

impl Layer {
    fn new(parameters: &Parameters, number: usize) -> Result<Self> {
        let dense =
            |name: &str| Dense::new(parameters, &format!("encoder.layer.{number}.{name}"));
        Ok(Self {
            query: dense("attention.self.query")?,
            key: dense("attention.self.key")?,
            value: dense("attention.self.value")?,
            attention_output: dense("attention.output.dense")?,
            attention_norm: dense("attention.output.LayerNorm")?,
            intermediate: dense("intermediate.dense")?,
            output: dense("output.dense")?,
            output_norm: dense("output.LayerNorm")?,
        })
    }
}

/// The encoder of BERT; its pooler is not part of it.
#[derive(Debug)]
pub struct Bert {
    config: BertConfig,
    tables: [Parameter; 3],
    norm: Dense,
    layers: Vec<Layer>,
}

impl Bert {
    /// The tensors of a BERT of this configuration, named as transformers names them.
    pub fn specs(config: &BertConfig) -> Vec<Spec> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let deviation = config.initializer_range;
        let mut specs = Vec::new();
        let mut dense = |name: String, outputs, inputs| {
            let weight = Spec::weight(format!("{name}.weight"), [outputs, inputs], deviation);
            specs.push(weight);
            let bias = Spec::vector(format!("{name}.bias"), outputs, Start::Zeros);
            specs.push(Spec { unseen: name.ends_with("self.key"), ..bias });
        };
        for number in 0..config.num_hidden_layers {
            let layer = format!("encoder.layer.{number}");
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                dense(format!("{layer}.attention.{part}"), width, width);
            }
            dense(format!("{layer}.intermediate.dense"), inner, width);
            dense(format!("{layer}.output.dense"), width, inner);
        }
        let layers = (0..config.num_hidden_layers).flat_map(|number| {
            ["attention.output", "output"].map(|part| format!("encoder.layer.{number}.{part}"))
        });
        for norm in layers.chain(["embeddings".into()]) {
            specs.push(Spec::vector(format!("{norm}.LayerNorm.weight"), width, Start::Ones));
            specs.push(Spec::vector(format!("{norm}.LayerNorm.bias"), width, Start::Zeros));
        }
        for (table, rows) in [
            ("word", config.vocab_size),
            ("position", config.max_position_embeddings),
            ("token_type", config.type_vocab_size),
        ] {
            let name = format!("embeddings.{table}_embeddings.weight");
            specs.push(Spec::table(name, [rows, width], deviation));
        }
        specs
    }

    /// A BERT over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn new(config: BertConfig, parameters: &Parameters) -> Result<Self> {
        config.check().map_err(|words| Error::new(ErrorKind::Model, words))?;
        let table = |name| parameters.get(&format!("embeddings.{name}_embeddings.weight"));
        let layers = (0..config.num_hidden_layers).map(|number| Layer::new(parameters, number));
        Ok(Self {
            tables: [table("word")?, table("position")?, table("token_type")?],
            norm: Dense::new(parameters, "embeddings.LayerNorm")?,
            layers: layers.collect::<Result<_>>()?,
            config,
        })
    }

    /// `LayerNorm(word + position + type)`, disturbed as the pass says.
    fn embed(&self, tape: &mut Tape, tokens: &Tokens, pass: &Pass) -> Result<Value> {
        let packing = &tokens.packing;
        let indices = [tokens.ids.clone(), pass.positions(packing), tokens.types.clone()];
        let sum = tape.embedding_sum(self.tables.iter().cloned().zip(indices).collect())?;
        let x =
            tape.add_norm(&sum, None, None, self.norm.pair(), self.config.layer_norm_eps)?;
        pass.disturb(tape, &x, self.config.hidden_dropout_prob, packing)
    }

    /// Attention, then feed-forward, each added to what it read and normalised.
    fn layer(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &Value,
        packing: &Arc<Packing>,
        pass: &Pass,
    ) -> Result<Value> {
        let (layer, config) = (&self.layers[number], &self.config);
        let [q, k, v] = [&layer.query, &layer.key, &layer.value].map(|dense| dense.on(tape, x));
        let rate = config.attention_probs_dropout_prob;
        let dropout = pass.dropout(rate, number + 1, Site::Attention, packing);
        let heads = config.num_attention_heads;
        let seen = tape.attention([&q?, &k?, &v?], packing, heads, dropout)?;
        let seen = layer.attention_output.on(tape, &seen)?;
        let dropout = self.hidden_dropout(pass, number + 1, Site::AttentionOutput, packing);
        let norm = layer.attention_norm.pair();
        let x = tape.add_norm(&seen, Some(x), dropout, norm, config.layer_norm_eps)?;
        let inner = layer.intermediate.on(tape, &x)?;
        let inner = tape.gelu_linear(&inner, &layer.output.weight, &layer.output.bias)?;
        let dropout = self.hidden_dropout(pass, number + 1, Site::FeedForward, packing);
        tape.add_norm(
            &inner,
            Some(&x),
            dropout,
            layer.output_norm.pair(),
            config.layer_norm_eps,
        )
    }

    fn hidden_dropout(
        &self,
        pass: &Pass,
        layer: usize,
        site: Site,
        packing: &Arc<Packing>,
    ) -> Option<crate::nn::Dropout> {
        pass.dropout(self.config.hidden_dropout_prob, layer, site, packing)
    }
}

impl Encoder for Bert {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &Pass,
        keep: &[usize],
    ) -> Result<Vec<Value>> {
        let x = self.embed(tape, tokens, pass)?; // (T, D)
        climb(x, keep, |number, x| self.layer(tape, number, x, &tokens.packing, pass))
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn layers(&self) -> usize {
        self.config.num_hidden_layers
    }

    fn max_positions(&self) -> usize {
        self.config.max_position_embeddings
    }

    fn words(&self) -> &Parameter {
        &self.tables[0]
    }

    /// Eight matrices as wide as the model and one of the feed-forward block's a layer.
    fn numbers_per_token(&self) -> usize {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        2 * width + self.layers() * (8 * width + inner)
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).unwrap_or_default()
    }
}
