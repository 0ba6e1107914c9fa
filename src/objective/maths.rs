//! The formulas objectives share.

use candle_core::{D, Result, Tensor};

/// Rows of length one: `x/max(‖x‖, 1e-12)`, (N, D) → (N, D).
pub fn normalize(x: &Tensor) -> Result<Tensor> {
    let length = x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
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

/// `x − log Σ eˣ` over the last dimension.
pub fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// `−mean log softmax(x)ᵢ[yᵢ]`: logits (N, C), classes (N) → scalar.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor) -> Result<Tensor> {
    log_softmax(logits)?.gather(&classes.unsqueeze(1)?, 1)?.mean_all()?.neg()
}

/// `mean KL(p‖q)`, p and q the softmaxes of two logits (N, C) → scalar.
pub fn kl(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (p, q) = (log_softmax(p)?, log_softmax(q)?);
    (p.exp()? * (p - q)?)?.sum(D::Minus1)?.mean_all()
}

/// `mean (x − y)²`.
pub fn mse(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    (x - y)?.sqr()?.mean_all()
}

/// `0, 1, …, n − 1`: the class of example i is i.
pub fn itself(n: usize, like: &Tensor) -> Result<Tensor> {
    Tensor::arange(0u32, n as u32, like.device())
}
