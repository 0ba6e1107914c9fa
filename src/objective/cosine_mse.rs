//! Regression of the cosine on the score (Reimers & Gurevych 2019, `CosineSimilarityLoss`).

use super::maths::{cosine, mse};
use super::{LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;

/// `mean (cos(u,v) − y)²`, y in 0..1; over two passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CosineMse;

impl Objective for CosineMse {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("mse", twins, |sight| {
            let (u, v) = sight.pair()?;
            Ok(mse(&cosine(u, v)?, twins.scores()?)?)
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

    fn name(&self) -> String {
        "cosine MSE".into()
    }
}
