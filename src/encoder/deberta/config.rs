//! The `config.json` of a DeBERTa v2 or v3.

use super::super::{Config, Encoder, affine, check, fields, standard};
use super::{DISTANCES, Deberta};
use crate::error::Result;
use crate::nn::{Activation, ParamSpec, Parameters};
use serde::{Deserialize, Serialize};

/// The part of `config.json` that decides what a DeBERTa v2 or v3 computes. Names and defaults
/// are transformers'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DebertaConfig {
    /// Always `"deberta-v2"`.
    #[serde(default = "deberta")]
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
    /// E, the width of the tables where it is not D.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_size: Option<usize>,
    /// The width of a head; D/H and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_head_size: Option<usize>,
    /// The feed-forward block's activation, by transformers' name.
    #[serde(default = "standard::gelu")]
    pub hidden_act: String,
    /// Dropout on embeddings, block outputs and the table of distances.
    #[serde(default = "standard::tenth")]
    pub hidden_dropout_prob: f32,
    /// Dropout on attention probabilities.
    #[serde(default = "standard::tenth")]
    pub attention_probs_dropout_prob: f32,
    /// The longest sentence.
    #[serde(default = "standard::positions")]
    pub max_position_embeddings: usize,
    /// Rows of the type table; 0 where there is none.
    #[serde(default)]
    pub type_vocab_size: usize,
    /// ε of every LayerNorm.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    /// Standard deviation of a fresh weight.
    #[serde(default = "standard::deviation")]
    pub initializer_range: f64,
    /// Whether attention reads distances.
    #[serde(default)]
    pub relative_attention: bool,
    /// The farthest distance; `max_position_embeddings` where below 1.
    #[serde(default = "unset")]
    pub max_relative_positions: i64,
    /// How many buckets distances of one sign share; each has its own where below 1.
    #[serde(default = "unset")]
    pub position_buckets: i64,
    /// Who reads distances: queries (`"c2p"`), keys (`"p2c"`), or both.
    #[serde(default)]
    pub pos_att_type: PosAttType,
    /// Whether distances are projected as tokens are.
    #[serde(default)]
    pub share_att_key: bool,
    /// `"layer_norm"` where the table of distances is normalised.
    #[serde(default = "none")]
    pub norm_rel_ebd: String,
    /// Whether positions have a table too.
    #[serde(default = "yes")]
    pub position_biased_input: bool,
    /// How many tokens a convolution beside the first layer covers; there is none where it is 0.
    #[serde(default)]
    pub conv_kernel_size: usize,
    /// 1; nothing else is known.
    #[serde(default = "one")]
    pub conv_groups: usize,
    /// The convolution's activation.
    #[serde(default = "tanh")]
    pub conv_act: String,
    /// Whatever else the file says; kept for saving.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// `pos_att_type` as files have it: a list, or one text with `|` between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PosAttType {
    /// `["p2c", "c2p"]`.
    List(Vec<String>),
    /// `"p2c|c2p"`.
    Text(String),
    /// Nobody.
    Nobody(()),
}

impl Default for PosAttType {
    fn default() -> Self {
        Self::Nobody(())
    }
}

impl PosAttType {
    fn names(&self) -> Vec<String> {
        let clean = |name: &str| name.trim().to_lowercase();
        let names: Vec<String> = match self {
            Self::List(names) => names.clone(),
            Self::Text(text) => text.split('|').map(clean).collect(),
            Self::Nobody(()) => Vec::new(),
        };
        names.into_iter().filter(|name| !name.is_empty() && name != "none").collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }
}

fn deberta() -> String {
    "deberta-v2".into()
}
fn tanh() -> String {
    "tanh".into()
}
fn none() -> String {
    "none".into()
}
fn epsilon() -> f32 {
    1e-7
}
fn unset() -> i64 {
    -1
}
fn yes() -> bool {
    true
}
fn one() -> usize {
    1
}

