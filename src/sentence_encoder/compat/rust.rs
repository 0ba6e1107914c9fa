//! What text-embeddings-inference and programs over candle's BERT ask of a directory: their
//! structures must find every field, and do not mind more.

use super::files::{Files, ModuleFile, WeightFiles};
use super::issue::Issues;
use super::python::{tokenizer, weights};
use serde_json::Value;

/// Fields of `config.json` that both structures lack a default for.
const NUMBERS: [&str; 11] = [
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "pad_token_id",
    "hidden_dropout_prob",
    "initializer_range",
    "layer_norm_eps",
];

/// What text-embeddings-inference has a model for, on a CPU.
const SERVED: [&str; 13] = [
    "bert",
    "camembert",
    "distilbert",
    "gemma3_text",
    "modernbert",
    "mpnet",
    "new",
    "nomic_bert",
    "qwen2",
    "qwen3",
    "roberta",
    "xlm-roberta",
    "mistral",
];

/// Those configured as BERT is.
const BERTS: [&str; 4] = ["bert", "camembert", "roberta", "xlm-roberta"];

/// What text-embeddings-inference 1.9 stumbles over.
pub(super) fn inference(files: &Files, faults: &mut Issues) {
    if lacks_encoder(files, faults) {
        return;
    }
    let config = files.config.value();
    let kind =
        common(files, &["gelu", "relu", "silu", "gelu_new", "gelu_pytorch_tanh"], faults);
    if let Some(kind) = kind.filter(|kind| !SERVED.contains(kind)) {
        let why = format!("model_type \"{kind}\" is not supported");
        faults.refuse("config.json", why, format!("supported are {}", SERVED.join(", ")));
    }
    if files.is_classifier() {
        return served_classifier(kind.unwrap_or(""), config, faults);
    }
    let classes = config["architectures"].as_array();
    let names = classes.map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    match names {
        None if config.is_object() => {
            let advice = "add \"architectures\": [\"BertModel\"]";
            faults.refuse("config.json", "architectures is missing", advice);
        }
        Some(names) if names.iter().any(|name| name.ends_with("Classification")) => {
            let why = "architectures names a classifier, so it is served as a classifier";
            faults.refuse("config.json", why, "write \"architectures\": [\"BertModel\"]");
        }
        _ => {}
    }
    served_pooling(files, faults);
    if !files.length.is_missing() && files.length.value()["max_seq_length"].as_u64().is_none() {
        let (file, why) =
            ("sentence_bert_config.json", "max_seq_length is missing or not a number");
        faults.refuse(file, why, "add it, as 256");
    }
    prompts(files, faults);
    served_modules(files, faults);
}

/// Architectures whose classifiers it has a head for.
const SERVED_CLASSIFIERS: [&str; 5] =
    ["bert", "camembert", "modernbert", "roberta", "xlm-roberta"];

/// A classifier or a cross-encoder.
fn served_classifier(kind: &str, config: &Value, faults: &mut Issues) {
    if SERVED.contains(&kind) && !SERVED_CLASSIFIERS.contains(&kind) {
        let why = format!("classifiers of model_type \"{kind}\" are not supported");
        let advice = format!("supported are {}", SERVED_CLASSIFIERS.join(", "));
        faults.refuse("config.json", why, advice);
    }
    if !config["id2label"].is_object() {
        let advice =
            "add the names of the classes, as \"id2label\": {\"0\": \"no\", \"1\": \"yes\"}";
        faults.refuse("config.json", "id2label is missing", advice);
    }
}

/// `1_Pooling/config.json`, whatever `modules.json` says.
fn served_pooling(files: &Files, faults: &mut Issues) {
    let file = "1_Pooling/config.json";
    let json = files.json(file);
    if json.is_missing() {
        if files.config.value()["model_type"] == "bert" {
            let why = "it is missing, so CLS pooling is used";
            faults.differ(file, why, "start the program with --pooling mean, or add the file");
        } else {
            faults.refuse(
                file,
                "it is missing",
                "add the file, or start the program with --pooling mean",
            );
        }
        return;
    }
    let config = json.value();
    let [cls, mean, last] = ["cls_token", "mean_tokens", "lasttoken"]
        .map(|name| config[format!("pooling_mode_{name}")].as_bool());
    if cls.is_none() || mean.is_none() {
        let why = "pooling_mode_cls_token or pooling_mode_mean_tokens is missing";
        faults.refuse(file, why, "save the pooling as flags, exactly one of them true");
        return;
    }
    let others = ["max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens"];
    let on = |name: &&str| config[format!("pooling_mode_{name}")] == true;
    let other = others.iter().find(|name| on(name));
    let served = [cls, mean, last].iter().filter(|flag| **flag == Some(true)).count();
    if served == 0 {
        let why = format!("{} pooling is not supported", other.unwrap_or(&"no"));
        faults.refuse(file, why, "train with --pooling mean, cls or lasttoken");
    } else if served > 1 || other.is_some() {
        let why = "several pooling modes are enabled, but only one is used";
        faults.differ(file, why, "train with a single pooling mode");
    }
    if let Some(own) = files.own_pooling() {
        let why = format!(
            "the pooling {own} is supported by twindrop only: this program uses mean pooling"
        );
        faults.differ("modules.json", why, "use twindrop, or train with --pooling mean or cls");
    }
}

fn prompts(files: &Files, faults: &mut Issues) {
    let file = "config_sentence_transformers.json";
    if let Some(why) = files.settings.broken() {
        faults.refuse(file, format!("it is not JSON: {why}"), "repair it");
    }
    let prompts = &files.settings.value()["prompts"];
    let odd =
        prompts.as_object().and_then(|all| all.iter().find(|(_, text)| !text.is_string()));
    if let Some((name, text)) = odd {
        let why = format!("prompt `{name}` is {text}, expected a string");
        faults.refuse(file, why, "write \"\", or remove the prompt");
    }
}

