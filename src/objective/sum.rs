//! Objectives together: `Σ wₖ·Lₖ`.

use super::{Loss, Needs, Objective};
use crate::error::{Error, Result};
use crate::twins::Twins;

/// `Σ wₖ·Lₖ` on one batch: joint training.
pub struct Sum(pub Vec<(f64, Box<dyn Objective>)>);

impl Objective for Sum {
    fn loss(&self, twins: &Twins) -> Result<Loss> {
        total(self.0.iter().map(|(weight, objective)| {
            let loss = objective.loss(twins)?;
            Ok(Loss { total: (loss.total * *weight)?, ..loss })
        }))
    }

    /// The most that any of them asks.
    fn needs(&self) -> Needs {
        self.0.iter().map(|(_, objective)| objective.needs()).max().unwrap_or(Needs::Sentences)
    }

    fn passes(&self, columns: usize, labelled: bool) -> usize {
        let passes = self.0.iter().map(|(_, objective)| objective.passes(columns, labelled));
        passes.max().unwrap_or(1)
    }

    fn in_batch(&self) -> bool {
        self.0.iter().any(|(_, objective)| objective.in_batch())
    }

    fn name(&self) -> String {
        let parts = self.0.iter().map(|(weight, objective)| match weight {
            1. => objective.name(),
            weight => format!("{weight}·{}", objective.name()),
        });
        parts.collect::<Vec<_>>().join(" + ")
    }
}

/// Losses added, and their terms of one name added too.
pub(super) fn total(losses: impl Iterator<Item = Result<Loss>>) -> Result<Loss> {
    let mut sum: Option<Loss> = None;
    for loss in losses {
        let loss = loss?;
        let Some(so_far) = &mut sum else {
            sum = Some(loss);
            continue;
        };
        so_far.total = (&so_far.total + loss.total)?;
        for (name, term) in loss.terms {
            match so_far.terms.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = (&*known + term)?,
                None => so_far.terms.push((name, term)),
            }
        }
    }
    sum.ok_or_else(|| Error::config("an objective that sums nothing has no loss"))
}
