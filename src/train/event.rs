//! What a run says while it goes. The library prints nothing; whoever listens decides.

use crate::error::Result;
use crate::eval::Geometry;
use crate::model::Batch;
use crate::objective::Loss;
use serde::Serialize;
use std::path::PathBuf;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The run begins.
    Started {
        /// Steps it will take at most.
        steps: u64,
        /// Trainable numbers.
        parameters: usize,
    },
    /// The run goes on from a checkpoint, or from its start where it had none.
    Resumed {
        /// After how many steps.
        step: u64,
        /// Steps it will have taken at most.
        steps: u64,
        /// Where from, if anywhere.
        checkpoint: Option<PathBuf>,
        /// Later checkpoints that were passed over, and why.
        passed_over: Vec<String>,
    },
    /// A step was taken.
    Step(StepEvent),
    /// The development set was evaluated.
    Evaluated {
        /// After how many steps.
        step: u64,
        /// Spearman's ρ of the cosine, −1..1; none where undefined.
        spearman_cosine: Option<f64>,
        /// Pearson's r of the same.
        pearson_cosine: Option<f64>,
        /// Whether it is the best so far.
        best: bool,
        /// How the vectors of its sentences lie.
        #[serde(flatten)]
        geometry: Geometry,
    },
    /// The run goes wrong in a way a person should know of; each way is told once.
    Warning {
        /// After how many steps.
        step: u64,
        /// What is seen, and what to do.
        message: String,
    },
    /// The model was written.
    Saved {
        /// After how many steps.
        step: u64,
        /// Where; the log lies there itself.
        #[serde(skip)]
        directory: PathBuf,
    },
    /// A checkpoint was written.
    Checkpointed {
        /// After how many steps.
        step: u64,
        /// Where.
        directory: PathBuf,
    },
    /// No better evaluation for too long.
    EarlyStopped {
        /// After how many steps.
        step: u64,
    },
    /// The run is over and the best model is back in memory.
    Finished {
        /// Steps taken.
        steps: u64,
        /// Seconds in training steps alone, of this process.
        #[serde(skip)]
        seconds: f64,
    },
}

impl Event {
    /// Whether every run of the same settings has it, however often it was stopped.
    pub(super) fn is_logged(&self) -> bool {
        !matches!(self, Self::Resumed { .. } | Self::Checkpointed { .. })
    }
}

/// One step of training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepEvent {
    /// Steps taken, this one included.
    pub step: u64,
    /// The objective's name.
    pub objective: String,
    /// The loss that was minimised.
    pub loss: f64,
    /// Its terms, before their weights.
    pub terms: Vec<(&'static str, f64)>,
    /// The learning rate used.
    pub learning_rate: f64,
    /// `‖g‖₂` before clipping.
    pub grad_norm: f64,
    /// Sentences seen, each look counted.
    pub sentences: usize,
    /// Tokens seen, each look counted.
    pub tokens: usize,
    /// How often a batch went through the encoder: twice for two views, and once or twice more
    /// for each adversary and for masked words.
    pub looks: usize,
    /// Whether nothing was learnt, because loss or gradient is not finite.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// How long it took.
    #[serde(skip)]
    pub seconds: f64,
}

impl StepEvent {
    /// A step that has seen nothing yet.
    pub(super) fn begin(objective: String, step: u64, learning_rate: f64) -> Self {
        Self {
            step,
            objective,
            loss: 0.,
            terms: Vec::new(),
            learning_rate,
            grad_norm: 0.,
            sentences: 0,
            tokens: 0,
            looks: 0,
            skipped: false,
            seconds: 0.,
        }
    }

    /// Whether something can be learnt from it.
    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.grad_norm.is_finite()
    }

    /// Adds a micro-batch, whose loss counts `1/parts`.
    pub(super) fn add(
        &mut self,
        loss: &Loss,
        batch: &Batch,
        looks: usize,
        parts: u64,
    ) -> Result<()> {
        self.looks = looks;
        let share = 1. / parts as f64;
        self.loss += loss.total.to_scalar::<f64>()? * share;
        for (name, term) in &loss.terms {
            let value = term.to_scalar::<f64>()? * share;
            match self.terms.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += value,
                None => self.terms.push((name, value)),
            }
        }
        self.sentences += batch.tokens.packing.sentences() * looks;
        self.tokens += batch.tokens.packing.tokens() * looks;
        Ok(())
    }
}
