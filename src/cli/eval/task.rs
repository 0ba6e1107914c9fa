//! `twindrop eval pairs`, `triplets`, `retrieval` and `probe`: what they have in common.

use super::super::args::{ReportFormat, UsageArgs};
use super::super::say;
use super::pairs::PairsArgs;
use super::probe::ProbeArgs;
use super::retrieval::RetrievalArgs;
use super::triplets::TripletsArgs;
use super::{bootstrap, load, metrics, note_dtype};
use crate::error::{Error, Result};
use crate::eval::{Bootstrap, Evaluator, Metrics};
use crate::io;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum Task {
    /// Pairs that belong together or not: accuracy, F1, average precision by similarity
    Pairs(PairsArgs),
    /// Triplets: is the positive more alike than the negative?
    Triplets(TripletsArgs),
    /// Search a corpus: accuracy, precision, recall, nDCG, MRR and MAP at k
    Retrieval(RetrievalArgs),
    /// A linear classifier on frozen vectors, as SentEval fits it
    Probe(ProbeArgs),
}

impl Task {
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Pairs(args) => super::pairs::run(args),
            Self::Triplets(args) => super::triplets::run(args),
            Self::Retrieval(args) => super::retrieval::run(args),
            Self::Probe(args) => super::probe::run(args),
        }
    }
}

/// Whom to ask, and how to tell what they answer.
#[derive(Args)]
pub struct TaskArgs {
    /// Model directory or hub id; given again, all are told one after the other
    #[arg(long, alias = "model-name-or-path", value_name = "MODEL", required = true)]
    pub model: Vec<String>,
    #[command(flatten)]
    pub usage: UsageArgs,
    /// Draws behind an interval, of what was asked with replacement; 0 for none
    #[arg(long, value_name = "N", default_value = "10000")]
    pub bootstrap: usize,
    /// What draws are a function of
    #[arg(long, value_name = "N", default_value = "42")]
    pub seed: u64,
    /// How to print the figures
    #[arg(long, value_enum, default_value = "table")]
    pub format: ReportFormat,
    /// Write the figures to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A model, and what it answered.
pub struct ModelMetrics {
    pub model: String,
    pub metrics: Metrics,
}

impl TaskArgs {
    /// Refuses what cannot be before data are read.
    pub fn check(&self) -> Result<Bootstrap> {
        let parent = self.output.as_deref().and_then(Path::parent);
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir());
        if let Some(parent) = parent {
            let words = format!("--output: there is no directory {}", parent.display());
            return Err(Error::config(words));
        }
        if let Some(directory) = self.output.as_deref().filter(|path| path.is_dir()) {
            let words = format!("--output {} is a directory; give a file", directory.display());
            return Err(Error::config(words));
        }
        bootstrap(self.bootstrap, self.seed)
    }

    /// Asks every model, and tells what they answer; `title` says of what.
    pub fn report(&self, task: &str, title: &str, evaluator: &dyn Evaluator) -> Result<()> {
        let draws = self.check()?;
        note_dtype(self.usage.dtype.unwrap_or_default());
        let mut answers = Vec::new();
        for name in &self.model {
            let model = load(name, self.usage)?;
            let metrics = evaluator.evaluate(&model, &draws)?;
            answers.push(ModelMetrics { model: name.clone(), metrics });
        }
        self.note_undefined(&answers);
        let told = told(task, title, &answers);
        if let Some(path) = &self.output {
            io::replace_with(path, format!("{told:#}\n"))?;
        }
        match self.format {
            ReportFormat::Json => say(told.to_string()),
            ReportFormat::Table => say(metrics::tables(title, &answers, &draws)),
        }
    }

    /// Says why figures have no value, each reason once.
    fn note_undefined(&self, answers: &[ModelMetrics]) {
        for ModelMetrics { model, metrics } in answers {
            let of = if answers.len() > 1 { format!(" of {model}") } else { String::new() };
            let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
            for (name, reason) in metrics.undefined() {
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, names)) => names.push(name),
                    None => reasons.push((reason, vec![name])),
                }
            }
            for (reason, names) in reasons {
                let (first, are) = match names[..] {
                    [one] => (one.to_string(), "is"),
                    [one, .., last] => (format!("{one} … {last}"), "are"),
                    [] => continue,
                };
                eprintln!("note: {first}{of} {are} undefined: {reason}");
            }
        }
    }
}

/// One model is told flat, several one by one.
fn told(task: &str, title: &str, answers: &[ModelMetrics]) -> Value {
    let mut told = json!({ "task": task, "data": title });
    match answers {
        [one] => {
            let flat = metrics::flat(one);
            told.as_object_mut().expect("an object").extend(flat);
        }
        _ => told["models"] = answers.iter().map(metrics::flat).map(Value::from).collect(),
    }
    told
}
