//! R-Drop (Liang et al. 2021, arXiv 2106.14448).

use super::maths::{cosine, cosine_matrix, cross_entropy, itself, kl, mse};
use super::{Loss, Needs, Objective};
use crate::error::Result;
use crate::twins::{Sight, Twins};
use candle_core::Tensor;

/// What the two passes must agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Over {
    /// Class logits: the paper's own form.
    Classes,
    /// The cosine of two sentences: its form for regression.
    Scores,
    /// Which sentence of the batch is which, at this temperature: its form for unlabelled text.
    Batch {
        /// τ.
        temperature: f64,
    },
}

/// `½(CE(p,y) + CE(q,y)) + α·½(KL(p‖q) + KL(q‖p))`; over scores, with squares for both.
///
/// The authors' README has this form with sums over the batch; their GLUE code has twice this
/// form with α = ½. Over scores theirs is `MSE₁ + MSE₂ + MSE(s₁, s₂)`: twice ours with α = ½.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RDrop {
    /// α, the weight of agreement.
    pub alpha: f64,
    /// What must agree.
    pub over: Over,
}

impl Objective for RDrop {
    fn loss(&self, twins: &Twins) -> Result<Loss> {
        match self.over {
            Over::Classes => {
                let (p, q, y) = twins.predictions()?;
                self.agree(p, q, y)
            }
            Over::Scores => self.over_scores(twins),
            Over::Batch { temperature } => self.over_batch(twins, temperature),
        }
    }

    fn needs(&self) -> Needs {
        match self.over {
            Over::Classes => Needs::Classes,
            Over::Scores => Needs::Scores,
            Over::Batch { .. } => Needs::Sentences,
        }
    }

    fn in_batch(&self) -> bool {
        matches!(self.over, Over::Batch { .. })
    }

    fn name(&self) -> String {
        let over = match self.over {
            Over::Classes => "classes",
            Over::Scores => "scores",
            Over::Batch { .. } => "batch",
        };
        format!("R-Drop over {over}")
    }
}

impl RDrop {
    /// The five lines: `½(CE(p,y) + CE(q,y)) + α·½(KL(p‖q) + KL(q‖p))`.
    fn agree(&self, p: &Tensor, q: &Tensor, y: &Tensor) -> Result<Loss> {
        let ce = ((cross_entropy(p, y)? + cross_entropy(q, y)?)? / 2.)?;
        let kl = ((kl(p, q)? + kl(q, p)?)? / 2.)?;
        Loss::of("ce", ce).plus(self.alpha, "kl", kl)
    }

    /// `½(MSE(s,y) + MSE(t,y)) + α·MSE(s,t)`, s and t the cosines of the two passes.
    fn over_scores(&self, twins: &Twins) -> Result<Loss> {
        let (first, second) = twins.both()?;
        let similarity = |sight: &Sight| {
            let (u, v) = sight.pair()?;
            Ok::<_, crate::Error>(cosine(u, v)?)
        };
        let (s, t, y) = (similarity(first)?, similarity(second)?, twins.scores()?);
        let error = ((mse(&s, y)? + mse(&t, y)?)? / 2.)?;
        Loss::of("mse", error).plus(self.alpha, "agreement", mse(&s, &t)?)
    }

    /// The five lines with `p = softmax(cos(uᵢ,V)/τ)`, `q = softmax(cos(vᵢ,U)/τ)`, target i;
    /// summed over the columns of texts.
    fn over_batch(&self, twins: &Twins, temperature: f64) -> Result<Loss> {
        let losses = twins.views()?.into_iter().map(|(u, v)| {
            let p = (cosine_matrix(u, v)? / temperature)?;
            let q = p.t()?.contiguous()?; // cos(vᵢ, uⱼ) = cos(uⱼ, vᵢ)
            self.agree(&p, &q, &itself(p.dim(0)?, &p)?)
        });
        super::sum::total(losses)
    }
}
