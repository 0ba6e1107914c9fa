//! AnglE (Li & Li 2023, arXiv 2309.12871).

use super::cosent::out_of_order;
use super::maths::normalize;
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::{Error, Result};
use crate::outputs::BatchOutput;
use candle_core::{D, Tensor};
use std::borrow::Cow;

/// `log(1 + Σ exp(λ(sᵢ − sⱼ)))` over all pairs of examples with yᵢ < yⱼ, with
/// `s = |Σ (Re z + Im z)|`, `z = (x/y)·(‖y‖/‖x‖)`: the halves of an embedding are the real and
/// imaginary parts of x and y. The paper adds CoSENT and InfoNCE: `Sum` of `Angle`, `CoSent` and
/// `SimCse`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Angle {
    /// λ, one over a temperature.
    pub scale: f64,
}

impl Default for Angle {
    /// λ = 20, as published.
    fn default() -> Self {
        Self { scale: 20. }
    }
}

impl Objective for Angle {
    fn name(&self) -> Cow<'_, str> {
        "AnglE".into()
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
        Loss::mean_over_passes("angle", outputs, |view| {
            let (x, y) = view.pair()?;
            out_of_order(&similarity(x, y)?, outputs.scores()?, self.scale)
        })
    }
}

/// `|Σ (Re z + Im z)|`: (N, D), (N, D) → (N). As `z = x·ȳ` of unit vectors,
/// `Re z + Im z = Re (x·conj(y·(1 + i)))`: a product with y turned.
fn similarity(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (half, odd) = (x.dim(1)? / 2, x.dim(1)? % 2);
    if odd == 1 {
        return Err(Error::config(
            "AnglE splits embeddings into two halves: expected an even dimension",
        ));
    }
    let (x, y) = (normalize(x)?, normalize(y)?);
    let (re, im) = (y.narrow(1, 0, half)?, y.narrow(1, half, half)?);
    let turned = Tensor::cat(&[(&re - &im)?, (re + im)?], 1)?;
    Ok((x * turned)?.sum(D::Minus1)?.abs()?)
}
