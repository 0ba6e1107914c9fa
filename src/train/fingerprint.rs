//! What a run was made of, and what has changed since.

use super::{DataLoader, RunConfig};
use crate::data::{Dataset, Label};
use crate::error::{Error, Result};
use crate::io::Digest;
use crate::sentence_encoder::SentenceEncoder;
use crate::vectors::Embeddings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What may have changed between a checkpoint and the run that goes on from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Examples to train on or to evaluate.
    Data,
    /// The model the run started from.
    Model,
    /// Anything in the run file that a step depends on.
    Settings,
    /// `log.jsonl`.
    Log,
}

impl FromStr for ChangeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "data" => Ok(Self::Data),
            "model" => Ok(Self::Model),
            "settings" => Ok(Self::Settings),
            "log" => Ok(Self::Log),
            _ => Err(Error::config(format!(
                "unknown kind of change `{text}`: use data, model, settings or log"
            ))),
        }
    }
}

impl std::fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::Model => "model",
            Self::Settings => "settings",
            Self::Log => "log",
        })
    }
}

/// Hashes (SHA-256) of what was read, not of files: a column more or a line ending changes
/// nothing where the examples stay the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunFingerprint {
    /// Tokenizer and starting weights, heads among them.
    pub model: String,
    /// The examples of each phase and of dev, by what they are.
    pub data: BTreeMap<String, String>,
}

impl RunFingerprint {
    /// Of a model before its first step, and its data.
    pub fn of(
        encoder: &SentenceEncoder,
        sets: &[Dataset],
        loaders: &[DataLoader],
        dev: &[&Dataset],
    ) -> Result<Self> {
        let phases = sets.iter().enumerate();
        let phases = phases.map(|(n, set)| (format!("phase {}", n + 1), dataset(set)));
        let dev = dev.iter().enumerate().map(|(n, set)| match n {
            0 => ("dev".to_string(), dataset(set)),
            _ => (format!("dev {}", n + 1), dataset(set)),
        });
        let taught = loaders.iter().enumerate().filter_map(|(n, loader)| {
            Some((format!("teacher of loader {}", n + 1), vectors(loader.teacher()?)))
        });
        let data = phases.chain(dev).chain(taught).collect();
        Ok(Self { model: model(encoder)?, data })
    }

    /// What is not as it was, in words.
    pub fn changes(&self, before: &Self) -> Vec<(ChangeKind, String)> {
        let mut changes = Vec::new();
        let names: Vec<&String> = self.data.keys().chain(before.data.keys()).collect();
        // first: the vocabulary of a preset changes with them
        if let Some(name) = names.into_iter().find(|&n| self.data.get(n) != before.data.get(n))
        {
            changes.push((ChangeKind::Data, format!("the data of {name} have changed")));
        }
        if self.model != before.model {
            let message = "the model that the run started from has changed".to_string();
            changes.push((ChangeKind::Model, message));
        }
        changes
    }
}

/// What of a run file no step depends on, or is known by its hash.
const FREE: [&str; 14] = [
    "output-dir",
    "overwrite-output-dir",
    "model",
    "data",
    "dev",
    "test",
    "teacher",
    "save-strategy",
    "save-steps",
    "save-minutes",
    "save-total-limit",
    "max-bad-steps",
    "max-memory",
    "report-to",
];

/// How long a run is may change, as long as it grows.
const LENGTHS: [&str; 2] = ["num-train-epochs", "max-steps"];

/// The first setting that differs, as `learning-rate is 2e-5, it was 1e-5`.
pub(super) fn changed_setting(now: &RunConfig, before: &str) -> Result<Option<String>> {
    let before: toml::Table = toml::from_str(before)
        .map_err(|error| Error::config(format!("the checkpoint's run.toml: {error}")))?;
    let now = toml::Table::try_from(now)
        .map_err(|error| Error::config(format!("the run file: {error}")))?;
    let flat = |table: toml::Table| {
        let mut found = BTreeMap::new();
        flatten(&mut found, "", toml::Value::Table(table));
        found
    };
    let (now, before) = (flat(now), flat(before));
    let shown = |value: Option<&String>| value.map_or("not given".into(), String::clone);
    let differs = now.keys().chain(before.keys()).find(|&key| now.get(key) != before.get(key));
    Ok(differs.map(|key| {
        format!("{key} is {}, but was {}", shown(now.get(key)), shown(before.get(key)))
    }))
}

/// `stage.1.cycle.2.steps` → its value.
fn flatten(found: &mut BTreeMap<String, String>, place: &str, value: toml::Value) {
    let below =
        |key: &str| if place.is_empty() { key.into() } else { format!("{place}.{key}") };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                if !FREE.contains(&key.as_str()) && !LENGTHS.contains(&key.as_str()) {
                    flatten(found, &below(&key), value);
                }
            }
        }
        toml::Value::Array(items) => {
            for (number, value) in items.into_iter().enumerate() {
                flatten(found, &below(&(number + 1).to_string()), value);
            }
        }
        other => drop(found.insert(place.into(), other.to_string())),
    }
}

/// Numbers after their count.
fn add_numbers(digest: &mut Digest, numbers: &[f32]) {
    digest.update(&(numbers.len() as u64).to_le_bytes());
    digest.numbers(numbers);
}

/// A teacher's vectors.
fn vectors(embeddings: &Embeddings) -> String {
    let mut digest = Digest::default();
    add_numbers(&mut digest, embeddings.as_slice());
    digest.hex()
}

/// Texts, labels, classes and scale, in order.
fn dataset(set: &Dataset) -> String {
    let mut digest = Digest::default();
    set.classes.iter().for_each(|class| digest.text(class));
    let scale = set.scale.map_or([0., 0.], |scale| [scale.low, scale.high]);
    scale.iter().for_each(|end| digest.update(&end.to_bits().to_le_bytes()));
    for example in &set.examples {
        digest.update(&(example.texts.len() as u64).to_le_bytes());
        example.texts.iter().for_each(|text| digest.text(text));
        let label = match example.label {
            None => 0,
            Some(Label::Score(score)) => score.to_bits(),
            Some(Label::Class(class)) => u64::from(class) + 1,
        };
        digest.update(&label.to_le_bytes());
    }
    digest.hex()
}

fn model(encoder: &SentenceEncoder) -> Result<String> {
    let mut digest = Digest::default();
    digest.text(&encoder.tokenizer().to_json()?);
    digest.update(&(encoder.max_seq_length() as u64).to_le_bytes());
    for parameter in encoder.model().parameters().iter() {
        digest.text(parameter.name());
        parameter.with(|values| add_numbers(&mut digest, values))?;
    }
    Ok(digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_setting_is_named_with_both_values() {
        let before = RunConfig { output_dir: Some("a".into()), ..RunConfig::default() };
        let text = toml::to_string(&before).unwrap();
        let now = RunConfig { output_dir: Some("b".into()), ..before.clone() };
        assert_eq!(changed_setting(&now, &text).unwrap(), None);
        let now = RunConfig { seed: 43, ..before };
        let message = changed_setting(&now, &text).unwrap();
        assert_eq!(message.as_deref(), Some("seed is 43, but was 42"));
    }

    #[test]
    fn what_grew_longer_is_no_change_of_settings() {
        let stage = |max_steps| super::super::StageConfig { max_steps, ..Default::default() };
        let run = |steps| RunConfig { stage: vec![stage(Some(steps))], ..RunConfig::default() };
        let text = toml::to_string(&run(10)).unwrap();
        assert_eq!(changed_setting(&run(20), &text).unwrap(), None);
    }
}
