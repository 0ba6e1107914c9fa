//! What a job embeds and where it writes.

use super::format::OutputFormat;
use super::input::Input;
use super::rank::WorkerRank;
use crate::data::ReadOptions;
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use crate::vectors::{Precision, Ranges};
use std::path::PathBuf;

/// Where the ranges of int8 and uint8 come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibration {
    /// They are known.
    Known(Ranges),
    /// The vectors of these texts.
    Texts(Input),
    /// The vectors of the first rows of the input; of the whole input, whoever shares the work.
    First(usize),
}

/// Texts to be embedded, and where their vectors go.
pub struct EmbedJob<'a> {
    /// Who embeds.
    pub model: &'a SentenceEncoder,
    /// What is read.
    pub input: Input,
    /// What is known of its files.
    pub read: ReadOptions,
    /// Columns to be written beside the vectors.
    pub keep_columns: Vec<String>,
    /// How texts are encoded.
    pub encode: EncodeOptions,
    /// How numbers are written.
    pub precision: Precision,
    /// Where int8 and uint8 take their ranges from.
    pub calibration: Calibration,
    /// The form of the files.
    pub form: OutputFormat,
    /// A file; with `shard_size`, a directory.
    pub output: PathBuf,
    /// Rows of a shard; none for one file of all.
    pub shard_size: Option<u64>,
    /// Which of several processes this one is.
    pub share: WorkerRank,
    /// Go on where an earlier run was stopped.
    pub resume: bool,
}
