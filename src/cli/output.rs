//! Who is told of a run, and how.

use super::say;
use crate::error::Result;
use crate::train::ReportTo;
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Who is told of a run, and how.
#[derive(Args, Clone, Default, PartialEq)]
pub struct OutputArgs {
    /// Who else is told, joined by commas: tensorboard (event files in runs/ of --output-dir),
    /// json (as --json), or none. log.jsonl, trainer_state.json and eval/*.csv are always written
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub report_to: Vec<String>,
    /// Print each event as a line of JSON on standard output, instead of the bar
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors, warnings and the last table
    #[arg(long, short)]
    pub quiet: bool,
}

impl OutputArgs {
    /// Whether a program reads.
    pub fn json(&self) -> bool {
        self.json || self.report_to.iter().any(|name| name == "json")
    }

    /// Whether a person reads as the run goes.
    pub fn lines(&self) -> bool {
        !self.quiet && !self.json()
    }

    /// What the run itself writes for others, where anything is said of it.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn reports(&self) -> Result<Option<Vec<ReportTo>>> {
        let own = self.report_to.iter().filter(|name| *name != "json" && *name != "none");
        let reports = own.map(|name| name.parse()).collect::<Result<Vec<_>>>()?;
        let said = self.report_to.iter().any(|name| name != "json");
        Ok(said.then_some(reports))
    }

    /// The last table, where no program reads.
    ///
    /// # Errors
    /// Where it cannot be printed.
    pub fn table(&self, table: &str) -> Result<()> {
        if self.json() { Ok(()) } else { say(table) }
    }
}

/// A line of JSON. A run goes on when its reader has gone away.
pub fn line(value: &impl Serialize) {
    let text = serde_json::to_string(value).unwrap_or_default() + "\n";
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Spearman's ρ on development and test set before and after the run, as a last event.
pub fn scores(before: [Option<f64>; 2], after: [Option<f64>; 2]) {
    let of = |[dev, test]: [Option<f64>; 2]| serde_json::json!({ "dev": dev, "test": test });
    line(&serde_json::json!({ "event": "scored", "before": of(before), "after": of(after) }));
}
