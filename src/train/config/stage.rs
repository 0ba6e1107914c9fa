//! Stages of a run and their phases.

use super::data::DataConfig;
use crate::data::BatchSampler;
use crate::train::PhaseSampler;
use crate::view::View;
use serde::{Deserialize, Serialize};

/// A cycle of phases that alternate, and its length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct StageConfig {
    /// Epochs of the first phase's data, with which the others alternate; in proportion, of the
    /// data of all phases. 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_train_epochs: Option<f64>,
    /// Steps in all, instead of epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// How they take turns: `round-robin`, or `proportional` to the batches of their data.
    #[serde(alias = "multi-dataset-batch-sampler")]
    pub mix: PhaseSampler,
    /// The highest learning rate of this stage, whose warm-up and fall are then its own; by
    /// default one schedule spans the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Objectives that alternate.
    pub cycle: Vec<PhaseConfig>,
}

/// A phase of a cycle: an objective and its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PhaseConfig {
    /// One of [`objectives`](crate::train::objectives), with its options: `mnrl:symmetric`; several at
    /// once as `rdrop+0.15*consert`.
    pub objective: String,
    /// Its data.
    pub data: DataConfig,
    /// Steps before the next phase has its turn; not for a stage that mixes in proportion.
    #[serde(default = "one")]
    pub steps: u64,
    /// Examples of a batch, where different from the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_device_train_batch_size: Option<usize>,
    /// Which examples come together, where different from the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_sampler: Option<BatchSampler>,
    /// τ of in-batch objectives; the paper's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// α of R-Drop; 0.5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The view of the first forward pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view1: Option<View>,
    /// The view of the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view2: Option<View>,
    /// The model whose embeddings a student learns: a directory, hub id, or a file of vectors
    /// (.npy, .safetensors), one for each text in the order of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<String>,
}

impl PhaseConfig {
    /// A phase of one step, everything else by default.
    pub fn of(objective: &str, data: DataConfig) -> Self {
        Self {
            objective: objective.into(),
            data,
            steps: one(),
            per_device_train_batch_size: None,
            batch_sampler: None,
            temperature: None,
            alpha: None,
            view1: None,
            view2: None,
            teacher: None,
        }
    }
}

fn one() -> u64 {
    1
}
