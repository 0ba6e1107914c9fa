//! A loss and its terms.

use crate::error::{Error, Result};
use crate::outputs::{BatchOutput, ViewOutput};
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

    /// A loss of one term: the mean of `formula` over the views there are.
    pub(super) fn mean_over_passes(
        name: &'static str,
        outputs: &BatchOutput,
        formula: impl Fn(&ViewOutput) -> Result<Tensor>,
    ) -> Result<Self> {
        let losses = outputs.outputs().map(formula).collect::<Result<Vec<_>>>()?;
        Ok(Self::of(name, Tensor::stack(&losses, 0)?.mean_all()?))
    }

    /// Losses added, and their terms of one name added too.
    pub(super) fn sum(losses: impl Iterator<Item = Result<Self>>) -> Result<Self> {
        let sum = losses.reduce(|sum, loss| sum?.and(loss?));
        sum.unwrap_or_else(|| Err(Error::config("an objective that sums nothing has no loss")))
    }

    fn and(mut self, other: Self) -> Result<Self> {
        self.total = (self.total + other.total)?;
        for (name, term) in other.terms {
            match self.terms.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = (&*known + term)?,
                None => self.terms.push((name, term)),
            }
        }
        Ok(self)
    }
}
