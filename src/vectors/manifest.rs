//! `manifest.json` of embeddings in shards: what was made of what, and how.

use super::Ranges;
use crate::error::{Error, Result};
use crate::io::{self, FileEntry, read_manifest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What a directory of shards contains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedManifest {
    /// Whether every row of the input is in a shard.
    pub complete: bool,
    /// Embeddings in the shards listed.
    pub rows: u64,
    /// Elements of a stored embedding.
    pub numbers: usize,
    /// Everything but the input that the bytes of a shard depend on: the version, the model's
    /// hash, its dtype, and the options.
    pub settings: Map<String, Value>,
    /// The files that were read.
    pub input: Vec<InputFile>,
    /// The calibrated ranges of int8 and uint8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ranges: Option<Ranges>,
    /// What was read, by a process that has read all of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub read: Option<InputRead>,
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
    /// The SHA-256 of its first and last 64 KiB, by which another file of the same size is told
    /// apart before it is read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_sha256: Option<String>,
}

/// All rows of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputRead {
    /// How many there are.
    pub rows: u64,
    /// The SHA-256 of their texts and kept columns.
    pub sha256: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// Its name, beside the manifest.
    pub file: String,
    /// Its number among all, from 0.
    pub number: usize,
    /// Embeddings in it.
    pub rows: u64,
    /// Its size and SHA-256.
    #[serde(flatten)]
    pub entry: FileEntry,
    /// The SHA-256 of the rows it was made of, by which a changed input is recognised.
    pub texts_sha256: String,
}

impl EmbedManifest {
    /// The manifest at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self> {
        read_manifest(path, "`embed`")
    }

    /// The files of float embeddings that the manifest at `path` lists, and the rows of each.
    pub(super) fn files(&self, path: &Path) -> Result<Vec<(PathBuf, usize)>> {
        let wrong = |message: String| Error::data(path, message);
        if !self.complete {
            let message = "the run that writes these embeddings has not finished; continue it with \
                         --resume";
            return Err(wrong(message.into()));
        }
        let precision = self.settings.get("precision").and_then(Value::as_str);
        let precision = precision.unwrap_or("float32");
        if !matches!(precision, "float32" | "float16") {
            let message =
                format!("its embeddings are {precision}; expected float32 or float16");
            return Err(wrong(message));
        }
        if self.shards.is_empty() {
            return Err(wrong("lists no shards; is it a manifest of `embed`?".into()));
        }
        let file = |shard: &Shard| {
            let rows = usize::try_from(shard.rows)
                .map_err(|_| wrong(format!("{} has {} rows", shard.file, shard.rows)))?;
            Ok((io::inside(path, &shard.file)?, rows))
        };
        self.shards.iter().map(file).collect()
    }
}
