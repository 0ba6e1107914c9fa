//! When checkpoints are written.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Whether a run writes checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveStrategy {
    /// Every so many steps or minutes, when the run is interrupted, and at its end.
    #[default]
    Steps,
    /// Never: what is stopped begins anew.
    No,
}

impl std::str::FromStr for SaveStrategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "steps" => Ok(Self::Steps),
            "no" => Ok(Self::No),
            _ => Err(Error::config(format!("save strategy `{text}`: use steps or no"))),
        }
    }
}
