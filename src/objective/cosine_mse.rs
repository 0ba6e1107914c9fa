//! Regression of the cosine on the score (Reimers & Gurevych 2019, `CosineSimilarityLoss`).

use super::maths::{cosine, mse};
use super::{Loss, Needs, Objective};
use crate::error::Result;
use crate::twins::Twins;

/// `mean (cos(u,v) − y)²`, y in 0..1; over two passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CosineMse;

impl Objective for CosineMse {
    fn loss(&self, twins: &Twins) -> Result<Loss> {
        let errors = twins.sights().map(|sight| {
            let (u, v) = sight.pair()?;
            Ok(mse(&cosine(u, v)?, twins.scores()?)?)
        });
        let errors = errors.collect::<Result<Vec<_>>>()?;
        let mean = candle_core::Tensor::stack(&errors, 0)?.mean_all()?;
        Ok(Loss::of("mse", mean))
    }

    fn needs(&self) -> Needs {
        Needs::Scores
    }

    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        1
    }

    fn name(&self) -> String {
        "cosine MSE".into()
    }
}
