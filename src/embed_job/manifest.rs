//! The manifests of a job: `manifest.json`, and one for each process that shares the work until
//! all is done.

use super::options::{Calibration, EmbedJob};
use super::rank::WorkerRank;
use crate::error::{Error, Result};
use crate::io::{FileEntry, write_manifest};
use crate::vectors::{EmbedManifest, InputFile, Ranges, Shard};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the manifest of all shards.
pub(super) const NAME: &str = "manifest.json";

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
            entry: FileEntry::of(path)?,
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
            match Self::read(&path) {
                Ok(manifest) => found.push(manifest),
                // another process has just merged it
                Err(_) if !path.exists() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Writes it, shards in order.
    pub(super) fn write(&mut self, path: &Path) -> Result<()> {
        self.shards.sort_by_key(|shard| shard.number);
        self.rows = self.shards.iter().map(|shard| shard.rows).sum();
        write_manifest(path, self)
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
        let sizes = |manifest: &Self| {
            let sizes = manifest.input.iter().map(|file| file.bytes.to_string());
            format!("{} bytes", sizes.collect::<Vec<_>>().join(" + "))
        };
        if sizes(self) != sizes(now) {
            return refuse("the input", sizes(self), sizes(now));
        }
        Ok(())
    }
}
