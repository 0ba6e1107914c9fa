//! What sentence-transformers asks of a directory: its classes take the keys of a file as
//! arguments, so a key too many is as fatal as one too few.

use super::files::{Files, Json, ModuleFile, WeightFiles};
use super::issue::Issues;
use safetensors::Dtype;
use serde_json::Value;

/// Modules of every version.
const MODULES: [&str; 13] = [
    "Transformer",
    "Pooling",
    "Dense",
    "Normalize",
    "BoW",
    "CLIPModel",
    "CNN",
    "Dropout",
    "LSTM",
    "LayerNorm",
    "WeightedLayerPooling",
    "WordEmbeddings",
    "WordWeights",
];

/// Modules that came after version 3.0.
const LATER: [&str; 2] = ["Router", "StaticEmbedding"];

/// Where modules are in every version.
const PACKAGE: &str = "sentence_transformers.models.";

const FLAGS: [&str; 6] = [
    "pooling_mode_cls_token",
    "pooling_mode_mean_tokens",
    "pooling_mode_max_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
];

const MODES: [&str; 6] =
    ["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"];

/// Keys of `sentence_bert_config.json` in versions before 5.4, and since.
const LENGTH: [&str; 8] = [
    "max_seq_length",
    "do_lower_case",
    "model_args",
    "tokenizer_args",
    "config_args",
    "cache_dir",
    "tokenizer_name_or_path",
    "backend",
];
const LENGTH_6: [&str; 10] = [
    "transformer_task",
    "model_kwargs",
    "processor_kwargs",
    "config_kwargs",
    "processing_kwargs",
    "modality_config",
    "module_output_name",
    "query_length",
    "document_length",
    "query_expansion",
];

const DENSE: [&str; 6] =
    ["in_features", "out_features", "bias", "activation_function", "init_weight", "init_bias"];

const SIMILARITIES: [&str; 4] = ["cosine", "dot", "euclidean", "manhattan"];

/// What version 3, 5 or 6 stumbles over.
pub(super) fn check(files: &Files, version: u8, faults: &mut Issues) {
    if files.is_classifier() {
        // CrossEncoder reads what transformers reads
        return transformers(files, version, faults);
    }
    settings(files, version, faults);
    match files.static_table() {
        Some(module) => static_table(module, files, version, faults),
        None => {
            let first = faults.0.len();
            transformers(files, version, faults);
            length(files, version, faults);
            // these files lie in the encoder's folder
            for fault in faults.0[first..].iter_mut().filter(|_| !files.folder.is_empty()) {
                fault.file = format!("{}/{}", files.folder, fault.file);
            }
        }
    }
    if let Some(why) = files.list.broken() {
        faults.refuse("modules.json", format!("it is not JSON: {why}"), "repair it");
        return;
    }
    if !files.list.is_missing() && !files.list.value().is_array() {
        faults.refuse("modules.json", "it is not a list of modules", "write a list of modules");
    }
    let mut width = match &files.table {
        Some(table) => Some(table.width as u64),
        None => files.config.value()["hidden_size"].as_u64(),
    };
    for module in &files.modules {
        class(module, version, faults);
        match module.kind() {
            "Pooling" => pooling(module, version, faults),
            "Dense" => width = dense(module, version, width, faults),
            _ => {}
        }
    }
    if let Some(own) = files.own_pooling() {
        faults.differ(
            "modules.json",
            format!("the pooling {own} is supported by twindrop only: this program uses mean pooling"),
            "use twindrop, or train with --pooling mean or cls",
        );
    }
}

