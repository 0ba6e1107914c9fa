//! When a checkpoint is written, which are kept, and from which a run goes on.

use super::strategy::SaveStrategy;
use super::{
    Checkpoint, CheckpointRecord, best_is_last, directory, found, is_checkpoint, write,
};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::io;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::fingerprint::{ChangeKind, RunFingerprint, changed_setting};
use crate::train::record::log;
use crate::train::state::RunState;
use crate::train::{Curriculum, DataLoader, RunConfig};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From where a run goes on, and what may have changed since.
#[derive(Debug, Clone, Default)]
pub struct Resume {
    /// This checkpoint; the last whole one of the output directory by default.
    pub from: Option<PathBuf>,
    /// What is known to have changed.
    pub allow: Vec<ChangeKind>,
}

/// The run file of the run in `output`.
///
/// # Errors
/// Where no run was started there.
pub fn run_file(output: &Path) -> Result<PathBuf> {
    let path = output.join(super::RUN);
    if path.is_file() {
        return Ok(path);
    }
    let message = "no run to resume; omit --resume to start a new one";
    Err(Error::config(format!("{}: {message}", output.display())))
}

/// Writes the checkpoints of a run, and finds the one to resume from.
#[derive(Debug)]
pub struct Checkpointer {
    steps: Option<u64>,
    every: Option<Duration>,
    limit: usize,
    writes: bool,
    run: String,
    identity: RunFingerprint,
    stop: Arc<AtomicBool>,
    from: Option<Checkpoint>,
    passed_over: Vec<String>,
    /// The checkpoints that were there when the one to go on from was chosen.
    seen: Vec<(u64, PathBuf)>,
    resumes: bool,
    last: Instant,
}

impl Checkpointer {
    /// Checkpoints of a run of these parts, as often as `config` says. `dev` is the data that
    /// choose the best model, as far as a change of them is to be refused on resuming.
    ///
    /// # Errors
    /// Where an interval or limit of `config` is out of range.
    pub fn for_run(
        config: &RunConfig,
        encoder: &SentenceEncoder,
        sets: &[Dataset],
        loaders: &[DataLoader],
        dev: Option<&Dataset>,
    ) -> Result<Self> {
        Self::new(config, RunFingerprint::of(encoder, sets, loaders, dev.as_slice())?)
    }

    pub(in crate::train) fn new(config: &RunConfig, identity: RunFingerprint) -> Result<Self> {
        let minutes = config.save_minutes;
        if !(minutes.is_finite() && minutes >= 0.) {
            return Err(Error::config(format!("save_minutes {minutes}: expected 0 or more")));
        }
        if config.save_steps == Some(0) {
            return Err(Error::config("save_steps 0: expected at least 1"));
        }
        if config.save_total_limit == 0 {
            return Err(Error::config("save_total_limit 0: expected at least 1"));
        }
        let run = config.to_toml()?;
        Ok(Self {
            steps: config.save_steps,
            every: (minutes > 0.).then(|| Duration::from_secs_f64(minutes.min(1e9) * 60.)),
            limit: config.save_total_limit,
            writes: config.save_strategy == SaveStrategy::Steps,
            run,
            identity,
            stop: Arc::default(),
            from: None,
            passed_over: Vec::new(),
            seen: Vec::new(),
            resumes: false,
            last: Instant::now(),
        })
    }

    /// Resumes from the checkpoint of `resume`, by default the last in `output`; from the start
    /// where a run left none there.
    ///
    /// # Errors
    /// Where no run was started in `output`, a checkpoint is damaged, or what the run is made of
    /// has changed.
    pub fn resume(
        &mut self,
        output: &Path,
        resume: &Resume,
        config: &RunConfig,
        curriculum: &Curriculum,
    ) -> Result<()> {
        self.resumes = true;
        self.seen = found(output);
        let checkpoint = match &resume.from {
            Some(directory) => Some(Checkpoint::open(directory)?),
            None => self.latest(output)?,
        };
        let before = match &checkpoint {
            Some(checkpoint) => checkpoint.run.clone(),
            None => {
                let path = run_file(output)?;
                fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?
            }
        };
        let mut changes = Vec::new();
        changes.extend(
            changed_setting(config, &before)?.map(|message| (ChangeKind::Settings, message)),
        );
        if let Some(Checkpoint { record, .. }) = &checkpoint {
            changes.extend(self.identity.changes(&record.identity));
            changes.extend(
                other_plan(curriculum, record).map(|message| (ChangeKind::Settings, message)),
            );
            let length = fs::metadata(output.join(log::NAME)).map_or(0, |file| file.len());
            if length < record.log_bytes {
                let message = format!("{} is truncated or missing", log::NAME);
                changes.push((ChangeKind::Log, message));
            }
        }
        if let Some((what, message)) =
            changes.into_iter().find(|(c, _)| !resume.allow.contains(c))
        {
            return Err(Error::config(format!(
                "{}: {message}; restore it, or pass --allow-changed {what}",
                output.display()
            )));
        }
        let too_far =
            checkpoint.as_ref().filter(|c| c.record.progress.taken > curriculum.steps());
        if let Some(Checkpoint { record, directory, .. }) = too_far {
            let (taken, steps) = (record.progress.taken, curriculum.steps());
            let message = format!(
                "is at step {taken}, but the run has {steps} steps; increase its epochs or steps"
            );
            return Err(Error::config(format!("{} {message}", directory.display())));
        }
        self.from = checkpoint;
        Ok(())
    }

