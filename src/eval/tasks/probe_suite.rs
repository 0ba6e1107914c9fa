//! The sets of a suite of probes, read and ordered as SentEval does it.

use std::path::{Path, PathBuf};

use crate::data::{Dataset, Label, ReadReport, read_labelled};
use crate::error::{Error, Result};
use crate::eval::suite::{Suite, SuiteSet};
use crate::eval::tasks::probe::{ProbeConfig, ProbeEvaluator};

/// A set of a suite of probes.
#[derive(Debug, Clone)]
pub struct ProbeSet {
    /// The prefix of its figures.
    pub name: String,
    /// What a table calls it.
    pub title: String,
    /// Evaluates a model on it.
    pub evaluator: ProbeEvaluator,
    /// How its files were read.
    pub reports: Vec<ReadReport>,
}

/// The files of the training, development and test set; without a test set the first is
/// cross-validated.
struct ProbeFiles {
    train: Vec<PathBuf>,
    dev: Option<Vec<PathBuf>>,
    test: Option<Vec<PathBuf>>,
}

impl Suite {
    /// The probes of every set, from the files within `directory`. Examples are sorted by the number
    /// of words of each text and then by class, as SentEval sorts them before it makes folds.
    ///
    /// # Errors
    /// Where a set is not there, naming the files looked for; as [`read_labelled`] and
    /// [`ProbeEvaluator::new`].
    pub fn read_probes(&self, directory: &Path) -> Result<Vec<ProbeSet>> {
        let files: Vec<Option<ProbeFiles>> =
            self.sets.iter().map(|set| find(set, directory)).collect();
        if files.iter().any(Option::is_none) {
            let found: Vec<bool> = files.iter().map(Option::is_some).collect();
            return Err(self.missing(directory, &found));
        }
        let sets = self.sets.iter().zip(files.into_iter().flatten());
        sets.map(|(set, files)| read(set, &files)).collect()
    }
}

fn find(set: &SuiteSet, directory: &Path) -> Option<ProbeFiles> {
    let first = |candidates: &[String]| {
        let paths = candidates.iter().map(|candidate| -> Vec<PathBuf> {
            candidate.split(" + ").map(|file| directory.join(file)).collect()
        });
        let mut paths = paths.filter(|paths| paths.iter().all(|path| path.exists()));
        paths.next()
    };
    let files = first(&set.files)?;
    if set.train.is_empty() {
        return Some(ProbeFiles { train: files, dev: None, test: None });
    }
    let dev = if set.dev.is_empty() { None } else { Some(first(&set.dev)?) };
    Some(ProbeFiles { train: first(&set.train)?, dev, test: Some(files) })
}

fn read(set: &SuiteSet, files: &ProbeFiles) -> Result<ProbeSet> {
    let join = |paths: &Vec<PathBuf>| joined(set, paths);
    let train = join(&files.train)?;
    let dev = files.dev.as_ref().map(join).transpose()?;
    let test = files.test.as_ref().map(join).transpose()?;
    let config = ProbeConfig::default();
    let evaluator = ProbeEvaluator::new(&train, dev.as_ref(), test.as_ref(), config)?;
    let parts = [Some(train), dev, test];
    let reports = parts.into_iter().flatten().map(|part| part.report).collect();
    let title = set.title.clone().unwrap_or_else(|| set.name.clone());
    Ok(ProbeSet { name: set.name.clone(), title, evaluator, reports })
}

/// The examples of files that have the same classes, one after the other, then in SentEval's order.
fn joined(set: &SuiteSet, paths: &[PathBuf]) -> Result<Dataset> {
    let mut joined: Option<Dataset> = None;
    for path in paths {
        let next = read_labelled(path, &set.options())?.into_classes();
        match &mut joined {
            None => joined = Some(next),
            Some(first) if first.classes == next.classes => {
                first.examples.extend(next.examples);
                first.report.notes.extend(next.report.lines());
            }
            Some(first) => {
                let message = format!(
                    "has the classes {}, but {} has {}",
                    next.classes.join(", "),
                    first.path.display(),
                    first.classes.join(", ")
                );
                return Err(Error::data(path, message));
            }
        }
    }
    let mut data = joined.expect("a set has a file");
    data.examples.sort_by_cached_key(|example| {
        let words = |text: &String| text.split_whitespace().count();
        let lengths: Vec<usize> = example.texts.iter().map(words).collect();
        let class = match example.label {
            Some(Label::Class(class)) => class,
            _ => 0,
        };
        (lengths, class)
    });
    Ok(data)
}
