//! A model directory as sentence-transformers and text-embeddings-inference read it.

use super::adapter::Adapter;
use super::encoder::{SentenceEncoder, SourceDirectory};
use super::json::{maybe_json, read_json};
use super::known_keys::{self, SPECIAL_TOKENS, TOKENIZER_CONFIG};
use super::module_list::ModuleList;
use super::modules;
use super::prompts::Prompts;
use super::sequence_classifier;
use super::settings::DirectorySettings;
use super::static_embedding;
use super::weights::ModelWeights;
use crate::encoder::Architecture;
use crate::error::{Error, Result};
use crate::hub;
use crate::model::Model;
use crate::nn::ComputeDtype;
use crate::tokens::Tokenizer;
use serde_json::Value;
use std::path::Path;

impl SentenceEncoder {
    /// The model in a directory, or of a hub id (`org/name`, `org/name@revision`).
    ///
    /// # Errors
    /// Where there is none, it is damaged, or of an unknown kind.
    pub fn from_pretrained(model: impl AsRef<str>) -> Result<Self> {
        load(&hub::resolve(model.as_ref())?, Use::Embeddings)
    }

    /// The same of a model whose head is trained or used: that of a classifier or of a
    /// CrossEncoder, which [`from_pretrained`](Self::from_pretrained) warns about or refuses. The
    /// head itself is loaded by [`TextClassifier::of`](super::TextClassifier::of).
    ///
    /// # Errors
    /// As [`from_pretrained`](Self::from_pretrained).
    pub fn for_classification(model: impl AsRef<str>) -> Result<Self> {
        load(&hub::resolve(model.as_ref())?, Use::Head)
    }

    /// The model in a directory.
    ///
    /// # Errors
    /// Where it is missing, damaged, or of an unknown kind.
    pub fn from_directory(dir: impl AsRef<Path>) -> Result<Self> {
        load(dir.as_ref(), Use::Embeddings)
    }
}

/// What a model is loaded for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Embeddings,
    Head,
}

fn load(dir: &Path, purpose: Use) -> Result<SentenceEncoder> {
    let mut notes = Vec::new();
    let mut modules = ModuleList::read(dir, &mut notes)?;
    if static_embedding::is_in(dir, &modules)? {
        return static_embedding::load(dir, &modules, notes);
    }
    let adapter = match Adapter::is_in(&modules.transformer) {
        true => Some(Adapter::open(&modules.transformer, &mut notes)?),
        false => None,
    };
    let home = adapter.as_ref().map_or(&modules.transformer, |adapter| &adapter.base).clone();
    let config = home.join("config.json");
    if !config.is_file() {
        let message = "config.json is missing; is this a model directory?";
        return Err(Error::model(&home, message));
    }
    let mut json = read_json(&config)?;
    let kind = json["model_type"].as_str().unwrap_or("").to_string();
    // how the file stores its matrices is no part of the architecture
    let quantized = json.as_object_mut().and_then(|json| json.remove(QUANTIZATION));
    if let Some(method) = quantized.as_ref().filter(|how| how["format"] != INT8) {
        let message =
            format!("{QUANTIZATION} is {method}, but only \"format\": \"{INT8}\" is supported");
        return Err(Error::model(&config, message));
    }
    // a WeightedLayerPooling module passes over models that do not show it their layers
    modules.mixture = modules.mixture.filter(|_| json["output_hidden_states"] == true);
    let architecture = Architecture::parse(&config, json.clone())?;
    known_keys::check(&config, &json, &known_keys::config_rules(&kind), &mut notes)?;
    if purpose == Use::Embeddings {
        if sequence_classifier::is_cross_encoder(&json) {
            let message = "this is a CrossEncoder, which scores pairs of texts and has no \
                           embeddings; use `twindrop predict` or `twindrop rerank`";
            return Err(Error::model(&config, message));
        }
        note_heads(dir, &json, modules.is_assumed, &mut notes);
    }
    let (parameters, mut carried) =
        ModelWeights::in_directory(&home)?.parameters(&architecture)?;
    if let Some(adapter) = &adapter {
        adapter.merge(&parameters, &mut carried)?;
    }
    let encoder = architecture.build(&parameters)?;
    let settings =
        DirectorySettings::read(dir, &modules.transformer, purpose == Use::Head, &mut notes)?;
    let own = ["tokenizer.json", "vocab.txt"].map(|name| modules.transformer.join(name));
    let tokenizer_folder =
        if own.iter().any(|path| path.is_file()) { &modules.transformer } else { &home }
            .clone();
    let max_len = max_len(&tokenizer_folder, &settings, encoder.max_positions())?;
    check_tokenizer(&tokenizer_folder, &mut notes)?;
    let tokenizer =
        Tokenizer::load(&tokenizer_folder, max_len, settings.lower_case, &mut notes)?;
    let rows = encoder.vocabulary_size();
    if tokenizer.vocabulary_size() > rows {
        let message = format!(
            "the tokenizer has ids up to {}, but the embedding table has only {rows} rows",
            tokenizer.vocabulary_size() - 1
        );
        return Err(Error::model(dir, message));
    }
    let model = Model::new(encoder, modules.pooling, parameters);
    let model = with_modules(dir, model, &modules, quantized.is_some(), &mut notes)?;
    let origin = SourceDirectory {
        carried,
        base: Some(dir.to_path_buf()),
        home: Some(home),
        tokenizer: Some(tokenizer_folder),
        notes,
        is_pooling_assumed: modules.is_assumed && purpose == Use::Embeddings,
    };
    let path = dir.join("config_sentence_transformers.json");
    let prompts = Prompts::of(&path, &maybe_json(&path)?, modules.prompt)?;
    let normalize = modules.normalize;
    Ok(SentenceEncoder {
        model,
        tokenizer,
        normalize,
        prompts,
        settings,
        head: None,
        layout: None,
        origin,
    })
}

