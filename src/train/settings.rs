//! The numbers of a run, under the names Hugging Face gave them.

use super::curriculum::Curriculum;
use super::optimizer::{AdamWConfig, clip_scale};
use super::schedule::{Schedule, SchedulerType, Schedules};
use crate::error::{Error, Result};

/// Optimiser, schedule, evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The highest learning rate.
    pub learning_rate: f64,
    /// How it moves after warm-up.
    pub lr_scheduler_type: SchedulerType,
    /// Steps of warm-up, or a fraction of all where below 1.
    pub warmup_steps: f64,
    /// Clip `‖g‖₂` here; 0 never clips.
    pub max_grad_norm: f64,
    /// Batches whose gradients make one step.
    pub gradient_accumulation_steps: u64,
    /// GradCache: the sentences encoded at a time, forward and backward.
    pub mini_batch_size: Option<usize>,
    /// The optimiser's own.
    pub adamw: AdamWConfig,
    /// Evaluate every so many steps, and at the end; 0 only at the end.
    pub eval_steps: u64,
    /// Stop after so many evaluations without a better one.
    pub early_stopping_patience: Option<u64>,
    /// Skip so many steps whose loss or gradient is not finite, then stop.
    pub max_bad_steps: u64,
    /// Orders, views and dropout descend from it.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learning_rate: 2e-5,
            lr_scheduler_type: SchedulerType::Linear,
            warmup_steps: 0.1,
            max_grad_norm: 1.,
            gradient_accumulation_steps: 1,
            mini_batch_size: None,
            adamw: AdamWConfig::default(),
            eval_steps: 0,
            early_stopping_patience: None,
            max_bad_steps: 5,
            seed: 42,
        }
    }
}

impl Settings {
    pub(super) fn schedules(&self, curriculum: &Curriculum) -> Result<Schedules> {
        let steps = curriculum.steps();
        if self.gradient_accumulation_steps == 0 {
            return Err(Error::config("gradient_accumulation_steps 0: expected at least 1"));
        }
        if steps == 0 {
            return Err(Error::config("the run has 0 steps: increase the epochs or the steps"));
        }
        if !(self.max_grad_norm.is_finite() && self.max_grad_norm >= 0.) {
            let message = format!("max_grad_norm {}: expected 0 or more", self.max_grad_norm);
            return Err(Error::config(message));
        }
        // a run file holds signed numbers
        if i64::try_from(self.seed).is_err() {
            return Err(Error::config(format!(
                "seed {}: expected at most {}",
                self.seed,
                i64::MAX
            )));
        }
        if self.mini_batch_size == Some(0) {
            return Err(Error::config("mini_batch_size 0: expected at least 1"));
        }
        self.adamw.check()?;
        let schedule =
            |peak, steps| Schedule::new(peak, self.lr_scheduler_type, self.warmup_steps, steps);
        if curriculum.stages.iter().all(|stage| stage.learning_rate.is_none()) {
            return Ok(Schedules::one(schedule(self.learning_rate, steps)?, steps));
        }
        let stages = curriculum.stages.iter().filter(|stage| stage.steps > 0);
        let stages = stages.map(|stage| {
            let peak = stage.learning_rate.unwrap_or(self.learning_rate);
            Ok((stage.steps, schedule(peak, stage.steps)?))
        });
        Ok(Schedules(stages.collect::<Result<_>>()?))
    }

    pub(super) fn clip(&self, norm: f64) -> f64 {
        if self.max_grad_norm > 0. { clip_scale(norm, self.max_grad_norm) } else { 1. }
    }

    pub(super) fn evaluates_after(&self, step: u64, steps: u64) -> bool {
        step == steps || (self.eval_steps > 0 && step.is_multiple_of(self.eval_steps))
    }
}
