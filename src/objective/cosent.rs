//! CoSENT (Su Jianlin, archives/8847).

use super::maths::{cosine, log_sum_exp};
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;
use std::borrow::Cow;

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
    fn name(&self) -> Cow<'_, str> {
        "CoSENT".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_texts_per_example(2)
            .with_passes(Passes::fixed(1))
            .with_in_batch_negatives()
            .with_score_order_only()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("cosent", outputs, |view| {
            let (u, v) = view.pair()?;
            out_of_order(&cosine(u, v)?, outputs.scores()?, self.scale)
        })
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
