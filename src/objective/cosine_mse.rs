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
        Loss::over_sights("mse", twins, |sight| {
            let (u, v) = sight.pair()?;
            Ok(mse(&cosine(u, v)?, twins.scores()?)?)
        })
    }

    fn needs(&self) -> Needs {
        Needs::Scores
    }

    fn columns(&self) -> usize {
        2
    }

    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        1
    }

    fn name(&self) -> String {
        "cosine MSE".into()
    }
}
