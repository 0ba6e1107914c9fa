//! What R-Drop asks two passes to agree on.

use super::maths::{cosine_matrix, itself};
use super::{HeadKind, LabelKind};
use crate::error::Result;
use crate::outputs::BatchOutput;
use candle_core::Tensor;

/// What the two passes must agree on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RDropTarget {
    /// Class logits: the paper's own form.
    Classes,
    /// The cosine of two sentences: its form for regression, without a head.
    Scores,
    /// What a regression head says: its form for regression.
    Predictions,
    /// Which sentence of the batch is which, at this temperature: its form for unlabelled text.
    Batch {
        /// τ.
        temperature: f64,
    },
}

impl RDropTarget {
    /// Whether numbers must agree, not distributions.
    pub(super) fn is_squared(self) -> bool {
        self.label_kind() == LabelKind::Scores
    }

    /// `(p, q, y)`: two logits and their classes; over the batch `p = cos(uᵢ,V)/τ`,
    /// `q = cos(vᵢ,U)/τ` and i, for each column of texts.
    pub(super) fn distributions(self, twins: &BatchOutput) -> Result<Vec<[Tensor; 3]>> {
        let Self::Batch { temperature } = self else {
            let (p, q, y) = twins.predictions()?;
            return Ok(vec![[p.clone(), q.clone(), y.clone()]]);
        };
        let views = twins.views()?.into_iter().map(|(u, v)| {
            let p = (cosine_matrix(u, v)? / temperature)?; // (N, N)
            let q = p.t()?.contiguous()?; // cos(vᵢ, uⱼ) = cos(uⱼ, vᵢ)
            let y = itself(p.dim(0)?, &p)?;
            Ok([p, q, y])
        });
        views.collect()
    }

    pub(super) fn label_kind(self) -> LabelKind {
        match self {
            Self::Classes => LabelKind::Classes,
            Self::Scores | Self::Predictions => LabelKind::Scores,
            Self::Batch { .. } => LabelKind::None,
        }
    }

    pub(super) fn head(self) -> Option<HeadKind> {
        match self {
            Self::Classes => Some(HeadKind::Classes),
            Self::Predictions => Some(HeadKind::Regression),
            Self::Scores | Self::Batch { .. } => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Scores => "scores",
            Self::Predictions => "predictions",
            Self::Batch { .. } => "batch",
        }
    }
}
