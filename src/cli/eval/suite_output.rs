//! Everything that `twindrop eval` prints of a suite or a file.

use crate::eval::{
    Bootstrap, Comparison, MetricId, PairSet, Protocol, SetGeometry, StsEvaluator, SuiteReport,
};

/// The results to print.
pub struct SuiteOutput {
    /// The suite's name; `None` for a single file.
    pub suite: Option<String>,
    pub protocol: Protocol,
    pub figures: Vec<MetricId>,
    pub bootstrap: Bootstrap,
    pub evaluator: StsEvaluator,
    pub candidates: Vec<Candidate>,
    /// The model of `--compare`, with each pooling.
    pub rivals: Vec<Candidate>,
}

/// A model with a pooling, and its metrics.
pub struct Candidate {
    pub model: String,
    pub pooling: String,
    pub assessment: SuiteReport,
    /// The geometry of its embeddings for each set, if asked for.
    pub geometry: Option<Vec<SetGeometry>>,
}

impl SuiteOutput {
    pub fn sets(&self) -> &[PairSet] {
        self.evaluator.sets()
    }

    /// Each model with the baseline of the same pooling, and their differences.
    pub fn comparisons(&self) -> Vec<(&Candidate, &Candidate, Comparison)> {
        let rivals = self.rivals.iter().cycle();
        let pairs = self.candidates.iter().zip(rivals);
        let compare = |(one, other): (_, _)| compared(one, other, self.sets());
        pairs.map(compare).collect()
    }
}

fn compared<'a>(
    one: &'a Candidate,
    other: &'a Candidate,
    sets: &[PairSet],
) -> (&'a Candidate, &'a Candidate, Comparison) {
    (one, other, one.assessment.against(&other.assessment, sets))
}
