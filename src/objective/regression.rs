//! Regression of a head's number on the score, as BERT is fine-tuned on STS-B (Devlin et al.
//! 2019).

use super::maths::mse;
use super::{HeadKind, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;

/// `mean (s − y)²`, s what the regression head says, y in 0..1; over two passes where there are
/// two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Regression;

impl Objective for Regression {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("mse", twins, |sight| {
            Ok(mse(&sight.prediction()?, twins.scores()?)?)
        })
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::Scores
    }

    fn head(&self) -> Option<HeadKind> {
        Some(HeadKind::Regression)
    }

    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        1
    }

    fn name(&self) -> String {
        "regression".into()
    }
}
