//! The tasks of `twindrop eval`: classify, pairs, triplets, retrieval, probe.

use super::classify::ClassifyArgs;
use super::pairs::PairsArgs;
use super::probe::ProbeArgs;
use super::retrieval::RetrievalArgs;
use super::triplets::TripletsArgs;
use crate::error::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum EvalTask {
    /// Classification or regression by a trained head: accuracy, F1, MCC, calibration, by class
    Classify(ClassifyArgs),
    /// Binary classification of pairs: accuracy, F1, average precision of each similarity function
    Pairs(PairsArgs),
    /// Triplet accuracy: whether the positive is more similar than the negative
    Triplets(TripletsArgs),
    /// Information retrieval: accuracy, precision, recall, nDCG, MRR and MAP at k
    Retrieval(RetrievalArgs),
    /// Linear probing: logistic regression on frozen embeddings, as in SentEval
    Probe(ProbeArgs),
}

impl EvalTask {
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Classify(args) => super::classify::run(args),
            Self::Pairs(args) => super::pairs::run(args),
            Self::Triplets(args) => super::triplets::run(args),
            Self::Retrieval(args) => super::retrieval::run(args),
            Self::Probe(args) => super::probe::run(args),
        }
    }
}