impl DebertaConfig {
    fn check(&self) -> Result<(), String> {
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        check::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", width),
            ("embedding_size", self.table_width()),
            ("num_attention_heads", heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size.max(1)),
        ])?;
        check::layers("num_hidden_layers", self.num_hidden_layers)?;
        check::heads(("hidden_size", width), ("num_attention_heads", heads))?;
        check::activation("hidden_act", &self.hidden_act)?;
        check::rates(&[self.hidden_dropout_prob, self.attention_probs_dropout_prob])?;
        check::epsilon("layer_norm_eps", self.layer_norm_eps)?;
        if let Some(size) = self.attention_head_size.filter(|size| size * heads != width) {
            let expected = width / heads;
            return Err(format!("attention_head_size is {size}, expected {expected}"));
        }
        self.check_distances()?;
        self.check_convolution()
    }

    fn check_distances(&self) -> Result<(), String> {
        let names = self.pos_att_type.names();
        if let Some(name) = names.iter().find(|name| !["c2p", "p2c"].contains(&name.as_str())) {
            return Err(format!(
                "pos_att_type \"{name}\" is not supported, expected c2p or p2c"
            ));
        }
        let (farthest, buckets) = (self.max_relative_positions, self.position_buckets);
        if farthest > 1 << 24 {
            return Err(format!(
                "max_relative_positions is {farthest}, expected at most {}",
                1 << 24
            ));
        }
        let most = 2 * (self.farthest() - 1);
        if buckets > 0 && !(4..most).contains(&buckets) {
            return Err(format!("position_buckets is {buckets}, expected 4 to {}", most - 1));
        }
        Ok(())
    }

    fn check_convolution(&self) -> Result<(), String> {
        let (size, groups) = (self.conv_kernel_size, self.conv_groups);
        if size == 0 {
            return Ok(());
        }
        if size.is_multiple_of(2) || size > 1023 {
            return Err(format!("conv_kernel_size is {size}, expected an odd number"));
        }
        if groups != 1 {
            return Err(format!("conv_groups is {groups}, but only 1 is supported"));
        }
        check::activation("conv_act", &self.conv_act)
    }

    pub(super) fn activation(&self) -> Activation {
        Activation::of_transformers(&self.hidden_act).unwrap_or_default()
    }

    pub(super) fn convolution_activation(&self) -> Activation {
        Activation::of_transformers(&self.conv_act).unwrap_or_default()
    }

    /// E.
    pub(super) fn table_width(&self) -> usize {
        self.embedding_size.unwrap_or(self.hidden_size)
    }

    /// The farthest distance that has a place of its own.
    fn farthest(&self) -> i64 {
        match self.max_relative_positions {
            farthest if farthest < 1 => self.max_position_embeddings as i64,
            farthest => farthest,
        }
    }

    /// S: the table of distances has rows for −S to S − 1.
    fn span(&self) -> i64 {
        if self.position_buckets > 0 { self.position_buckets } else { self.farthest() }
    }

    /// Who reads distances: queries (c2p), keys (p2c).
    pub(super) fn readers(&self) -> [bool; 2] {
        ["c2p", "p2c"].map(|name| self.relative_attention && self.pos_att_type.has(name))
    }

    pub(super) fn reads_distances(&self) -> bool {
        self.readers().contains(&true)
    }

    pub(super) fn norms_distances(&self) -> bool {
        let mut parts = self.norm_rel_ebd.split('|');
        self.reads_distances()
            && parts.any(|part| part.trim().eq_ignore_ascii_case("layer_norm"))
    }

    /// The bucket of a distance: itself up to half of the buckets, then by its logarithm, in
    /// f32 as the trained models rounded.
    fn bucket(&self, distance: i64) -> i64 {
        let middle = self.position_buckets / 2;
        if self.position_buckets < 1 || distance.abs() <= middle {
            return distance;
        }
        let far = (distance.abs() as f32 / middle as f32).ln();
        let farthest = ((self.farthest() - 1) as f64 / middle as f64) as f32;
        let steps = (far / farthest.ln() * (middle - 1) as f32).ceil();
        distance.signum() * (steps as i64 + middle)
    }

    /// The place of a distance in the order 0, −1, 1, −2, 2, …: the rows that short sentences
    /// read come first, so the same random bits apply to them in any batch.
    pub(super) fn place(&self, distance: i64) -> u32 {
        let kept = self.bucket(distance).clamp(-self.span(), self.span() - 1);
        (2 * kept.abs() - i64::from(kept < 0)) as u32
    }

    /// The row of the table that is at `place` in that order.
    pub(super) fn row(&self, place: usize) -> u32 {
        let half = place.div_ceil(2) as i64;
        let distance = if place.is_multiple_of(2) { half } else { -half };
        (self.span() + distance) as u32
    }

    /// The tables that are looked up, with their heights: words first.
    pub(super) fn tables(&self) -> Vec<(&'static str, usize)> {
        let positions = self.position_biased_input.then_some(self.max_position_embeddings);
        let types = Some(self.type_vocab_size).filter(|&types| types > 0);
        let tables =
            [("word", Some(self.vocab_size)), ("position", positions), ("token_type", types)];
        tables.into_iter().filter_map(|(name, height)| Some((name, height?))).collect()
    }
}

impl Config for DebertaConfig {
    fn read(json: serde_json::Value) -> Result<Self, String> {
        let config: Self = fields(json)?;
        config.check()?;
        Ok(config)
    }

