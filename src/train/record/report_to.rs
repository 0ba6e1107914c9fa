//! Logging integrations of a run (`--report-to`).

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What `report-to` names, beside the files that every run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReportTo {
    /// Event files in `runs` of the output directory, see [`TensorBoard`](super::TensorBoard).
    TensorBoard,
}

impl FromStr for ReportTo {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "tensorboard" => Ok(Self::TensorBoard),
            _ => Err(Error::config(format!(
                "report-to `{text}`: expected tensorboard, json or none; other tools \
                 can read log.jsonl and trainer_state.json"
            ))),
        }
    }
}
