//! `twindrop quantize`.

use crate::cli::shared::args::UsageArgs;
use crate::cli::shared::model::{load, open_classifier};
use crate::cli::shared::print::note;
use crate::error::Result;
use crate::hub;
use crate::io;
use crate::sentence_encoder::TextClassifier;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop quantize MODEL --output-dir MODEL-int8
  twindrop embed --model MODEL-int8 --input sentences.txt --output vectors.npy

Symmetric per-channel int8 quantization of weights; no calibration data is needed. Embedding
tables, biases and LayerNorm stay in float32.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct QuantizeArgs {
    /// Model directory or hub id
    pub model: String,
    /// Output directory for the quantized model
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Allow an output directory that is not empty
    #[arg(long)]
    pub overwrite_output_dir: bool,
}

pub fn run(args: &QuantizeArgs) -> Result<()> {
    let usage = UsageArgs::default();
    let is_classifier = TextClassifier::is_in(&hub::resolve(&args.model)?)?;
    let model = match is_classifier {
        true => open_classifier(&args.model, usage)?.into_encoder(),
        false => load(&args.model, usage)?,
    };
    model.expect_quantizable()?;
    io::expect_apart(&args.output_dir, [&args.model])?;
    let _lock = io::claim_directory(&args.output_dir, args.overwrite_output_dir)?;
    model.save_quantized(&args.output_dir)?;
    note(format!("quantized model saved to {}", args.output_dir.display()));
    Ok(())
}
