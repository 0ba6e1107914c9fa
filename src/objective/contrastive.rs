//! The contrastive loss (Hadsell et al. 2006; `ContrastiveLoss` of sentence-transformers).

use super::maths::cosine;
use super::{LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::BatchOutput;

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
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        Loss::mean_over_passes("contrastive", twins, |sight| {
            let ((u, v), y) = (sight.pair()?, twins.scores()?);
            let d = cosine(u, v)?.affine(-1., 1.)?; // (N)
            let near = (y * d.sqr()?)?;
            let far = (y.affine(-1., 1.)? * d.affine(-1., self.margin)?.relu()?.sqr()?)?;
            Ok(((near + far)?.mean_all()? / 2.)?)
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
        "contrastive".into()
    }
}
