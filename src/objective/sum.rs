//! Joint training: a weighted sum of objectives.

use super::{Loss, Objective, Requirements};
use crate::error::Result;
use crate::outputs::{BatchOutput, Targets};
use std::borrow::Cow;

/// `Σ wₖ·Lₖ` on one batch. All terms read the same batch: one kind of labels, one head. A term
/// that requires one pass is given the first: in ConSERT's joint form the classes are predicted
/// from the sentence as it is, not from its second view.
pub struct Sum(pub Vec<(f64, Box<dyn Objective>)>);

impl Objective for Sum {
    fn name(&self) -> Cow<'_, str> {
        let terms = self.0.iter().map(|(weight, objective)| match weight {
            1. => objective.name().into_owned(),
            weight => format!("{weight}·{}", objective.name()),
        });
        terms.collect::<Vec<_>>().join(" + ").into()
    }

    fn requirements(&self) -> Requirements {
        let each = self.0.iter().map(|(_, term)| term.requirements());
        each.reduce(Requirements::union).unwrap_or_default()
    }

    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss> {
        let first = outputs.first_pass();
        let labelled = !matches!(outputs.targets, Targets::None);
        let texts = outputs.first.columns.len();
        Loss::sum(self.0.iter().map(|(weight, term)| {
            let twice = term.requirements().passes.count(texts, labelled) > 1;
            let loss = term.loss(if twice { outputs } else { &first }, progress)?;
            Ok(Loss { total: (loss.total * *weight)?, ..loss })
        }))
    }

    fn terms(&self, _progress: f64) -> Vec<(f64, &dyn Objective)> {
        self.0.iter().map(|(weight, term)| (*weight, &**term)).collect()
    }
}
