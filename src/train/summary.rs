//! What a run will do, before it does it.

use super::{Curriculum, DataLoader, TrainingTask};
use crate::heads::is_training_only;
use crate::model::Model;
use crate::nn::ComputeDtype;
use serde::Serialize;

/// A run in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Steps in all.
    pub steps: u64,
    /// Trainable numbers, heads among them.
    pub parameters: usize,
    /// Those of heads that training leaves behind.
    pub heads: usize,
    /// In order.
    pub stages: Vec<StageSummary>,
    /// The peak resident set to expect, in bytes.
    pub memory: u64,
}

/// A stage in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageSummary {
    /// Steps of the stage.
    pub steps: u64,
    /// Its highest learning rate.
    pub learning_rate: f64,
    /// What takes turns in it.
    pub phases: Vec<PhaseSummary>,
}

/// A phase in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseSummary {
    /// The objective's name.
    pub objective: String,
    /// How its second view differs, where it has two.
    pub views: Vec<String>,
    /// How often a batch goes through the encoder.
    pub forward_passes: usize,
    /// Examples of its data.
    pub examples: usize,
    /// Examples of a batch.
    pub batch_size: usize,
    /// Mean number of tokens of a batch, each forward pass counted.
    pub tokens: usize,
    /// Steps in a row before the next phase has its turn.
    pub turns: u64,
}

/// The parts of a run that a summary describes.
pub(super) struct SummaryInputs<'a> {
    pub model: &'a Model,
    pub tasks: &'a [TrainingTask],
    pub loaders: &'a [DataLoader],
    pub curriculum: &'a Curriculum,
    pub learning_rate: f64,
    pub mini_batch: Option<usize>,
    pub dtype: ComputeDtype,
    /// Whether a copy of the best weights is kept.
    pub keeps_best: bool,
}

impl SummaryInputs<'_> {
    pub(super) fn summary(&self) -> RunSummary {
        let parameters = self.model.parameters();
        let stages = self.curriculum.stages.iter().map(|stage| StageSummary {
            steps: stage.steps,
            learning_rate: stage.learning_rate.unwrap_or(self.learning_rate),
            phases: stage.cycle.iter().map(|phase| self.phase(phase)).collect(),
        });
        RunSummary {
            steps: self.curriculum.steps(),
            parameters: parameters.iter().map(crate::nn::Parameter::len).sum(),
            heads: parameters
                .iter()
                .filter(|p| is_training_only(p.name()))
                .map(|p| p.len())
                .sum(),
            stages: stages.collect(),
            memory: self.memory(),
        }
    }

    fn phase(&self, phase: &super::Phase) -> PhaseSummary {
        let (task, loader) = (&self.tasks[phase.objective], &self.loaders[phase.loader]);
        let passes =
            task.objective.requirements().passes.count(loader.columns(), loader.is_labelled());
        let forward_passes = task.forward_passes(passes);
        PhaseSummary {
            objective: task.objective.name().into_owned(),
            views: task.views.iter().take(passes).map(ToString::to_string).collect(),
            forward_passes,
            examples: loader.examples(),
            batch_size: loader.batch_size(),
            tokens: ((loader.tokens_per_example() * loader.batch_size() as f64) as usize)
                .saturating_mul(forward_passes),
            turns: phase.steps,
        }
    }

    /// Weights, moments, gradients of two forward passes, packed weights, the copy of the best, what the
    /// tapes of the largest batch hold and a quarter more on the way back, and the largest tensor
    /// twice while it is written. Within a tenth of what was measured for MiniLM at 64 × 2.
    fn memory(&self) -> u64 {
        let (mut weights, mut dense, mut largest) = (0, 0, 0);
        for parameter in self.model.parameters().iter() {
            weights += parameter.len();
            largest = largest.max(parameter.len());
            if !parameter.spec().table
                || self.tasks.iter().any(|g| g.objective.requirements().masked_tokens)
            {
                dense += parameter.len();
            }
        }
        let packed = match self.dtype {
            ComputeDtype::F32 => dense,
            ComputeDtype::Bf16 | ComputeDtype::Int8 => dense / 2,
        };
        let kept = if self.keeps_best { weights } else { 0 };
        let most = self.curriculum.stages.iter().flat_map(|stage| &stage.cycle).map(|phase| {
            let (task, loader) = (&self.tasks[phase.objective], &self.loaders[phase.loader]);
            let passes = task
                .objective
                .requirements()
                .passes
                .count(loader.columns(), loader.is_labelled());
            let examples = loader.batch_size().min(loader.examples());
            let tokens = loader.tokens_per_example() * examples as f64;
            match self.mini_batch {
                Some(sentences) => {
                    let each = loader.tokens_per_example() / loader.columns() as f64;
                    (sentences as f64 * each).min(tokens)
                }
                None => tokens * passes as f64,
            }
        });
        let tokens = most.fold(0., f64::max);
        let held = tokens * self.model.encoder().activations_per_token() as f64;
        let numbers = 3 * weights + 2 * dense + packed + kept + 2 * largest;
        // a batch size may be any number: the conversion ends at the largest one, the sum has to
        (numbers as u64)
            .saturating_add((1.25 * held) as u64)
            .saturating_mul(4)
            .saturating_add(BASE)
    }
}

/// The program itself, its data and its buffers.
const BASE: u64 = 120 << 20;
