//! Run directories → what a report holds. Data and base models that runs share are read once.

use super::{PairScores, Pairs, ReportOptions, RunLog, RunReport, SetReport};
use crate::error::{Error, Result};
use crate::io;
use crate::io::tensors::TensorFile;
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::{DataConfig, Provenance, RunConfig};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Every run in turn.
pub fn runs(
    directories: &[impl AsRef<Path>],
    options: &ReportOptions,
) -> Result<Vec<RunReport>> {
    let directories: Vec<&Path> = directories.iter().map(AsRef::as_ref).collect();
    let mut runs = Vec::with_capacity(directories.len());
    for (directory, label) in directories.iter().zip(labels(&directories)) {
        runs.push(record(directory, label)?);
    }
    if options.evaluate {
        let mut desk = SharedCache { options, pairs: Vec::new(), bases: Vec::new() };
        for run in &mut runs {
            run.sets = desk.sets(run)?;
        }
    }
    Ok(runs)
}

/// The last part of each path, or all of it where others end the same.
fn labels(directories: &[&Path]) -> Vec<String> {
    let short = |path: &Path| {
        let path = path.canonicalize().unwrap_or_else(|_| path.into());
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    };
    let names: Vec<String> = directories.iter().map(|path| short(path)).collect();
    let label = |(place, name): (usize, &String)| {
        let alone = names.iter().filter(|other| *other == name).count() == 1;
        let path = directories[place].display().to_string();
        if alone { name.clone() } else { path }
    };
    names.iter().enumerate().map(label).collect()
}

/// What stands in a run directory.
fn record(directory: &Path, label: String) -> Result<RunReport> {
    let path = directory.join("run.toml");
    if !path.is_file() {
        let (shown, message) =
            (directory.display(), "give an output directory of `twindrop train`");
        return Err(Error::config(if directory.is_dir() {
            format!("{shown} is not a run directory, it has no run.toml: {message}")
        } else {
            format!("{shown} is not a directory: {message}")
        }));
    }
    let config = RunConfig::from_file(&path)?;
    let settings = io::read_text(&path, 16 * io::CONFIGURATION)?;
    Ok(RunReport {
        label,
        directory: directory.into(),
        settings,
        config,
        log: RunLog::read(&directory.join("log.jsonl")).map_err(|error| error.to_string()),
        provenance: Provenance::read(directory).map_err(|error| error.to_string()),
        weights: weights(&directory.join("model.safetensors"))
            .map_err(|error| error.to_string()),
        sets: Vec::new(),
    })
}

/// The hash of weights, once it is known that the file holds its tensors and nothing else.
fn weights(path: &Path) -> Result<String> {
    TensorFile::open(path)?;
    io::sha256(path)
}

/// What makes two base models the same: name, pooling, length and dtype.
type Base = (String, Option<Pooling>, Option<usize>, ComputeDtype);

/// Pairs, or why there are none.
type Found = Result<Rc<Pairs>, String>;

/// What lies on it need not be fetched again.
struct SharedCache<'a> {
    options: &'a ReportOptions,
    pairs: Vec<(DataConfig, Found)>,
    bases: Vec<(Base, PathBuf, Result<Rc<PairScores>, String>)>,
}

