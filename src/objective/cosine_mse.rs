//! Regression of the cosine on the score (Reimers & Gurevych 2019, `CosineSimilarityLoss`).

use super::maths::{cosine, mse};
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `mean (cos(u,v) − y)²`, y in 0..1; over two passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CosineMse;

impl Objective for CosineMse {
    fn name(&self) -> Cow<'_, str> {
        "cosine MSE".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_texts_per_example(2)
            .with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("mse", outputs, |view| {
            let (u, v) = view.pair()?;
            Ok(mse(&cosine(u, v)?, outputs.scores()?)?)
        })
    }
}
