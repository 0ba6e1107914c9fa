//! R-Drop's weights in every code it was published with.

use super::{Divergence, Loss, RDrop, RDropTarget};
use crate::error::Result;

/// Which sums and means R-Drop has. `T` is the mean of both passes' task losses, `A` their
/// agreement; both are means over the N examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// `T + α·A`, α = ½: the five lines.
    #[default]
    Article,
    /// The authors' README: `T + α·N·A`, as its KL is summed over the batch and its CE is not;
    /// over scores `T + α·A`. It names no α: ½ here.
    Readme,
    /// The authors' BERT file (GLUE): `2·T + α·N·A`, α = ½, its KL summed likewise; over scores
    /// `MSE₁ + MSE₂ + α·MSE(s,t)`, α = 1: `2·T + α·A`.
    Glue,
    /// The authors' RoBERTa criterion: `2·T + α·A`, α = 1. It sums all over the batch, and its
    /// trainer divides by N. Over scores `MSE₁ + α·MSE(s,t)`: only the first pass meets y.
    Roberta,
    /// Su Jianlin (archives/8496): `T + ½·α·A`, α = 4, written as `α·mean(KL₁ + KL₂)/4`.
    Su,
}

impl Reduction {
    /// R-Drop as it was published.
    pub fn rdrop(self, over: RDropTarget) -> RDrop {
        let (alpha, divergence) = (self.alpha(over), Divergence::default());
        RDrop { alpha, target: over, reduction: self, divergence, label_smoothing: 0. }
    }

    /// α as it was published.
    pub fn alpha(self, over: RDropTarget) -> f64 {
        match self {
            Self::Roberta => 1.,
            Self::Glue if over.is_squared() => 1.,
            Self::Article | Self::Readme | Self::Glue => 0.5,
            Self::Su => 4.,
        }
    }

    /// The weights of T and α·A over n examples.
    fn weights(self, over: RDropTarget, n: usize) -> (f64, f64) {
        let summed = if over.is_squared() { 1. } else { n as f64 };
        match self {
            Self::Article => (1., 1.),
            Self::Readme => (1., summed),
            Self::Glue => (2., summed),
            Self::Roberta if over.is_squared() => (1., 1.),
            Self::Roberta => (2., 1.),
            Self::Su => (1., 0.5),
        }
    }

    /// `T + α·A` as it was published, of n examples.
    pub(super) fn of(self, loss: Loss, rdrop: &RDrop, n: usize) -> Result<Loss> {
        let (task, agreement) = self.weights(rdrop.target, n);
        let [(_, t), (_, a)] = &loss.terms[..] else { unreachable!("T and A are two terms") };
        let total = ((t * task)? + (a * (agreement * rdrop.alpha))?)?;
        Ok(Loss { total, ..loss })
    }
}

impl Default for RDrop {
    /// The article's, over classes.
    fn default() -> Self {
        Reduction::default().rdrop(RDropTarget::Classes)
    }
}
