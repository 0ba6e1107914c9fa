//! Objectives together: `Σ wₖ·Lₖ`.

use super::{HeadKind, LabelKind, Loss, Objective};
use crate::error::Result;
use crate::outputs::{BatchOutput, Targets};

/// `Σ wₖ·Lₖ` on one batch: joint training. All must find what they read in one batch: one kind
/// of labels, one head. A part that asks for one look is given the first: in ConSERT's joint form
/// the classes are told of the sentence as it is, not of its second view.
pub struct Sum(pub Vec<(f64, Box<dyn Objective>)>);

impl Objective for Sum {
    fn loss(&self, twins: &BatchOutput) -> Result<Loss> {
        self.loss_at(twins, 0.)
    }

    fn loss_at(&self, twins: &BatchOutput, progress: f64) -> Result<Loss> {
        let once = twins.first_pass();
        let labelled = !matches!(twins.targets, Targets::None);
        Loss::sum(self.0.iter().map(|(weight, part)| {
            let twice = part.passes(twins.first.columns.len(), labelled) > 1;
            let loss = part.loss_at(if twice { twins } else { &once }, progress)?;
            Ok(Loss { total: (loss.total * *weight)?, ..loss })
        }))
    }

    fn parts(&self) -> &[(f64, Box<dyn Objective>)] {
        &self.0
    }

    /// The most that any of them asks.
    fn label_kind(&self) -> LabelKind {
        self.each().map(Objective::label_kind).max().unwrap_or(LabelKind::None)
    }

    /// The first that any of them reads.
    fn head(&self) -> Option<HeadKind> {
        self.each().find_map(Objective::head)
    }

    fn texts_per_example(&self) -> usize {
        self.each().map(Objective::texts_per_example).max().unwrap_or(1)
    }

    fn masks(&self) -> bool {
        self.each().any(Objective::masks)
    }

    fn passes(&self, columns: usize, labelled: bool) -> usize {
        self.each().map(|part| part.passes(columns, labelled)).max().unwrap_or(1)
    }

    fn uses_in_batch_negatives(&self) -> bool {
        self.each().any(Objective::uses_in_batch_negatives)
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
    fn each(&self) -> impl Iterator<Item = &dyn Objective> {
        self.0.iter().map(|(_, objective)| &**objective)
    }
}
