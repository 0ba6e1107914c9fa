//! What stands on a pooled embedding: a dense layer that stays with the model, and heads that
//! only training needs.
//!
//! A head is a small matrix over N rows, so it lives in candle's graph and in f64, where the
//! loss is formed; the dense layer is part of the embedding and runs on the encoder's tape.

mod classifier;
mod dense;
mod masked;
mod projection;
mod sequence;
mod spelled;

pub use classifier::{Classifier, ClassifierConfig, HeadLayout, HeadMasks};
pub use dense::{Dense, DenseConfig};
pub use masked::MaskedHead;
pub use projection::{Norm, ProjectedViews, Projection, ProjectionConfig};
pub use sequence::{ClassifierLayers, DenseLayer, HeadNames, HeadNorm, SequenceHead};

use crate::error::Result;
use crate::nn::Parameter;
use candle_core::Tensor;

/// What the name of a parameter begins with that only training needs.
pub const TRAINING_ONLY_PREFIXES: [&str; 3] = ["head.", "projection.", "cls.predictions."];

/// Whether the parameter called `name` belongs to a head that training leaves behind.
pub fn is_training_only(name: &str) -> bool {
    TRAINING_ONLY_PREFIXES.iter().any(|begin| name.starts_with(begin))
}

/// `y = x·Wᵀ + b` in the precision of x: (N, I) → (N, O).
fn linear(x: &Tensor, weight: &Parameter, bias: Option<&Parameter>) -> Result<Tensor> {
    let y = x.matmul(&weight.tensor().to_dtype(x.dtype())?.t()?)?;
    Ok(match bias {
        Some(bias) => y.broadcast_add(&bias.tensor().to_dtype(x.dtype())?)?,
        None => y,
    })
}

/// `(x − mean)/√(variance + ε)` over dimension `over` of x, (N, D).
fn standardized(x: &Tensor, over: usize, epsilon: f64) -> Result<Tensor> {
    let x = x.broadcast_sub(&x.mean_keepdim(over)?)?;
    let deviation = (x.sqr()?.mean_keepdim(over)? + epsilon)?.sqrt()?;
    Ok(x.broadcast_div(&deviation)?)
}
