//! Evaluators and their metrics.

use super::geometry::Geometry;
use super::suite_report::Estimate;
use crate::error::{Error, Result};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::vectors::Embed;
use std::collections::BTreeMap;

/// Evaluates a model of sentence embeddings.
pub trait Evaluator: Send + Sync {
    /// The name of the data.
    fn name(&self) -> &str;

    /// The metric that chooses the best model of a training run.
    fn primary_metric(&self) -> String;

    /// Whether a higher value of it is better, as it is unless this says otherwise.
    fn greater_is_better(&self) -> bool {
        true
    }

    /// The file in `eval/` of a run's output directory that lists its metrics.
    fn results_file(&self) -> String {
        format!("{}_results.csv", self.name())
    }

    /// The metrics of a model, each with its bootstrap interval.
    ///
    /// # Errors
    /// Where the model cannot run, or gives an embedding that is not finite.
    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics>;

    /// The value of the primary metric; none where undefined.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), and where it has no metric of that name.
    fn score(&self, model: &dyn Embed) -> Result<Option<f64>> {
        self.evaluate(model, &Bootstrap::NONE)?.expect(&self.primary_metric())
    }
}

/// What the name of a metric ends with of which a lower value is better.
const LOWER: [&str; 3] = ["loss", "mse", "ece"];

/// Whether a higher value of the metric called so is better: not of `log_loss`, `mse` and `ece`.
pub fn greater_is_better(metric: &str) -> bool {
    !LOWER.iter().any(|end| metric.ends_with(end))
}

/// What a metric is called where it is shown, and what it is multiplied by: `accuracy × 100`,
/// but an error without a highest value as it is.
pub fn shown(metric: &str) -> (String, f64) {
    match greater_is_better(metric) || metric.ends_with("ece") {
        true => (format!("{metric} × 100"), 100.),
        false => (metric.into(), 1.),
    }
}

/// Metrics by name, in the order they are reported. A metric without a value says why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// The size of the data: how many pairs, sentences, queries …
    pub about: Vec<(&'static str, f64)>,
    /// Each metric under the name that sentence-transformers gives it, where it has one.
    pub figures: Vec<(String, Estimate)>,
    /// The geometry of the embeddings, where the evaluator computes it.
    pub geometry: Option<Geometry>,
}

impl Metrics {
    /// The values by name; none where undefined.
    pub fn values(&self) -> BTreeMap<String, Option<f64>> {
        let value = |estimate: &Estimate| estimate.value.as_ref().ok().copied();
        self.figures.iter().map(|(name, estimate)| (name.clone(), value(estimate))).collect()
    }

    /// The value of a figure; nothing where it is undefined or there is none of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(known, _)| known == name);
        found.and_then(|(_, estimate)| estimate.value.as_ref().ok().copied())
    }

    /// The value of a figure; nothing where it is undefined.
    ///
    /// # Errors
    /// Where there is none of that name; the message lists those there are.
    pub fn expect(&self, name: &str) -> Result<Option<f64>> {
        if self.figures.iter().any(|(known, _)| known == name) {
            return Ok(self.get(name));
        }
        let known: Vec<&str> = self.figures.iter().map(|(known, _)| known.as_str()).collect();
        let message = format!("metric `{name}` is unknown: use one of {}", known.join(", "));
        Err(Error::config(message))
    }

    /// The figures that have no value, and why.
    pub fn undefined(&self) -> impl Iterator<Item = (&str, &str)> {
        let figures = self.figures.iter();
        figures
            .filter_map(|(name, one)| Some((name.as_str(), one.value.as_ref().err()?.as_str())))
    }

    /// Adds a metric, for an evaluator of your own.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        let value = if value.is_nan() { Err("not a number".into()) } else { Ok(value) };
        self.figures.push((name.into(), Estimate { value, interval: None, draws: Vec::new() }));
        self
    }

    /// No metrics yet, of data of these sizes.
    pub(super) fn of(about: &[(&'static str, usize)]) -> Self {
        let about = about.iter().map(|&(name, count)| (name, count as f64)).collect();
        Self { about, ..Self::default() }
    }

    /// One more figure, with its value in each draw.
    pub(super) fn push(
        &mut self,
        name: String,
        value: Result<f64, String>,
        draws: &[f64],
        bootstrap: &Bootstrap,
    ) {
        let interval = value.as_ref().ok().and_then(|_| bootstrap.percentiles(draws));
        self.figures.push((name, Estimate { value, interval, draws: Vec::new() }));
    }
}