/// A dense layer is found through `modules.json`, if all classes there have their old names.
fn served_modules(files: &Files, faults: &mut Issues) {
    let dense: Vec<&ModuleFile> =
        files.modules.iter().filter(|m| m.kind() == "Dense").collect();
    let old = |module: &&ModuleFile| {
        ["Transformer", "Pooling", "Dense", "Normalize"]
            .iter()
            .any(|kind| module.class == format!("sentence_transformers.models.{kind}"))
    };
    if let (Some(odd), [_, ..]) = (files.modules.iter().find(|m| !old(m)), &dense[..]) {
        let why =
            format!("the dense layer is ignored because of the module class {}", odd.class);
        faults.differ(
            "modules.json",
            why,
            "use the old class names, as sentence_transformers.models.Dense",
        );
    }
    for module in dense {
        let (file, config) = (module.file("config.json"), module.config.value());
        for key in ["in_features", "out_features", "bias"] {
            if config[key].is_null() {
                faults.refuse(&file, format!("{key} is missing"), "add it");
            }
        }
        let known = ["torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"];
        let activation = config["activation_function"].as_str();
        if let Some(name) = activation.filter(|name| !known.contains(name)) {
            let why = format!("activation_function {name} is not supported");
            faults.refuse(&file, why, "train with --dense out=N,activation=tanh or identity");
        }
        if module.weights.is_none() {
            let file = module.file("model.safetensors");
            faults.refuse(
                &file,
                "the weights are missing",
                "save linear.weight and linear.bias",
            );
        }
    }
}

/// What programs over candle's BERT stumble over. They pool as their author chose.
pub(super) fn candle(files: &Files, faults: &mut Issues) {
    if lacks_encoder(files, faults) {
        return;
    }
    let kind = common(files, &["gelu", "relu", "gelu_approximate"], faults);
    if let Some(kind) = kind.filter(|kind| !BERTS.contains(kind)) {
        let why = format!("model_type \"{kind}\" is not a BERT");
        faults.refuse("config.json", why, "use a program for that architecture");
    }
    match &files.weights {
        WeightFiles::Pickled => {
            let why = "the weights are in pytorch_model.bin only";
            faults.refuse("model.safetensors", why, "load and save it with twindrop");
        }
        WeightFiles::Safetensors { sharded: true, .. } => {
            let why = "the weights are sharded, and most programs load a single file";
            faults.refuse("model.safetensors", why, "load and save it with twindrop");
        }
        _ => {}
    }
}

/// Whether there is no encoder in the directory itself, where both programs look for it.
fn lacks_encoder(files: &Files, faults: &mut Issues) -> bool {
    if files.is_static() {
        let why = "static embedding models (StaticEmbedding, model2vec) are not supported";
        faults.refuse(
            if files.list.is_missing() { "config.json" } else { "modules.json" },
            why,
            "use sentence-transformers, or a model with an encoder",
        );
        return true;
    }
    let mut modules = files.modules.iter();
    let Some(module) = modules.find(|one| one.kind() == "Transformer" && !one.path.is_empty())
    else {
        return false;
    };
    let why =
        format!("the encoder is in {}, and only the directory itself is read", module.path);
    faults.refuse("modules.json", why, "load and save the model with twindrop");
    true
}

/// What both ask for; the architecture.
fn common<'a>(files: &'a Files, activations: &[&str], faults: &mut Issues) -> Option<&'a str> {
    let (file, config) = ("config.json", files.config.value());
    if !config.is_object() {
        faults.refuse(file, "it is missing or not JSON", "copy it from the base model");
    }
    let kind = config["model_type"].as_str();
    if config.is_object() && kind.is_none() {
        faults.refuse(file, "model_type is missing", "add \"model_type\": \"bert\"");
    }
    if kind.is_some_and(|kind| BERTS.contains(&kind)) {
        for key in NUMBERS.into_iter().filter(|key| !config[*key].is_number()) {
            faults.refuse(
                file,
                format!("{key} is missing"),
                "add it with the value of the base model",
            );
        }
        let activation = config["hidden_act"].as_str().unwrap_or("");
        if !activations.contains(&activation) {
            let why = format!("hidden_act is \"{activation}\"");
            faults.refuse(file, why, format!("supported are {}", activations.join(", ")));
        }
        let positions = config["position_embedding_type"].as_str().unwrap_or("absolute");
        if positions != "absolute" {
            let why = format!("position_embedding_type is \"{positions}\"");
            faults.refuse(file, why, "only \"absolute\" is supported");
        }
    }
    if !config["quantization_config"].is_null() {
        let why = "weights are int8, which is not supported";
        faults.refuse(file, why, "use the model before `twindrop quantize`");
    }
    if !files.has("tokenizer.json") {
        let advice = "load and save the model with twindrop, which writes it from vocab.txt";
        faults.refuse("tokenizer.json", "it is missing", advice);
    }
    tokenizer(files, faults);
    weights(files, faults);
    let prefix = files.prefix.strip_suffix('.').unwrap_or("");
    if !prefix.is_empty() && Some(prefix) != kind {
        let why = format!("tensor names begin with `{}`", files.prefix);
        faults.refuse("model.safetensors", why, "save them without this prefix");
    } else if let [first, ..] = &files.lacking[..] {
        let why = format!("tensor {first} is missing");
        faults.refuse("model.safetensors", why, "save the whole encoder");
    }
    kind
}