    /// The last checkpoint that is whole; those that are not are passed over with a word.
    fn latest(&mut self, output: &Path) -> Result<Option<Checkpoint>> {
        let all = found(output);
        for (_, path) in &all {
            match Checkpoint::open(path) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(error) => self.passed_over.push(error.to_string()),
            }
        }
        match self.passed_over.first() {
            None => Ok(None),
            Some(first) => Err(Error::config(format!(
                "no intact checkpoint in {} ({first}); start again with --overwrite-output-dir",
                output.display()
            ))),
        }
    }

    /// A flag that ends the run after the step it is in, with a checkpoint.
    pub fn stop(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    pub(in crate::train) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(in crate::train) fn run(&self) -> &str {
        &self.run
    }

    /// The checkpoint to go on from, if this is no run that begins.
    pub(in crate::train) fn from(&self) -> Option<&Checkpoint> {
        self.from.as_ref()
    }

    pub(in crate::train) fn resumes(&self) -> bool {
        self.resumes
    }

    /// Later checkpoints that were not whole, in words.
    pub(in crate::train) fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Refuses to go on from a checkpoint where another process, which has the directory no longer,
    /// went on since it was chosen.
    pub(in crate::train) fn expect_unchanged(&self, output: &Path) -> Result<()> {
        if found(output) == self.seen {
            return Ok(());
        }
        let message = "another process trained here meanwhile; start the command again";
        Err(Error::config(format!("{}: {message}", output.display())))
    }

    /// Removes the checkpoints of another run, where one begins. Refuses where a directory of such a
    /// name is no checkpoint of this program: it would be in the way of one, sooner or later.
    pub(in crate::train) fn clear(output: &Path) -> Result<()> {
        let all = found(output);
        if let Some((_, path)) = all.iter().find(|(_, path)| !is_checkpoint(path)) {
            let message =
                "is not a checkpoint of twindrop; move it, or choose another --output-dir";
            return Err(Error::config(format!("{} {message}", path.display())));
        }
        for (_, path) in all {
            fs::remove_dir_all(&path).map_err(|error| Error::io(&path, error))?;
        }
        Ok(())
    }

    /// Whether a checkpoint is to be written after `taken` steps.
    pub(in crate::train) fn is_due(&self, taken: u64) -> bool {
        let counted = self.steps.is_some_and(|steps| taken.is_multiple_of(steps));
        counted || self.every.is_some_and(|every| self.last.elapsed() >= every)
    }

    /// Writes a checkpoint of `state` and removes what is superfluous then; says where it is.
    pub(in crate::train) fn save(
        &mut self,
        output: &Path,
        encoder: &SentenceEncoder,
        state: &RunState,
        curriculum: &Curriculum,
        log_bytes: u64,
    ) -> Result<Option<PathBuf>> {
        let taken = state.progress.taken;
        // one in the midst of an evaluation is replaced by the one after it
        let is_there = self.from.as_ref().is_some_and(|from| {
            let before = &from.record.progress;
            before.taken == taken && before.is_evaluating == state.progress.is_evaluating
        });
        if !self.writes || is_there {
            return Ok(None);
        }
        let place = directory(output, taken);
        let record = CheckpointRecord {
            twindrop: env!("CARGO_PKG_VERSION").into(),
            steps: curriculum.steps(),
            progress: state.progress.clone(),
            updates: state.optimizer.moments().iter().map(|moments| moments.steps).collect(),
            cursors: cursors(curriculum, taken),
            log_bytes,
            best_is_last: best_is_last(encoder.model().parameters(), state)?,
            identity: self.identity.clone(),
        };
        write(&place, encoder, state, &record, &self.run)?;
        self.last = Instant::now();
        let all: Vec<u64> = found(output).into_iter().map(|(step, _)| step).collect();
        for step in superfluous(&all, taken, self.limit) {
            let path = directory(output, step);
            for path in [io::old(&path), path].iter().filter(|path| is_checkpoint(path)) {
                let _ = fs::remove_dir_all(path); // another time, if not now
            }
        }
        Ok(Some(place))
    }
}

/// Batches read of each loader after `taken` steps.
fn cursors(curriculum: &Curriculum, taken: u64) -> Vec<u64> {
    let phases = curriculum.stages.iter().flat_map(|stage| &stage.cycle);
    let loaders = phases.map(|phase| phase.loader + 1).max().unwrap_or(0);
    (0..loaders).map(|loader| curriculum.reads(loader, taken)).collect()
}

/// Whether the curriculum would not have come to where the checkpoint is, or stops before it would
/// have.
fn other_plan(curriculum: &Curriculum, record: &CheckpointRecord) -> Option<String> {
    let (now, before) = (curriculum.steps(), record.steps);
    if now < before {
        return Some(format!("the run has {now} steps, but had {before} before"));
    }
    let other = cursors(curriculum, record.progress.taken) != record.cursors;
    other.then(|| "the curriculum schedules other data than before the checkpoint".to_string())
}

/// Of `kept` checkpoints, those that are not needed once `newest` is written: all but the last
/// `limit`, and later ones, which belong to a way the run has not gone.
fn superfluous(kept: &[u64], newest: u64, limit: usize) -> Vec<u64> {
    let mut earlier: Vec<u64> = kept.iter().copied().filter(|&step| step <= newest).collect();
    earlier.sort_unstable_by(|a, b| b.cmp(a));
    earlier.dedup();
    let later = kept.iter().copied().filter(|&step| step > newest);
    earlier.into_iter().skip(limit).chain(later).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_stay_and_those_of_another_way_go() {
        assert_eq!(superfluous(&[10, 20, 30], 30, 2), [10]);
        assert_eq!(superfluous(&[10, 20, 30], 20, 2), [30]);
        assert_eq!(superfluous(&[30, 30], 30, 1), [0; 0]);
        assert_eq!(superfluous(&[1, 2, 3, 4], 4, 1), [3, 2, 1]);
    }
}
