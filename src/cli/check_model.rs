//! `twindrop check-model`.

use super::paint::{Color, paint};
use crate::cli::shared::print::say;
use crate::error::{Error, Result};
use crate::hub;
use crate::sentence_encoder::{Compatibility, Issue, check_compatibility};
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  twindrop check-model out
  twindrop check-model sentence-transformers/all-MiniLM-L6-v2 --format json

Checked against the requirements of each program's source code; no other program is run.";

/// The model to check.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckModelArgs {
    /// Model directory or hub id
    pub model: String,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub format: CheckFormat,
}

/// Output format of checks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Lines of text
    Text,
    /// One JSON object
    Json,
}

pub fn run(args: &CheckModelArgs) -> Result<()> {
    let verdicts = check_compatibility(hub::resolve(&args.model)?)?;
    match args.format {
        CheckFormat::Json => {
            let json = serde_json::json!({ "model": args.model, "readers": verdicts });
            say(serde_json::to_string_pretty(&json).unwrap_or_default())?;
        }
        CheckFormat::Text => verdicts.iter().try_for_each(tell)?,
    }
    let refusing: Vec<String> = verdicts
        .iter()
        .filter(|verdict| !verdict.loads())
        .map(|verdict| verdict.reader.to_string())
        .collect();
    if refusing.is_empty() {
        return Ok(());
    }
    Err(Error::config(format!("{} cannot be loaded by {}", args.model, refusing.join(", "))))
}

fn tell(verdict: &Compatibility) -> Result<()> {
    let (mark, colour, message) = match (verdict.loads(), verdict.faults.is_empty()) {
        (true, true) => ("ok  ", Color::Green, "loads it"),
        (true, false) => ("warn", Color::Yellow, "loads it, but its embeddings differ"),
        (false, _) => ("fail", Color::Red, "does not load it"),
    };
    say(format!("{}  {:<30} {message}", paint(mark, colour), verdict.reader.to_string()))?;
    verdict.faults.iter().try_for_each(|Issue { file, why, advice, .. }| {
        let place = if file.is_empty() { String::new() } else { format!("{file}: ") };
        say(format!("        {place}{why}\n          → {advice}"))
    })
}
