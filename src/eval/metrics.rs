//! What an evaluator says of a model: figures under the names people know.

use super::bootstrap::Bootstrap;
use super::suite_report::Estimate;
use crate::error::Result;
use crate::vectors::Embed;

/// A question about a model that has figures for an answer.
pub trait Evaluator {
    /// The figures of a model, each with its interval over draws of what was asked.
    ///
    /// # Errors
    /// Where the model cannot run, or gives a vector that is not finite.
    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics>;
}

/// Figures by their names, in the order they are told. A figure without a value says why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// What stands behind the figures: how many pairs, sentences, queries …
    pub about: Vec<(&'static str, f64)>,
    /// Each figure under the name that sentence-transformers gives it, where it has one.
    pub figures: Vec<(String, Estimate)>,
}

impl Metrics {
    /// The value of a figure; nothing where it is undefined or there is none of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.figures.iter().find(|(known, _)| known == name);
        found.and_then(|(_, estimate)| estimate.value.as_ref().ok().copied())
    }

    /// The figures that have no value, and why.
    pub fn undefined(&self) -> impl Iterator<Item = (&str, &str)> {
        let figures = self.figures.iter();
        figures
            .filter_map(|(name, one)| Some((name.as_str(), one.value.as_ref().err()?.as_str())))
    }

    /// No figure yet, of so many things.
    pub(super) fn of(about: &[(&'static str, usize)]) -> Self {
        let about = about.iter().map(|&(name, count)| (name, count as f64)).collect();
        Self { about, figures: Vec::new() }
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