/// The tokenizer and the table of a StaticEmbedding.
fn static_table(module: &ModuleFile, files: &Files, version: u8, faults: &mut Issues) {
    let weights = module.file("model.safetensors");
    if let Some(table) = &files.table {
        if table.dtype == Dtype::I8 {
            let why =
                "the table is of 8-bit integers, and PyTorch's EmbeddingBag takes floats only";
            faults.refuse(&weights, why, "load and save the model with twindrop");
        }
        if version < 6 && table.mapping {
            let why = "mapping is not read, so tokens have no row or another";
            faults.refuse(&weights, why, "use sentence-transformers 6 or model2vec");
        } else if version < 6 && table.weights {
            let why = "weights of tokens are not read";
            faults.differ(&weights, why, "use sentence-transformers 6 or model2vec");
        }
    }
    if files.is_model2vec() {
        let why = "model_type is model2vec, which leaves unknown tokens out and cuts texts at a \
                   number of characters too; this program does neither";
        let advice = "use model2vec or twindrop where texts have unknown tokens";
        faults.differ("config.json", why, advice);
    }
    if module.weights.is_none() {
        let advice = "save the table there, as embedding.weight";
        faults.refuse(&weights, "the weights are missing", advice);
    }
    if !module.has_tokenizer {
        let why = "it is missing, and a StaticEmbedding has no other tokenizer";
        faults.refuse(&module.file("tokenizer.json"), why, "save the tokenizer there");
    }
}

/// `config.json`, tokenizer and weights, which transformers reads.
fn transformers(files: &Files, version: u8, faults: &mut Issues) {
    let config = &files.config;
    match (config, config.value()["model_type"].as_str()) {
        (Json::Missing, _) => {
            faults.refuse("config.json", "it is missing", "copy it from the base model");
        }
        (Json::Broken(why), _) => {
            faults.refuse("config.json", format!("it is not JSON: {why}"), "repair it");
        }
        (_, None) => {
            faults.refuse(
                "config.json",
                "model_type is missing",
                "add \"model_type\": \"bert\"",
            );
        }
        (_, Some("bag")) => {
            let why = "model_type \"bag\" is twindrop's own";
            faults.refuse("config.json", why, "train a BERT: --preset tiny, or --model");
        }
        (_, Some("model2vec")) => {
            let why = "model_type is model2vec, and no modules.json names a StaticEmbedding";
            faults.refuse("config.json", why, "load and save the model with twindrop");
        }
        _ => {}
    }
    if !config.value()["quantization_config"].is_null() {
        let why = "weights are int8, which needs the package compressed-tensors";
        let advice =
            "pip install compressed-tensors, or use the model before `twindrop quantize`";
        faults.refuse("config.json", why, advice);
    }
    if !files.has("tokenizer.json") && !files.has("vocab.txt") && !files.has("tokenizer.model")
    {
        let why = "neither tokenizer.json nor vocab.txt exists";
        faults.refuse("tokenizer.json", why, "copy it from the base model");
    }
    tokenizer(files, faults);
    weights(files, faults);
    if let WeightFiles::Safetensors { file, .. } = &files.weights
        && file.format().is_none()
        && version < 6
    {
        let why = "its metadata lacks \"format\": \"pt\", which transformers 4 requires";
        faults.refuse("model.safetensors", why, "save it again with that metadata");
    }
    let own = config.value()["model_type"].as_str().unwrap_or("");
    let prefix = &files.prefix;
    if !prefix.is_empty() && prefix.strip_suffix('.') != Some(own) {
        let why = format!(
            "tensor names begin with `{prefix}`: no tensor is found, all weights would be random"
        );
        faults.differ("model.safetensors", why, "save them without this prefix");
    } else if let [first, ..] = &files.lacking[..] {
        let why = format!("{first} is missing and would be random");
        faults.differ("model.safetensors", why, "save the whole encoder");
    }
}

/// A tokenizer that is there and none, which no reader passes over.
pub(super) fn tokenizer(files: &Files, faults: &mut Issues) {
    let json = files.json("tokenizer.json");
    if !json.is_missing() && !json.value()["model"].is_object() {
        let why = json.broken().unwrap_or("it has no model").to_string();
        faults.refuse(
            "tokenizer.json",
            format!("it is not a valid tokenizer: {why}"),
            "copy it from the base model",
        );
    }
}

