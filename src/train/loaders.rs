//! The loaders of a run, and how long its stages are.

use super::config::{PhaseConfig, RunConfig, StageConfig};
use super::{
    DataLoader, DataLoaderOptions, Phase, PhaseSampler, Stage, TrainingTask, heads, teacher,
};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::objective::LabelKind;
use crate::sentence_encoder::SentenceEncoder;

/// More steps than anyone takes: beyond it is a slip of the finger.
const MAX_STEPS: u64 = 1_000_000_000_000;

/// Streams as they are asked for; phases that read the same data in the same way share one.
pub(super) struct LoaderBuilder<'a> {
    config: &'a RunConfig,
    encoder: &'a SentenceEncoder,
    pub loaders: Vec<DataLoader>,
    keys: Vec<(&'a Dataset, DataLoaderOptions)>,
}

impl<'a> LoaderBuilder<'a> {
    pub fn new(config: &'a RunConfig, encoder: &'a SentenceEncoder) -> Self {
        Self { config, encoder, loaders: Vec::new(), keys: Vec::new() }
    }

    pub fn loader(
        &mut self,
        phase: &PhaseConfig,
        set: &'a Dataset,
        task: &TrainingTask,
    ) -> Result<usize> {
        let options = self.options(phase, task);
        let key = (set, options);
        let taught = options.needs == LabelKind::TeacherEmbeddings;
        if let Some(known) = self.keys.iter().position(|known| !taught && *known == key) {
            return Ok(known);
        }
        // loaders of one run are shuffled apart from one another
        let seed = self.config.seed.wrapping_add(self.loaders.len() as u64);
        let options = DataLoaderOptions { seed, ..options };
        let width = self.encoder.model().width();
        let teacher = teacher::vectors(phase, &*task.objective, set, width)?;
        let tokenizer = self.encoder.tokenizer();
        let loader = DataLoader::with_teacher(set, tokenizer, options, teacher)?;
        let weights = self.config.class_weights.as_ref();
        self.loaders.push(match weights.filter(|_| options.needs == LabelKind::Classes) {
            Some(weights) => loader.with_class_weights(weights.of(set)?)?,
            None => loader,
        });
        self.keys.push(key);
        Ok(self.keys.len() - 1)
    }

    /// How a phase wants its data, but for the seed.
    fn options(&self, phase: &PhaseConfig, task: &TrainingTask) -> DataLoaderOptions {
        let (size, sampler) = (phase.per_device_train_batch_size, phase.batch_sampler);
        DataLoaderOptions {
            needs: task.objective.requirements().labels,
            batch_size: size.unwrap_or(self.config.per_device_train_batch_size),
            batch_sampler: sampler.unwrap_or(self.config.batch_sampler),
            joined: heads::joins(self.config, task),
            whole_batches: task.objective.requirements().in_batch_negatives,
            ..DataLoaderOptions::default()
        }
    }

    /// In proportion, a phase has as many turns of a round as its loader has batches.
    pub fn weigh(&self, mix: PhaseSampler, cycle: &mut [Phase]) -> Result<()> {
        if mix == PhaseSampler::RoundRobin {
            return Ok(());
        }
        for phase in cycle {
            if phase.steps != 1 {
                let message = "with proportional mixing, phases alternate by the size of their data; omit it";
                return Err(Error::config(format!("steps = {}: {message}", phase.steps)));
            }
            phase.steps = self.loaders[phase.loader].batches_per_epoch();
        }
        Ok(())
    }

    pub fn steps(&self, stage: &StageConfig, cycle: &[Phase]) -> Result<u64> {
        let Some(first) = cycle.first() else { return Ok(0) };
        if let Some(steps) = stage.max_steps {
            return if steps <= MAX_STEPS {
                Ok(steps)
            } else {
                Err(Error::config(format!("{steps} steps: expected at most {MAX_STEPS}")))
            };
        }
        let epochs = stage.num_train_epochs.unwrap_or(1.);
        if !epochs.is_finite() || epochs < 0. {
            return Err(Error::config(format!("{epochs} epochs: expected 0 or more")));
        }
        let batches = match stage.mix {
            PhaseSampler::RoundRobin => self.loaders[first.loader].batches_per_epoch(),
            PhaseSampler::Proportional => cycle.iter().map(|phase| phase.steps).sum(),
        } as f64;
        let per_step = self.config.gradient_accumulation_steps.max(1) as f64;
        let steps = (epochs * batches / per_step).ceil();
        if steps > MAX_STEPS as f64 {
            let message = format!("{epochs} epochs: expected at most {MAX_STEPS} steps");
            return Err(Error::config(message));
        }
        Ok(match stage.mix {
            PhaseSampler::RoundRobin => Stage::steps_for(cycle, steps as u64),
            PhaseSampler::Proportional => steps as u64,
        })
    }
}
