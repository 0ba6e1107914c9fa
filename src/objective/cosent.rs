//! CoSENT (Su Jianlin, archives/8847).

use super::maths::{cosine, log_sum_exp};
use super::{LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;

/// `log(1 + Σ exp(λ(sᵢ − sⱼ)))` over all pairs of examples with yᵢ < yⱼ, s the cosine. A batch
/// has one such logarithm, so there is nothing to take the mean of but the passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoSent {
    /// λ, one over a temperature.
    pub scale: f64,
}

impl Default for CoSent {
    /// λ = 20, as published.
    fn default() -> Self {
        Self { scale: 20. }
    }
}

impl Objective for CoSent {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("cosent", twins, |sight| {
            let (u, v) = sight.pair()?;
            out_of_order(&cosine(u, v)?, twins.scores()?, self.scale)
        })
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::Scores
    }

    fn texts_per_example(&self) -> usize {
        2
    }

    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        1
    }

    fn uses_in_batch_negatives(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        "CoSENT".into()
    }
}

/// `log(1 + Σ exp(λ(sᵢ − sⱼ)))` over yᵢ < yⱼ: s, y (N) → scalar.
pub(super) fn out_of_order(s: &Tensor, y: &Tensor, scale: f64) -> Result<Tensor> {
    let above = s.unsqueeze(1)?.broadcast_sub(&s.unsqueeze(0)?)?; // (N, N)
    let ordered = y.unsqueeze(1)?.broadcast_lt(&y.unsqueeze(0)?)?.to_dtype(s.dtype())?;
    let left_out = ordered.affine(1e9, -1e9)?; // 0 where yᵢ < yⱼ
    let terms = ((above * scale)? + left_out)?.flatten_all()?;
    let one = terms.narrow(0, 0, 1)?.zeros_like()?; // e⁰
    Ok(log_sum_exp(&Tensor::cat(&[terms, one], 0)?)?.squeeze(0)?)
}