/// Weights that are missing or broken, which no reader forgives.
pub(super) fn weights(files: &Files, faults: &mut Issues) {
    match &files.weights {
        WeightFiles::Missing => {
            faults.refuse("model.safetensors", "the weights are missing", "save them")
        }
        WeightFiles::Broken(why) => faults.refuse("model.safetensors", why, "save them again"),
        WeightFiles::Pickled | WeightFiles::Safetensors { .. } => {}
    }
}

fn settings(files: &Files, version: u8, faults: &mut Issues) {
    let file = "config_sentence_transformers.json";
    if let Some(why) = files.settings.broken() {
        faults.refuse(file, format!("it is not JSON: {why}"), "repair it");
    }
    let settings = files.settings.value();
    let name = settings["default_prompt_name"].as_str();
    // versions since 5 have two prompts of their own
    let own = |name: &&str| version > 3 && ["query", "document"].contains(name);
    let there = |name: &&str| settings["prompts"].get(*name).is_some() || own(name);
    if let Some(name) = name.filter(|name| !there(name)) {
        let why = format!("default_prompt_name `{name}` is not in prompts");
        faults.refuse(file, why, "use one of \"prompts\", or null");
    }
    let prompts = settings["prompts"].as_object();
    let null = prompts.and_then(|all| all.iter().find(|(_, text)| text.is_null()));
    if let Some((name, _)) = null.filter(|_| version == 5) {
        let why = format!("prompt `{name}` is null, expected a string");
        faults.refuse(file, why, "write \"\", or remove the prompt");
    }
    let similarity = settings["similarity_fn_name"].as_str();
    let unknown = |name: &&str| version < 6 && !SIMILARITIES.contains(name); // 6 takes cosine
    if let Some(name) = similarity.filter(unknown) {
        let why = format!("similarity_fn_name `{name}` is unknown");
        faults.refuse(file, why, format!("use {}", SIMILARITIES.join(", ")));
    }
}

fn length(files: &Files, version: u8, faults: &mut Issues) {
    let file = "sentence_bert_config.json";
    if let Some(why) = files.length.broken() {
        faults.refuse(file, format!("it is not JSON: {why}"), "repair it");
    }
    let known = |key: &str| match version {
        3 => LENGTH[..7].contains(&key),
        5 => LENGTH.contains(&key),
        _ => LENGTH[..7].contains(&key) || LENGTH_6.contains(&key),
    };
    for key in files.length.keys().filter(|key| !known(key)) {
        let why = format!("`{key}` is not an argument of this version's Transformer");
        faults.refuse(file, why, "keep only max_seq_length and do_lower_case");
    }
}

fn class(module: &ModuleFile, version: u8, faults: &mut Issues) {
    let (file, class) = ("modules.json", &module.class);
    if !module.complete {
        let why = format!("an entry ({class}) lacks name, path or type");
        faults.refuse(file, why, "give each entry all three, as strings");
        return;
    }
    let kind = module.kind();
    let known = MODULES.contains(&kind)
        || (version > 3 && LATER.contains(&kind))
        || (version < 6 && kind == "Asym");
    let place = if version < 6 { PACKAGE } else { "sentence_transformers." };
    if !class.starts_with(place) || !known {
        let why = format!("this version has no class {class}");
        let advice = if MODULES.contains(&kind) {
            format!("write {PACKAGE}{kind}, which every version has")
        } else if LATER.contains(&kind) && version == 3 {
            "use sentence-transformers 5 or later".into()
        } else {
            format!("remove it; every version has {}", MODULES[..4].join(", "))
        };
        faults.refuse(file, why, advice);
    }
}

