//! Tables, names and intervals as they are printed.

use super::suite_output::{Candidate, SuiteOutput};
use crate::cli::shared::args::ReportFormat;
use crate::cli::shared::print::{percent, say};
use crate::error::Result;
use crate::eval::Interval;
use crate::io;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;
use std::path::Path;

/// Writes a report as JSON to `output`, if one is given, and prints it in the format asked for.
pub fn print_report(
    report: &Value,
    output: Option<&Path>,
    format: ReportFormat,
    tables: impl FnOnce() -> String,
) -> Result<()> {
    if let Some(path) = output {
        io::write_output_with(path, format!("{report:#}\n"))?;
    }
    match format {
        ReportFormat::Json => say(report.to_string()),
        ReportFormat::Table => say(tables()),
    }
}

pub fn table<T: ToString>(header: impl IntoIterator<Item = T>) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(header.into_iter().map(|cell| cell.to_string()));
    table
}

/// A model by what distinguishes it from the others.
pub fn name(found: &SuiteOutput, candidate: &Candidate) -> String {
    let all = found.candidates.iter().chain(&found.rivals);
    let one_pooling = all.clone().all(|other| other.pooling == candidate.pooling);
    if one_pooling {
        return candidate.model.clone();
    }
    format!("{} ({})", candidate.model, candidate.pooling)
}

pub fn with_interval(value: String, interval: Option<Interval>, between: &str) -> String {
    match interval {
        Some(Interval { low, high }) => {
            format!("{value}{between}[{}, {}]", percent(Some(low)), percent(Some(high)))
        }
        None => value,
    }
}
