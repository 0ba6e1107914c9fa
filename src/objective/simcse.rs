//! SimCSE (Gao et al. 2021, arXiv 2104.08821).

use super::maths::{cosine_matrix, cross_entropy, itself};
use super::{Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, Targets};
use candle_core::Tensor;
use std::borrow::Cow;

/// InfoNCE: `CE([cos(u,v), cos(u,w) + h·I]/τ, i)`.
///
/// Sentences, and labelled pairs, are contrasted with their own second view (unsupervised,
/// summed over the columns of texts); unlabelled pairs are an anchor u and its positive v, and
/// further columns hard negatives w (supervised, one pass).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimCse {
    /// τ.
    pub temperature: f64,
    /// h, added to the logit of an anchor's own hard negative: the logarithm of its weight.
    pub hard_negative_weight: f64,
}

impl Default for SimCse {
    /// τ = 0.05 and hard negatives like any other, as published.
    fn default() -> Self {
        Self { temperature: 0.05, hard_negative_weight: 0. }
    }
}

impl Objective for SimCse {
    fn name(&self) -> Cow<'_, str> {
        "SimCSE".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default().with_passes(Passes::ONE_FOR_PAIRS).with_in_batch_negatives()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let columns = &outputs.first.columns;
        let labelled = !matches!(outputs.targets, Targets::None);
        if self.requirements().passes.count(columns.len(), labelled) == 1 {
            return self.contrast(&columns[0], &columns[1], &columns[2..]);
        }
        Loss::sum(outputs.views()?.into_iter().map(|(u, v)| self.contrast(u, v, &[])))
    }
}

impl SimCse {
    fn contrast(&self, u: &Tensor, v: &Tensor, negatives: &[Tensor]) -> Result<Loss> {
        let n = u.dim(0)?;
        let mut logits = vec![(cosine_matrix(u, v)? / self.temperature)?]; // (N, N)
        let own = Tensor::eye(n, u.dtype(), u.device())?;
        for w in negatives {
            let against = (cosine_matrix(u, w)? / self.temperature)?;
            logits.push((against + (&own * self.hard_negative_weight)?)?);
        }
        let logits = Tensor::cat(&logits, 1)?; // (N, N·(1 + negatives))
        Ok(Loss::of("info_nce", cross_entropy(&logits, &itself(n, &logits)?)?))
    }
}