fn pooling(module: &ModuleFile, version: u8, faults: &mut Issues) {
    let (file, config) = (module.file("config.json"), module.config.value());
    if !config.is_object() {
        faults.refuse(
            &file,
            "it is missing or not JSON",
            "save the pooling configuration there",
        );
        return;
    }
    let width = |key: &str| config[key].as_u64();
    let (old, new) = (width("word_embedding_dimension"), width("embedding_dimension"));
    let known = |key: &str| {
        let own = match version {
            6 => ["embedding_dimension", "word_embedding_dimension"].contains(&key),
            _ => key == "word_embedding_dimension",
        };
        own || ["pooling_mode", "include_prompt"].contains(&key) || FLAGS.contains(&key)
    };
    for key in module.config.keys().filter(|key| !known(key)) {
        let why = format!("`{key}` is not an argument of this version's Pooling");
        faults.refuse(&file, why, format!("remove `{key}`"));
    }
    if old.is_none() && (version < 6 || new.is_none()) {
        let why = "word_embedding_dimension is missing";
        faults.refuse(&file, why, "add it; every version reads it, embedding_dimension only 6");
    }
    let mode = &config["pooling_mode"];
    let is_known = |mode: &Value| mode.as_str().is_some_and(|mode| MODES.contains(&mode));
    let fits = match mode {
        Value::Null => true,
        Value::Array(modes) => version == 6 && modes.iter().all(is_known),
        one => is_known(one),
    };
    if !fits {
        let why = format!("pooling_mode is {mode}, which this version does not support");
        faults.refuse(&file, why, format!("use one of {}", MODES.join(", ")));
    }
    agreement(&file, config, faults);
}

/// The name of a pooling wins over the flags, which other readers go by.
fn agreement(file: &str, config: &Value, faults: &mut Issues) {
    let flagged: Vec<&str> = FLAGS
        .iter()
        .zip(MODES)
        .filter(|(flag, _)| config[**flag] == true)
        .map(|(_, m)| m)
        .collect();
    if let (Some(mode), [flag]) = (config["pooling_mode"].as_str(), &flagged[..])
        && mode != *flag
    {
        let why = format!(
            "pooling_mode is {mode}, but the flags say {flag}: this version uses {mode}"
        );
        faults.differ(file, why, "make pooling_mode and the flags agree");
    }
}

/// Checks a dense layer over vectors of `width`; what it makes of them.
fn dense(
    module: &ModuleFile,
    version: u8,
    width: Option<u64>,
    faults: &mut Issues,
) -> Option<u64> {
    let (file, config) = (module.file("config.json"), module.config.value());
    if !config.is_object() {
        faults.refuse(
            &file,
            "it is missing or not JSON",
            "save the layer's configuration there",
        );
        return None;
    }
    if version < 6 {
        for key in module.config.keys().filter(|key| !DENSE.contains(key)) {
            let why = format!("`{key}` is not an argument of this version's Dense");
            faults.refuse(&file, why, format!("keep only {}", DENSE[..4].join(", ")));
        }
    }
    let activation = config["activation_function"].as_str();
    match activation {
        None if version < 6 || config.get("activation_function").is_some() => {
            let advice = "add one, as torch.nn.modules.activation.Tanh";
            faults.refuse(&file, "activation_function is missing", advice);
        }
        Some(name) if !name.starts_with("torch.") => {
            let why = format!("activation_function `{name}` is not a PyTorch class");
            let advice = "use one, as torch.nn.modules.activation.Tanh";
            faults.push(version < 6, &file, why, advice.into()); // version 6 takes tanh instead
        }
        _ => {}
    }
    let [inputs, out] = ["in_features", "out_features"].map(|key| config[key].as_u64());
    if inputs.is_none() || out.is_none() {
        faults.refuse(&file, "in_features or out_features is missing", "add them");
    }
    if let (Some(inputs), Some(width)) = (inputs, width)
        && inputs != width
    {
        let why = format!("in_features is {inputs}, but its inputs have {width} dimensions");
        faults.refuse(&file, why, format!("it must be {width}"));
    }
    if module.weights.is_none() {
        let file = module.file("model.safetensors");
        faults.refuse(
            &file,
            "the weights are missing",
            "save linear.weight and linear.bias there",
        );
    }
    out
}
