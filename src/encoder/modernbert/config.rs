//! The `config.json` of a ModernBERT.

use super::super::{Config, Encoder, affine, check, fields, standard};
use super::{ModernBert, WORDS};
use crate::error::Result;
use crate::nn::{Activation, ParamSpec, Parameters};
use serde::{Deserialize, Serialize};

/// The part of `config.json` that decides what a ModernBERT computes. Names and defaults are
/// transformers', older files' and newer ones'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModernBertConfig {
    /// Always `"modernbert"`.
    #[serde(default = "modernbert")]
    pub model_type: String,
    /// V, rows of the word table.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// L.
    pub num_hidden_layers: usize,
    /// H; divides D.
    pub num_attention_heads: usize,
    /// I, the width of the feed-forward block behind its gate.
    pub intermediate_size: usize,
    /// What the gate does, by transformers' name.
    #[serde(default = "standard::gelu")]
    pub hidden_activation: String,
    /// The longest sentence.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// The window of a local layer: as many tokens before and after together.
    #[serde(default = "window")]
    pub local_attention: usize,
    /// `"full_attention"` or `"sliding_attention"` for each layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer_types: Option<Vec<String>>,
    /// Where there are no `layer_types`: every so many layers one has global attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_attn_every_n_layers: Option<usize>,
    /// The base of the angles of each kind of layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_parameters: Option<RopeByLayer>,
    /// The same as older files have it, for layers of global attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_rope_theta: Option<f32>,
    /// The same as older files have it, for local layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_rope_theta: Option<f32>,
    /// ε of every LayerNorm.
    #[serde(default = "epsilon")]
    pub norm_eps: f32,
    /// Whether norms have a bias.
    #[serde(default)]
    pub norm_bias: bool,
    /// Whether the two linear layers of attention have a bias.
    #[serde(default)]
    pub attention_bias: bool,
    /// Whether the two linear layers of the feed-forward block have a bias.
    #[serde(default)]
    pub mlp_bias: bool,
    /// Dropout on embeddings.
    #[serde(default)]
    pub embedding_dropout: f32,
    /// Dropout on attention probabilities, and on the output of attention.
    #[serde(default)]
    pub attention_dropout: f32,
    /// Dropout within the feed-forward block.
    #[serde(default)]
    pub mlp_dropout: f32,
    /// Standard deviation of a fresh weight.
    #[serde(default = "standard::deviation")]
    pub initializer_range: f64,
    /// Whatever else the file says; kept for saving.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// Rotary positions by the kind of a layer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RopeByLayer {
    /// Of layers of global attention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_attention: Option<Rope>,
    /// Of local layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_attention: Option<Rope>,
}

/// Rotary positions as transformers writes them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rope {
    /// `"default"`; nothing else is known.
    #[serde(default = "plain")]
    pub rope_type: String,
    /// The base of the angles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f32>,
    /// Whatever else the file says; kept for saving.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

fn modernbert() -> String {
    "modernbert".into()
}
fn plain() -> String {
    "default".into()
}
fn positions() -> usize {
    8192
}
fn window() -> usize {
    128
}
fn epsilon() -> f32 {
    1e-5
}

