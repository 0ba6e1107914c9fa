//! Triplets (Schroff et al. 2015, arXiv 1503.03832; `TripletLoss` of sentence-transformers).

use super::maths::{cosine, euclidean};
use super::{Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, ViewOutput};
use candle_core::Tensor;
use std::borrow::Cow;

/// How far apart two embeddings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distance {
    /// `‖u − v‖`.
    #[default]
    Euclidean,
    /// `1 − cos(u,v)`.
    Cosine,
}

impl Distance {
    /// (N, D), (N, D) → (N).
    fn between(self, u: &Tensor, v: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Euclidean => euclidean(u, v)?,
            Self::Cosine => cosine(u, v)?.affine(-1., 1.)?,
        })
    }
}

/// `mean max(0, d(a,p) − d(a,n) + margin)`: an anchor, its positive, its negative; over several
/// negatives, and over two passes, their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triplet {
    /// d.
    pub distance: Distance,
    /// How much farther the negative must be.
    pub margin: f64,
}

impl Default for Triplet {
    /// Euclidean and 5, as in sentence-transformers.
    fn default() -> Self {
        Self { distance: Distance::Euclidean, margin: 5. }
    }
}

impl Objective for Triplet {
    fn name(&self) -> Cow<'_, str> {
        "triplet".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default().with_texts_per_example(3).with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("triplet", outputs, |view| self.hinge(view))
    }
}

impl Triplet {
    fn hinge(&self, view: &ViewOutput) -> Result<Tensor> {
        let ((a, p), negatives) = (view.pair()?, view.negatives()?);
        let near = self.distance.between(a, p)?;
        let hinges = negatives.iter().map(|n| {
            let far = self.distance.between(a, n)?;
            Ok(((&near - far)? + self.margin)?.relu()?)
        });
        Ok(Tensor::stack(&hinges.collect::<Result<Vec<_>>>()?, 0)?.mean_all()?)
    }
}
