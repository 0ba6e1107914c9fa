//! Where a run is: all that its steps change.

use super::{AdamW, BestScore, HealthMonitor};
use crate::nn::Parameters;
use serde::{Deserialize, Serialize};

/// What fits in a line of JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunProgress {
    /// Steps taken.
    pub taken: u64,
    /// The best evaluation, and how many came since.
    pub best: BestScore,
    /// What was seen of losses and evaluations.
    pub watch: HealthMonitor,
    /// By objective: steps without any loss before the first that has one, in which it is asked
    /// whether everything learns; none where that was answered.
    pub unchecked: Vec<Option<u64>>,
    /// Steps that were skipped for a number that is not finite.
    pub bad_steps: u64,
    /// Whether the last step was followed by an evaluation that was interrupted, with which the run
    /// goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_evaluating: bool,
}

/// The whole of it, but for the parameters.
#[derive(Debug)]
pub(super) struct RunState {
    pub progress: RunProgress,
    pub optimizer: AdamW,
    /// The parameters of the best evaluation, sorted by name.
    pub snapshot: Option<Vec<Vec<f32>>>,
}

impl RunState {
    /// Before the first step of a run with so many objectives.
    pub fn fresh(
        parameters: &Parameters,
        objectives: usize,
        adamw: super::AdamWConfig,
    ) -> Self {
        let unchecked = vec![Some(0); objectives];
        let progress = RunProgress { unchecked, ..RunProgress::default() };
        Self { progress, optimizer: AdamW::new(parameters, adamw), snapshot: None }
    }

    /// Where the curriculum has changed: of another number of objectives.
    pub fn with_objectives(mut self, objectives: usize) -> Self {
        self.progress.unchecked.resize(objectives, Some(0));
        self
    }
}
