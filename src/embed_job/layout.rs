//! What all shards of a job have in common.

use super::format::OutputFormat;
use crate::vectors::Precision;
use serde_json::Value;

/// What all files of a run have in common.
#[derive(Debug, Clone)]
pub(super) struct ShardLayout {
    pub form: OutputFormat,
    pub precision: Precision,
    /// Numbers in a stored vector.
    pub numbers: usize,
    pub keep: Vec<String>,
}

/// A kept column where all there is are texts.
pub(super) fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
