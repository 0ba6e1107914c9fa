//! Where a run came from, as `provenance.json` says; what it leaves out is unknown.

use crate::error::{Error, Result};
use crate::io;
use serde::Deserialize;
use std::path::Path;

/// What is known of how a run was made.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct LoggedProvenance {
    /// The program's version.
    pub twindrop: Option<String>,
    /// The words typed.
    pub command: Vec<String>,
    /// The seed of everything drawn.
    pub seed: Option<u64>,
    /// Threads used.
    pub threads: Option<u64>,
    /// The processor.
    pub cpu: Option<String>,
    /// When it began.
    pub started: Option<String>,
    /// The model it began with.
    pub model: Option<LoggedModel>,
    /// The files it read.
    pub data: Vec<LoggedData>,
}

/// A model by name and content.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct LoggedModel {
    /// As it was typed.
    pub name: Option<String>,
    /// Of its weights.
    pub sha256: Option<String>,
}

/// A data file by name and content.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct LoggedData {
    /// As it was typed.
    pub path: String,
    /// Of the file.
    pub sha256: Option<String>,
}

impl LoggedProvenance {
    /// What `provenance.json` of a run directory says; nothing where there is none.
    ///
    /// # Errors
    /// Where it is not what it should be.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join("provenance.json");
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
        let found = serde_json::from_slice(&text);
        found.map(Some).map_err(|error| Error::data(&path, error))
    }

    /// The command as it can be typed again.
    pub fn typed(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
        let quoted = |word: &String| {
            if !word.is_empty() && word.chars().all(plain) {
                return word.clone();
            }
            format!("'{}'", word.replace('\'', r"'\''"))
        };
        self.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// The SHA-256 of the weights of a model directory.
///
/// # Errors
/// Where they cannot be read.
pub fn weights(directory: &Path) -> Result<String> {
    io::sha256(&directory.join("model.safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let command = ["twindrop", "--data", "a b.tsv", "it's", "", "rdrop+0.15*consert"];
        let command = command.map(String::from).to_vec();
        let typed = LoggedProvenance { command, ..LoggedProvenance::default() }.typed();
        assert_eq!(typed, r"twindrop --data 'a b.tsv' 'it'\''s' '' 'rdrop+0.15*consert'");
    }

    #[test]
    fn what_is_left_out_is_unknown_and_what_is_new_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LoggedProvenance::read(folder.path()).unwrap(), None);
        let path = folder.path().join("provenance.json");
        std::fs::write(&path, r#"{"seed": 7, "weather": "fair", "model": {"name": "m"}}"#)
            .unwrap();
        let found = LoggedProvenance::read(folder.path()).unwrap().unwrap();
        assert_eq!((found.seed, found.threads), (Some(7), None));
        assert_eq!(found.model.unwrap().name.as_deref(), Some("m"));
        std::fs::write(&path, r#"{"seed": "x""#).unwrap();
        let error = LoggedProvenance::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("provenance.json: "), "{error}");
    }
}
