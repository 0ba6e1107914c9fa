//! A model directory as sentence-transformers and text-embeddings-inference read it.

use super::card::ModelCard;
use super::encoder::{SentenceEncoder, SourceDirectory};
use super::json::{maybe_json, read_json};
use super::modules;
use super::prompts::Prompts;
use super::tokenizer_files;
use super::weights::{self, ModelWeights};
use crate::encoder::Architecture;
use crate::error::{Error, Result};
use crate::hub;
use crate::io;
use crate::model::{Model, WeightedLayers};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::tokens::Tokenizer;
use candle_core::Tensor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the modules of a directory say beyond its encoder.
struct Modules {
    mixture: Option<WeightedLayers>,
    pooling: Pooling,
    dense: Option<PathBuf>,
    normalize: bool,
    /// Whether the tokens of a prompt are pooled.
    prompt: bool,
}

impl SentenceEncoder {
    /// The model in a directory, or of a hub id (`org/name`, `org/name@revision`).
    ///
    /// # Errors
    /// Where there is none, it is damaged, or of an unknown kind.
    pub fn from_pretrained(model: impl AsRef<str>) -> Result<Self> {
        load(&hub::resolve(model.as_ref())?)
    }

    /// The model in a directory.
    ///
    /// # Errors
    /// Where it is missing, damaged, or of an unknown kind.
    pub fn from_directory(dir: impl AsRef<Path>) -> Result<Self> {
        load(dir.as_ref())
    }

    /// Writes the model as a directory that sentence-transformers, text-embeddings-inference
    /// and candle load.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_pretrained(&self, dir: impl AsRef<Path>) -> Result<()> {
        save(self, dir.as_ref())
    }

    /// Writes only the weights of a model that was saved to `dir` before.
    ///
    /// # Errors
    /// Where they cannot be written; the old weights are then untouched.
    pub fn save_weights(&self, dir: impl AsRef<Path>) -> Result<()> {
        save_weights(self, dir.as_ref())
    }

    /// Writes the model as a directory of the same form, its matrices in 8-bit integers with a
    /// scale a row; when loaded, it computes in [`ComputeDtype::Int8`].
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_quantized(&self, dir: impl AsRef<Path>) -> Result<()> {
        save_quantized(self, dir.as_ref())
    }
}

fn load(dir: &Path) -> Result<SentenceEncoder> {
    let config = dir.join("config.json");
    if !config.is_file() {
        let words = "config.json is missing; is this a model directory?";
        return Err(Error::model(dir, words));
    }
    let mut json = read_json(&config)?;
    // how the file stores its matrices is no part of the architecture
    let quantized = json.as_object_mut().and_then(|json| json.remove(QUANTIZATION));
    if let Some(method) = quantized.as_ref().filter(|how| how["format"] != INT8) {
        let words =
            format!("{QUANTIZATION} is {method}, but only \"format\": \"{INT8}\" is supported");
        return Err(Error::model(&config, words));
    }
    let shows_layers = json["output_hidden_states"].as_bool().unwrap_or(false);
    let architecture = Architecture::parse(&config, json)?;
    let modules = modules(dir, shows_layers)?;
    let (parameters, carried) = ModelWeights::in_directory(dir)?.parameters(&architecture)?;
    let encoder = architecture.build(&parameters)?;
    let tokenizer = Tokenizer::from_dir(dir, max_len(dir, encoder.max_positions())?)?;
    let rows = encoder.word_embeddings().spec().shape[0];
    if tokenizer.vocabulary_size() > rows {
        let words = format!(
            "the tokenizer has ids up to {}, but the embedding table has only {rows} rows",
            tokenizer.vocabulary_size() - 1
        );
        return Err(Error::model(dir, words));
    }
    let mut model = Model::new(encoder, modules.pooling, parameters);
    if let Some(mixture) = modules.mixture {
        let place = dir.join("modules.json");
        model =
            model.with_weighted_layers(mixture).map_err(|error| Error::model(&place, error))?;
    }
    if let Some(folder) = &modules.dense {
        model = modules::load_dense(model, folder, &read_json(&folder.join("config.json"))?)?;
    }
    if quantized.is_some() {
        model = model.with_dtype(ComputeDtype::Int8);
    }
    let origin = SourceDirectory { carried, base: Some(dir.to_path_buf()) };
    let path = dir.join("config_sentence_transformers.json");
    let prompts = Prompts::of(&path, &maybe_json(&path)?, modules.prompt)?;
    Ok(SentenceEncoder { model, tokenizer, normalize: modules.normalize, prompts, origin })
}

