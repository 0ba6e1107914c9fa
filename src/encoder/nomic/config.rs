//! The `config.json` of a NomicBERT, of either kind.

use super::super::{Config, Encoder, affine, check, fields, standard};
use super::NomicBert;
use crate::error::Result;
use crate::nn::{Activation, ParamSpec, Parameters};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

/// The part of `config.json` that decides what a NomicBERT computes, under transformers' names.
/// The published files have GPT-2's (`n_embd`), and settings that transformers lacks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NomicBertConfig {
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
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// Dropout on embeddings and block outputs.
    #[serde(default)]
    pub hidden_dropout_prob: f32,
    /// Dropout on attention probabilities.
    #[serde(default)]
    pub attention_probs_dropout_prob: f32,
    /// The longest sentence.
    #[serde(default = "positions")]
    pub max_position_embeddings: usize,
    /// Rows of the type table; 0 where there is none.
    #[serde(default = "standard::types")]
    pub type_vocab_size: usize,
    /// ε of every LayerNorm.
    #[serde(default = "standard::epsilon")]
    pub layer_norm_eps: f32,
    /// Standard deviation of a fresh weight.
    #[serde(default = "standard::deviation")]
    pub initializer_range: f64,
    /// The base of the angles.
    #[serde(default = "base")]
    pub rotary_emb_base: f32,
    /// The part of each head that turns; 0 where positions have a table.
    #[serde(default = "whole")]
    pub rotary_emb_fraction: f64,
    /// Whether neighbouring columns turn together, not those half of the part apart.
    #[serde(default)]
    pub rotary_emb_interleaved: bool,
    /// How much the base grows with a sentence longer than `max_trained_positions`.
    #[serde(default)]
    pub rotary_scaling_factor: Option<f64>,
    /// The longest sentence of the training.
    #[serde(default = "positions")]
    pub max_trained_positions: usize,
    /// Whether the linear layers of attention have a bias.
    #[serde(default)]
    pub qkv_proj_bias: bool,
    /// Whether the first two linear layers of the feed-forward block have a bias.
    #[serde(default)]
    pub mlp_fc1_bias: bool,
    /// Whether the last has.
    #[serde(default)]
    pub mlp_fc2_bias: bool,
    /// The file as it was; kept for saving.
    #[serde(skip)]
    file: Map<String, Json>,
}

fn silu() -> String {
    "silu".into()
}
fn positions() -> usize {
    2048
}
fn base() -> f32 {
    1000.
}
fn whole() -> f64 {
    1.
}

/// transformers' name of each setting, the published files', and the value of those without.
fn published() -> [(&'static str, &'static str, Json); 15] {
    [
        ("hidden_size", "n_embd", json!(768)),
        ("num_hidden_layers", "n_layer", json!(12)),
        ("num_attention_heads", "n_head", json!(12)),
        ("hidden_dropout_prob", "resid_pdrop", json!(0.1)),
        ("attention_probs_dropout_prob", "attn_pdrop", json!(0.1)),
        ("max_position_embeddings", "n_positions", json!(1024)),
        ("layer_norm_eps", "layer_norm_epsilon", json!(1e-5)),
        ("initializer_range", "initializer_range", json!(0.02)),
        ("type_vocab_size", "type_vocab_size", json!(2)),
        ("rotary_emb_base", "rotary_emb_base", json!(10_000)),
        ("rotary_emb_fraction", "rotary_emb_fraction", json!(0.)),
        ("qkv_proj_bias", "qkv_proj_bias", json!(true)),
        ("mlp_fc1_bias", "mlp_fc1_bias", json!(true)),
        ("mlp_fc2_bias", "mlp_fc2_bias", json!(true)),
        ("vocab_size", "vocab_size", json!(50_257)),
    ]
}

/// Settings of the published files of which one value alone is built.
const PLAIN: [&str; 6] = [
    "prenorm",
    "parallel_block",
    "use_rms_norm",
    "causal",
    "rotary_head_dim",
    "moe_every_n_layers",
];

