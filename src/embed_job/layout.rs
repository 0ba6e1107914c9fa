//! What all shards of a job have in common.

use super::format::OutputFormat;
use crate::vectors::Precision;

/// What all files of a run have in common.
#[derive(Debug, Clone)]
pub(super) struct ShardLayout {
    pub form: OutputFormat,
    pub precision: Precision,
    /// Numbers in a stored vector.
    pub numbers: usize,
    pub keep: Vec<String>,
}
