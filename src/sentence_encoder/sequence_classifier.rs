//! A classifier as transformers' `…ForSequenceClassification` and sentence-transformers' CrossEncoder
//! store it: its keys of `config.json`, and the names of its tensors in `model.safetensors`.

use super::head_description::{FILE, HeadDescription, ProblemType};
use super::json::maybe_json;
use super::settings::{CROSS_ENCODER, SETTINGS_FILE};
use crate::error::{Error, Result};
use crate::heads::{ClassifierConfig, HeadLayout, SequenceHead};
use crate::nn::Activation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What transformers has no key for, in `config.json` under `twindrop`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnKeys {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    texts_per_example: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score_scale: Option<[f64; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

const OWN: &str = "twindrop";

/// The key of a CrossEncoder's settings in `config.json`, and that of versions before 4.
const CONFIG_KEY: &str = "sentence_transformers";
const OLDER_CONFIG_KEY: &str = "sbert_ce_default_activation_function";

/// The class in `architectures` of `config`, a `config.json`, where it is one for classes.
pub(super) fn class(config: &Value) -> Option<&str> {
    let classes = config["architectures"].as_array();
    let mut names = classes.into_iter().flatten().filter_map(Value::as_str);
    names.find(|name| name.ends_with("ForSequenceClassification"))
}

/// Whether a directory with this `config.json` and `modules.json` is a classifier or a CrossEncoder: it
/// has a class for classes, and no module pools tokens to an embedding.
pub(super) fn is_classifier(config: &Value, modules: &Value) -> bool {
    let mut modules = modules.as_array().into_iter().flatten();
    let kind = |module: &Value| {
        module["type"].as_str().map(|name| name.rsplit('.').next() == Some("Pooling"))
    };
    class(config).is_some() && !modules.any(|module| kind(module) == Some(true))
}

/// Whether `config` is that of a CrossEncoder, which gives scores of pairs and no embeddings.
pub(super) fn is_cross_encoder(config: &Value) -> bool {
    [CONFIG_KEY, OLDER_CONFIG_KEY].iter().any(|key| !config[*key].is_null())
}

impl HeadDescription {
    /// The description of the classifier in `dir`, whose encoder lies in `home`; none where it has
    /// neither `heads.json` nor a class for sequence classification.
    pub(super) fn find(dir: &Path, home: &Path) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        if path.is_file() {
            return Self::read(&path).map(Some);
        }
        let path = home.join("config.json");
        let config = maybe_json(&path)?;
        let is_classifier = class(&config).is_some();
        is_classifier.then(|| description(&path, &config)).transpose()
    }
}

/// What the head of the `config.json` at `path` gives.
///
/// # Errors
/// Where the class is none of the architecture, or the keys contradict each other.
pub(super) fn description(path: &Path, config: &Value) -> Result<HeadDescription> {
    let wrong = |message: String| Error::model(path, message);
    let class = class(config).unwrap_or("");
    let known = SequenceHead::of(config);
    if known.as_ref().is_none_or(|head| head.class != class) {
        let kind = config["model_type"].as_str().unwrap_or("");
        let instead = known.map_or("none is supported for it".into(), |head| {
            format!("the class for it is {}", head.class)
        });
        return Err(wrong(format!("architectures is {class}, model_type {kind}: {instead}")));
    }
    let own: OwnKeys = match &config[OWN] {
        Value::Null => OwnKeys::default(),
        own => serde_json::from_value(own.clone())
            .map_err(|error| wrong(format!("{OWN}: {error}")))?,
    };
    let names = labels(path, config)?;
    let problem_type = problem_type(path, config, names.len())?;
    let labels = match problem_type {
        ProblemType::Regression => Vec::new(),
        ProblemType::SingleLabelClassification => names,
    };
    let settings = maybe_json(&path.with_file_name(SETTINGS_FILE))?;
    let has_pairs = is_cross_encoder(config) || settings["model_type"] == CROSS_ENCODER;
    let texts = own.texts_per_example.or(has_pairs.then_some(2));
    let layout = if texts == Some(2) { HeadLayout::Joined } else { HeadLayout::Sequence };
    Ok(HeadDescription {
        head: ClassifierConfig::of(layout),
        texts_per_example: texts,
        problem_type,
        labels,
        score_scale: own.score_scale,
        activation: activation(path, config, &settings)?,
        temperature: own.temperature,
    })
}

/// The names in `id2label`, in order; transformers' `LABEL_0` … where there are none.
fn labels(path: &Path, config: &Value) -> Result<Vec<String>> {
    let count = config["num_labels"].as_u64().map(|count| count as usize);
    let Some(named) = config["id2label"].as_object() else {
        return Ok((0..count.unwrap_or(2).min(1 << 20))
            .map(|id| format!("LABEL_{id}"))
            .collect());
    };
    let names: Option<Vec<String>> = (0..named.len())
        .map(|id| Some(named.get(&id.to_string())?.as_str()?.to_string()))
        .collect();
    let Some(names) = names else {
        let message = "id2label: expected a name for each of the ids 0, 1, …";
        return Err(Error::model(path, message));
    };
    if let Some(count) = count.filter(|&count| count != names.len()) {
        let message = format!("num_labels is {count}, but id2label has {} names", names.len());
        return Err(Error::model(path, message));
    }
    Ok(names)
}

/// `problem_type`, as transformers derives it where it is null.
fn problem_type(path: &Path, config: &Value, outputs: usize) -> Result<ProblemType> {
    let wrong = |message: String| Err(Error::model(path, message));
    match (config["problem_type"].as_str(), outputs) {
        (Some("regression") | None, 1) => Ok(ProblemType::Regression),
        (Some("single_label_classification") | None, 2..) => {
            Ok(ProblemType::SingleLabelClassification)
        }
        (Some(name @ ("regression" | "single_label_classification")), count) => {
            wrong(format!("problem_type is {name}, but id2label has {count} names"))
        }
        (Some(name), _) => wrong(format!(
            "problem_type {name} is not supported; supported are regression and \
             single_label_classification"
        )),
        (None, _) => wrong("id2label: a head needs an output".into()),
    }
}

/// What a CrossEncoder does to its outputs: nothing, unless a file names a class of PyTorch.
fn activation(path: &Path, config: &Value, settings: &Value) -> Result<Activation> {
    let names = [
        &config[CONFIG_KEY]["activation_fn"],
        &config[OLDER_CONFIG_KEY],
        &settings["activation_fn"],
    ];
    let Some(name) = names.into_iter().find_map(Value::as_str) else {
        return Ok(Activation::Identity);
    };
    name.parse().map_err(|error: Error| Error::model(path, error))
}

/// Adds the keys of a classifier to `config`, a `config.json`.
pub(super) fn describe(config: &mut Value, head: &SequenceHead, what: &HeadDescription) {
    config["architectures"] = json!([head.class]);
    config["problem_type"] = json!(what.problem_type);
    let names = match what.problem_type {
        ProblemType::Regression => vec!["LABEL_0".to_string()],
        ProblemType::SingleLabelClassification => what.labels.clone(),
    };
    let ids = names.iter().enumerate();
    let by_id: Map<String, Value> =
        ids.map(|(id, name)| (id.to_string(), json!(name))).collect();
    let ids = names.iter().enumerate();
    let by_name: Map<String, Value> = ids.map(|(id, name)| (name.clone(), json!(id))).collect();
    (config["id2label"], config["label2id"]) = (by_id.into(), by_name.into());
    if let Some(rate) = what.head.dropout {
        head.set_dropout(config, rate);
    }
    if let Some(keys) = config.as_object_mut() {
        [CONFIG_KEY, OLDER_CONFIG_KEY, "num_labels"].iter().for_each(|key| {
            keys.remove(*key);
        });
    }
    if what.texts_per_example == Some(2) {
        // without it, a CrossEncoder of one output puts a sigmoid on it
        let class = what.activation.class();
        config[CONFIG_KEY] = json!({ "activation_fn": class, "version": "5.1.2" });
    }
    config[OWN] = json!(OwnKeys {
        texts_per_example: what.texts_per_example,
        score_scale: what.score_scale,
        temperature: what.temperature,
    });
}
