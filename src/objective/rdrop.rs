//! R-Drop (Liang et al. 2021, arXiv 2106.14448).

use super::maths::smooth_cross_entropy;
use super::{Divergence, HeadKind, LabelKind, Loss, Objective, RDropTarget, Reduction};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;

/// `½(CE(p,y) + CE(q,y)) + α·½(KL(p‖q) + KL(q‖p))`; over scores, with squares for both.
/// [`Reduction`] has the other forms it was published in, and what each sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RDrop {
    /// α, the weight of agreement.
    pub alpha: f64,
    /// What must agree.
    pub target: RDropTarget,
    /// Whose sums and means.
    pub reduction: Reduction,
    /// What stands for KL.
    pub divergence: Divergence,
    /// ε of the labels: CE becomes `(1 − ε)·CE + ε·mean over classes of −log p`.
    pub label_smoothing: f64,
}

impl Objective for RDrop {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        let five_lines = if self.target.is_squared() {
            self.agree_in_squares(twins)?
        } else {
            let distributions = self.target.distributions(twins)?;
            Loss::sum(distributions.iter().map(|[p, q, y]| self.pair_loss(p, q, y)))?
        };
        self.reduction.of(five_lines, self, twins.examples()?)
    }

    fn label_kind(&self) -> LabelKind {
        self.target.label_kind()
    }

    fn head(&self) -> Option<HeadKind> {
        self.target.head()
    }

    fn texts_per_example(&self) -> usize {
        if self.target == RDropTarget::Scores { 2 } else { 1 }
    }

    fn uses_in_batch_negatives(&self) -> bool {
        matches!(self.target, RDropTarget::Batch { .. })
    }

    fn name(&self) -> String {
        format!("R-Drop over {}", self.target.name())
    }
}

impl RDrop {
    /// The five lines: `½(CE(p,y) + CE(q,y)) + α·½(KL(p‖q) + KL(q‖p))`.
    fn pair_loss(&self, p: &Tensor, q: &Tensor, y: &Tensor) -> Result<Loss> {
        let ce = ((self.cross_entropy(p, y)? + self.cross_entropy(q, y)?)? / 2.)?;
        let kl = ((self.kl(p, q)? + self.kl(q, p)?)? / 2.)?;
        Loss::of("ce", ce).plus(self.alpha, "kl", kl)
    }

    fn cross_entropy(&self, p: &Tensor, y: &Tensor) -> Result<Tensor> {
        Ok(smooth_cross_entropy(p, y, self.label_smoothing)?)
    }

    fn kl(&self, p: &Tensor, q: &Tensor) -> Result<Tensor> {
        self.divergence.one_sided(p, q)
    }
}
