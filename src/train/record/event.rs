//! Events of a run. The library prints nothing: they go to callbacks and to the log.

use crate::error::Result;
use crate::eval::Geometry;
use crate::model::Batch;
use crate::objective::Loss;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An event of a run: an argument of its callback, and a line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    Evaluated(EvaluationEvent),
    /// A diagnostic of the run, each kind once.
    Warning {
        /// After how many steps.
        step: u64,
        /// What was found, and the remedy.
        message: String,
    },
    /// The model was written.
    Saved {
        /// After how many steps.
        step: u64,
        /// Where; not in the log, which is there itself.
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
    /// The run is over and the best model is in memory.
    Finished {
        /// Steps taken.
        steps: u64,
        /// Seconds in training steps alone, of this process.
        #[serde(skip)]
        seconds: f64,
    },
    /// In a log: an event of a later version.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Whether every run of the same settings has it, however often it was stopped.
    pub(in crate::train) fn is_logged(&self) -> bool {
        !matches!(self, Self::Resumed { .. } | Self::Checkpointed { .. })
    }
}

/// An evaluation on the development set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationEvent {
    /// After how many steps.
    pub step: u64,
    /// How often training went through the data by then.
    #[serde(default)]
    pub epoch: f64,
    /// The name of the evaluator.
    pub dev: String,
    /// The metric that chooses the best model.
    pub metric: String,
    /// Its value; none where undefined.
    pub score: Option<f64>,
    /// Whether it is the best so far.
    pub best: bool,
    /// All metrics by name; none where undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// The geometry of the embeddings, where the evaluator computes it.
    #[serde(flatten)]
    pub geometry: Option<Geometry>,
}

/// One step of training. In the log, numbers that are not finite are null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEvent {
    /// Steps taken, this one included.
    pub step: u64,
    /// How often training went through the data by then.
    #[serde(default)]
    pub epoch: f64,
    /// The objective's name.
    pub objective: String,
    /// The loss that was minimised.
    #[serde(deserialize_with = "nan_if_null")]
    pub loss: f64,
    /// Its terms, before their weights.
    #[serde(deserialize_with = "terms")]
    pub terms: Vec<(Cow<'static, str>, f64)>,
    /// The learning rate used.
    pub learning_rate: f64,
    /// `‖g‖₂` before clipping.
    #[serde(deserialize_with = "nan_if_null")]
    pub grad_norm: f64,
    /// Sentences times forward passes.
    pub sentences: usize,
    /// Tokens times forward passes.
    pub tokens: usize,
    /// Forward passes of a batch: two for two views, and one or two more for each adversarial
    /// view and for masked-language modelling.
    pub forward_passes: usize,
    /// Whether the step was skipped because loss or gradient is not finite.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// How long it took.
    #[serde(skip)]
    pub seconds: f64,
}

impl StepEvent {
    /// A step without micro-batches yet.
    pub(in crate::train) fn begin(objective: String, step: u64, learning_rate: f64) -> Self {
        Self {
            step,
            epoch: 0.,
            objective,
            loss: 0.,
            terms: Vec::new(),
            learning_rate,
            grad_norm: 0.,
            sentences: 0,
            tokens: 0,
            forward_passes: 0,
            skipped: false,
            seconds: 0.,
        }
    }

    /// Whether the step can be taken.
    pub(in crate::train) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.grad_norm.is_finite()
    }

    /// Adds a micro-batch, whose loss counts `1/parts`.
    pub(in crate::train) fn add(
        &mut self,
        loss: &Loss,
        batch: &Batch,
        forward_passes: usize,
        parts: u64,
    ) -> Result<()> {
        self.forward_passes = forward_passes;
        let share = 1. / parts as f64;
        self.loss += loss.total.to_scalar::<f64>()? * share;
        for (name, term) in &loss.terms {
            let value = term.to_scalar::<f64>()? * share;
            match self.terms.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += value,
                None => self.terms.push(((*name).into(), value)),
            }
        }
        self.sentences += batch.tokens.packing.sentences() * forward_passes;
        self.tokens += batch.tokens.packing.tokens() * forward_passes;
        Ok(())
    }
}

/// JSON has no NaN: null in its place.
fn nan_if_null<'de, D: Deserializer<'de>>(value: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or(f64::NAN))
}

fn terms<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Vec<(Cow<'static, str>, f64)>, D::Error> {
    let terms = Vec::<(String, Option<f64>)>::deserialize(value)?.into_iter();
    Ok(terms.map(|(name, value)| (name.into(), value.unwrap_or(f64::NAN))).collect())
}
