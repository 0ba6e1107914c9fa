//! The formulas objectives share.

use candle_core::{D, Result, Tensor};
use candle_nn::loss::nll;
// `mean (x − y)²`
pub use candle_nn::loss::mse;

/// Rows of length one: `x/max(‖x‖, 1e-12)`, (N, D) → (N, D). The root of 0 has no slope, so the
/// square is bounded.
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(D::Minus1)?.maximum(1e-24)?.sqrt()?;
    x.broadcast_div(&length)
}

/// `cos(uᵢ, vⱼ)`: (N, D), (M, D) → (N, M).
pub fn cosine_matrix(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    normalize(u)?.matmul(&normalize(v)?.t()?)
}

/// `cos(uᵢ, vᵢ)`: (N, D), (N, D) → (N).
pub fn cosine(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    (normalize(u)? * normalize(v)?)?.sum(D::Minus1)
}

/// `max(‖uᵢ − vᵢ‖, 1e-12)`: (N, D), (N, D) → (N). Equal vectors pull nowhere.
pub fn euclidean(u: &Tensor, v: &Tensor) -> Result<Tensor> {
    (u - v)?.sqr()?.sum(D::Minus1)?.maximum(1e-24)?.sqrt()
}

/// `log Σ eˣ` over the last dimension, which stays, of length 1.
pub fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    let most = x.max_keepdim(D::Minus1)?.detach();
    x.broadcast_sub(&most)?.exp()?.sum_keepdim(D::Minus1)?.log()? + most
}

/// `x − log Σ eˣ` over the last dimension. The maximum cancels in exact arithmetic, so it is
/// detached; `candle_nn::ops::log_softmax` sends rounding errors back through it.
pub fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// `−mean log softmax(x)ᵢ[yᵢ]`: logits (N, C), classes (N) → scalar.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    nll(&log_softmax(logits)?, classes)
}

/// `(1 − ε)·CE + ε·mean (−log softmax(x))`, the second mean over classes too: label smoothing
/// as PyTorch has it. With `weights` w (C) the means over examples are
/// `Σᵢ w[yᵢ]·… / Σᵢ w[yᵢ]`, as PyTorch's `weight`.
pub fn smooth_cross_entropy(
    logits: &Tensor,
    classes: &Tensor,
    epsilon: f64,
    weights: Option<&Tensor>,
) -> Result<Tensor> {
    let log_p = log_softmax(logits)?; // (N, C)
    let (exact, smooth) = match weights {
        None => (nll(&log_p, classes)?, log_p.mean_all()?.neg()?),
        Some(weights) => {
            let each = weights.index_select(classes, 0)?; // (N)
            let total = each.sum_all()?;
            let own = log_p.gather(&classes.unsqueeze(1)?, 1)?.squeeze(1)?;
            let spread = (log_p.broadcast_mul(weights)?.sum_all()? / log_p.dim(1)? as f64)?;
            (((own * each)?.sum_all()?.neg()? / &total)?, (spread.neg()? / total)?)
        }
    };
    match epsilon {
        0. => Ok(exact),
        _ => (exact * (1. - epsilon))? + (smooth * epsilon)?,
    }
}

/// `mean KL(p‖q)`, p and q the softmaxes of two logits (N, C) → scalar.
pub fn kl(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (p, q) = (log_softmax(p)?, log_softmax(q)?);
    (p.exp()? * (p - q)?)?.sum(D::Minus1)?.mean_all()
}

/// `mean KL(p‖½(p + q))`, likewise.
pub fn kl_to_middle(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (p, q) = (log_softmax(p)?, log_softmax(q)?);
    let most = p.maximum(&q)?.detach();
    let middle = (((&p - &most)?.exp()? + (q - &most)?.exp()?)? / 2.)?.log()?;
    (p.exp()? * (&p - (middle + most)?)?)?.sum(D::Minus1)?.mean_all()
}

/// `0, 1, …, n − 1`: the class of example i is i.
pub fn itself(n: usize, like: &Tensor) -> Result<Tensor> {
    Tensor::arange(0u32, n as u32, like.device())
}
