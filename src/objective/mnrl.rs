//! Multiple negatives ranking (Henderson et al. 2017, arXiv 1705.00652).

use super::maths::{cosine_matrix, cross_entropy, itself};
use super::{Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, ViewOutput};
use candle_core::Tensor;
use std::borrow::Cow;

/// `CE(λ·cos(uᵢ, [V; W₁; W₂ …]), i)`: an anchor u classifies its positive v among all other texts of
/// the batch but anchors. The symmetric form is the mean of that and `CE(λ·cos(vᵢ, U), i)`.
///
/// Two texts of an example are an anchor and its positive whatever their label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mnrl {
    /// λ, one over a temperature.
    pub scale: f64,
    /// Whether positives must find their anchors too.
    pub symmetric: bool,
}

impl Default for Mnrl {
    /// λ = 20, one way, as in sentence-transformers.
    fn default() -> Self {
        Self { scale: 20., symmetric: false }
    }
}

impl Objective for Mnrl {
    /// Over two passes where there are two, their mean.
    fn name(&self) -> Cow<'_, str> {
        "multiple negatives ranking".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_texts_per_example(2)
            .with_passes(Passes::fixed(1))
            .with_in_batch_negatives()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("ranking", outputs, |view| self.rank(view))
    }
}

impl Mnrl {
    fn rank(&self, view: &ViewOutput) -> Result<Tensor> {
        let (u, _) = view.pair()?;
        let candidates = Tensor::cat(&view.columns[1..], 0)?; // (N·(K − 1), D)
        let logits = (cosine_matrix(u, &candidates)? * self.scale)?; // (N, N·(K − 1))
        let (n, i) = (u.dim(0)?, itself(u.dim(0)?, u)?);
        let there = cross_entropy(&logits, &i)?;
        if !self.symmetric {
            return Ok(there);
        }
        let back = cross_entropy(&logits.t()?.narrow(0, 0, n)?.contiguous()?, &i)?;
        Ok(((there + back)? / 2.)?)
    }
}
