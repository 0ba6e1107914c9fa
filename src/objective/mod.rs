//! What it means for two sights to agree. One file per paper; no parameters, no state, no
//! noise. Every loss is a mean over the batch.

mod consert;
mod cosine_mse;
mod maths;
mod rdrop;
mod simcse;
mod sum;

pub use consert::ConSert;
pub use cosine_mse::CosineMse;
pub use rdrop::{Over, RDrop};
pub use simcse::SimCse;
pub use sum::Sum;

use crate::error::Result;
use crate::twins::Twins;
use candle_core::Tensor;

/// A loss, and the terms it is made of.
#[derive(Debug, Clone)]
pub struct Loss {
    /// What is minimised, a scalar.
    pub total: Tensor,
    /// Each term by name, before its weight.
    pub terms: Vec<(&'static str, Tensor)>,
}

impl Loss {
    /// A loss of one term.
    pub fn of(name: &'static str, term: Tensor) -> Self {
        Self { total: term.clone(), terms: vec![(name, term)] }
    }

    /// `self + weight·term`.
    ///
    /// # Errors
    /// Where `term` is not a scalar.
    pub fn plus(mut self, weight: f64, name: &'static str, term: Tensor) -> Result<Self> {
        self.total = (self.total + (&term * weight)?)?;
        self.terms.push((name, term));
        Ok(self)
    }
}

/// What an objective asks of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Sentences, or unlabelled anchors with their positives.
    Sentences,
    /// Pairs with a score.
    Scores,
    /// Texts or pairs with a class.
    Classes,
}

/// How the sights of a batch should agree.
pub trait Objective: Send + Sync {
    /// The loss of one batch, a mean over its examples.
    ///
    /// # Errors
    /// Where the twins lack what the objective needs.
    fn loss(&self, twins: &Twins) -> Result<Loss>;

    /// What it asks of its data.
    fn needs(&self) -> Needs;

    /// How often a batch must be seen, given the texts of an example: once or twice.
    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        2
    }

    /// Whether other examples of the batch are part of an example's loss.
    fn in_batch(&self) -> bool {
        false
    }

    /// Its name in logs.
    fn name(&self) -> String;
}
