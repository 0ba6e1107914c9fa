//! The manifests of a job: `manifest.json`, and one for each process that shares the work until
//! all is done.

use super::options::{Calibration, EmbedJob};
use super::rank::WorkerRank;
use crate::error::{Error, Result};
use crate::io::{self, FileEntry, write_manifest};
use crate::vectors::{EmbedManifest, InputFile, Ranges, Shard};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes of either end of an input that are compared before it is read.
const END: u64 = 64 << 10;

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
            "prompt": bulk.model.prompt_of(&bulk.encode),
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
        let source = |(path, bytes): (PathBuf, u64)| {
            let ends = io::is_regular(&path).then(|| ends_sha256(&path, bytes)).transpose();
            let ends_sha256 = ends.map_err(|error| Error::io(&path, error))?;
            Ok(InputFile { file: path.display().to_string(), bytes, ends_sha256 })
        };
        let input = bulk.input.sizes()?.into_iter().map(source).collect::<Result<_>>()?;
        let numbers = bulk.precision.numbers(bulk.width());
        Ok(Self {
            complete: false,
            rows: 0,
            numbers,
            settings,
            input,
            ranges,
            read: None,
            shards: vec![],
        })
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

    /// All manifests in a directory that may not be there, but that of the name `except`.
    pub(super) fn all(directory: &Path, except: Option<&str>) -> Result<Vec<Self>> {
        let Ok(entries) = fs::read_dir(directory) else { return Ok(vec![]) };
        let named = |name: &str| {
            name.starts_with("manifest") && name.ends_with(".json") && Some(name) != except
        };
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

    /// The manifests in a directory that belong to one of several processes: `manifest-0-of-2.json`.
    pub(super) fn of_ranks(directory: &Path) -> Vec<PathBuf> {
        let is_number = |text: &str| text.parse::<usize>().is_ok();
        let is_of_rank = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let numbers =
                name.strip_prefix("manifest-").and_then(|rest| rest.strip_suffix(".json"));
            let numbers = numbers.and_then(|numbers| numbers.split_once("-of-"));
            numbers.is_some_and(|(rank, world)| is_number(rank) && is_number(world))
        };
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(is_of_rank).collect()
    }

    /// Writes it, shards in order.
    pub(super) fn write(&mut self, path: &Path) -> Result<()> {
        self.shards.sort_by_key(|shard| shard.number);
        self.rows = self.shards.iter().map(|shard| shard.rows).sum();
        write_manifest(path, self)
    }

    /// Refuses other settings or ranges. The input may have been repaired since: the rows of
    /// finished shards are compared with those they were made of, and rows after them may be others.
    pub(super) fn expect_same(&self, now: &Self, directory: &Path) -> Result<()> {
        let place = directory.display();
        let refuse = |what: &str, was: String, is: String| {
            let message = "resume with the same, or choose another --output";
            Err(Error::config(format!("{place}: {what} was {was} and is {is}; {message}")))
        };
        let keys = self.settings.keys().chain(now.settings.keys());
        for key in keys {
            let (was, is) = (self.settings.get(key), now.settings.get(key));
            if was != is {
                let text = |value: Option<&Value>| value.unwrap_or(&Value::Null).to_string();
                return refuse(&key.replace('_', " "), text(was), text(is));
            }
        }
        if self.ranges.is_some() && now.ranges.is_some() && self.ranges != now.ranges {
            return Err(Error::config(format!(
                "{place}: the ranges have changed; resume with the same, or choose another --output"
            )));
        }
        Ok(())
    }

    /// Refuses another input than that of a process that shares the work.
    pub(super) fn expect_same_input(&self, now: &Self, directory: &Path) -> Result<()> {
        let place = directory.display();
        let sizes = |manifest: &Self| {
            let sizes = manifest.input.iter().map(|file| file.bytes.to_string());
            format!("{} bytes", sizes.collect::<Vec<_>>().join(" + "))
        };
        if sizes(self) != sizes(now) {
            let (was, is) = (sizes(self), sizes(now));
            return Err(Error::config(format!(
                "{place}: the input was {was} and is {is}; give the same input, or choose another \
                 --output"
            )));
        }
        for (was, is) in self.input.iter().zip(&now.input) {
            let both = was.ends_sha256.as_ref().zip(is.ends_sha256.as_ref());
            if both.is_some_and(|(was, is)| was != is) {
                let message = "is another file, of the same size, than this output was begun \
                             with; choose another --output";
                return Err(Error::config(format!(
                    "{place}: the input changed: {} {message}",
                    is.file
                )));
            }
        }
        Ok(())
    }
}

/// The SHA-256 of the first and the last [`END`] bytes of a file.
fn ends_sha256(path: &Path, bytes: u64) -> std::io::Result<String> {
    let (mut file, mut digest, mut end) =
        (File::open(path)?, io::Digest::default(), Vec::new());
    for start in [0, bytes.saturating_sub(END)] {
        file.seek(SeekFrom::Start(start))?;
        end.clear();
        (&mut file).take(END).read_to_end(&mut end)?;
        digest.update(&end);
    }
    Ok(digest.hex())
}
