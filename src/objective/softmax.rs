//! Softmax over classes (Reimers & Gurevych 2019, `SoftmaxLoss`).

use super::maths::smooth_cross_entropy;
use super::{HeadKind, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;

/// `(1 − ε)·CE(p,y) + ε·mean over classes of −log p`, p what the class head says; over two
/// passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Softmax {
    /// ε.
    pub label_smoothing: f64,
}

impl Objective for Softmax {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("ce", twins, |sight| {
            let (p, y) = (sight.logits()?, twins.classes()?);
            Ok(smooth_cross_entropy(p, y, self.label_smoothing)?)
        })
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::Classes
    }

    fn head(&self) -> Option<HeadKind> {
        Some(HeadKind::Classes)
    }

    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        1
    }

    fn name(&self) -> String {
        "softmax".into()
    }
}
