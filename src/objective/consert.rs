//! ConSERT (Yan et al. 2021, arXiv 2105.11741).

use super::maths::{cosine_matrix, cross_entropy, itself};
use super::{Loss, Needs, Objective};
use crate::error::Result;
use crate::twins::Twins;
use candle_core::Tensor;

/// NT-Xent over both views: `½(CE([cos(u,v), cos(u,u)₋]/τ, i) + CE([cos(v,u), cos(v,v)₋]/τ, i))`,
/// where `₋` leaves out a sentence's cosine with itself. The published code adds the two
/// directions: twice this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConSert {
    /// τ.
    pub temperature: f64,
}

impl Default for ConSert {
    /// τ = 0.1, as published.
    fn default() -> Self {
        Self { temperature: 0.1 }
    }
}

impl Objective for ConSert {
    /// The mean over both views, summed over the columns of texts.
    fn loss(&self, twins: &Twins) -> Result<Loss> {
        let losses = twins.views()?.into_iter().map(|(u, v)| {
            let there = self.direction(u, v)?;
            let back = self.direction(v, u)?;
            Ok(Loss::of("nt_xent", ((there + back)? / 2.)?))
        });
        super::sum::total(losses)
    }

    fn needs(&self) -> Needs {
        Needs::Sentences
    }

    fn in_batch(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        "ConSERT".into()
    }
}

impl ConSert {
    /// `CE([cos(u,v), cos(u,u)₋]/τ, i)`.
    fn direction(&self, u: &Tensor, v: &Tensor) -> Result<Tensor> {
        let across = cosine_matrix(u, v)?; // (N, N)
        let n = across.dim(0)?;
        let within = without_self(&cosine_matrix(u, u)?)?; // (N, N)
        let logits = (Tensor::cat(&[across, within], 1)? / self.temperature)?; // (N, 2N)
        Ok(cross_entropy(&logits, &itself(n, &logits)?)?)
    }
}

/// The diagonal far below any cosine, so that its softmax is zero.
fn without_self(x: &Tensor) -> candle_core::Result<Tensor> {
    let diagonal = Tensor::eye(x.dim(0)?, x.dtype(), x.device())?;
    x - (diagonal * 1e9)?
}