/// The model with the modules behind its encoder and pooling.
fn with_modules(
    dir: &Path,
    mut model: Model,
    modules: &ModuleList,
    is_quantized: bool,
    notes: &mut Vec<String>,
) -> Result<Model> {
    if let Some(mixture) = modules.mixture.clone() {
        let place = dir.join("modules.json");
        model =
            model.with_weighted_layers(mixture).map_err(|error| Error::model(&place, error))?;
    }
    if let Some(folder) = &modules.dense {
        model = modules::load_dense(model, folder, notes)?;
    }
    Ok(if is_quantized { model.with_dtype(ComputeDtype::Int8) } else { model })
}

/// Notes heads that are there and not used: a model of another task is seldom a good encoder.
fn note_heads(dir: &Path, config: &Value, is_assumed: bool, notes: &mut Vec<String>) {
    let classes = config["architectures"].as_array();
    let mut names = classes.into_iter().flatten().filter_map(Value::as_str);
    let classifier = names.find(|name| name.ends_with("Classification"));
    if let Some(name) = classifier.filter(|_| is_assumed) {
        notes.push(format!(
            "{}: architectures is {name}, a classifier or CrossEncoder; its head is not used, and \
             its encoder was not trained to give embeddings",
            dir.join("config.json").display()
        ));
    }
    if dir.join("config_setfit.json").is_file() || dir.join("model_head.pkl").is_file() {
        notes.push(format!(
            "{}: this is a SetFit model; only its embeddings are used, not its classification head",
            dir.display()
        ));
    }
}

/// The keys of the tokenizer's files.
fn check_tokenizer(dir: &Path, notes: &mut Vec<String>) -> Result<()> {
    for (name, rules) in [
        ("tokenizer_config.json", TOKENIZER_CONFIG),
        ("special_tokens_map.json", SPECIAL_TOKENS),
    ] {
        let path = dir.join(name);
        known_keys::check(&path, &maybe_json(&path)?, &[&rules], notes)?;
    }
    known_keys::check_tokenizer(&dir.join("tokenizer.json"), notes)
}

/// Where sentences are cut: `max_seq_length`, else `model_max_length` of the tokenizer in `dir`,
/// else the model's own length.
fn max_len(dir: &Path, settings: &DirectorySettings, positions: usize) -> Result<usize> {
    let tokenizer = maybe_json(&dir.join("tokenizer_config.json"))?;
    let asked = settings.max_seq_length.or(tokenizer["model_max_length"].as_u64());
    let asked = asked.map_or(positions, |len| usize::try_from(len).unwrap_or(usize::MAX));
    if asked < 3 {
        return Err(Error::model(
            dir,
            format!("max_seq_length is {asked}, expected at least 3"),
        ));
    }
    Ok(asked.min(positions).min(1 << 20))
}

/// Where `config.json` says that matrices are stored in integers, and the one way known: a scale
/// for each output channel, activations rounded token by token as they come (compressed-tensors).
pub(super) const QUANTIZATION: &str = "quantization_config";
pub(super) const INT8: &str = "int-quantized";
