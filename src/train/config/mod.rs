//! The configuration of a run: a TOML file, flags, or both. A [`Run`](super::Run) is built from it.

mod class_weights;
mod data;
mod recipes;
mod stage;

pub use class_weights::ClassWeights;
pub use data::DataConfig;
pub use recipes::Recipe;
pub use stage::{PhaseConfig, StageConfig};

use super::memory::Bytes;
use super::optimizer::AdamWConfig;
use super::schedule::SchedulerType;
use super::{DevEvaluator, ObjectiveRegistry, ReportTo, SaveStrategy};
use crate::data::BatchSampler;
use crate::error::{Error, Result};
use crate::heads::{ClassifierConfig, DenseConfig, ProjectionConfig};
use crate::io;
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The settings of a run. Names are Hugging Face's, in kebab case.
///
/// ```
/// let run: twindrop::train::RunConfig = toml::from_str(r#"
///     model = "models/all-MiniLM-L6-v2"
///     output-dir = "out"
///     dev = "stsb-dev.tsv"
///     [[stage]]
///     num-train-epochs = 4
///     [[stage.cycle]]
///     objective = "simcse"
///     data = "sentences.txt"
///     [[stage.cycle]]
///     objective = "rdrop"
///     data = "stsb-train.tsv"
/// "#)?;
/// assert_eq!(run.stage[0].cycle[1].objective, "rdrop");
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunConfig {
    /// A model directory or hub id to start from …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// … or a preset (`tiny`, `mini`) that starts from random weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where the trained model goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<PathBuf>,
    /// Write into a directory that is not empty.
    pub overwrite_output_dir: bool,
    /// How token vectors become one; the model's own by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Where sentences are cut; the model's own by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seq_length: Option<usize>,
    /// The head of objectives over classes or predicted scores: `joined`, `features=u/v/difference,dense`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<ClassifierConfig>,
    /// Weights of the classes in the cross-entropy: `balanced`, or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// A projection between embedding and loss, left behind after training: `simcse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<ProjectionConfig>,
    /// A dense layer after the pooling that stays with the model: `256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<DenseConfig>,
    /// `float32`, or `bfloat16` for matrix products of twice the speed (weights stay `f32`).
    pub dtype: ComputeDtype,
    /// The seed of everything drawn.
    pub seed: u64,
    /// Examples of a batch.
    pub per_device_train_batch_size: usize,
    /// Which examples come together in a batch.
    pub batch_sampler: BatchSampler,
    /// Batches whose gradients make one step.
    pub gradient_accumulation_steps: u64,
    /// GradCache: encode so many sentences at a time, again in the backward pass: the gradient of a large
    /// batch in the memory of a small one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mini_batch_size: Option<usize>,
    /// The share of words that a masked language model is asked for.
    pub mlm_probability: f64,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// `linear`, `cosine` or `constant`.
    pub lr_scheduler_type: SchedulerType,
    /// Steps of warm-up, or a fraction of all where below 1.
    pub warmup_steps: f64,
    /// Clip the gradient's norm here; 0 never clips.
    pub max_grad_norm: f64,
    /// β₁, β₂, ε, decay and bias correction.
    pub optimizer: AdamWConfig,
    /// Evaluate every so many steps; a tenth of the run by default, 0 only at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_steps: Option<u64>,
    /// Stop after so many evaluations without a better one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping_patience: Option<u64>,
    /// Whether checkpoints are written.
    pub save_strategy: SaveStrategy,
    /// Write one every so many steps …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save_steps: Option<u64>,
    /// … and when so many minutes have passed since the last; 0 never.
    pub save_minutes: f64,
    /// Keep so many of them, the last ones.
    pub save_total_limit: usize,
    /// Skip so many steps whose loss or gradient is not finite, then stop.
    pub max_bad_steps: u64,
    /// Refuse a run that takes more memory, as `8GiB`; the machine's by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<Bytes>,
    /// Logging integrations: `tensorboard` writes event files to `runs` in the output
    /// directory. The log, `trainer_state.json` and the table of evaluations are always written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub report_to: Vec<ReportTo>,
    /// The metric that chooses the best model, perhaps with `eval_` before it; the evaluator's
    /// primary one by default. Of several development sets it begins with the name of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_for_best_model: Option<String>,
    /// Whether a higher value of it is better; by default it is, but for losses, mean squared
    /// errors and calibration errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub greater_is_better: Option<bool>,
    /// How the development sets are evaluated: one evaluator for all, or one for each; by default
    /// what their labels and the trained head suggest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dev_evaluator: Vec<DevEvaluator>,
    /// Development sets, one or a list. The first chooses the best model.
    #[serde(with = "data::one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub dev: Vec<DataConfig>,
    /// Data to report before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<DataConfig>,
    /// Stages one after the other.
    pub stage: Vec<StageConfig>,
    /// Objectives that `objective` can name beside the built-in ones.
    #[serde(skip)]
    pub objectives: ObjectiveRegistry,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            model: None,
            preset: None,
            output_dir: None,
            overwrite_output_dir: false,
            pooling: None,
            max_seq_length: None,
            head: None,
            class_weights: None,
            projection: None,
            dense: None,
            dtype: ComputeDtype::default(),
            seed: 42,
            per_device_train_batch_size: 32,
            batch_sampler: BatchSampler::default(),
            gradient_accumulation_steps: 1,
            mini_batch_size: None,
            mlm_probability: 0.15,
            learning_rate: 2e-5,
            lr_scheduler_type: SchedulerType::default(),
            warmup_steps: 0.1,
            max_grad_norm: 1.,
            optimizer: AdamWConfig::default(),
            eval_steps: None,
            early_stopping_patience: None,
            save_strategy: SaveStrategy::default(),
            save_steps: None,
            save_minutes: 10.,
            save_total_limit: 2,
            max_bad_steps: 5,
            max_memory: None,
            report_to: Vec::new(),
            metric_for_best_model: None,
            greater_is_better: None,
            dev_evaluator: Vec::new(),
            dev: Vec::new(),
            test: None,
            stage: Vec::new(),
            objectives: ObjectiveRegistry::default(),
        }
    }
}

impl RunConfig {
    /// The run of a TOML file.
    ///
    /// # Errors
    /// Where the file cannot be read or says something unknown; the message has the line.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = io::read_text(path, io::CONFIGURATION)?;
        toml::from_str(&text).map_err(|error| {
            let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
            let line = before.matches('\n').count() as u64 + 1;
            Error::line(path, line, error.message().replace('\n', ", "))
        })
    }

    /// The run file that says the same.
    ///
    /// # Errors
    /// Where it has a path that is not UTF-8, which a TOML file cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| match self.paths().find(|path| path.to_str().is_none()) {
            Some(path) => Error::config(format!(
                "{}: is not UTF-8, so run.toml cannot name it; rename the file or directory",
                path.display()
            )),
            None => Error::config(error.to_string()),
        })
    }

    /// The output directory and the data files.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let phases = self.stage.iter().flat_map(|stage| &stage.cycle);
        let data = phases.map(|phase| &phase.data).chain(&self.dev).chain(&self.test);
        self.output_dir.as_deref().into_iter().chain(data.map(|data| &*data.path))
    }
}
