//! One row of a file, whatever its format.

use crate::error::Result;

use serde_json::{Map, Value};

/// The most columns of a file.
pub(in crate::data) const COLUMNS: usize = 1000;

/// What one row of a file holds.
#[derive(Debug, PartialEq)]
pub(in crate::data) enum RowContent {
    /// Fields by position, trimmed.
    Cells(Vec<String>),
    /// Fields by name.
    Object(Map<String, Value>),
}

/// A record and the line it begins on.
#[derive(Debug)]
pub(in crate::data) struct Row {
    pub line: u64,
    pub record: RowContent,
    /// The JSON that an object was read from.
    pub source: Option<String>,
}

/// Rows one after the other, blank lines left out.
pub(in crate::data) trait Rows {
    /// The next row; nothing after the last.
    fn next(&mut self) -> Result<Option<Row>>;

    /// The blank lines passed over so far.
    fn blank_lines(&self) -> u64;
}

/// A single empty field is a blank line; a line of tabs is not, its fields are missing.
pub(in crate::data) fn cells<'t>(
    fields: impl IntoIterator<Item = &'t str>,
) -> Result<Option<RowContent>, String> {
    let mut cells = Vec::new();
    for field in fields {
        if cells.len() == COLUMNS {
            return Err(format!("more than {COLUMNS} columns; is this a table of sentences?"));
        }
        cells.push(field.trim().to_string());
    }
    Ok((cells != [""]).then_some(RowContent::Cells(cells)))
}
