//! Inputs of any size → files of vectors, in memory that does not grow, again where it stopped.
//!
//! One thread reads, one writes, and all others encode what lies between: a window of rows. An
//! input is cut into shards of as many rows each; a shard appears under its name when it is
//! whole, and the [`EmbedManifest`] that lists it after it. So whenever a run is stopped, a later one
//! finds whole shards and nothing else, and makes the rest as if nothing had happened. Processes
//! that [`WorkerRank`] the work take turns by the number of the shard.

mod format;
mod input;
mod job;
mod layout;
mod manifest;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod rank;
mod shards;
mod verifier;
mod windows;
mod writer;
mod writer_thread;

pub use crate::vectors::{EmbedManifest, InputFile, InputRead, Shard};
pub use format::OutputFormat;
pub use input::Input;
pub use job::{EmbedProgress, EmbedSummary};
pub use options::{Calibration, EmbedJob};
pub use rank::WorkerRank;
