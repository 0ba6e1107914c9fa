//! `modules.json`: what a directory holds, by its own list.

use super::json::{maybe_json, read_json};
use super::known_keys::{self, ENTRY, NORMALIZE, POOLING};
use super::modules;
use crate::error::{Error, Result};
use crate::io;
use crate::model::WeightedLayers;
use crate::pooling::Pooling;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What the modules of a directory say beyond its encoder.
pub(super) struct ModuleList {
    /// The folder of the encoder and its tokenizer.
    pub transformer: PathBuf,
    /// Whether that is a static embedding model, which has no encoder.
    pub is_static: bool,
    pub mixture: Option<WeightedLayers>,
    pub pooling: Pooling,
    pub dense: Option<PathBuf>,
    pub normalize: bool,
    /// Whether the tokens of a prompt are pooled.
    pub prompt: bool,
    /// Whether there is no list of modules.
    pub is_assumed: bool,
}

/// Classes of modules, after their package.
const KNOWN: [&str; 6] =
    ["Transformer", "StaticEmbedding", "WeightedLayerPooling", "Pooling", "Dense", "Normalize"];

/// Those of which the first must be one.
const FIRST: [&str; 2] = [KNOWN[0], KNOWN[1]];

impl ModuleList {
    /// `modules.json` of `dir`, of any generation of sentence-transformers; a directory without
    /// one is pooled by the mean.
    pub fn read(dir: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let path = dir.join("modules.json");
        let json = maybe_json(&path)?;
        let mut modules = Self {
            transformer: dir.to_path_buf(),
            is_static: false,
            mixture: None,
            pooling: Pooling::Mean,
            dense: None,
            normalize: false,
            prompt: true,
            is_assumed: json.is_null(),
        };
        if !json.is_null() && !json.is_array() {
            return Err(Error::model(&path, "expected a list of modules"));
        }
        for (number, entry) in json.as_array().into_iter().flatten().enumerate() {
            let kind = entry["type"].as_str().unwrap_or("").rsplit('.').next().unwrap_or("");
            if number == 0 && KNOWN.contains(&kind) && !FIRST.contains(&kind) {
                let message =
                    format!("the first module is {kind}, expected {}", FIRST.join(" or "));
                return Err(Error::model(&path, message));
            }
            if number > 0 && (kind == "StaticEmbedding" || modules.rejects(kind)) {
                let message = format!("a {kind} module cannot stand beside a StaticEmbedding");
                return Err(Error::model(&path, message));
            }
            known_keys::check(&path, entry, &[&ENTRY], notes)?;
            modules.add(&path, kind, entry, notes)?;
        }
        Ok(modules)
    }

    /// Whether a module of class `kind` reads token vectors, which a static embedding lacks.
    fn rejects(&self, kind: &str) -> bool {
        self.is_static && ["Transformer", "WeightedLayerPooling", "Pooling"].contains(&kind)
    }

    /// Adds the module of class `kind` that `entry` of the list at `path` names.
    fn add(
        &mut self,
        path: &Path,
        kind: &str,
        entry: &Value,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let folder = Path::new(entry["path"].as_str().unwrap_or(""));
        let file = |name: &str| io::inside(path, folder.join(name));
        match kind {
            "Transformer" | "StaticEmbedding" => {
                self.is_static = kind == "StaticEmbedding";
                if ![Path::new(""), Path::new(".")].contains(&folder) {
                    self.transformer = io::inside(path, folder)?;
                }
            }
            "Pooling" => {
                let path = file("config.json")?;
                let json = read_json(&path)?;
                known_keys::check(&path, &json, &[&POOLING], notes)?;
                self.pooling = pooling(&path)?;
                self.prompt = json["include_prompt"] != false;
            }
            "Dense" if self.dense.is_some() || self.normalize => {
                let message = "a second Dense module, or one after Normalize, is not supported";
                return Err(Error::model(path, message));
            }
            "Dense" => {
                file("config.json")?;
                self.dense = Some(io::inside(path, folder)?);
            }
            "WeightedLayerPooling" => {
                file("config.json")?;
                self.mixture = Some(modules::mixture(&io::inside(path, folder)?, notes)?);
            }
            "Normalize" => {
                self.normalize = true;
                let own = path.with_file_name("").join(folder).join("config.json");
                if own.is_file() {
                    let own = file("config.json")?;
                    known_keys::check(&own, &read_json(&own)?, &[&NORMALIZE], notes)?;
                }
            }
            kind => {
                let known = KNOWN.join(", ");
                let message =
                    format!("module \"{kind}\" is not supported; supported are {known}");
                return Err(Error::model(path, message));
            }
        }
        if let Some(own) = entry[OWN_POOLING].as_str() {
            self.pooling = own.parse().map_err(|error: Error| Error::model(path, error))?;
        }
        Ok(())
    }
}

/// The key of a pooling of our own: in `modules.json`, in older directories beside its flags.
pub(super) const OWN_POOLING: &str = "twindrop_pooling";

/// In the order in which what several of them give is joined.
pub(super) const FLAGS: [(&str, Pooling); 6] = [
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
