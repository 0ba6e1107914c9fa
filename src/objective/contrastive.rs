//! The contrastive loss (Hadsell et al. 2006; `ContrastiveLoss` of sentence-transformers).

use super::maths::cosine;
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;

/// `mean ½(y·d² + (1 − y)·max(0, margin − d)²)`, `d = 1 − cos(u,v)`, y 1 for texts that belong
/// together and 0 for others; over two passes where there are two, their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrastive {
    /// Where texts are far enough apart.
    pub margin: f64,
}

impl Default for Contrastive {
    /// 0.5, as in sentence-transformers.
    fn default() -> Self {
        Self { margin: 0.5 }
    }
}

impl Objective for Contrastive {
    fn name(&self) -> Cow<'_, str> {
        "contrastive".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::Scores)
            .with_texts_per_example(2)
            .with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        Loss::mean_over_passes("contrastive", outputs, |view| {
            let ((u, v), y) = (view.pair()?, outputs.scores()?);
            let d = cosine(u, v)?.affine(-1., 1.)?; // (N)
            let near = (y * d.sqr()?)?;
            let far = (y.affine(-1., 1.)? * d.affine(-1., self.margin)?.relu()?.sqr()?)?;
            Ok(((near + far)?.mean_all()? / 2.)?)
        })
    }
}
