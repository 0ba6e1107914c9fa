//! Encoders: packed tokens to hidden states. One file per architecture.

mod affine;
mod albert;
mod bag;
mod bert;
mod check;
mod deberta;
mod distilbert;
mod electra;
mod modernbert;
mod mpnet;
mod nomic;
mod roberta;
mod standard;

pub use albert::AlbertConfig;
pub use bag::{Bag, BagConfig};
pub use bert::{Bert, BertConfig};
pub use deberta::{DebertaConfig, PosAttType};
pub use distilbert::DistilbertConfig;
pub use electra::ElectraConfig;
pub use modernbert::{ModernBertConfig, Rope, RopeByLayer};
pub use mpnet::MpnetConfig;
pub use nomic::NomicBertConfig;
pub use roberta::RobertaConfig;

use crate::error::{Error, Result};
use crate::nn::{ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use crate::tokens::Tokens;
use crate::view::ViewSample;
use serde::de::DeserializeOwned;
use std::fmt;
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
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>>;

    /// D, the width of a hidden state.
    fn width(&self) -> usize;

    /// L, the number of layers.
    fn layers(&self) -> usize;

    /// The longest sentence it can see, in tokens.
    fn max_positions(&self) -> usize;

    /// The table of its words, (V, E); E may be another width than D.
    fn word_embeddings(&self) -> &Parameter;

    /// How many token ids it has an embedding for.
    fn vocabulary_size(&self) -> usize {
        self.word_embeddings().spec().shape[0]
    }

    /// About how many numbers a tape that will be walked back keeps for a token.
    fn activations_per_token(&self) -> usize {
        (18 * self.layers() + 4) * self.width()
    }

    /// Its `config.json`.
    fn config(&self) -> serde_json::Value;
}

/// The hidden states that `keep` asks for: 0 is `x`, `i` what `layer(i - 1, …)` makes of the one
/// before. No layer above the last one asked for is computed.
fn run_layers(
    mut x: TapeTensor,
    keep: &[usize],
    mut layer: impl FnMut(usize, &TapeTensor) -> Result<TapeTensor>,
) -> Result<Vec<TapeTensor>> {
    let mut kept: Vec<Option<TapeTensor>> = vec![None; keep.len()];
    let deepest = keep.iter().copied().max().unwrap_or(0);
    for number in 0..=deepest {
        if number > 0 {
            x = layer(number - 1, &x)?;
        }
        for (slot, _) in kept.iter_mut().zip(keep).filter(|(_, layer)| **layer == number) {
            *slot = Some(x.clone());
        }
    }
    Ok(kept.into_iter().flatten().collect())
}

/// The `config.json` of an architecture: all that is known of it before it has a tensor.
pub trait Config: fmt::Debug + Send + Sync {
    /// The configuration that `json` is.
    ///
    /// # Errors
    /// A message for the owner of the file, the field first, where one is missing, out of
    /// range, or asks for a variant that is not built.
    fn read(json: serde_json::Value) -> Result<Self, String>
    where
        Self: Sized;

    /// The tensors it needs, under the names that transformers gives them.
    fn specs(&self) -> Vec<ParamSpec>;

    /// The encoder over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>>;

    /// What older files call the tensor `name`.
    fn older_name(&self, name: &str) -> Option<String> {
        let (stem, part) = name.rsplit_once('.')?;
        let part = match part {
            "weight" if stem.ends_with("LayerNorm") => "gamma",
            "bias" if stem.ends_with("LayerNorm") => "beta",
            _ => return None,
        };
        Some(format!("{stem}.{part}"))
    }
}

/// The fields of a configuration; where one is wrong, its name comes first.
fn fields<T: DeserializeOwned>(json: serde_json::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(json).map_err(|error| error.to_string())
}

/// Refuses sizes beyond any encoder before anything is computed of them, whatever the
/// architecture: depth by its usual names, and all that counts rows or columns.
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
            return Err(format!("{name} is {value}, expected at most {most}"));
        }
    }
    Ok(())
}

type Read = fn(serde_json::Value) -> Result<Box<dyn Config>, String>;

fn read<C: Config + 'static>(json: serde_json::Value) -> Result<Box<dyn Config>, String> {
    Ok(Box::new(C::read(json)?))
}

/// Every architecture by the `model_type` of its `config.json`.
const KNOWN: &[(&str, Read)] = &[
    ("albert", read::<AlbertConfig>),
    ("bag", read::<BagConfig>),
    ("bert", read::<BertConfig>),
    ("camembert", read::<RobertaConfig>),
    ("deberta-v2", read::<DebertaConfig>),
    ("distilbert", read::<DistilbertConfig>),
    ("electra", read::<ElectraConfig>),
    ("modernbert", read::<ModernBertConfig>),
    ("mpnet", read::<MpnetConfig>),
    ("nomic_bert", read::<NomicBertConfig>),
    ("roberta", read::<RobertaConfig>),
    ("xlm-roberta", read::<RobertaConfig>),
];

/// An architecture by its `config.json`, before it has any tensor.
#[derive(Debug)]
pub struct Architecture(Box<dyn Config>);

impl Architecture {
    /// The architecture of a configuration.
    pub fn of(config: impl Config + 'static) -> Self {
        Self(Box::new(config))
    }

    /// The architecture that a `config.json` at `path` describes.
    ///
    /// # Errors
    /// Where it is of an unknown `model_type`, or out of range.
    pub fn parse(path: &Path, json: serde_json::Value) -> Result<Self> {
        let wrong = |words: String| Error::model(path, words);
        absurd(&json).map_err(wrong)?;
        let kind = json.get("model_type").and_then(|kind| kind.as_str()).unwrap_or("");
        let Some((_, read)) = KNOWN.iter().find(|(name, _)| *name == kind) else {
            let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            let known = format!("supported are {}", names.join(", "));
            return Err(wrong(match kind {
                "" => format!("model_type is missing; {known}"),
                kind => format!("model_type \"{kind}\" is not supported; {known}"),
            }));
        };
        read(json).map(Self).map_err(wrong)
    }

    /// The tensors it needs.
    pub fn specs(&self) -> Vec<ParamSpec> {
        self.0.specs()
    }

    /// What older files call the tensor `name`.
    pub fn older_name(&self, name: &str) -> Option<String> {
        self.0.older_name(name)
    }

    /// The encoder over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        self.0.build(parameters)
    }
}
