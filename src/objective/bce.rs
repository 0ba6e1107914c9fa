//! Binary cross-entropy of a logit, as cross-encoders are trained on pairs that match or not (Nogueira
//! & Cho 2019, arXiv 1901.04085).

use super::listwise::softplus;
use super::{HeadKind, LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `mean (log(1 + eˣ) − y·x)`, x the output of the head and y in 0..1: the cross-entropy of y and
/// σ(x); over two passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BinaryCrossEntropy;

impl Objective for BinaryCrossEntropy {
    fn name(&self) -> Cow<'_, str> {
        "binary cross-entropy".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_head(HeadKind::Regression)
            .with_passes(Passes::fixed(1))
            .with_sigmoid()
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("bce", outputs, |view| {
            let x = view.prediction()?;
            Ok((softplus(&x)? - (outputs.scores()? * x)?)?.mean_all()?)
        })
    }
}
