//! Agreement alone: R-Drop on text that nobody labelled (Su Jianlin, archives/8496).

use super::maths::{kl, kl_to_middle};
use super::{HeadKind, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;

/// How far apart two distributions are: the mean of what either says of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Divergence {
    /// `½(KL(p‖q) + KL(q‖p))`.
    #[default]
    Symmetric,
    /// `½(KL(p‖m) + KL(q‖m))`, `m = ½(p + q)`: Jensen–Shannon (Lin 1991).
    JensenShannon,
}

impl Divergence {
    /// One half of it, over the softmaxes of two logits (N, C) → scalar.
    pub(super) fn one_sided(self, p: &Tensor, q: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Symmetric => kl(p, q)?,
            Self::JensenShannon => kl_to_middle(p, q)?,
        })
    }
}

/// `½(KL(p‖q) + KL(q‖p))`, p and q what the class head says of two passes. In turn with an
/// objective over classes it is semi-supervised R-Drop; Su weighs it `α/4·(KL₁ + KL₂)`: ½·α of
/// this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kl {
    /// What stands for KL.
    pub divergence: Divergence,
}

impl Objective for Kl {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        let (first, second) = twins.both()?;
        let (p, q) = (first.logits()?, second.logits()?);
        let both = (self.divergence.one_sided(p, q)? + self.divergence.one_sided(q, p)?)?;
        Ok(Loss::of("kl", (both / 2.)?))
    }

    fn label_kind(&self) -> LabelKind {
        LabelKind::None
    }

    fn head(&self) -> Option<HeadKind> {
        Some(HeadKind::Classes)
    }

    fn name(&self) -> String {
        match self.divergence {
            Divergence::Symmetric => "KL".into(),
            Divergence::JensenShannon => "Jensen–Shannon".into(),
        }
    }
}
