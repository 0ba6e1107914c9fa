//! A checkpoint: all that a run needs to go on to the same bits, in one directory.

mod checkpointer;
mod manifest;
mod strategy;
mod tensors;

pub use checkpointer::{Checkpointer, Resume, run_file};
pub use strategy::SaveStrategy;

use super::AdamWConfig;
use super::fingerprint::RunFingerprint;
use super::optimizer::Moments;
use super::state::{RunProgress, RunState};
use crate::error::{Error, Result};
use crate::io;
use crate::nn::{Parameter, Parameters};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use tensors::Numbers;

const PARAMETERS: &str = "parameters.safetensors";
const MOMENTS: &str = "moments.safetensors";
const BEST: &str = "best.safetensors";
const STATE: &str = "state.json";
const RUN: &str = "run.toml";

/// The most of its files that are text, in bytes.
const LONGEST: u64 = 16 * io::CONFIGURATION;

/// `state.json`: everything but tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckpointRecord {
    /// The version that wrote it.
    pub twindrop: String,
    /// Steps of the whole curriculum.
    pub steps: u64,
    /// Where the run is.
    pub progress: RunProgress,
    /// How often each parameter was updated, sorted by name.
    pub updates: Vec<i32>,
    /// Batches read of each loader: where its order goes on, a function of the seed.
    pub cursors: Vec<u64>,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// What the run is made of.
    pub identity: RunFingerprint,
}

/// One that was found whole.
#[derive(Debug, Clone)]
pub(super) struct Checkpoint {
    pub directory: PathBuf,
    pub record: CheckpointRecord,
    /// The resolved run file, as TOML.
    pub run: String,
    has_best: bool,
}

/// Its directory in an output directory.
pub(super) fn directory(output: &Path, step: u64) -> PathBuf {
    output.join(format!("checkpoint-{step}"))
}

/// The checkpoints in `output`, whole or not, the last first.
pub(super) fn found(output: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(output).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".old").unwrap_or(&name);
            Some((name.strip_prefix("checkpoint-")?.parse().ok()?, entry.path()))
        })
        .collect();
    // of two with one number, the one that was put aside comes after the one in its place
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found
}

/// The bytes a checkpoint of `state` takes.
fn size(parameters: &Parameters, state: &RunState) -> u64 {
    let numbers: usize = parameters.iter().map(Parameter::len).sum();
    let copies = if state.snapshot.is_some() { 4 } else { 3 };
    4 * copies * numbers as u64 + (1 << 20)
}

/// A list for each parameter, under its name with `end` after it.
fn named<'a>(
    parameters: &Parameters,
    end: &str,
    lists: impl Iterator<Item = Numbers<'a>>,
) -> Vec<(String, Numbers<'a>)> {
    let names = parameters.iter().map(|parameter| format!("{}{end}", parameter.name()));
    names.zip(lists).collect()
}

/// Writes one.
pub(super) fn write(
    directory: &Path,
    parameters: &Parameters,
    state: &RunState,
    record: &CheckpointRecord,
    run: &str,
) -> Result<()> {
    let needed = size(parameters, state);
    let place = directory.parent().unwrap_or(directory);
    if let Some(free) = io::available(place).filter(|&free| free < needed) {
        let (needed, free) = (needed.div_ceil(1 << 20), free >> 20);
        let message = format!("a checkpoint needs {needed} MiB, but only {free} MiB are free");
        return Err(Error::model(
            directory,
            format!("{message}; free some space, then resume with --resume"),
        ));
    }
    io::replace_directory(directory, |beside| {
        let lists = named(parameters, "", parameters.iter().map(Numbers::Of));
        tensors::write(&beside.join(PARAMETERS), lists)?;
        let moments = state.optimizer.moments();
        let list = |list| Numbers::List(list);
        let [first, second] = [
            named(parameters, ".first", moments.iter().map(|m| list(&m.first[..]))),
            named(parameters, ".second", moments.iter().map(|m| list(&m.second[..]))),
        ];
        let lists = first.into_iter().chain(second);
        tensors::write(&beside.join(MOMENTS), lists)?;
        let mut names = vec![PARAMETERS, MOMENTS, STATE, RUN];
        if let Some(best) = &state.snapshot {
            names.push(BEST);
            let lists = named(parameters, "", best.iter().map(|best| list(&best[..])));
            tensors::write(&beside.join(BEST), lists)?;
        }
        let text = serde_json::to_string_pretty(record)
            .map_err(|error| Error::model(directory, error))?;
        io::write_with(&beside.join(STATE), text + "\n")?;
        io::write_with(&beside.join(RUN), run)?;
        manifest::write(beside, &names)
    })
}

impl Checkpoint {
    /// The checkpoint in a directory, if it is whole.
    ///
    /// # Errors
    /// Where a file is missing, changed, or not what it should be.
    pub fn open(directory: &Path) -> Result<Self> {
        let names = manifest::verify(directory)?;
        let vouched = |name: &str| names.iter().any(|known| known == name);
        if let Some(lacks) = [PARAMETERS, MOMENTS, STATE, RUN].into_iter().find(|n| !vouched(n))
        {
            return Err(Error::model(directory, format!("its manifest lacks {lacks}")));
        }
        let read = |name: &str| io::read_text(&directory.join(name), LONGEST);
        let record: CheckpointRecord = serde_json::from_str(&read(STATE)?)
            .map_err(|error| Error::model(&directory.join(STATE), error))?;
        let run = read(RUN)?;
        Ok(Self { directory: directory.into(), record, run, has_best: vouched(BEST) })
    }

    /// Puts the parameters in place, and says where the run was.
    ///
    /// # Errors
    /// Where the checkpoint is of other parameters.
    pub fn restore(&self, parameters: &Parameters, adamw: AdamWConfig) -> Result<RunState> {
        let lengths: Vec<usize> = parameters.iter().map(Parameter::len).collect();
        let named = |end: &'static str| {
            let names = parameters.iter().map(move |p| format!("{}{end}", p.name()));
            names.zip(&lengths)
        };
        let lists = |name: &str, end: &'static str| {
            tensors::read(&self.directory.join(name), named(end))
        };
        let updates = &self.record.updates;
        if updates.len() != lengths.len() {
            let message =
                format!("has {} tensors, but the model has {}", updates.len(), lengths.len());
            return Err(Error::model(&self.directory, message));
        }
        let moments = lists(MOMENTS, ".first")?.into_iter().zip(lists(MOMENTS, ".second")?);
        let moments = moments.zip(updates);
        let moments =
            moments.map(|((first, second), &steps)| Moments { first, second, steps }).collect();
        let snapshot = self.has_best.then(|| lists(BEST, "")).transpose()?;
        parameters.restore(&lists(PARAMETERS, "")?)?;
        let mut state = RunState::fresh(parameters, 0, adamw);
        state.optimizer.restore(moments);
        Ok(RunState { progress: self.record.progress.clone(), snapshot, ..state })
    }
}

/// What fuzzing reaches of it.
#[cfg(fuzzing)]
pub mod hostile {
    use super::*;

    /// Vouches for what lies in a directory, whatever it is.
    pub fn vouch(directory: &Path) -> Result<()> {
        manifest::write(directory, &[PARAMETERS, MOMENTS, STATE, RUN, BEST])
    }

    /// Opens the checkpoint in a directory and puts its parameters in place.
    pub fn restore(directory: &Path, parameters: &Parameters) -> Result<()> {
        Checkpoint::open(directory)?.restore(parameters, AdamWConfig::default()).map(drop)
    }
}

#[cfg(test)]
mod tests;