/// What a published file says, under transformers' names.
fn renamed(mut file: Map<String, Json>) -> Result<Map<String, Json>, String> {
    let stated =
        |file: &Map<String, Json>, name: &str| file.get(name).filter(|x| !x.is_null()).cloned();
    let whole = |file: &Map<String, Json>, name: &str| {
        stated(file, name).and_then(|x| x.as_u64()).filter(|&x| x <= 1 << 24)
    };
    for (name, theirs, standard) in published() {
        let value = stated(&file, theirs).unwrap_or(standard);
        file.insert(name.into(), value);
    }
    let vocab_size =
        whole(&file, "vocab_size").ok_or("vocab_size is missing or not a whole number")?;
    let multiple = whole(&file, "pad_vocab_size_multiple").unwrap_or(1).max(1);
    file.insert("vocab_size".into(), vocab_size.next_multiple_of(multiple).into());
    let width = whole(&file, "hidden_size").ok_or("n_embd is missing or not a whole number")?;
    let inner = whole(&file, "n_inner").unwrap_or(8 * width / 3);
    file.insert("intermediate_size".into(), inner.next_multiple_of(256).into());
    let gate = match stated(&file, "activation_function").as_ref().and_then(Json::as_str) {
        Some("swiglu") => "silu",
        Some("geglu") => "gelu",
        Some("glu") => "sigmoid",
        found => {
            let found = found.unwrap_or("gelu_new");
            let known = "expected swiglu, geglu or glu";
            return Err(format!("activation_function \"{found}\" is not supported, {known}"));
        }
    };
    file.insert("hidden_act".into(), gate.into());
    Ok(file)
}

/// What transformers' file says; the base of the angles is one of its `rope_parameters`.
fn unfolded(mut file: Map<String, Json>) -> Result<Map<String, Json>, String> {
    if let Some(rope) = file.get("rope_parameters").filter(|rope| !rope.is_null()).cloned() {
        check::only("rope_type", rope["rope_type"].as_str().unwrap_or("default"), "default")?;
        if let Some(theta) = rope.get("rope_theta") {
            file.insert("rotary_emb_base".into(), theta.clone());
        }
    }
    let size = |name| file.get(name).and_then(Json::as_u64);
    if let (Some(size), Some(width), Some(heads)) =
        (size("head_dim"), size("hidden_size"), size("num_attention_heads"))
        && size * heads != width
    {
        return Err(format!("head_dim is {size}, expected hidden_size / num_attention_heads"));
    }
    Ok(file)
}

