//! JSON files of a model directory.

use crate::error::{Error, Result};
use crate::io;
use serde_json::Value;
use std::path::Path;

pub(super) fn read_json(path: &Path) -> Result<Value> {
    let text = io::read_text(path, io::CONFIGURATION)?;
    serde_json::from_str(&text).map_err(|e| Error::model(path, format!("not JSON: {e}")))
}

/// The JSON of a file that need not be there.
pub(super) fn maybe_json(path: &Path) -> Result<Value> {
    if path.is_file() { read_json(path) } else { Ok(Value::Null) }
}
