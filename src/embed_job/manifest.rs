//! What a directory of shards holds: `manifest.json`, and of processes that share the work one
//! each until all is done.

use super::options::{Calibration, EmbedJob};
use super::rank::WorkerRank;
use crate::error::{Error, Result};
use crate::io;
use crate::vectors::Ranges;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the manifest of all shards.
pub(super) const NAME: &str = "manifest.json";

/// What was made of what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedManifest {
    /// Whether every row of the input is in a shard.
    pub complete: bool,
    /// Vectors in the shards listed.
    pub rows: u64,
    /// Numbers in a stored vector.
    pub numbers: usize,
    /// Everything that the bytes of a shard depend on beside the input: the version, the model's
    /// hash, its dtype, and what was asked for.
    pub settings: Map<String, Value>,
    /// The files that were read.
    pub input: Vec<InputFile>,
    /// Between which numbers int8 and uint8 step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ranges: Option<Ranges>,
    /// The files that were written, in the order of the rows.
    pub shards: Vec<Shard>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Its path, as given.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// Its name, beside the manifest.
    pub file: String,
    /// Its place among all, from 0.
    pub number: usize,
    /// Vectors in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The SHA-256 of the rows it was made of, by which a changed input is known.
    pub texts_sha256: String,
}

impl Shard {
    /// What stands at `path`.
    pub(super) fn written(
        path: &Path,
        number: usize,
        rows: u64,
        texts_sha256: String,
    ) -> Result<Self> {
        Ok(Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            number,
            rows,
            bytes: fs::metadata(path).map_err(|error| Error::io(path, error))?.len(),
            sha256: io::sha256(path)?,
            texts_sha256,
        })
    }
}

impl EmbedManifest {
    /// What `bulk` is about to make, and nothing of it yet.
    pub(super) fn begun(bulk: &EmbedJob) -> Result<Self> {
        let calibration = match &bulk.calibration {
            Calibration::First(rows) if bulk.precision.needs_ranges() => Some(*rows),
            _ => None,
        };
        let settings = json!({
            "twindrop": env!("CARGO_PKG_VERSION"),
            "model_sha256": bulk.model.fingerprint()?,
            "dtype": bulk.model.model().dtype(),
            "prompt": bulk.model.prompt_of(&bulk.encode)?,
            "normalize_embeddings": bulk.encode.normalize_embeddings,
            "truncate_dim": bulk.encode.truncate_dim,
            "truncate_text": bulk.encode.truncate_text,
            "precision": bulk.precision.to_string(),
            "calibration_rows": calibration,
            "format": bulk.form.name(),
            "shard_size": bulk.shard_size,
            "columns": bulk.read.columns,
            "data_format": bulk.read.format,
            "header": bulk.read.header,
            "delimiter": bulk.read.delimiter,
            "on_missing": bulk.read.on_missing,
            "keep_columns": bulk.keep_columns,
        });
        let settings = settings.as_object().cloned().unwrap_or_default();
        let ranges = match &bulk.calibration {
            Calibration::Known(ranges) if bulk.precision.needs_ranges() => Some(ranges.clone()),
            _ => None,
        };
        let source = |(path, bytes): (PathBuf, u64)| InputFile {
            file: path.display().to_string(),
            bytes,
        };
        let input = bulk.input.sizes()?.into_iter().map(source).collect();
        let numbers = bulk.precision.numbers(bulk.width());
        Ok(Self { complete: false, rows: 0, numbers, settings, input, ranges, shards: vec![] })
    }

    /// Of a single file, beside it: int8 and uint8 cannot be read without their ranges.
    pub(super) fn of_one(
        bulk: &EmbedJob,
        path: &Path,
        rows: u64,
        ranges: &Ranges,
    ) -> Result<()> {
        let shard = Shard::written(path, 0, rows, String::new())?;
        let begun = Self::begun(bulk)?;
        let ranges = Some(ranges.clone());
        Self { complete: true, ranges, shards: vec![shard], ..begun }
            .write(&path.with_extension("manifest.json"))
    }

    /// The name under which a process keeps its own.
    pub(super) fn name(share: &WorkerRank) -> String {
        format!("manifest{}.json", share.suffix())
    }

    /// All manifests in a directory that may not be there.
    pub(super) fn all(directory: &Path) -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir(directory) else { return Ok(vec![]) };
        let named = |name: &str| name.starts_with("manifest") && name.ends_with(".json");
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(named))
            .collect();
        paths.sort();
        let mut found = Vec::new();
        for path in paths {
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                // another process has just put all into one
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io(&path, error)),
            };
            found.push(serde_json::from_str(&text).map_err(|error| {
                Error::data(&path, format!("not a manifest of `embed`: {error}"))
            })?);
        }
        Ok(found)
    }

    /// Writes it, shards in order.
    pub(super) fn write(&mut self, path: &Path) -> Result<()> {
        self.shards.sort_by_key(|shard| shard.number);
        self.rows = self.shards.iter().map(|shard| shard.rows).sum();
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        io::replace_with(path, text)
    }

    /// Refuses to go on with a run that was another.
    pub(super) fn expect_same(&self, now: &Self, directory: &Path) -> Result<()> {
        let place = directory.display();
        let refuse = |what: &str, was: String, is: String| {
            let words = "resume with the same, or choose another --output";
            Err(Error::config(format!("{place}: {what} was {was} and is {is}; {words}")))
        };
        let keys = self.settings.keys().chain(now.settings.keys());
        for key in keys {
            let (was, is) = (self.settings.get(key), now.settings.get(key));
            if was != is {
                let text = |value: Option<&Value>| value.unwrap_or(&Value::Null).to_string();
                return refuse(&key.replace('_', " "), text(was), text(is));
            }
        }
        // an input may have been repaired since: rows of finished shards are compared with those
        // they were made of, and rows behind them may be others
        Ok(())
    }
}
