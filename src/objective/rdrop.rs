//! R-Drop (Liang et al. 2021, arXiv 2106.14448): two forward passes under dropout, a task loss on
//! both, and a penalty on their disagreement.
//!
//! `L = ½(CE(p, y) + CE(q, y)) + α·½(KL(p‖q) + KL(q‖p))`, with p and q the distributions of the two
//! passes. This file has the formula, the outputs it is computed on ([`RDropTarget`]), the sums
//! and means of each published code ([`Reduction`]) and the divergence ([`Divergence`]).

use super::maths::{
    cosine, cosine_matrix, itself, kl, kl_to_middle, mse, smooth_cross_entropy,
};
use super::{HeadKind, LabelKind, Loss, Objective, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, ViewOutput};
use candle_core::Tensor;
use std::borrow::Cow;

/// `½(CE(p, y) + CE(q, y)) + α·½(KL(p‖q) + KL(q‖p))`; for scores, `MSE` in place of both CE and KL.
///
/// ```
/// use twindrop::objective::{RDrop, RDropTarget, Reduction};
///
/// let glue = Reduction::Glue.rdrop(RDropTarget::Classes);
/// assert_eq!((glue.alpha, RDrop::default().alpha), (0.5, 0.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RDrop {
    /// α, the weight of the divergence.
    pub alpha: f64,
    /// The outputs that must agree.
    pub target: RDropTarget,
    /// The sums and means of a published code.
    pub reduction: Reduction,
    /// The divergence.
    pub divergence: Divergence,
    /// ε of label smoothing: CE becomes `(1 − ε)·CE + ε·mean over classes of −log p`.
    pub label_smoothing: f64,
}

impl RDrop {
    /// The article's formula over these outputs.
    pub fn over(target: RDropTarget) -> Self {
        Reduction::default().rdrop(target)
    }
}

impl Default for RDrop {
    /// The article's formula over class logits.
    fn default() -> Self {
        Self::over(RDropTarget::Classes)
    }
}

impl Objective for RDrop {
    fn name(&self) -> Cow<'_, str> {
        format!("R-Drop over {}", self.target.name()).into()
    }

    fn requirements(&self) -> Requirements {
        let texts = if self.target == RDropTarget::Scores { 2 } else { 1 };
        let requirements = Requirements::default()
            .with_labels(self.target.labels())
            .with_head(self.target.head())
            .with_texts_per_example(texts);
        match self.target {
            RDropTarget::Batch { .. } => requirements.with_in_batch_negatives(),
            _ => requirements,
        }
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let loss = if self.target.is_squared() {
            self.squared(outputs)?
        } else {
            let distributions = self.target.distributions(outputs)?;
            let weights = outputs.class_weights();
            Loss::sum(distributions.iter().map(|[p, q, y]| self.divergent(p, q, y, weights)))?
        };
        self.reduction.apply(loss, self, outputs.examples()?)
    }
}

impl RDrop {
    /// `½(CE(p, y) + CE(q, y)) + α·½(KL(p‖q) + KL(q‖p))` of logits p, q (N, C) and classes y (N).
    fn divergent(
        &self,
        p: &Tensor,
        q: &Tensor,
        y: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<Loss> {
        let ce = |x: &Tensor| smooth_cross_entropy(x, y, self.label_smoothing, weights);
        let ce = ((ce(p)? + ce(q)?)? / 2.)?;
        let kl = self.divergence.between(p, q)?;
        Loss::of("ce", ce).plus(self.alpha, "kl", kl)
    }

    /// `½(MSE(s, y) + MSE(t, y)) + α·MSE(s, t)`, with s and t (N) the predictions of the two
    /// passes; the RoBERTa code has `MSE(s, y)` for the first term.
    fn squared(&self, outputs: &BatchOutput) -> Result<Loss> {
        let (first, second) = outputs.both()?;
        let s = self.prediction(first)?;
        let t = self.prediction(second)?;
        let y = outputs.scores()?;
        let error = match self.reduction {
            Reduction::Roberta => mse(&s, y)?,
            _ => ((mse(&s, y)? + mse(&t, y)?)? / 2.)?,
        };
        Loss::of("mse", error).plus(self.alpha, "agreement", mse(&s, &t)?)
    }

    /// The prediction of a pass for each example, (N): the head's, or the cosine of two texts.
    fn prediction(&self, view: &ViewOutput) -> Result<Tensor> {
        if self.target == RDropTarget::Predictions {
            return view.prediction();
        }
        let (u, v) = view.pair()?;
        Ok(cosine(u, v)?)
    }
}

/// The outputs of the two passes that must agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RDropTarget {
    /// Class logits: the paper's classification.
    Classes,
    /// The cosine of two sentences: regression without a head.
    Scores,
    /// The prediction of a regression head: the paper's regression.
    Predictions,
    /// The softmax over the sentences of the batch at this temperature: unlabelled text.
    Batch {
        /// τ.
        temperature: f64,
    },
}

impl RDropTarget {
    /// Whether numbers must agree, not distributions.
    fn is_squared(self) -> bool {
        self.labels() == LabelKind::Scores
    }

