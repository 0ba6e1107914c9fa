//! Do distances match human judgement? Similarity, correlation, geometry, and sets of scored
//! pairs.
//!
//! This room knows a model only as [`Embed`](crate::vectors::Embed): texts in, vectors out.
//! A correlation that has no value, such as that of a model which finds every pair equally
//! alike, is `None` everywhere and `null` in JSON, never 0; [`Undefined`] says why.
//!
//! [`StsEvaluator`] is one set, for use while training. [`Suite`] and [`SuiteEvaluator`] are many,
//! with subsets, the figures of a published [`Protocol`], and how certain they are
//! ([`Bootstrap`]).
//!
//! What else is asked of vectors is an [`Evaluator`], whose [`Metrics`] have sentence-transformers'
//! names: [`BinaryClassificationEvaluator`], [`TripletEvaluator`], [`RetrievalEvaluator`], and as
//! SentEval asks, [`ProbeEvaluator`].
//!
//! ```
//! use twindrop::vectors::{Embed, Embeddings};
//! use twindrop::eval::StsEvaluator;
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
//! let report = StsEvaluator::new("three", &pairs, &[4.5, 2.0, 0.0])?.evaluate(&Vowels)?;
//! assert_eq!((report.pairs, report.sentences), (3, 4));
//! assert_eq!(report.spearman_cosine, Some(1.0));
//! # Ok::<(), twindrop::Error>(())
//! ```

mod binary;
mod bootstrap;
mod bucket;
mod compare;
mod correlation;
mod evaluator;
mod examples;
mod folds;
mod geometry;
mod hubness;
mod lbfgs;
mod logistic;
mod matrix;
mod metric_id;
mod metrics;
mod nearest;
mod pairs;
mod probe;
mod protocol;
mod ranking;
mod redraw;
mod report;
mod resample;
mod retrieval;
mod set_geometry;
mod similarity;
mod spectral;
mod sts;
mod suite;
mod suite_report;
mod swap;
mod texts;
mod threshold;
mod triplet;
mod undefined;
mod units;
mod whitening;
mod williams;

pub use binary::BinaryClassificationEvaluator;
pub use bootstrap::{Bootstrap, Interval};
pub use compare::{Comparison, Difference};
pub use correlation::{average_ranks, pearson, spearman};
pub use evaluator::SuiteEvaluator;
pub use geometry::{Geometry, singular_values};
pub use hubness::{NEIGHBOURS, hubness, occurrences};
pub use logistic::LogisticRegression;
pub use metric_id::{Aggregation, Correlation, MetricId};
pub use metrics::{Evaluator, Metrics};
pub use pairs::{PairSet, SetScores};
pub use probe::{ProbeConfig, ProbeEvaluator};
pub use protocol::Protocol;
pub use report::StsReport;
pub use retrieval::RetrievalEvaluator;
pub use set_geometry::{SetGeometry, SubsetGeometry};
pub use similarity::Similarity;
pub use sts::{StsEvaluator, StsResult};
pub use suite::{Subsets, Suite, SuiteSet};
pub use suite_report::{Estimate, SuiteReport, mean_and_deviation};
pub use threshold::BinaryFigures;
pub use triplet::TripletEvaluator;
pub use undefined::Undefined;
pub use whitening::Whitening;
pub use williams::{Williams, williams};
