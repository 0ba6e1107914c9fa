//! An objective and how its batches are looked at.

use crate::error::Result;
use crate::model::{Batch, ForwardOptions, Model};
use crate::nn::{Gradients, Probe, fast_gradient};
use crate::objective::{Objective, supervised};
use crate::outputs::{BatchOutput, Targets};
use crate::random::RngKey;
use crate::tokens::Masking;
use crate::view::{View, ViewSample};
use candle_core::Tensor;

/// An objective and how its two views look.
pub struct TrainingTask {
    /// How the sights should agree.
    pub objective: Box<dyn Objective>,
    /// How each pass looks at the batch.
    pub views: [View; 2],
    /// How words are masked, for an objective that reads them.
    pub masking: Option<Masking>,
}

impl TrainingTask {
    /// A goal that masks nothing.
    pub fn new(objective: Box<dyn Objective>, views: [View; 2]) -> Self {
        Self { objective, views, masking: None }
    }

    /// The looks at `batch` in the step of `key`.
    pub(super) fn view_samples(&self, batch: &Batch, key: RngKey) -> Vec<ViewSample> {
        let labelled = !matches!(batch.targets, Targets::None);
        let passes = self.objective.passes(batch.texts_per_example, labelled);
        let views = self.views.iter().zip(0..passes as u64);
        views.map(|(view, number)| view.sample(key, number)).collect()
    }

    /// What the objective reads beside embeddings.
    pub(super) fn forward_options(
        &self,
        key: RngKey,
        mini_batch: Option<usize>,
    ) -> ForwardOptions {
        let masking = self.masking.clone();
        ForwardOptions {
            logits: self.objective.head().is_some(),
            // a look of its own, by the network's own dropout
            masking: masking.map(|masking| (masking, View::DROPOUT.sample(key, MASKED))),
            mini_batch,
        }
    }

    /// How often a batch goes through the encoder, seen `passes` times: an adversary and masked
    /// words cost looks of their own.
    pub(super) fn forward_passes(&self, passes: usize) -> usize {
        let attacked =
            self.views.iter().take(passes).filter(|view| view.adversarial_epsilon().is_some());
        let twice = |(_, part): &(f64, &dyn Objective)| part.passes(2, true) == 2;
        let each = 1 + usize::from(supervised(&*self.objective).iter().any(twice));
        passes + each * attacked.count() + usize::from(self.masking.is_some())
    }

    /// Whether a step of it has an adversary, who looks at each batch once more, there and back.
    pub fn is_adversarial(&self) -> bool {
        self.views.iter().any(|view| view.adversarial_epsilon().is_some())
    }

    /// The looks with each adversary's shift: `ε·g/‖g‖₂` a token, g the gradient of the
    /// supervised part of the objective at the embedding output of that look.
    pub(super) fn add_adversarial_shifts(
        &self,
        model: &Model,
        batch: &Batch,
        passes: Vec<ViewSample>,
        scratch: &mut Gradients,
    ) -> Result<Vec<ViewSample>> {
        let parts = supervised(&*self.objective);
        let twice =
            parts.iter().any(|(_, part)| part.passes(batch.texts_per_example, true) == 2);
        let ask = ForwardOptions {
            logits: self.objective.head().is_some(),
            ..ForwardOptions::default()
        };
        let mut moved = Vec::with_capacity(passes.len());
        for (number, pass) in passes.iter().enumerate() {
            let Some(epsilon) = pass.adversarial_epsilon() else {
                moved.push(pass.clone());
                continue;
            };
            let probe = Probe::default();
            let other =
                passes.iter().enumerate().filter(|(other, _)| twice && *other != number);
            let mut looks = vec![pass.clone().with_probe(&probe)];
            looks.extend(other.map(|(_, other)| other.clone()));
            let (twins, trace) = model.forward(batch, &looks, &ask)?;
            let loss = weighted_sum(&parts, &twins)?;
            scratch.clear();
            model.backward(&loss, trace, scratch)?;
            let shift = fast_gradient(probe.take(), model.encoder().width(), epsilon);
            moved.push(pass.clone().with_shift(shift));
        }
        Ok(moved)
    }
}

/// The number of the look at masked words: views come before it.
const MASKED: u64 = 2;

/// `Σ wₖ·Lₖ` of the parts.
fn weighted_sum(parts: &[(f64, &dyn Objective)], twins: &BatchOutput) -> Result<Tensor> {
    let losses = parts.iter().map(|(weight, part)| Ok((part.loss(twins)?.total * *weight)?));
    Ok(Tensor::stack(&losses.collect::<Result<Vec<_>>>()?, 0)?.sum_all()?)
}