    /// Logits of both passes and classes, `(p, q, y)`; over the batch `p = cos(uᵢ, V)/τ`,
    /// `q = cos(vᵢ, U)/τ` and `y = i`, for each text of an example.
    fn distributions(self, outputs: &BatchOutput) -> Result<Vec<[Tensor; 3]>> {
        let Self::Batch { temperature } = self else {
            let (p, q, y) = outputs.predictions()?;
            return Ok(vec![[p.clone(), q.clone(), y.clone()]]);
        };
        let views = outputs.views()?.into_iter().map(|(u, v)| {
            let p = (cosine_matrix(u, v)? / temperature)?; // (N, N)
            let q = p.t()?.contiguous()?; // cos(vᵢ, uⱼ) = cos(uⱼ, vᵢ)
            let y = itself(p.dim(0)?, &p)?;
            Ok([p, q, y])
        });
        views.collect()
    }

    fn labels(self) -> LabelKind {
        match self {
            Self::Classes => LabelKind::Classes,
            Self::Scores | Self::Predictions => LabelKind::Scores,
            Self::Batch { .. } => LabelKind::None,
        }
    }

    fn head(self) -> Option<HeadKind> {
        match self {
            Self::Classes => Some(HeadKind::Classes),
            Self::Predictions => Some(HeadKind::Regression),
            Self::Scores | Self::Batch { .. } => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Scores => "scores",
            Self::Predictions => "predictions",
            Self::Batch { .. } => "batch",
        }
    }
}

/// The sums and means of each published code. T is the mean of both passes' task losses, A their
/// divergence; both are means over the N examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// `T + α·A`, α = ½: the article.
    #[default]
    Article,
    /// The authors' README: `T + α·N·A`, as its KL is summed over the batch and its CE is not;
    /// over scores `T + α·A`. It names no α: ½ here.
    Readme,
    /// The authors' BERT file (GLUE): `2·T + α·N·A`, α = ½, its KL summed likewise; over scores
    /// `MSE₁ + MSE₂ + α·MSE(s,t)`, α = 1: `2·T + α·A`.
    Glue,
    /// The authors' RoBERTa criterion: `2·T + α·A`, α = 1. It sums all over the batch, and its
    /// trainer divides by N. Over scores `MSE₁ + α·MSE(s,t)`: only the first pass meets y.
    Roberta,
    /// Su Jianlin (archives/8496): `T + ½·α·A`, α = 4, written as `α·mean(KL₁ + KL₂)/4`.
    Su,
}

impl Reduction {
    /// R-Drop as it was published.
    pub fn rdrop(self, target: RDropTarget) -> RDrop {
        RDrop {
            alpha: self.alpha(target),
            target,
            reduction: self,
            divergence: Divergence::default(),
            label_smoothing: 0.,
        }
    }

    /// α as it was published.
    pub fn alpha(self, target: RDropTarget) -> f64 {
        match self {
            Self::Roberta => 1.,
            Self::Glue if target.is_squared() => 1.,
            Self::Article | Self::Readme | Self::Glue => 0.5,
            Self::Su => 4.,
        }
    }

    /// The weights of T and α·A over n examples.
    fn weights(self, target: RDropTarget, n: usize) -> (f64, f64) {
        let summed = if target.is_squared() { 1. } else { n as f64 };
        match self {
            Self::Article => (1., 1.),
            Self::Readme => (1., summed),
            Self::Glue => (2., summed),
            Self::Roberta if target.is_squared() => (1., 1.),
            Self::Roberta => (2., 1.),
            Self::Su => (1., 0.5),
        }
    }

    /// `w_T·T + w_A·α·A` over n examples.
    fn apply(self, loss: Loss, rdrop: &RDrop, n: usize) -> Result<Loss> {
        let (task, agreement) = self.weights(rdrop.target, n);
        let [(_, t), (_, a)] = &loss.terms[..] else { unreachable!("T and A are two terms") };
        let total = ((t * task)? + (a * (agreement * rdrop.alpha))?)?;
        Ok(Loss { total, ..loss })
    }
}

/// The divergence of two distributions: the mean of its two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Divergence {
    /// `½(KL(p‖q) + KL(q‖p))`.
    #[default]
    Symmetric,
    /// `½(KL(p‖m) + KL(q‖m))`, `m = ½(p + q)`: Jensen–Shannon (Lin 1991).
    JensenShannon,
}

impl Divergence {
    /// The divergence of the softmaxes of two logits (N, C), a mean over examples → scalar.
    fn between(self, p: &Tensor, q: &Tensor) -> Result<Tensor> {
        let direction = match self {
            Self::Symmetric => kl,
            Self::JensenShannon => kl_to_middle,
        };
        Ok(((direction(p, q)? + direction(q, p)?)? / 2.)?)
    }
}

/// The divergence alone, of the class logits of two passes: R-Drop on unlabelled text (Su
/// Jianlin, archives/8496). Alternated with an objective over classes it is semi-supervised
/// R-Drop; Su's weight, `α/4·(KL₁ + KL₂)`, is ½·α of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kl {
    /// The divergence.
    pub divergence: Divergence,
}

impl Objective for Kl {
    fn name(&self) -> Cow<'_, str> {
        match self.divergence {
            Divergence::Symmetric => "KL".into(),
            Divergence::JensenShannon => "Jensen–Shannon".into(),
        }
    }

    fn requirements(&self) -> Requirements {
        Requirements::default().with_head(HeadKind::Classes)
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let (first, second) = outputs.both()?;
        Ok(Loss::of("kl", self.divergence.between(first.logits()?, second.logits()?)?))
    }
}