impl ModernBertConfig {
    fn check(&self) -> Result<(), String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        check::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", width),
            ("num_attention_heads", heads),
            ("num_hidden_layers", self.num_hidden_layers),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ])?;
        check::layers("num_hidden_layers", self.num_hidden_layers)?;
        check::heads(("hidden_size", width), ("num_attention_heads", heads))?;
        if (width / heads) % 2 == 1 {
            return Err(format!(
                "the head size {} is odd, but rotary embeddings need an even one",
                width / heads
            ));
        }
        let dropouts = [self.embedding_dropout, self.attention_dropout, self.mlp_dropout];
        check::rates(&dropouts)?;
        check::epsilon("norm_eps", self.norm_eps)?;
        check::activation("hidden_activation", &self.hidden_activation)?;
        self.check_layers()?;
        self.check_angles()
    }

    fn check_layers(&self) -> Result<(), String> {
        if self.global_attn_every_n_layers == Some(0) {
            return Err("global_attn_every_n_layers is 0, expected 1 or more".into());
        }
        let Some(types) = &self.layer_types else { return Ok(()) };
        if types.len() != self.num_hidden_layers {
            let (types, layers) = (types.len(), self.num_hidden_layers);
            return Err(format!(
                "layer_types has {types} layers, but num_hidden_layers is {layers}"
            ));
        }
        match types.iter().find(|kind| ![FULL, LOCAL].contains(&kind.as_str())) {
            Some(kind) => {
                Err(format!("layer_types has \"{kind}\", expected \"{FULL}\" or \"{LOCAL}\""))
            }
            None => Ok(()),
        }
    }

    fn check_angles(&self) -> Result<(), String> {
        for is_local in [false, true] {
            let kind = self.rope(is_local).map_or("default", |rope| &rope.rope_type);
            check::only("rope_type", kind, "default")?;
            check::angles(self.theta(is_local))?;
        }
        match self.other.get("rope_scaling").filter(|scaling| !scaling.is_null()) {
            Some(scaling) => {
                Err(format!("rope_scaling {scaling} is not supported; use a model without it"))
            }
            None => Ok(()),
        }
    }

    fn rope(&self, is_local: bool) -> Option<&Rope> {
        let both = self.rope_parameters.as_ref()?;
        if is_local { both.sliding_attention.as_ref() } else { both.full_attention.as_ref() }
    }

    /// The base of the angles in layers of a kind.
    pub(super) fn theta(&self, is_local: bool) -> f32 {
        let (older, standard) = match is_local {
            true => (self.local_rope_theta, 10_000.),
            false => (self.global_rope_theta, 160_000.),
        };
        self.rope(is_local).and_then(|rope| rope.rope_theta).or(older).unwrap_or(standard)
    }

    /// Whether a layer has local attention.
    pub(super) fn is_local(&self, layer: usize) -> bool {
        match &self.layer_types {
            Some(types) => types[layer] == LOCAL,
            None => !layer.is_multiple_of(self.global_attn_every_n_layers.unwrap_or(3)),
        }
    }

    pub(super) fn activation(&self) -> Activation {
        Activation::of_transformers(&self.hidden_activation).unwrap_or_default()
    }
}

const FULL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";

impl Config for ModernBertConfig {
    fn read(mut json: serde_json::Value) -> Result<Self, String> {
        // without a base of their own, local layers of older files have the global one
        if json.get("local_rope_theta").is_some_and(serde_json::Value::is_null) {
            json["local_rope_theta"] = json["global_rope_theta"].clone();
        }
        let config: Self = fields(json)?;
        config.check()?;
        Ok(config)
    }

    fn specs(&self) -> Vec<ParamSpec> {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let deep = self.initializer_range / (2. * self.num_hidden_layers as f64).sqrt();
        let table = ParamSpec::table(WORDS, [self.vocab_size, width], self.initializer_range);
        let mut specs = vec![table];
        let mut linear = |name: String, shape, deviation, biased| {
            specs.extend(affine::linear(&name, shape, deviation, biased));
        };
        for number in 0..self.num_hidden_layers {
            let (biased, gated) = (self.attention_bias, self.mlp_bias);
            let name = |part| format!("layers.{number}.{part}");
            linear(name("attn.Wqkv"), [3 * width, width], self.initializer_range, biased);
            linear(name("attn.Wo"), [width, width], deep, biased);
            linear(name("mlp.Wi"), [2 * inner, width], self.initializer_range, gated);
            linear(name("mlp.Wo"), [width, inner], deep, gated);
        }
        let norms = (0..self.num_hidden_layers).flat_map(|number| {
            let attention = (number > 0).then(|| format!("layers.{number}.attn_norm"));
            attention.into_iter().chain([format!("layers.{number}.mlp_norm")])
        });
        for norm in norms.chain(["embeddings.norm".into(), "final_norm".into()]) {
            specs.extend(affine::norm(&norm, width, self.norm_bias));
        }
        specs
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(ModernBert::new(self.clone(), parameters)?))
    }
}
