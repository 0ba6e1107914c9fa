//! Softmax over classes (Reimers & Gurevych 2019, `SoftmaxLoss`).

use super::maths::smooth_cross_entropy;
use super::{HeadKind, LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `(1 − ε)·CE(p,y) + ε·mean over classes of −log p`, p the output of the class head; over two
/// passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Softmax {
    /// ε.
    pub label_smoothing: f64,
}

impl Objective for Softmax {
    fn name(&self) -> Cow<'_, str> {
        "softmax".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Classes)
            .with_head(HeadKind::Classes)
            .with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("ce", outputs, |view| {
            let (p, y) = (view.logits()?, outputs.classes()?);
            Ok(smooth_cross_entropy(p, y, self.label_smoothing, outputs.class_weights())?)
        })
    }
}
