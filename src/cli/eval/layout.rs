//! Tables, names and intervals as they are printed.

use super::suite_output::{Candidate, SuiteOutput};
use crate::cli::shared::print::percent;
use crate::eval::Interval;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

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
