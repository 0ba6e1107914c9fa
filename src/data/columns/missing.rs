//! Cells without a value: what is one, and what becomes of its row.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What becomes of a row with a missing cell: an empty one, a null, or a NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// Such rows are an error, which lists the first of them and their number.
    #[default]
    Error,
    /// They are left out and counted.
    Skip,
    /// The text is read as an empty one.
    Blank,
}

impl FromStr for OnMissing {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "error" => Ok(Self::Error),
            "skip" => Ok(Self::Skip),
            "blank" => Ok(Self::Blank),
            _ => Err(Error::config(format!(
                "on-missing {name:?}: expected error, skip or blank"
            ))),
        }
    }
}

/// Whether a cell of a text column has no text: empty, or what programs write for a missing value
/// that no person would write for a text.
pub(in crate::data) fn is_missing_text(cell: &str) -> bool {
    matches!(cell, "" | "nan" | "NaN" | "<NA>" | "#N/A")
}

/// Whether a cell of a label column has no label: what pandas takes for NaN.
pub(in crate::data) fn is_missing_label(cell: &str) -> bool {
    is_missing_text(cell)
        || matches!(
            cell,
            "NA" | "N/A" | "n/a" | "#NA" | "NULL" | "null" | "None" | "-nan" | "-NaN"
        )
}

/// The rows listed in an error.
const LISTED: usize = 10;

/// The rows with missing cells, while a file is read.
#[derive(Debug, Default)]
pub(in crate::data) struct MissingCells {
    on: OnMissing,
    /// Rows.
    pub count: u64,
    first: Option<String>,
    lines: Vec<u64>,
}

impl MissingCells {
    /// None yet.
    pub fn new(on: OnMissing) -> Self {
        Self { on, ..Self::default() }
    }

    /// Counts a row; `what` says which cell is missing.
    pub fn add(&mut self, line: u64, what: String) {
        self.count += 1;
        self.first.get_or_insert(what);
        if self.lines.len() < LISTED {
            self.lines.push(line);
        }
    }

    /// The error that the rows are, unless they are left out.
    pub fn check(&self, path: &Path) -> Result<()> {
        let (OnMissing::Error, Some(first)) = (self.on, &self.first) else { return Ok(()) };
        let fix = "correct them, or give --on-missing skip or --on-missing blank";
        let message = if self.count == 1 {
            format!("{first}; correct it, or give --on-missing skip or --on-missing blank")
        } else {
            let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
            let more = if self.count > LISTED as u64 { ", …" } else { "" };
            let (count, lines) = (self.count, lines.join(", "));
            format!("{first}; {count} rows have missing cells, in lines {lines}{more}; {fix}")
        };
        Err(Error::line(path, self.lines[0], message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_rows_are_listed_and_all_are_counted() {
        let mut missing = MissingCells::new(OnMissing::Error);
        assert!(missing.check(Path::new("f")).is_ok());
        (3..15).for_each(|line| missing.add(line, format!("text {line} is empty")));
        assert_eq!(
            missing.check(Path::new("f")).unwrap_err().to_string(),
            "f:3: text 3 is empty; 12 rows have missing cells, in lines 3, 4, 5, 6, 7, 8, 9, 10, 11, \
             12, …; correct them, or give --on-missing skip or --on-missing blank"
        );
        let mut skipped = MissingCells::new(OnMissing::Skip);
        skipped.add(1, "text is empty".into());
        assert!(skipped.check(Path::new("f")).is_ok());
    }

    #[test]
    fn words_that_may_be_texts_are_missing_as_labels_only() {
        for word in ["NA", "None", "null", "n/a"] {
            assert!(!is_missing_text(word) && is_missing_label(word), "{word}");
        }
        for cell in ["", "NaN", "nan"] {
            assert!(is_missing_text(cell) && is_missing_label(cell), "{cell}");
        }
        assert!(!is_missing_label("0"));
    }
}
