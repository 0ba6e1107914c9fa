//! `results.json`: what came of a run in numbers. It is measured, so it is no part of what is the
//! same byte for byte.

use crate::error::Result;
use crate::eval::{Bootstrap, Evaluator};
use crate::io;
use crate::train::BestScore;
use crate::vectors::Embed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Its name in an output directory.
const NAME: &str = "results.json";

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingResults {
    /// The version that trained.
    pub twindrop: &'static str,
    /// When it was written, in UTC.
    pub time: String,
    /// Steps taken, those before a restart included.
    pub steps: u64,
    /// The step of the best evaluation; none without a development set.
    pub best_step: Option<u64>,
    /// Steps that this process took.
    pub steps_of_process: u64,
    /// Seconds of this process from the first step's beginning to the end of the run, evaluations
    /// and checkpoints included.
    pub wall_seconds: f64,
    /// Seconds of this process in training steps alone.
    pub step_seconds: f64,
    /// Steps in a second of `step_seconds`; none where no step was taken.
    pub steps_per_second: Option<f64>,
    /// The most memory that this process held, in bytes, where the system says.
    pub peak_memory_bytes: Option<u64>,
    /// Threads it computed on.
    pub threads: usize,
    /// The development set, if there is one.
    pub dev: Option<SetResults>,
    /// The test set, if there is one.
    pub test: Option<SetResults>,
}

/// The metrics of a set before and after training. In a run that was resumed, *before* is the model
/// that it started from too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetResults {
    /// The name of the data.
    pub name: String,
    /// The metric that chooses the best model.
    pub metric: String,
    /// Its value before training; none where undefined.
    pub before: Option<f64>,
    /// Its value after training; none where undefined.
    pub after: Option<f64>,
    /// All metrics before training by name; none where undefined.
    pub metrics_before: BTreeMap<String, Option<f64>>,
    /// All metrics after training.
    pub metrics_after: BTreeMap<String, Option<f64>>,
}

/// The metrics of a set by name; none where undefined.
pub type SetMetrics = BTreeMap<String, Option<f64>>;

impl SetResults {
    /// All metrics of a model on a set.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`], and where it has no metric that is called like its primary one.
    pub fn metrics(set: &dyn Evaluator, model: &dyn Embed) -> Result<SetMetrics> {
        let metrics = set.evaluate(model, &Bootstrap::NONE)?;
        metrics.expect(&set.primary_metric())?;
        Ok(metrics.values())
    }

    /// Of a set whose metrics before and after are known.
    pub fn of(set: &dyn Evaluator, before: SetMetrics, after: SetMetrics) -> Self {
        let metric = set.primary_metric();
        let value = |metrics: &SetMetrics| metrics.get(&metric).copied().flatten();
        Self {
            name: set.name().into(),
            before: value(&before),
            after: value(&after),
            metric,
            metrics_before: before,
            metrics_after: after,
        }
    }
}

impl TrainingResults {
    /// Of a run of `steps` that has just ended; then how many of them this process took and in how
    /// many seconds, and the seconds it took in all.
    pub fn new(
        steps: u64,
        best: BestScore,
        (steps_of_process, step_seconds): (u64, f64),
        wall_seconds: f64,
    ) -> Self {
        let is_known = steps_of_process > 0 && step_seconds > 0.;
        Self {
            twindrop: env!("CARGO_PKG_VERSION"),
            time: super::times::now(),
            steps,
            best_step: best.best.map(|(_, step)| step),
            steps_of_process,
            wall_seconds,
            step_seconds,
            steps_per_second: is_known.then(|| steps_of_process as f64 / step_seconds),
            peak_memory_bytes: peak_memory(),
            threads: rayon::current_num_threads(),
            dev: None,
            test: None,
        }
    }

    /// Writes it into the output directory of the run.
    ///
    /// # Errors
    /// Where it cannot be written; an older one is then untouched.
    pub fn write(&self, output: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        io::replace_with(&output.join(NAME), text)
    }
}

/// The largest resident set of this process so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