/// Where sentences are cut: `sentence_bert_config.json`, else `tokenizer_config.json`, else the
/// model's own length.
fn max_len(dir: &Path, positions: usize) -> Result<usize> {
    let own = maybe_json(&dir.join("sentence_bert_config.json"))?;
    let tokenizer = maybe_json(&dir.join("tokenizer_config.json"))?;
    let asked = own["max_seq_length"].as_u64().or(tokenizer["model_max_length"].as_u64());
    let asked = asked.map_or(positions, |len| usize::try_from(len).unwrap_or(usize::MAX));
    if asked < 3 {
        return Err(Error::model(
            dir,
            format!("max_seq_length is {asked}, expected at least 3"),
        ));
    }
    Ok(asked.min(positions).min(1 << 20))
}

/// `modules.json`, of either generation of sentence-transformers; a directory without one is
/// pooled by the mean.
fn modules(dir: &Path, shows_layers: bool) -> Result<Modules> {
    let path = dir.join("modules.json");
    let mut modules = Modules {
        mixture: None,
        pooling: Pooling::Mean,
        dense: None,
        normalize: false,
        prompt: true,
    };
    let json = maybe_json(&path)?;
    if !json.is_null() && !json.is_array() {
        return Err(Error::model(&path, "expected a list of modules"));
    }
    for module in json.as_array().map_or(&[][..], Vec::as_slice) {
        let kind = module["type"].as_str().unwrap_or("").rsplit('.').next().unwrap_or("");
        let folder = Path::new(module["path"].as_str().unwrap_or(""));
        let file = |name: &str| io::inside(&path, folder.join(name));
        match kind {
            "Transformer" => {}
            "Pooling" => {
                let path = file("config.json")?;
                modules.pooling = pooling(&path)?;
                modules.prompt = read_json(&path)?["include_prompt"] != false;
            }
            "Dense" if modules.dense.is_some() || modules.normalize => {
                let words = "a second Dense module, or one after Normalize, is not supported";
                return Err(Error::model(&path, words));
            }
            "Dense" => {
                file("config.json")?;
                modules.dense = Some(io::inside(&path, folder)?);
            }
            "WeightedLayerPooling" => {
                let config = read_json(&file("config.json")?)?;
                let mixture = modules::mixture(&io::inside(&path, folder)?, &config)?;
                // the module passes over models that do not show it their layers
                modules.mixture = Some(mixture).filter(|_| shows_layers);
            }
            "Normalize" => modules.normalize = true,
            kind => {
                let known = "supported are Transformer, WeightedLayerPooling, Pooling, Dense and \
                             Normalize";
                return Err(Error::model(
                    &path,
                    format!("module \"{kind}\" is not supported; {known}"),
                ));
            }
        }
        if let Some(own) = module[OWN_POOLING].as_str() {
            modules.pooling = own.parse().map_err(|error: Error| Error::model(&path, error))?;
        }
    }
    Ok(modules)
}

/// The key of a pooling of our own: in `modules.json`, in older directories beside its flags.
const OWN_POOLING: &str = "twindrop_pooling";

/// In the order in which what several of them give is joined.
const FLAGS: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

