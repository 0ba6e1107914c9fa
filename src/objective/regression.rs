//! Regression of a head's number on the score, as BERT is fine-tuned on STS-B (Devlin et al.
//! 2019).

use super::maths::mse;
use super::{HeadKind, LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `mean (s − y)²`, s the output of the regression head, y in 0..1; over two passes where there are
/// two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Regression;

impl Objective for Regression {
    fn name(&self) -> Cow<'_, str> {
        "regression".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_head(HeadKind::Regression)
            .with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("mse", outputs, |view| {
            Ok(mse(&view.prediction()?, outputs.scores()?)?)
        })
    }
}
