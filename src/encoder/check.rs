//! What several architectures ask of their configurations, as messages for the owner of the file.

use crate::nn::Activation;
use serde_json::{Map, Value};

/// Sizes of tables and matrices, each with its name.
pub(super) fn sizes(sizes: &[(&str, usize)]) -> Result<(), String> {
    match sizes.iter().find(|&&(_, size)| size == 0 || size > 1 << 24) {
        Some((name, size)) => Err(format!("{name} is {size}, expected 1 to {}", 1 << 24)),
        None => Ok(()),
    }
}

/// How many layers there are.
pub(super) fn layers(name: &str, layers: usize) -> Result<(), String> {
    match layers {
        0..=1024 => Ok(()),
        _ => Err(format!("{name} is {layers}, expected at most 1024")),
    }
}

/// Heads share the width equally.
pub(super) fn heads(width: (&str, usize), heads: (&str, usize)) -> Result<(), String> {
    if width.1.is_multiple_of(heads.1) {
        return Ok(());
    }
    Err(format!("{} {} is not a multiple of {} {}", width.0, width.1, heads.0, heads.1))
}

/// Dropout probabilities.
pub(super) fn rates(rates: &[f32]) -> Result<(), String> {
    match rates.iter().all(|rate| (0. ..1.).contains(rate)) {
        true => Ok(()),
        false => Err("a dropout probability is outside 0..1".into()),
    }
}

/// ε of a LayerNorm.
pub(super) fn epsilon(name: &str, epsilon: f32) -> Result<(), String> {
    match epsilon.is_finite() && epsilon > 0. {
        true => Ok(()),
        false => Err(format!("{name} is {epsilon}, expected more than 0")),
    }
}

/// A setting of which one value alone is built.
pub(super) fn only(name: &str, found: &str, known: &str) -> Result<(), String> {
    match found == known {
        true => Ok(()),
        false => Err(format!("{name} \"{found}\" is unknown, expected \"{known}\"")),
    }
}

/// An activation that is known.
pub(super) fn activation(name: &str, found: &str) -> Result<(), String> {
    Activation::of_transformers(found)
        .map(|_| ())
        .map_err(|message| format!("{name} {message}"))
}

/// Positions that are counted on from the padding token, and some after it.
pub(super) fn padding(padding: u32, positions: usize) -> Result<(), String> {
    match positions.saturating_sub(padding as usize + 1) {
        0 => Err(format!(
            "max_position_embeddings is {positions}, but positions are counted from {}, after the \
             padding token",
            u64::from(padding) + 1
        )),
        _ => Ok(()),
    }
}

/// Attention is bidirectional: `is_decoder` names another model.
pub(super) fn encoder_only(other: &Map<String, Value>) -> Result<(), String> {
    match other.get("is_decoder") {
        Some(Value::Bool(true)) => {
            Err("is_decoder is true, but only encoders are supported".into())
        }
        _ => Ok(()),
    }
}

/// The base of rotary positions.
pub(super) fn angles(base: f32) -> Result<(), String> {
    match base.is_finite() && base > 0. {
        true => Ok(()),
        false => Err(format!("the base of rotary embeddings is {base}, expected more than 0")),
    }
}
