//! ConSERT (Yan et al. 2021, arXiv 2105.11741).

use super::{Contrast, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;

/// One of two views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewSide {
    /// u.
    First,
    /// v.
    Second,
}

/// `½(CE([cos(u,v), cos(u,u)₋]/τ, i) + CE([cos(v,u), cos(v,v)₋]/τ, i)) + rate·mean ‖u − mean u‖²`,
/// where `₋` leaves out a sentence's cosine with itself; the first summed over the columns of
/// texts, the second of the first column.
///
/// The published code adds the two directions, twice this, and without negatives it says −cos
/// where this says 1 − cos.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConSert {
    /// τ.
    pub temperature: f64,
    /// Against all other sentences, or against nothing.
    pub contrast: Contrast,
    /// The view that the contrast does not move, if any.
    pub stop_gradient: Option<ViewSide>,
    /// The rate of the distance to the centre.
    pub centre: f64,
}

impl Default for ConSert {
    /// τ = 0.1 and nothing else, as published.
    fn default() -> Self {
        let contrast = Contrast::default();
        Self { temperature: 0.1, contrast, stop_gradient: None, centre: 0. }
    }
}

impl Objective for ConSert {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        let views = twins.views()?;
        let loss = Loss::sum(views.iter().map(|(u, v)| self.contrast(u, v)))?;
        match self.centre {
            0. => Ok(loss),
            rate => loss.plus(rate, "centre", spread(views[0].0)?),
        }
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::None
    }

    fn uses_in_batch_negatives(&self) -> bool {
        self.contrast == Contrast::NtXent || self.centre != 0.
    }

    fn name(&self) -> String {
        "ConSERT".into()
    }
}

impl ConSert {
    fn contrast(&self, u: &Tensor, v: &Tensor) -> Result<Loss> {
        let seen = |side, x: &Tensor| match self.stop_gradient {
            Some(still) if still == side => x.detach(),
            _ => x.clone(),
        };
        self.contrast.of(
            &seen(ViewSide::First, u),
            &seen(ViewSide::Second, v),
            self.temperature,
        )
    }
}

/// `mean ‖u − mean u‖²`.
fn spread(u: &Tensor) -> Result<Tensor> {
    Ok(u.broadcast_sub(&u.mean_keepdim(0)?)?.sqr()?.sum(1)?.mean_all()?)
}