impl SharedCache<'_> {
    /// A run's sets, each judged before and after.
    fn sets(
        &mut self,
        run: &RunReport,
    ) -> Result<Vec<(&'static str, Result<SetReport, String>)>> {
        let roles = [
            ("dev", self.options.dev.clone(), run.config.dev.first().cloned()),
            ("test", self.options.test.clone(), run.config.test.clone()),
        ];
        let mut found = Vec::new();
        for (role, asked, own) in roles {
            let must = asked.is_some();
            if let Some(config) = asked.or(own) {
                found.push((role, self.pairs(&config, must, role)?));
            }
        }
        let there = || found.iter().filter_map(|(_, pairs)| pairs.as_ref().ok());
        let scores_before = self.before(&run.config, &there().cloned().collect::<Vec<_>>())?;
        let scores_after = self.after(run, there());
        let mut judged = scores_before.into_iter().zip(scores_after);
        let report = |pairs: Rc<Pairs>| {
            let (before, after) = judged.next().expect("a judgement for every set");
            let both = before.as_ref().ok().zip(after.as_ref().ok());
            let change = both.map(|(before, after)| pairs.compare(after, before));
            SetReport { pairs, before, after, change }
        };
        let mut report = report;
        Ok(found.into_iter().map(|(role, pairs)| (role, pairs.map(&mut report))).collect())
    }

    /// The pairs of a file; those that `must` be there are an error where they are not.
    fn pairs(&mut self, config: &DataConfig, must: bool, role: &str) -> Result<Found> {
        if let Some((_, known)) = self.pairs.iter().find(|(known, _)| known == config) {
            return Ok(known.clone());
        }
        let found = match Pairs::read(config) {
            Ok(pairs) => Ok(Rc::new(pairs)),
            Err(error) if must => return Err(error),
            Err(error) => Err(format!("{error}; give its path with --{role} FILE")),
        };
        self.pairs.push((config.clone(), found.clone()));
        Ok(found)
    }

    /// What the model before training finds of each set.
    fn before(
        &mut self,
        config: &RunConfig,
        sets: &[Rc<Pairs>],
    ) -> Result<Vec<Result<Rc<PairScores>, String>>> {
        let Some(name) = self.options.model.clone().or(config.model.clone()) else {
            let preset = config.preset.as_deref().unwrap_or_default();
            let message = format!(
                "the run started from random initialization (preset {preset}), which is not saved"
            );
            return Ok(sets.iter().map(|_| Err(message.clone())).collect());
        };
        let base: Base = (name, config.pooling, config.max_seq_length, config.dtype);
        let mut model = None;
        let mut judgements = Vec::with_capacity(sets.len());
        for pairs in sets {
            let path = &pairs.set().path;
            let known = self.bases.iter().find(|(b, p, _)| *b == base && p == path);
            if let Some((.., known)) = known {
                judgements.push(known.clone());
                continue;
            }
            if model.is_none() {
                model = Some(match load(&base) {
                    Err(error) if self.options.model.is_some() => return Err(error),
                    Err(error) => Err(format!("{error}; give it with --model MODEL")),
                    Ok(model) => Ok(model),
                });
            }
            let judged = match model.as_ref().expect("loaded above") {
                Ok(model) => judge(pairs, model, self.options).map(Rc::new),
                Err(message) => Err(message.clone()),
            };
            self.bases.push((base.clone(), path.clone(), judged.clone()));
            judgements.push(judged);
        }
        Ok(judgements)
    }

    /// What the model that a run left finds of each set.
    fn after<'a>(
        &self,
        run: &RunReport,
        sets: impl Iterator<Item = &'a Rc<Pairs>>,
    ) -> Vec<Result<PairScores, String>> {
        let model = SentenceEncoder::from_directory(&run.directory);
        let model = model.map(|model| model.with_dtype(run.config.dtype));
        let judged = |pairs: &Rc<Pairs>| match &model {
            Ok(model) => judge(pairs, model, self.options),
            Err(error) => Err(error.to_string()),
        };
        sets.map(judged).collect()
    }
}

fn judge(
    pairs: &Pairs,
    model: &SentenceEncoder,
    options: &ReportOptions,
) -> Result<PairScores, String> {
    pairs.judge(model, &options.bootstrap).map_err(|error| error.to_string())
}

/// The model a run started from, as the run changed it before its first step, but for new heads.
fn load((name, pooling, length, dtype): &Base) -> Result<SentenceEncoder> {
    let mut model = SentenceEncoder::from_pretrained(name)?;
    if let Some(pooling) = pooling {
        model = model.with_pooling(*pooling);
    }
    if let Some(length) = length {
        model.set_max_seq_length(*length)?;
    }
    Ok(model.with_dtype(*dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_name_are_told_apart_by_their_paths() {
        let paths = ["a/out", "b/out", "c/else"].map(Path::new);
        assert_eq!(labels(&paths), ["a/out", "b/out", "else"]);
    }
}
