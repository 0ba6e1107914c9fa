//! Training, evaluation and inference of sentence encoders on the CPU.
//!
//! ```no_run
//! use twindrop::{EncodeOptions, SentenceEncoder};
//!
//! let model = SentenceEncoder::from_pretrained("sentence-transformers/all-MiniLM-L6-v2")?;
//! let embeddings = model.encode(&["A cat sleeps.", "A kitten naps."], &EncodeOptions::default())?;
//! println!("{:.3}", model.similarity(&embeddings, &embeddings)[(0, 1)]);
//! # Ok::<(), twindrop::Error>(())
//! ```
//!
//! # Modules
//!
//! | module | contents |
//! | --- | --- |
//! | [`sentence_encoder`] | model with tokenizer: texts to embeddings; loading, saving, compatibility |
//! | [`vectors`] | embeddings, similarity, exact search, whitening, quantization |
//! | [`embed_job`] | sharded, resumable embedding of large inputs |
//! | `train` | training runs: run file, curriculum, DataLoader, optimizer, checkpoints, logging |
//! | `distill_static` | static embedding models from a teacher, as model2vec makes them |
//! | `objective` | training objectives, one file per paper (R-Drop, SimCSE, ConSERT …) |
//! | `eval` | evaluators: STS, pairs, triplets, retrieval, probing; geometry |
//! | `report` | HTML report of training runs |
//! | [`data`] | datasets from TSV, CSV, JSON Lines and text; batch order |
//! | [`model`], [`encoder`], [`pooling`], [`heads`] | encoder architectures, pooling, heads |
//! | [`view`], [`outputs`] | augmentations of a forward pass; the outputs of a batch |
//! | [`tokens`] | tokenizers and packed token sequences |
//! | [`nn`], [`random`] | tape, layers and CPU kernels; the counter-based generator |
//! | [`hub`], [`io`], [`mod@error`] | model downloads, atomic file access, errors |
//!
//! Modules without a link need a feature (`eval`, `train`, `report`). A training run is built in
//! code by `train::Training`, or from a run file by `train::Run`. Own architectures, objectives
//! and evaluators implement [`encoder::Encoder`], `objective::Objective` and `eval::Evaluator`; an
//! objective in a `train::ObjectiveRegistry` can be named in run files.

// `println!` and `eprintln!` panic where standard output or standard error is closed or full
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
#[cfg(feature = "train")]
pub mod distill_static;
pub mod embed_job;
pub mod encoder;
pub mod error;
#[cfg(feature = "eval")]
pub mod eval;
pub mod heads;
pub mod hub;
pub mod io;
pub mod model;
pub mod nn;
#[cfg(feature = "train")]
pub mod objective;
pub mod outputs;
pub mod pooling;
pub mod random;
#[cfg(feature = "report")]
pub mod report;
pub mod sentence_encoder;
pub mod tokens;
#[cfg(feature = "train")]
pub mod train;
pub mod vectors;
pub mod view;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use candle_core;
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "eval")]
pub use eval::Evaluator;
#[cfg(feature = "train")]
pub use objective::Objective;
pub use sentence_encoder::{EncodeOptions, SentenceEncoder};
#[cfg(feature = "train")]
pub use train::Training;
pub use vectors::{Embed, Embeddings};