    fn specs(&self) -> Vec<ParamSpec> {
        let (width, inner, deviation) =
            (self.hidden_size, self.intermediate_size, self.initializer_range);
        let table = |(name, height)| {
            let name = format!("embeddings.{name}_embeddings.weight");
            ParamSpec::table(name, [height, self.table_width()], deviation)
        };
        let mut specs: Vec<ParamSpec> = self.tables().into_iter().map(table).collect();
        specs.extend(affine::norm("embeddings.LayerNorm", width, true));
        if self.table_width() != width {
            let shape = [width, self.table_width()];
            specs.extend(affine::linear("embeddings.embed_proj", shape, deviation, false));
        }
        if self.reads_distances() {
            let shape = [2 * self.span() as usize, width];
            specs.push(ParamSpec::table(DISTANCES, shape, deviation));
        }
        if self.norms_distances() {
            specs.extend(affine::norm("encoder.LayerNorm", width, true));
        }
        if self.conv_kernel_size > 0 {
            let mut conv = affine::linear("encoder.conv.conv", [width; 2], deviation, true);
            let weight = conv.next().expect("a convolution has a weight");
            let shape = vec![width, width, self.conv_kernel_size];
            specs.push(ParamSpec { shape, ..weight });
            specs.extend(conv.chain(affine::norm("encoder.conv.LayerNorm", width, true)));
        }
        for number in 0..self.num_hidden_layers {
            let layer = format!("encoder.layer.{number}");
            for (part, outputs, inputs) in [
                ("attention.output.dense", width, width),
                ("intermediate.dense", inner, width),
                ("output.dense", width, inner),
            ] {
                let name = format!("{layer}.{part}");
                specs.extend(affine::linear(&name, [outputs, inputs], deviation, true));
            }
            for part in ["attention.output.LayerNorm", "output.LayerNorm"] {
                specs.extend(affine::norm(&format!("{layer}.{part}"), width, true));
            }
            specs.extend(self.projections(&format!("{layer}.attention.self")));
        }
        specs
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Deberta::new(self.clone(), parameters)?))
    }
}

impl DebertaConfig {
    /// What queries, keys, values and distances are projected by. A bias that shifts every
    /// score of a query alike is unseen: that of keys where no key reads a distance, and that
    /// of the keys of distances.
    fn projections(&self, layer: &str) -> impl Iterator<Item = ParamSpec> {
        let [c2p, p2c] = self.readers().map(|reads| reads && !self.share_att_key);
        let parts = [
            ("query_proj", true, false),
            ("key_proj", true, !self.readers()[1]),
            ("value_proj", true, false),
            ("pos_key_proj", c2p, true),
            ("pos_query_proj", p2c, false),
        ];
        let (width, deviation) = (self.hidden_size, self.initializer_range);
        parts.into_iter().filter(|part| part.1).flat_map(move |(part, _, unseen)| {
            let name = format!("{layer}.{part}");
            affine::linear(&name, [width; 2], deviation, true).map(move |spec| ParamSpec {
                unseen: unseen && spec.name.ends_with("bias"),
                ..spec
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: serde_json::Value) -> Result<DebertaConfig, String> {
        let mut json = serde_json::json!({
            "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 32, "relative_attention": true,
        });
        let more = extra.as_object().expect("settings are an object").clone();
        json.as_object_mut().expect("it is an object").extend(more);
        DebertaConfig::read(json)
    }

    #[test]
    fn buckets_are_exact_near_and_logarithmic_far() {
        let base = serde_json::json!({"position_buckets": 256, "max_relative_positions": 512});
        let config = config(base).unwrap();
        for (distance, bucket) in
            [(0, 0), (127, 127), (-128, -128), (129, 129), (200, 169), (511, 255), (-511, -255)]
        {
            assert_eq!(config.bucket(distance), bucket, "{distance}");
        }
    }

    #[test]
    fn every_distance_has_a_row_and_near_ones_come_first() {
        let config = config(serde_json::json!({"max_relative_positions": 4})).unwrap();
        let rows: Vec<u32> = (0..8).map(|place| config.row(place)).collect();
        assert_eq!(rows, [4, 3, 5, 2, 6, 1, 7, 0]);
        for distance in -9..9i64 {
            let row = config.row(config.place(distance) as usize);
            assert_eq!(i64::from(row), distance.clamp(-4, 3) + 4);
        }
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for (extra, word) in [
            (serde_json::json!({"pos_att_type": "p2p|c2p"}), "p2p"),
            (serde_json::json!({"conv_kernel_size": 2}), "conv_kernel_size"),
            (serde_json::json!({"conv_kernel_size": 3, "conv_groups": 2}), "conv_groups"),
            (serde_json::json!({"conv_kernel_size": 3, "conv_act": "mish"}), "mish"),
            (serde_json::json!({"position_buckets": 2000}), "position_buckets"),
            (serde_json::json!({"attention_head_size": 3}), "attention_head_size"),
        ] {
            let message = config(extra).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
