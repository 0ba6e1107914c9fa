//! A row of a file of texts.

use super::layout::ColumnLayout;
use crate::error::Result;
use serde_json::Value;
use std::ops::ControlFlow;

/// A row of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRow {
    /// The line it begins on, from 1; of a parquet file, the row.
    pub line: u64,
    /// Its text, not empty unless missing texts were asked to be.
    pub text: String,
    /// The columns asked for beside it, in the order asked; null where an object has no such key.
    pub kept: Vec<Value>,
}

/// Where rows go; it may end the reading.
pub type Take<'a> = dyn FnMut(TextRow) -> Result<ControlFlow<()>> + 'a;

/// Where the columns to keep stand; or why a file cannot be read as texts.
pub(super) fn places(layout: &ColumnLayout, keep: &[String]) -> Result<Vec<usize>, String> {
    if layout.width() != 1 {
        let width = layout.width();
        let names = layout.names();
        let by_name = format!("{}=text", names[0]);
        return Err(format!(
            "has {width} texts per line; select the one to embed, as --columns _,text or --columns \
             {by_name}"
        ));
    }
    let names = layout.names();
    let place = |name: &String| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            format!("no column {name:?} to keep among the columns {}", names.join(", "))
        })
    };
    keep.iter().map(place).collect()
}
