//! R-Drop's agreement (Liang et al. 2021) added to any objective over a regression head.

use super::maths::mse;
use super::{Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// R-Drop of any objective over a regression head: `½(L(s) + L(t)) + α·mean (sᵢ − tᵢ)²`, with L the
/// objective and s, t (N) the predictions of two passes.
pub struct WithAgreement {
    /// L, which is a mean over the passes there are.
    pub objective: Box<dyn Objective>,
    /// α.
    pub alpha: f64,
}

impl Objective for WithAgreement {
    fn name(&self) -> Cow<'_, str> {
        format!("{} with R-Drop", self.objective.name()).into()
    }

    fn requirements(&self) -> Requirements {
        self.objective.requirements().with_passes(Passes::fixed(2))
    }

    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss> {
        let (first, second) = outputs.both()?;
        let agreement = mse(&first.prediction()?, &second.prediction()?)?;
        self.objective.loss(outputs, progress)?.plus(self.alpha, "agreement", agreement)
    }
}
