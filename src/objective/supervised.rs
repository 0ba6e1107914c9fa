//! What an adversary follows.

use super::{LabelKind, Objective};

/// The parts of an objective that are told something of their examples, with their weights: what
/// an adversary follows.
pub fn supervised(objective: &dyn Objective) -> Vec<(f64, &dyn Objective)> {
    match objective.parts() {
        [] if objective.label_kind() == LabelKind::None => vec![],
        [] => vec![(1., objective)],
        parts => {
            let told = parts.iter().flat_map(|(weight, part)| {
                let inner = supervised(&**part).into_iter();
                inner.map(move |(inner, part)| (weight * inner, part))
            });
            told.collect()
        }
    }
}
