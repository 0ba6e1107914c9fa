//! Objectives together: `Σ wₖ·Lₖ`.

use super::{HeadKind, Loss, Needs, Objective};
use crate::error::Result;
use crate::twins::Twins;

/// `Σ wₖ·Lₖ` on one batch: joint training. All must find what they read in one batch: one kind
/// of labels, one head.
pub struct Sum(pub Vec<(f64, Box<dyn Objective>)>);

impl Objective for Sum {
    fn loss(&self, twins: &Twins) -> Result<Loss> {
        Loss::sum(self.0.iter().map(|(weight, objective)| {
            let loss = objective.loss(twins)?;
            Ok(Loss { total: (loss.total * *weight)?, ..loss })
        }))
    }

    /// The most that any of them asks.
    fn needs(&self) -> Needs {
        self.parts().map(Objective::needs).max().unwrap_or(Needs::Sentences)
    }

    /// The first that any of them reads.
    fn head(&self) -> Option<HeadKind> {
        self.parts().find_map(Objective::head)
    }

    fn columns(&self) -> usize {
        self.parts().map(Objective::columns).max().unwrap_or(1)
    }

    fn masks(&self) -> bool {
        self.parts().any(Objective::masks)
    }

    fn passes(&self, columns: usize, labelled: bool) -> usize {
        self.parts().map(|part| part.passes(columns, labelled)).max().unwrap_or(1)
    }

    fn in_batch(&self) -> bool {
        self.parts().any(Objective::in_batch)
    }

    fn name(&self) -> String {
        let parts = self.0.iter().map(|(weight, objective)| match weight {
            1. => objective.name(),
            weight => format!("{weight}·{}", objective.name()),
        });
        parts.collect::<Vec<_>>().join(" + ")
    }
}

impl Sum {
    fn parts(&self) -> impl Iterator<Item = &dyn Objective> {
        self.0.iter().map(|(_, objective)| &**objective)
    }
}
