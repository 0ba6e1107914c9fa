//! What a directory holds beside its encoder: the dense layer and the weights of layers, where
//! sentence-transformers has them, and the heads of training, for a run that goes on from here.

use super::json::read_json;
use super::known_keys::{self, WEIGHTED_LAYERS};
use super::weights::{self, ModelWeights};
use crate::error::{Error, Result};
use crate::heads::{Dense, DenseConfig, TRAINING_ONLY_PREFIXES, is_training_only};
use crate::io;
use crate::model::{Model, WeightedLayers};
use crate::nn::{Activation, Parameters};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Its folder in a saved directory.
pub(super) const DENSE: &str = "2_Dense";
pub(super) const WEIGHTS: &str = "model.safetensors";
/// sentence-transformers has no place for these.
pub(super) const HEADS: &str = "heads.safetensors";

/// The folder of weights of layers, and their tensor.
pub(super) const MIXTURE: &str = "1_WeightedLayerPooling";
const LAYERS: &str = "layer_weights";

/// What the names of its parameters begin with.
pub(super) const DENSE_NAMES: &str = "dense.";

/// Whether the parameter called `name` belongs to the encoder.
pub(super) fn is_encoders(name: &str) -> bool {
    !name.starts_with(DENSE_NAMES) && !is_training_only(name)
}

/// The parameters whose name begins with one of `begins`, the rest of their names as given.
fn tensors(model: &Model, begins: &[&str], strip: &str) -> BTreeMap<String, Tensor> {
    let mut tensors = model.parameters().tensors();
    tensors.retain(|name, _| begins.iter().any(|begin| name.starts_with(begin)));
    let named = |name: String| name.strip_prefix(strip).map(str::to_string).unwrap_or(name);
    tensors.into_iter().map(|(name, tensor)| (named(name), tensor)).collect()
}

/// Tensors of heads that `model.safetensors` has no place for: all, or all but the classifier's.
fn heads(model: &Model, with_classifier: bool) -> BTreeMap<String, Tensor> {
    let begins =
        if with_classifier { &TRAINING_ONLY_PREFIXES } else { &TRAINING_ONLY_PREFIXES[1..] };
    tensors(model, begins, "")
}

/// Writes the tensors of heads, if there are any, beside the model. `with_classifier`: the classifier is not among the model's weights.
pub(super) fn save_heads(model: &Model, with_classifier: bool, dir: &Path) -> Result<()> {
    let (heads, path) = (heads(model, with_classifier), dir.join(HEADS));
    if heads.is_empty() { Ok(()) } else { weights::save(&path, &heads) }
}

/// Writes the shape of the dense layer, if there is one, to its folder in `dir`.
pub(super) fn describe(model: &Model, dir: &Path) -> Result<()> {
    if let Some(mixture) = model.weighted_layers() {
        let folder = dir.join(MIXTURE);
        io::make_directory(&folder)?;
        let config = json!({
            "word_embedding_dimension": model.encoder().width(), "layer_start": mixture.start,
            "num_hidden_layers": model.encoder().layers(),
        });
        let text = serde_json::to_string_pretty(&config).unwrap_or_default() + "\n";
        io::replace_with(&folder.join("config.json"), text)?;
        let tensor = Tensor::new(&mixture.weights[..], &Device::Cpu)?;
        weights::save(&folder.join(WEIGHTS), &[(LAYERS.to_string(), tensor)].into())?;
    }
    let Some(dense) = model.dense() else { return Ok(()) };
    io::make_directory(&dir.join(DENSE))?;
    let mut config = json!({
        "in_features": dense.inputs(), "out_features": dense.config().out,
        "bias": dense.config().bias,
        "activation_function": dense.config().activation.class(),
    });
    if dense.config().residual {
        config["use_residual"] = true.into(); // older readers refuse a key that they do not know
    }
    let text = serde_json::to_string_pretty(&config).unwrap_or_default() + "\n";
    io::replace_with(&dir.join(DENSE).join("config.json"), text)
}

/// Writes the tensors of the dense layer, if there is one.
pub(super) fn save(model: &Model, dir: &Path) -> Result<()> {
    let dense = tensors(model, &[DENSE_NAMES], DENSE_NAMES);
    if dense.is_empty() {
        return Ok(());
    }
    io::make_directory(&dir.join(DENSE))?;
    weights::save(&dir.join(DENSE).join(WEIGHTS), &dense)
}

/// The weights of layers in `folder`.
pub(super) fn mixture(folder: &Path, notes: &mut Vec<String>) -> Result<WeightedLayers> {
    let path = folder.join("config.json");
    let config = &read_json(&path)?;
    known_keys::check(&path, config, &[&WEIGHTED_LAYERS], notes)?;
    let field = |name: &str, usual: u64| {
        let value = if config[name].is_null() { Some(usual) } else { config[name].as_u64() };
        let value = value.filter(|&value| value <= 1 << 10);
        value.ok_or_else(|| Error::model(&path, format!("{name} is {}", config[name])))
    };
    let (start, layers) = (field("layer_start", 4)?, field("num_hidden_layers", 12)?);
    let count = (layers + 1).saturating_sub(start) as usize;
    let file = ModelWeights::in_directory(folder)?;
    let weights = file.maybe(LAYERS, &[count])?.ok_or_else(|| {
        Error::model(file.path(), format!("{LAYERS} is missing, or not {count} numbers"))
    })?;
    Ok(WeightedLayers { start: start as usize, weights })
}

/// The model with the dense layer in `folder`.
pub(super) fn load_dense(
    model: Model,
    folder: &Path,
    notes: &mut Vec<String>,
) -> Result<Model> {
    let path = folder.join("config.json");
    let config = read_json(&path)?;
    known_keys::check(&path, &config, &[&known_keys::DENSE], notes)?;
    let wrong = |message: String| Error::model(&path, message);
    let field = |name: &str| {
        let value = config[name].as_u64().filter(|value| (1..=1 << 20).contains(value));
        value.map(|value| value as usize).ok_or_else(|| wrong(format!("{name} is missing")))
    };
    let (inputs, out) = (field("in_features")?, field("out_features")?);
    if inputs != model.width() {
        let width = model.width();
        return Err(wrong(format!(
            "in_features is {inputs}, but embeddings have {width} dimensions"
        )));
    }
    let activation = match config.get("activation_function") {
        None => Activation::Tanh, // sentence-transformers' default
        Some(Value::String(name)) => name
            .parse()
            .map_err(|error: Error| wrong(format!("activation_function: {error}")))?,
        Some(other) => {
            let message =
                format!("activation_function is {other}, expected a class of PyTorch");
            return Err(wrong(message));
        }
    };
    let config_of = DenseConfig {
        out,
        activation,
        bias: config["bias"].as_bool().unwrap_or(true),
        residual: config["use_residual"].as_bool().unwrap_or(false),
    };
    let file = ModelWeights::in_directory(folder)?;
    let parameters =
        Parameters::build(Dense::specs(&config_of, inputs), &Device::Cpu, |spec| {
            let name = spec.name.strip_prefix("dense.").unwrap_or(&spec.name);
            file.maybe(name, &spec.shape)?.ok_or_else(|| {
                Error::model(
                    file.path(),
                    format!("tensor {name} is missing, or not {:?}", spec.shape),
                )
            })
        })?;
    model.with_dense_over(config_of, parameters)
}
