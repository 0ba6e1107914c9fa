//! ConSERT (Yan et al. 2021, arXiv 2105.11741): NT-Xent between two augmented views of each
//! sentence. The augmentations are those of [`View`](crate::view::View).

use super::maths::{cosine, cosine_matrix, cross_entropy, itself};
use super::{Loss, Objective, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;
use std::borrow::Cow;

/// `contrast(u, v) + rate·mean ‖u − mean u‖²`; the first summed over the texts of an example, the
/// second of its first text. [`Contrast`] has the formula of NT-Xent.
///
/// The published code adds the two directions of NT-Xent, twice this, and has −cos where this has
/// 1 − cos without negatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConSert {
    /// τ.
    pub temperature: f64,
    /// How two views are compared.
    pub contrast: Contrast,
    /// The view that receives no gradient from the contrast, if any.
    pub stop_gradient: Option<ViewSide>,
    /// The rate of the distance to the centre.
    pub centre: f64,
}

/// How two views u and v, each (N, D), are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Contrast {
    /// NT-Xent (Chen et al. 2020, SimCLR, arXiv 2002.05709), all other sentences of the batch as
    /// negatives: `½(CE([cos(u,v), cos(u,u)₋]/τ, i) + CE([cos(v,u), cos(v,v)₋]/τ, i))`, where `₋`
    /// leaves out a sentence's cosine with itself.
    #[default]
    NtXent,
    /// No negatives: `mean (1 − cos(u,v))`.
    Cosine,
}

/// One of two views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewSide {
    /// u.
    First,
    /// v.
    Second,
}

impl Default for ConSert {
    /// τ = 0.1 and nothing else, as published.
    fn default() -> Self {
        Self { temperature: 0.1, contrast: Contrast::NtXent, stop_gradient: None, centre: 0. }
    }
}

impl Objective for ConSert {
    fn name(&self) -> Cow<'_, str> {
        "ConSERT".into()
    }

    fn requirements(&self) -> Requirements {
        let requirements = Requirements::default();
        let in_batch = self.contrast == Contrast::NtXent || self.centre != 0.;
        if in_batch { requirements.with_in_batch_negatives() } else { requirements }
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let views = outputs.views()?;
        let loss = Loss::sum(views.iter().map(|(u, v)| self.contrast(u, v)))?;
        match self.centre {
            0. => Ok(loss),
            rate => loss.plus(rate, "centre", spread(views[0].0)?),
        }
    }
}

impl ConSert {
    fn contrast(&self, u: &Tensor, v: &Tensor) -> Result<Loss> {
        let view = |side, x: &Tensor| match self.stop_gradient {
            Some(stopped) if stopped == side => x.detach(),
            _ => x.clone(),
        };
        let (u, v) = (view(ViewSide::First, u), view(ViewSide::Second, v));
        match self.contrast {
            Contrast::NtXent => nt_xent(&u, &v, self.temperature),
            Contrast::Cosine => {
                Ok(Loss::of("cosine", cosine(&u, &v)?.affine(-1., 1.)?.mean_all()?))
            }
        }
    }
}

/// `½(CE([cos(u,v), cos(u,u)₋]/τ, i) + CE([cos(v,u), cos(v,v)₋]/τ, i))`.
fn nt_xent(u: &Tensor, v: &Tensor, temperature: f64) -> Result<Loss> {
    let both = (direction(u, v, temperature)? + direction(v, u, temperature)?)?;
    Ok(Loss::of("nt_xent", (both / 2.)?))
}

/// `CE([cos(u,v), cos(u,u)₋]/τ, i)`.
fn direction(u: &Tensor, v: &Tensor, temperature: f64) -> Result<Tensor> {
    let across = cosine_matrix(u, v)?; // (N, N)
    let n = across.dim(0)?;
    let within = without_self(&cosine_matrix(u, u)?)?; // (N, N)
    let logits = (Tensor::cat(&[across, within], 1)? / temperature)?; // (N, 2N)
    Ok(cross_entropy(&logits, &itself(n, &logits)?)?)
}

/// The diagonal far below any cosine, so that its softmax is zero.
fn without_self(x: &Tensor) -> candle_core::Result<Tensor> {
    let diagonal = Tensor::eye(x.dim(0)?, x.dtype(), x.device())?;
    x - (diagonal * 1e9)?
}

/// `mean ‖u − mean u‖²`.
fn spread(u: &Tensor) -> Result<Tensor> {
    Ok(u.broadcast_sub(&u.mean_keepdim(0)?)?.sqr()?.sum(1)?.mean_all()?)
}
