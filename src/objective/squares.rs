//! R-Drop where two passes say numbers: its form for regression.

use super::maths::{cosine, mse};
use super::{Loss, RDrop, RDropTarget, Reduction};
use crate::error::Result;
use crate::outputs::{BatchOutput, ViewOutput};
use candle_core::Tensor;

impl RDrop {
    /// `½(MSE(s,y) + MSE(t,y)) + α·MSE(s,t)`, s and t the numbers of the two passes; RoBERTa's
    /// has `MSE(s,y)` for the first.
    pub(super) fn agree_in_squares(&self, twins: &BatchOutput) -> Result<Loss> {
        let (first, second) = twins.both()?;
        let (s, t, y) = (self.number(first)?, self.number(second)?, twins.scores()?);
        let error = match self.reduction {
            Reduction::Roberta => mse(&s, y)?,
            _ => ((mse(&s, y)? + mse(&t, y)?)? / 2.)?,
        };
        Loss::of("mse", error).plus(self.alpha, "agreement", mse(&s, &t)?)
    }

    /// What a pass says of each example, (N): the head's number, or the cosine of two texts.
    fn number(&self, sight: &ViewOutput) -> Result<Tensor> {
        if self.target == RDropTarget::Predictions {
            return sight.prediction();
        }
        let (u, v) = sight.pair()?;
        Ok(cosine(u, v)?)
    }
}
