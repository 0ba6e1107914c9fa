//! `twindrop doctor`: checks of machine, model and data, one line each.

mod data;
mod findings;
mod machine;
mod model;
mod step;

use super::check_model::CheckFormat;
use crate::cli::shared::args::ColumnArgs;
use crate::data::Dataset;
use crate::error::Result;
use crate::sentence_encoder::SentenceEncoder;
use clap::Args;
use findings::Findings;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop doctor
  twindrop doctor --model MODEL --data pairs.tsv --data sentences.txt
  twindrop doctor --model MODEL --format json > doctor.json

Each line is ok, warn or fail; the exit code is 2 if any check failed. Nothing is written to
disk, and no token is printed.";

/// What is checked in addition to the machine.
#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct DoctorArgs {
    /// Model directory or hub id [default: a randomly initialized tiny model]
    #[arg(long, visible_alias = "model-name-or-path", value_name = "MODEL")]
    pub model: Option<String>,
    /// Data file to check; may be repeated
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub data: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    pub format: CheckFormat,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
}

pub fn run(args: &DoctorArgs) -> Result<()> {
    let mut findings = Findings::new(args.format);
    machine::check(&mut findings)?;
    let model = match &args.model {
        Some(name) => Some(model::check(&mut findings, name)?),
        None => None,
    };
    let mut sets: Vec<Dataset> = Vec::new();
    for path in &args.data {
        let config = args.columns.of(path.clone());
        let known = model.as_ref().and_then(Option::as_ref);
        sets.extend(data::check(&mut findings, &config, known)?);
    }
    // a training step needs a model and data that could be read
    let unread = model.as_ref().is_some_and(Option::is_none) || sets.len() < args.data.len();
    if !unread {
        let model: Option<SentenceEncoder> = model.flatten();
        step::check(&mut findings, model, &sets)?;
    }
    findings.finish()
}
