//! A checkpoint: all that a run needs to go on to the same bits, in one directory that loads as a
//! model.

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
use crate::io::tensors::TensorFile;
use crate::nn::{Parameter, Parameters};
use crate::sentence_encoder::{SentenceEncoder, StoredNames};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

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
    /// Whether the best parameters are those of the step itself, and so have no file of their own.
    #[serde(default)]
    pub best_is_last: bool,
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
    /// The files that its manifest vouches for.
    names: Vec<String>,
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

/// Whether a directory has a file that only a checkpoint of this program has, whole or not, or is
/// empty: so it may be removed. One of another program is not.
fn is_checkpoint(directory: &Path) -> bool {
    let is_directory = directory.symlink_metadata().is_ok_and(|about| about.is_dir());
    let is_empty = || fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    let is_own = [MOMENTS, STATE].iter().any(|name| directory.join(name).exists());
    is_directory && (is_own || manifest::is_own(directory) || is_empty())
}

/// The bytes a checkpoint of `state` takes.
fn size(parameters: &Parameters, state: &RunState) -> u64 {
    let numbers: usize = parameters.iter().map(Parameter::len).sum();
    let copies = if state.snapshot.is_some() { 4 } else { 3 };
    4 * copies * numbers as u64 + (1 << 20)
}

/// The files that hold the parameters, each once.
fn parameter_files(encoder: &SentenceEncoder) -> Vec<&'static str> {
    let names = StoredNames::of(encoder);
    let parameters = encoder.model().parameters().iter();
    let files = parameters.map(|parameter| names.place(parameter.name()).0);
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Whether the best parameters are those that the model has now.
fn best_is_last(parameters: &Parameters, state: &RunState) -> Result<bool> {
    let Some(best) = &state.snapshot else { return Ok(false) };
    for (parameter, best) in parameters.iter().zip(best) {
        let is_same =
            |now: &[f32]| now.iter().map(|x| x.to_bits()).eq(best.iter().map(|x| x.to_bits()));
        if !parameter.with(is_same)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A list for each parameter, under its name with `end` after it.
fn named<'a>(
    parameters: &Parameters,
    end: &str,
    lists: impl Iterator<Item = &'a [f32]>,
) -> Vec<(String, &'a [f32])> {
    let names = parameters.iter().map(|parameter| format!("{}{end}", parameter.name()));
    names.zip(lists).collect()
}

/// Writes one.
pub(super) fn write(
    directory: &Path,
    encoder: &SentenceEncoder,
    state: &RunState,
    record: &CheckpointRecord,
    run: &str,
) -> Result<()> {
    let parameters = encoder.model().parameters();
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
    if directory.exists() && !is_checkpoint(directory) {
        let message =
            "is in the way of a checkpoint, and is none; move it, then resume with --resume";
        return Err(Error::model(directory, message));
    }
    io::replace_directory(directory, |beside| {
        encoder.write_files(beside)?; // the directory is put in place as a whole
        let moments = state.optimizer.moments();
        let [first, second] = [
            named(parameters, ".first", moments.iter().map(|m| &m.first[..])),
            named(parameters, ".second", moments.iter().map(|m| &m.second[..])),
        ];
        let lists = first.into_iter().chain(second);
        tensors::write(&beside.join(MOMENTS), lists)?;
        let mut names = parameter_files(encoder);
        names.extend([MOMENTS, STATE, RUN]);
        if let Some(best) = state.snapshot.as_ref().filter(|_| !record.best_is_last) {
            names.push(BEST);
            let lists = named(parameters, "", best.iter().map(|best| &best[..]));
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
        if let Some(lacks) = [MOMENTS, STATE, RUN].into_iter().find(|n| !vouched(n)) {
            return Err(Error::model(directory, format!("its manifest lacks {lacks}")));
        }
        let read = |name: &str| io::read_text(&directory.join(name), LONGEST);
        let record: CheckpointRecord = serde_json::from_str(&read(STATE)?)
            .map_err(|error| Error::model(&directory.join(STATE), error))?;
        let run = read(RUN)?;
        let has_best = vouched(BEST);
        Ok(Self { directory: directory.into(), record, run, has_best, names })
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
        let mut snapshot = self.has_best.then(|| lists(BEST, "")).transpose()?;
        let last = self.parameters(parameters)?;
        parameters.restore(&last)?;
        if self.record.best_is_last {
            snapshot = Some(last);
        }
        let mut state = RunState::fresh(parameters, 0, adamw);
        state.optimizer.restore(moments);
        Ok(RunState { progress: self.record.progress.clone(), snapshot, ..state })
    }

    /// The numbers of every parameter, from the files of the model.
    fn parameters(&self, parameters: &Parameters) -> Result<Vec<Vec<f32>>> {
        let stored = StoredNames::in_directory(&self.directory)?;
        let mut files = BTreeMap::new();
        let mut numbers = Vec::new();
        for parameter in parameters.iter() {
            let (name, tensor) = stored.place(parameter.name());
            if !self.names.iter().any(|known| known == name) {
                return Err(Error::model(
                    &self.directory,
                    format!("its manifest lacks {name}"),
                ));
            }
            let file = match files.entry(name) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(place) => {
                    place.insert(TensorFile::open(&self.directory.join(name))?)
                }
            };
            numbers.push(tensors::read_one(file, &tensor, parameter.len())?);
        }
        Ok(numbers)
    }
}

/// What fuzzing reaches of it.
#[cfg(fuzzing)]
pub mod hostile {
    use super::*;

    /// Vouches for what lies in a directory, whatever it is.
    pub fn vouch(directory: &Path) -> Result<()> {
        manifest::write(directory, &["model.safetensors", MOMENTS, STATE, RUN, BEST])
    }

    /// Opens the checkpoint in a directory and puts its parameters in place.
    pub fn restore(directory: &Path, parameters: &Parameters) -> Result<()> {
        Checkpoint::open(directory)?.restore(parameters, AdamWConfig::default()).map(drop)
    }
}

#[cfg(test)]
mod tests;
