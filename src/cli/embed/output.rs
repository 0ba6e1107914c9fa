//! The output path and format, checked before anything is read.

use crate::embed_job::OutputFormat;
use crate::error::{Error, Result};
use std::path::Path;

/// The output format: of one file by its extension, of shards by `--output-format`.
///
/// # Errors
/// If the format is unknown, or the directory does not exist.
pub fn form(path: &Path, named: Option<&str>, sharded: bool) -> Result<OutputFormat> {
    let named = named.map(|name| {
        OutputFormat::named(name).ok_or_else(|| {
            let message = "expected npy, jsonl, csv, safetensors or parquet";
            Error::config(format!("--output-format {name}: {message}"))
        })
    });
    let named = named.transpose()?;
    let shown = path.display();
    if sharded {
        if OutputFormat::of(path).is_some() && !path.is_dir() {
            return Err(Error::config(format!(
                "{shown}: with --shard-size, --output must be a directory; set the format with --output-format"
            )));
        }
        return Ok(named.unwrap_or(OutputFormat::Npy));
    }
    if path.as_os_str() == "-" {
        return Ok(named.unwrap_or(OutputFormat::Jsonl));
    }
    let form = named.or_else(|| OutputFormat::of(path)).ok_or_else(|| {
        let message = "expected a file name with the extension .npy, .jsonl, .csv, .safetensors or .parquet, or --output-format";
        Error::config(format!("{shown}: {message}"))
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(Error::config(format!("{}: no such directory", parent.display())));
    }
    if path.is_dir() {
        return Err(Error::config(format!("{shown} is a directory; give a file")));
    }
    Ok(form)
}
