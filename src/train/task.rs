//! A training task: an objective and the two views it is computed on.

use crate::error::Result;
use crate::model::{Batch, ForwardOptions, Model};
use crate::nn::{Gradients, Probe, fast_gradient};
use crate::objective::{Objective, supervised};
use crate::outputs::{BatchOutput, Targets};
use crate::random::RngKey;
use crate::tokens::Masking;
use crate::view::{View, ViewSample};
use candle_core::Tensor;

/// An objective and the views of its forward passes.
pub struct TrainingTask {
    /// The objective.
    pub objective: Box<dyn Objective>,
    /// The view of each forward pass.
    pub views: [View; 2],
    /// How tokens are masked, for an objective that reads masked tokens.
    pub masking: Option<Masking>,
}

impl TrainingTask {
    /// A task without masked tokens.
    pub fn new(objective: Box<dyn Objective>, views: [View; 2]) -> Self {
        Self { objective, views, masking: None }
    }

    /// The views of `batch` in the step of `key`, one a forward pass.
    pub(super) fn view_samples(&self, batch: &Batch, key: RngKey) -> Vec<ViewSample> {
        let labelled = !matches!(batch.targets, Targets::None);
        let requirements = self.objective.requirements();
        let passes = requirements.passes.count(batch.texts_per_example, labelled);
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
            logits: self.objective.requirements().head.is_some(),
            // a forward pass of its own, under the network's dropout
            masking: masking.map(|masking| (masking, View::DROPOUT.sample(key, MASKED))),
            mini_batch,
        }
    }

    /// Forward passes of a step whose objective is computed on `passes` views: adversarial views
    /// and masked tokens cost passes of their own.
    pub(super) fn forward_passes(&self, passes: usize) -> usize {
        let views = self.views.iter().take(passes);
        let adversarial = views.filter(|view| view.adversarial_epsilon().is_some()).count();
        let each = 1 + usize::from(two_passes(&supervised(&*self.objective, 1.), 2));
        passes + each * adversarial + usize::from(self.masking.is_some())
    }

    /// Whether a view of it is adversarial, which costs one more forward and backward pass.
    pub fn is_adversarial(&self) -> bool {
        self.views.iter().any(|view| view.adversarial_epsilon().is_some())
    }

    /// `views` with the shift of each adversarial one (FGV): `ε·g/‖g‖₂` a token, g the gradient of
    /// the supervised terms of the objective, with their weights at `progress`, with respect to
    /// the embedding output of that view.
    pub(super) fn add_adversarial_shifts(
        &self,
        model: &Model,
        batch: &Batch,
        views: Vec<ViewSample>,
        progress: f64,
        scratch: &mut Gradients,
    ) -> Result<Vec<ViewSample>> {
        let terms = supervised(&*self.objective, progress);
        let with_other = two_passes(&terms, batch.texts_per_example);
        let options = ForwardOptions {
            logits: self.objective.requirements().head.is_some(),
            ..ForwardOptions::default()
        };
        let mut shifted = Vec::with_capacity(views.len());
        for (number, view) in views.iter().enumerate() {
            let Some(epsilon) = view.adversarial_epsilon() else {
                shifted.push(view.clone());
                continue;
            };
            let probe = Probe::default();
            let mut passes = vec![view.clone().with_probe(&probe)];
            let others = views.iter().enumerate();
            let others = others.filter(|(other, _)| with_other && *other != number);
            passes.extend(others.map(|(_, other)| other.clone()));
            let (outputs, state) = model.forward(batch, &passes, &options)?;
            let loss = weighted_sum(&terms, &outputs, progress)?;
            scratch.clear();
            model.backward(&loss, state, scratch)?;
            let gradient = probe.take();
            if gradient.is_empty() {
                shifted.push(view.clone()); // a weight of 0 sends no gradient
                continue;
            }
            let shift = fast_gradient(gradient, model.encoder().width(), epsilon);
            shifted.push(view.clone().with_shift(shift));
        }
        Ok(shifted)
    }
}

/// The number of the pass over masked tokens: those of the views come before it.
const MASKED: u64 = 2;

/// Whether one of the terms needs two forward passes of labelled examples.
fn two_passes(terms: &[(f64, &dyn Objective)], texts_per_example: usize) -> bool {
    let mut passes = terms.iter().map(|(_, term)| term.requirements().passes);
    passes.any(|passes| passes.count(texts_per_example, true) == 2)
}

/// `Σ wₖ·Lₖ` of the terms.
fn weighted_sum(
    terms: &[(f64, &dyn Objective)],
    outputs: &BatchOutput,
    progress: f64,
) -> Result<Tensor> {
    let losses = terms
        .iter()
        .map(|(weight, term)| Ok((term.loss(outputs, progress)?.total * *weight)?))
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::stack(&losses, 0)?.sum_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{Bag, BagConfig};
    use crate::nn::{Packing, Parameters};
    use crate::objective::{CosineMse, Ramp};
    use crate::pooling::Pooling;
    use crate::tokens::Tokens;
    use crate::view::Augmentation;
    use candle_core::Device;
    use std::sync::Arc;

    fn batch() -> Batch {
        let packing = Arc::new(Packing::new(vec![2; 4], (0..4).collect()));
        let ids: Vec<u32> = (0..8).collect();
        let tokens = Tokens { types: vec![0; ids.len()], ids, packing };
        let scores = Tensor::new(&[0.2, 0.9], &Device::Cpu).expect("two scores");
        Batch { tokens, texts_per_example: 2, targets: Targets::Scores(scores) }
    }

    fn model() -> Model {
        let config = BagConfig { vocab_size: 8, hidden_size: 4, hidden_dropout_prob: 0. };
        let parameters =
            Parameters::initial(Bag::specs(&config), 7, &Device::Cpu).expect("fits");
        let encoder = Bag::new(config, &parameters).expect("its table");
        Model::new(Box::new(encoder), Pooling::Mean, parameters)
    }

    #[test]
    fn an_adversarial_view_under_a_ramp_is_shifted_once_the_weight_is_not_zero() {
        let ramp = Ramp { from: 0., to: 1., inner: Box::new(CosineMse) };
        let adversarial =
            View { augmentations: vec![Augmentation::Adversarial(0.1)], ..View::PLAIN };
        let task = TrainingTask::new(Box::new(ramp), [adversarial, View::PLAIN]);
        let (model, batch) = (model(), batch());
        let embedded = |progress: f64| {
            let views = task.view_samples(&batch, RngKey::new(1));
            let mut scratch = Gradients::new(model.parameters());
            let views = task
                .add_adversarial_shifts(&model, &batch, views, progress, &mut scratch)
                .expect("a shift");
            model.embed(&batch.tokens, &views[0]).expect("embeddings")
        };
        let plain = model.embed(&batch.tokens, &ViewSample::plain()).expect("embeddings");
        assert_eq!(embedded(0.), plain, "the weight is 0 at the first step");
        assert_ne!(embedded(0.5), plain);
    }
}
