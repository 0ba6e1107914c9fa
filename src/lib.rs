//! Sentence embeddings, trained by seeing each sentence twice.
//!
//! [`sentence_encoder::SentenceEncoder`] turns texts into vectors; [`train::Run`] trains one by
//! the [`objective`]s of R-Drop, ConSERT and SimCSE under the [`view`]s of its configuration;
//! [`eval::StsEvaluator`] asks whether its similarities match people's.

#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
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

pub use error::{Error, ErrorKind, Result};