fn pooling(path: &Path) -> Result<Pooling> {
    let config = read_json(path)?;
    if let Some(own) = config[OWN_POOLING].as_str() {
        return own.parse().map_err(|error: Error| Error::model(path, error));
    }
    let on = |(name, pooling): (&str, Pooling)| config[name].as_bool()?.then_some(pooling);
    let flagged: Vec<Pooling> = FLAGS.into_iter().filter_map(on).collect();
    let named: Vec<&str> = match &config["pooling_mode"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let named = named.into_iter().map(str::parse).collect::<Result<Vec<_>>>();
    let named = named.map_err(|error| Error::model(path, error))?;
    let modes = if named.is_empty() { flagged } else { named };
    if modes.is_empty() {
        return Err(Error::model(path, "no pooling mode is enabled"));
    }
    Pooling::joined(&modes).ok_or_else(|| Error::model(path, "a pooling mode is enabled twice"))
}

/// Where `config.json` says that matrices are stored in integers, and the one way known: a scale
/// for each output channel, activations rounded token by token as they come (compressed-tensors).
const QUANTIZATION: &str = "quantization_config";
const INT8: &str = "int-quantized";

fn save_quantized(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    let parameters = encoder.model().parameters();
    let multiplied = |name: &str| {
        modules::is_encoders(name)
            && parameters.get(name).is_ok_and(|p| p.spec().shape.len() == 2 && !p.spec().table)
    };
    describe(encoder, dir, |config| {
        let rounds = |strategy: &str, symmetric: bool, dynamic: bool| {
            json!({"num_bits": 8, "type": "int", "strategy": strategy, "symmetric": symmetric,
                   "dynamic": dynamic})
        };
        let group = json!({"targets": ["Linear"], "weights": rounds("channel", true, false),
                           "input_activations": rounds("token", false, true)});
        config[QUANTIZATION] = json!({
            "quant_method": "compressed-tensors", "format": INT8,
            "quantization_status": "compressed", "config_groups": {"group_0": group},
            "ignore": ["pooler.dense"],
        });
    })?;
    weights::save_int8(&dir.join(WEIGHTS), &tensors(encoder), multiplied)?;
    modules::save(encoder.model(), dir)
}

fn save(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    describe(encoder, dir, |_| ())?;
    save_weights(encoder, dir)
}

/// Everything but the weights; `change` changes `config.json`.
fn describe(
    encoder: &SentenceEncoder,
    dir: &Path,
    change: impl FnOnce(&mut Value),
) -> Result<()> {
    io::make_directory(dir)?;
    let write = |name: &str, value: &Value| {
        let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
        io::replace_with(&dir.join(name), text)
    };
    let model = encoder.model();
    let width = model.encoder().width();
    let mut config = model.encoder().config();
    change(&mut config);
    write("config.json", &config)?;
    tokenizer_files::save(encoder, dir)?;
    let length = encoder.max_seq_length();
    write(
        "sentence_bert_config.json",
        &json!({"max_seq_length": length, "do_lower_case": false}),
    )?;
    let mut modules = vec![(String::new(), "Transformer")];
    if model.weighted_layers().is_some() {
        modules.push((modules::MIXTURE.into(), "WeightedLayerPooling"));
    }
    modules.push(("1_Pooling".into(), "Pooling"));
    io::make_directory(&dir.join("1_Pooling"))?;
    let pooling = pooling_config(model.pooling(), width, encoder.prompts.pooled);
    write("1_Pooling/config.json", &pooling)?;
    modules::describe(model, dir)?;
    if model.dense().is_some() {
        modules.push((modules::DENSE.into(), "Dense"));
    }
    if encoder.normalize {
        let path = format!("{}_Normalize", modules.len());
        io::make_directory(&dir.join(&path))?;
        modules.push((path, "Normalize"));
    }
    let module = |(idx, (path, kind)): (usize, (String, &str))| {
        json!({"idx": idx, "name": idx.to_string(), "path": path,
               "type": format!("sentence_transformers.models.{kind}")})
    };
    let modules = modules.into_iter().enumerate().map(module).collect();
    write("modules.json", &marked(modules, model.pooling()))?;
    let mut own = json!({
        "model_type": "SentenceTransformer",
        "__version__": {
            "sentence_transformers": "5.3.0", "transformers": "4.57.1", "pytorch": "2.8.0",
            "twindrop": env!("CARGO_PKG_VERSION"),
        },
        "prompts": {}, "default_prompt_name": null, "similarity_fn_name": "cosine",
    });
    encoder.prompts.write(&mut own);
    write("config_sentence_transformers.json", &own)?;
    ModelCard::default().write(encoder, dir)
}

/// The weights alone: all that changes from one save of a run to the next.
fn save_weights(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    weights::save(&dir.join(WEIGHTS), &tensors(encoder))?;
    modules::save(encoder.model(), dir)
}

const WEIGHTS: &str = "model.safetensors";

fn tensors(encoder: &SentenceEncoder) -> BTreeMap<String, Tensor> {
    let mut tensors = encoder.model().parameters().tensors();
    tensors.retain(|name, _| modules::is_encoders(name));
    tensors.extend(encoder.origin.carried.clone());
    tensors
}

/// A pooling that sentence-transformers lacks is written as its nearest, the mean; several joined
/// in an order that flags cannot say, which its older versions lack, by name only.
fn pooling_config(pooling: Pooling, width: usize, pooled: bool) -> Value {
    let modes: Vec<Pooling> = match pooling {
        Pooling::Joined(modes) => modes.iter().collect(),
        one => vec![if FLAGS.into_iter().any(|(_, flag)| flag == one) {
            one
        } else {
            Pooling::Mean
        }],
    };
    let mut config = json!({ "word_embedding_dimension": width });
    if !matches!(pooling, Pooling::Joined(modes) if !modes.is_in_order()) {
        for (name, flag) in FLAGS {
            config[name] = modes.contains(&flag).into();
        }
    }
    config["include_prompt"] = pooled.into();
    // its older versions know one name, and put the flags that are on together themselves
    let names: Vec<String> = modes.iter().map(ToString::to_string).collect();
    match (&names[..], pooling) {
        ([one], _) => config["pooling_mode"] = one.as_str().into(),
        (several, Pooling::Joined(modes)) if !modes.is_in_order() => {
            config["pooling_mode"] = several.into();
        }
        _ => {}
    }
    config
}

/// The list of modules with the pooling marked, where sentence-transformers lacks it: there no
/// reader minds a key of ours, while an older Pooling refuses one in its own file.
fn marked(mut modules: Vec<Value>, pooling: Pooling) -> Value {
    let joined = matches!(pooling, Pooling::Joined(_));
    if !joined && FLAGS.into_iter().all(|(_, flag)| flag != pooling) {
        modules[1][OWN_POOLING] = pooling.to_string().into();
    }
    modules.into()
}
