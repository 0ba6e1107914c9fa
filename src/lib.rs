//! Sentence embeddings, trained by seeing each sentence twice.

#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod disk;
pub mod embed;
pub mod encoder;
pub mod error;
pub mod eval;
pub mod hub;
pub mod model;
pub mod nn;
pub mod noise;
pub mod objective;
pub mod pooling;
pub mod sentence_encoder;
pub mod tokens;
pub mod train;
pub mod twins;
pub mod view;

pub use error::{Error, ErrorKind, Result};
