//! Output of a training run: logging integrations, JSON events, progress.

use crate::cli::shared::print::say;
use crate::error::Result;
use crate::train::{Event, ReportTo, SetResults, TrainingResults, now};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Output options of a training run.
#[derive(Args, Clone, Default, PartialEq)]
pub struct OutputArgs {
    /// Logging integrations, comma-separated: tensorboard (event files in runs/ of --output-dir),
    /// json (as --json), or none; log.jsonl, trainer_state.json and eval/*.csv are always written
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub report_to: Vec<String>,
    /// Print each training event as one line of JSON on standard output, without a progress bar
    #[arg(long)]
    pub json: bool,
    /// Print only errors, warnings and the final table
    #[arg(long, short)]
    pub quiet: bool,
}

impl OutputArgs {
    /// Whether events are printed as JSON.
    pub fn json(&self) -> bool {
        self.json || self.report_to.iter().any(|name| name == "json")
    }

    /// Whether progress is printed for a person.
    pub fn lines(&self) -> bool {
        !self.quiet && !self.json()
    }

    /// The logging integrations asked for; `None` if no flag names any.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn reports(&self) -> Result<Option<Vec<ReportTo>>> {
        let own = self.report_to.iter().filter(|name| *name != "json" && *name != "none");
        let reports = own.map(|name| name.parse()).collect::<Result<Vec<_>>>()?;
        let given = self.report_to.iter().any(|name| name != "json");
        Ok(given.then_some(reports))
    }

    /// Prints the final table, unless events are printed as JSON.
    ///
    /// # Errors
    /// Where it cannot be printed.
    pub fn table(&self, table: &str) -> Result<()> {
        if self.json() { Ok(()) } else { say(table) }
    }
}

/// Prints a line of JSON. A closed pipe does not stop the run.
fn line(value: &impl Serialize) {
    let text = serde_json::to_string(value).unwrap_or_default() + "\n";
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// An event, with the time.
pub fn event(event: &Event) {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    value["time"] = now().into();
    line(&value);
}

/// The primary metric on development and test set before and after the run, as a last event.
pub fn scores(results: &TrainingResults) {
    let of = |value: fn(&SetResults) -> Option<f64>| {
        let value = |set: &Option<SetResults>| set.as_ref().and_then(value);
        serde_json::json!({ "dev": value(&results.dev), "test": value(&results.test) })
    };
    let (before, after) = (of(|set| set.before), of(|set| set.after));
    line(&serde_json::json!({
        "event": "scored", "before": before, "after": after, "time": results.time,
    }));
}
