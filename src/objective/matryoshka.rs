//! Matryoshka (Kusupati et al. 2022, arXiv 2205.13147).

use super::{LabelKind, Loss, Objective, Requirements};
use crate::error::{Error, Result};
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `Σ w_d·L(the first d numbers of every embedding)`, L any objective over embeddings.
pub struct Matryoshka {
    inner: Box<dyn Objective>,
    widths: Vec<(usize, f64)>,
}

impl Matryoshka {
    /// `inner` at each of the widths `dims`, weighed by `weights`; 1 each where there are none.
    ///
    /// # Errors
    /// Where `inner` sees more than embeddings, or the widths and weights do not fit.
    pub fn new(inner: Box<dyn Objective>, dims: &[usize], weights: &[f64]) -> Result<Self> {
        if let Some(message) = misfit(&*inner, dims, weights) {
            return Err(Error::config(format!("{} at dims: {message}", inner.name())));
        }
        let weights = weights.iter().copied().chain(std::iter::repeat(1.));
        Ok(Self { inner, widths: dims.iter().copied().zip(weights).collect() })
    }
}

fn misfit(inner: &dyn Objective, dims: &[usize], weights: &[f64]) -> Option<&'static str> {
    let Requirements { head, masked_tokens, labels, .. } = inner.requirements();
    if head.is_some() || masked_tokens || labels == LabelKind::TeacherEmbeddings {
        Some("it uses more than embeddings, and only embeddings can be truncated")
    } else if dims.is_empty() || dims.contains(&0) {
        Some("expected one dimension or more, each at least 1")
    } else if !weights.is_empty() && weights.len() != dims.len() {
        Some("expected one weight per dimension")
    } else {
        weights.iter().any(|weight| !weight.is_finite()).then_some("a weight is not finite")
    }
}

impl Objective for Matryoshka {
    fn name(&self) -> Cow<'_, str> {
        let widths: Vec<_> = self.widths.iter().map(|(width, _)| width.to_string()).collect();
        format!("{} at {}", self.inner.name(), widths.join(", ")).into()
    }

    fn requirements(&self) -> Requirements {
        self.inner.requirements()
    }

    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss> {
        Loss::sum(self.widths.iter().map(|&(width, weight)| {
            let first = outputs.first.narrow(width)?;
            let second = outputs.second.as_ref().map(|view| view.narrow(width)).transpose()?;
            let targets = outputs.targets.clone();
            let loss = self.inner.loss(&BatchOutput { first, second, targets }, progress)?;
            Ok(Loss { total: (loss.total * weight)?, ..loss })
        }))
    }
}
