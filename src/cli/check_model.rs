//! `twindrop check-model`.

use super::paint::{Color, paint};
use super::say;
use crate::error::{Error, Result};
use crate::hub;
use crate::sentence_encoder::{Compatibility, Issue, check_compatibility};
use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  twindrop check-model out
  twindrop check-model sentence-transformers/all-MiniLM-L6-v2 --format json

What is asked of a directory was read from the programs' own sources; none is started.";

/// Which model.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckModelArgs {
    /// Model directory or hub id
    pub model: String,
    /// For people, or for programs
    #[arg(long, value_enum, default_value = "text")]
    pub format: CheckFormat,
}

/// How something is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Lines for people
    Text,
    /// One JSON object for programs
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
    Err(Error::config(format!("{} is not loaded by {}", args.model, refusing.join(", "))))
}

fn tell(verdict: &Compatibility) -> Result<()> {
    let (mark, colour, words) = match (verdict.loads(), verdict.faults.is_empty()) {
        (true, true) => ("ok  ", Color::Green, "loads it"),
        (true, false) => ("warn", Color::Yellow, "loads it, but its vectors differ"),
        (false, _) => ("fail", Color::Red, "does not load it"),
    };
    say(format!("{}  {:<30} {words}", paint(mark, colour), verdict.reader.to_string()))?;
    verdict.faults.iter().try_for_each(|Issue { file, why, advice, .. }| {
        let place = if file.is_empty() { String::new() } else { format!("{file}: ") };
        say(format!("        {place}{why}\n          → {advice}"))
    })
}
