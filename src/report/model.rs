//! What a report holds of its runs.

use super::log::RunLog;
use super::pairs::{PairScores, Pairs};
use crate::error::Result;
use crate::eval::{Bootstrap, Comparison};
use crate::train::{DataConfig, Provenance, RunConfig};
use std::path::PathBuf;
use std::rc::Rc;

/// What to report, where a run's own settings do not say or are not wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// Scored pairs instead of the runs' own development set.
    pub dev: Option<DataConfig>,
    /// Scored pairs instead of the runs' own test set.
    pub test: Option<DataConfig>,
    /// The model before training: a directory or hub id. The one in `run.toml` by default.
    pub model: Option<String>,
    /// What intervals and probabilities are drawn by.
    pub bootstrap: Bootstrap,
    /// Whether to embed at all; without, curves and settings are left. True.
    pub evaluate: bool,
}

impl Default for ReportOptions {
    fn default() -> Self {
        let bootstrap = Bootstrap::default();
        Self { dev: None, test: None, model: None, bootstrap, evaluate: true }
    }
}

/// What is known of some runs.
#[derive(Debug, Clone)]
pub struct Report {
    /// The runs in the order they were given.
    pub runs: Vec<RunReport>,
    /// How intervals and probabilities were drawn.
    pub bootstrap: Bootstrap,
}

/// What is known of one run. Where something could not be had, a sentence says why.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// A short name that no other run of the report has.
    pub label: String,
    /// The run directory.
    pub directory: PathBuf,
    /// Its `run.toml`, as it stands there.
    pub settings: String,
    /// The same, read.
    pub config: RunConfig,
    /// Its `log.jsonl`.
    pub log: Result<RunLog, String>,
    /// Its `provenance.json`, where there is one.
    pub provenance: Result<Option<Provenance>, String>,
    /// The SHA-256 of the weights it left.
    pub weights: Result<String, String>,
    /// `dev` and `test`, as far as they are named.
    pub sets: Vec<(&'static str, Result<SetReport, String>)>,
}

/// What two models find of one set of pairs.
#[derive(Debug, Clone)]
pub struct SetReport {
    /// The pairs.
    pub pairs: Rc<Pairs>,
    /// What the model before training finds.
    pub before: Result<Rc<PairScores>, String>,
    /// What the model after training finds.
    pub after: Result<PairScores, String>,
    /// After against before, where there are both.
    pub change: Option<Comparison>,
}

impl RunReport {
    /// The set that says most: the test set, else the development set, of those the model after
    /// training was evaluated on.
    pub fn telling(&self) -> Option<(&'static str, &SetReport)> {
        let sets = self.sets.iter().rev();
        let judged = sets.filter_map(|(role, set)| Some((*role, set.as_ref().ok()?)));
        judged.into_iter().find(|(_, set)| set.after.is_ok())
    }
}