impl NomicBertConfig {
    fn check(&self) -> Result<(), String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        check::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", width),
            ("num_attention_heads", heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("max_trained_positions", self.max_trained_positions),
            ("type_vocab_size", self.type_vocab_size.max(1)),
        ])?;
        check::layers("num_hidden_layers", self.num_hidden_layers)?;
        check::heads(("hidden_size", width), ("num_attention_heads", heads))?;
        let dropouts = [self.hidden_dropout_prob, self.attention_probs_dropout_prob];
        check::rates(&dropouts)?;
        check::epsilon("layer_norm_eps", self.layer_norm_eps)?;
        check::angles(self.rotary_emb_base)?;
        check::activation("hidden_act", &self.hidden_act)?;
        self.check_rotation()?;
        let asked = |name: &&str| {
            !matches!(self.file.get(*name), None | Some(Json::Null | Json::Bool(false)))
        };
        match PLAIN.iter().find(|name| asked(name) && self.file[**name] != json!(0)) {
            Some(name) => {
                Err(format!("{name} is {}, which is not supported", self.file[*name]))
            }
            None => Ok(()),
        }
    }

    fn check_rotation(&self) -> Result<(), String> {
        let (fraction, size) =
            (self.rotary_emb_fraction, self.hidden_size / self.num_attention_heads);
        let turned = fraction * size as f64;
        if !(0. ..=1.).contains(&fraction) || turned % 2. != 0. {
            return Err(format!(
                "rotary_emb_fraction {fraction} of head size {size} is not an even number of dimensions"
            ));
        }
        match self.rotary_scaling_factor {
            Some(factor) if !(factor.is_finite() && factor >= 1. && turned > 2.) => {
                Err(format!("rotary_scaling_factor is {factor}, expected 1 or more"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn gate(&self) -> Activation {
        Activation::of_transformers(&self.hidden_act).unwrap_or_default()
    }

    /// How many columns of a head turn.
    pub(super) fn turned(&self) -> usize {
        let size = self.hidden_size / self.num_attention_heads;
        (self.rotary_emb_fraction * size as f64) as usize
    }

    /// The base of the angles in a sentence of `len` tokens: one longer than the training's
    /// turns more slowly (dynamic NTK).
    pub(super) fn base(&self, len: usize) -> f32 {
        let (base, trained) =
            (f64::from(self.rotary_emb_base), self.max_trained_positions as f64);
        match self.rotary_scaling_factor {
            Some(factor) if len > self.max_trained_positions => {
                let turned = self.turned() as f64;
                let growth = factor * len as f64 / trained - (factor - 1.);
                (base * growth.powf(turned / (turned - 2.))) as f32
            }
            _ => self.rotary_emb_base,
        }
    }

    /// Whether transformers computes the same from its own names.
    fn is_transformers(&self) -> bool {
        let biased = self.qkv_proj_bias || self.mlp_fc1_bias || self.mlp_fc2_bias;
        let turns = self.rotary_emb_fraction == 1. && !self.rotary_emb_interleaved;
        !biased && turns && self.rotary_scaling_factor.is_none() && self.type_vocab_size > 0
    }

    /// The tables that are looked up, with their heights: words first.
    pub(super) fn tables(&self) -> Vec<(&'static str, usize)> {
        let position = (self.turned() == 0).then_some(self.max_position_embeddings);
        let types = Some(self.type_vocab_size).filter(|&types| types > 0);
        let tables =
            [("word", Some(self.vocab_size)), ("position", position), ("token_type", types)];
        tables.into_iter().filter_map(|(name, height)| Some((name, height?))).collect()
    }
}

/// The number in its shortest decimal form: 1e-12, not the nearest of 32 bits in 64.
fn decimal(number: f32) -> Json {
    number.to_string().parse::<f64>().unwrap_or_else(|_| number.into()).into()
}

impl NomicBertConfig {
    /// The file as it was, and transformers' names beside the published ones where it computes
    /// the same.
    pub(super) fn file(&self) -> Json {
        let config = self;
        let mut file = config.file.clone();
        file.insert("model_type".into(), "nomic_bert".into());
        if config.is_transformers() {
            let rope =
                json!({"rope_type": "default", "rope_theta": decimal(config.rotary_emb_base)});
            for (name, value) in [
                ("vocab_size", config.vocab_size.into()),
                ("hidden_size", config.hidden_size.into()),
                ("num_hidden_layers", config.num_hidden_layers.into()),
                ("num_attention_heads", config.num_attention_heads.into()),
                ("head_dim", (config.hidden_size / config.num_attention_heads).into()),
                ("intermediate_size", config.intermediate_size.into()),
                ("hidden_act", config.hidden_act.clone().into()),
                ("hidden_dropout_prob", decimal(config.hidden_dropout_prob)),
                ("attention_probs_dropout_prob", decimal(config.attention_probs_dropout_prob)),
                ("max_position_embeddings", config.max_position_embeddings.into()),
                ("type_vocab_size", config.type_vocab_size.into()),
                ("layer_norm_eps", decimal(config.layer_norm_eps)),
                ("rope_parameters", rope),
            ] {
                file.insert(name.into(), value);
            }
        }
        file.into()
    }
}

impl Config for NomicBertConfig {
    fn read(json: Json) -> Result<Self, String> {
        let Json::Object(file) = json else { return Err("not a JSON object".into()) };
        let named = match file.contains_key("n_embd") {
            true => renamed(file.clone())?,
            false => unfolded(file.clone())?,
        };
        let config = Self { file, ..fields(named.into())? };
        config.check()?;
        Ok(config)
    }

    fn specs(&self) -> Vec<ParamSpec> {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let deviation = self.initializer_range;
        let table = |(name, height)| {
            let name = format!("embeddings.{name}_embeddings.weight");
            ParamSpec::table(name, [height, width], deviation)
        };
        let mut specs: Vec<ParamSpec> = self.tables().into_iter().map(table).collect();
        specs.extend(affine::norm("emb_ln", width, true));
        for number in 0..self.num_hidden_layers {
            let (attention, first, second) =
                (self.qkv_proj_bias, self.mlp_fc1_bias, self.mlp_fc2_bias);
            for (part, shape, biased) in [
                ("attn.Wqkv", [3 * width, width], attention),
                ("attn.out_proj", [width, width], attention),
                ("mlp.fc11", [inner, width], first),
                ("mlp.fc12", [inner, width], first),
                ("mlp.fc2", [width, inner], second),
            ] {
                let name = format!("encoder.layers.{number}.{part}");
                specs.extend(affine::linear(&name, shape, deviation, biased));
            }
            for part in ["norm1", "norm2"] {
                specs.extend(affine::norm(
                    &format!("encoder.layers.{number}.{part}"),
                    width,
                    true,
                ));
            }
        }
        specs
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(NomicBert::new(self.clone(), parameters)?))
    }
}
