//! What several architectures ask of their configurations, in words for whose file it is.

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
        _ => Err(format!("{name} is {layers}, which no model has")),
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
        false => Err("a dropout probability lies outside 0..1".into()),
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
