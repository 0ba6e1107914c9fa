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

mod binary;
mod bootstrap;
mod bucket;
mod classification;
mod compare;
mod correlation;
mod examples;
mod folds;
mod geometry;
mod head;
mod hubness;
mod lbfgs;
mod logistic;
mod mersenne;
mod metric_id;
mod metrics;
mod nearest;
mod pairs;
mod probe;
mod probe_suite;
mod protocol;
mod ranking;
mod redraw;
mod regression;
mod resample;
mod retrieval;
mod sequential;
mod set_geometry;
mod special;
mod sts;
mod suite;
mod suite_report;
mod swap;
mod texts;
mod threshold;
mod triplet;
mod undefined;
mod williams;

pub use binary::BinaryClassificationEvaluator;
pub use bootstrap::{Bootstrap, Interval};
pub use classification::{
    ClassMetrics, ClassificationMetric, ClassificationMetrics, ConfusionMatrix, McNemar,
};
pub use compare::{Comparison, Difference};
pub use correlation::{average_ranks, pearson, spearman};
pub use geometry::{Geometry, singular_values};
pub use head::{ClassificationEvaluator, RegressionEvaluator};
pub use hubness::{NEIGHBOURS, hubness, occurrences};
pub use logistic::LogisticRegression;
pub use metric_id::{Aggregation, Correlation, MetricId};
pub use metrics::{Evaluator, Metrics, greater_is_better, shown};
pub use pairs::{PairSet, SetScores};
pub use probe::{ProbeConfig, ProbeEvaluator};
pub use probe_suite::ProbeSet;
pub use protocol::Protocol;
pub use regression::RegressionMetrics;
pub use retrieval::RetrievalEvaluator;
pub use sequential::{BestMetric, SequentialEvaluator};
pub use set_geometry::{SetGeometry, SubsetGeometry};
pub use sts::StsEvaluator;
pub use suite::{Subsets, Suite, SuiteSet, SuiteTask};
pub use suite_report::{Estimate, SuiteReport, mean_and_deviation};
pub use threshold::BinaryFigures;
pub use triplet::TripletEvaluator;
pub use undefined::Undefined;
pub use williams::{Williams, williams};
