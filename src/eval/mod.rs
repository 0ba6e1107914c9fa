//! Evaluation of sentence embeddings: semantic textual similarity, binary classification of
//! pairs, triplets, retrieval, probes, geometry; with bootstrap intervals and paired tests.
//!
//! An [`Evaluator`] knows a model only as [`Embed`](crate::vectors::Embed) and gives [`Metrics`]
//! under the names of sentence-transformers: [`StsEvaluator`], [`BinaryClassificationEvaluator`],
//! [`TripletEvaluator`], [`RetrievalEvaluator`], by SentEval's protocol [`ProbeEvaluator`], and of
//! a model's own head [`ClassificationEvaluator`] and [`RegressionEvaluator`].
//! Any of them, or your own, can choose the best model of a training run. A [`Suite`] is several
//! sets of scored pairs under a published [`Protocol`].
//!
//! A metric without a value, such as the correlation of a model to which all pairs are equally
//! similar, is `None` everywhere and `null` in JSON, never 0; [`Undefined`] says why.
//!
//! ```
//! use twindrop::vectors::{Embed, Embeddings};
//! use twindrop::eval::{Bootstrap, Evaluator, StsEvaluator};
//!
//! /// A sentence is how many of each vowel it holds.
//! struct Vowels;
//!
//! impl Embed for Vowels {
//!     fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
//!         let count = |text: &&str, v| text.chars().filter(|&c| c == v).count() as f32;
//!         let row = |text| "aeiou".chars().map(move |v| count(text, v));
//!         Ok(Embeddings::new(5, texts.iter().flat_map(row).collect()))
//!     }
//! }
//!
//! let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
//! let pairs =
//!     [pair("a cat sat", "a cat sat there"), pair("a cat sat", "a pig"), pair("a pig", "no")];
//! let evaluator = StsEvaluator::from_pairs("three", &pairs, &[4.5, 2.0, 0.0])?;
//! let metrics = evaluator.evaluate(&Vowels, &Bootstrap::default())?;
//! assert_eq!(metrics.get("spearman_cosine"), Some(1.0));
//! # Ok::<(), twindrop::Error>(())
//! ```

mod bucket;
mod classification;
mod compare;
mod geometry;
mod hubness;
mod metric_id;
mod metrics;
mod nearest;
mod pairs;
mod protocol;
mod sequential;
mod set_geometry;
mod stats;
mod sts;
mod suite;
mod suite_report;
mod tasks;
mod texts;
mod undefined;

pub use classification::{
    ClassMetrics, ClassificationMetric, ClassificationMetrics, ConfusionMatrix, McNemar,
};
pub use compare::{Comparison, Difference};
pub use geometry::{Geometry, singular_values};
pub use hubness::{NEIGHBOURS, hubness, occurrences};
pub use metric_id::{Aggregation, Correlation, MetricId};
pub use metrics::{Evaluator, Metrics, greater_is_better, shown};
pub use pairs::{PairSet, SetScores};
pub use protocol::Protocol;
pub use sequential::{BestMetric, SequentialEvaluator};
pub use set_geometry::{SetGeometry, SubsetGeometry};
pub use stats::bootstrap::{Bootstrap, Interval};
pub use stats::correlation::{average_ranks, pearson, spearman};
pub use stats::logistic::LogisticRegression;
pub use stats::williams::{Williams, williams};
pub use sts::StsEvaluator;
pub use suite::{Subsets, Suite, SuiteSet, SuiteTask};
pub use suite_report::{Estimate, SuiteReport, mean_and_deviation};
pub use tasks::binary::BinaryClassificationEvaluator;
pub use tasks::head::{ClassificationEvaluator, RegressionEvaluator};
pub use tasks::probe::{ProbeConfig, ProbeEvaluator};
pub use tasks::probe_suite::ProbeSet;
pub use tasks::regression::RegressionMetrics;
pub use tasks::retrieval::RetrievalEvaluator;
pub use tasks::threshold::BinaryFigures;
pub use tasks::triplet::TripletEvaluator;
pub use undefined::Undefined;
