//! Two views of a batch side by side: NT-Xent (Chen et al. 2020, SimCLR, arXiv 2002.05709).

use super::Loss;
use super::maths::{cosine, cosine_matrix, cross_entropy, itself};
use crate::error::Result;
use candle_core::Tensor;

/// How two views are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Contrast {
    /// Against all other sentences: `½(CE([cos(u,v), cos(u,u)₋]/τ, i) + CE([cos(v,u),
    /// cos(v,v)₋]/τ, i))`, where `₋` leaves out a sentence's cosine with itself.
    #[default]
    NtXent,
    /// Against nothing: `mean (1 − cos(u,v))`.
    Cosine,
}

impl Contrast {
    pub(super) fn of(self, u: &Tensor, v: &Tensor, temperature: f64) -> Result<Loss> {
        if self == Self::Cosine {
            return Ok(Loss::of("cosine", cosine(u, v)?.affine(-1., 1.)?.mean_all()?));
        }
        let both = (direction(u, v, temperature)? + direction(v, u, temperature)?)?;
        Ok(Loss::of("nt_xent", (both / 2.)?))
    }
}

/// `CE([cos(u,v), cos(u,u)₋]/τ, i)`.
fn direction(u: &Tensor, v: &Tensor, temperature: f64) -> Result<Tensor> {
    let across = cosine_matrix(u, v)?; // (N, N)
    let n = across.dim(0)?;
    let within = without_self(&cosine_matrix(u, u)?)?; // (N, N)
    let logits = (Tensor::cat(&[across, within], 1)? / temperature)?; // (N, 2N)
    Ok(cross_entropy(&logits, &itself(n, &logits)?)?)
}

/// The diagonal far below any cosine, so that its softmax is zero.
fn without_self(x: &Tensor) -> candle_core::Result<Tensor> {
    let diagonal = Tensor::eye(x.dim(0)?, x.dtype(), x.device())?;
    x - (diagonal * 1e9)?
}
