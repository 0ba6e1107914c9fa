//! `twindrop mine paraphrases`.

use super::table;
use crate::cli::search::{encode, read_texts};
use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::cli::shared::model::{open, paths};
use crate::cli::shared::notes::counts_line;
use crate::error::Result;
use crate::io;
use crate::vectors::search::{ParaphraseOptions, paraphrase_mining};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop mine paraphrases --model MODEL --input sentences.txt --threshold 0.8 \\
      --output pairs.tsv

The output has the columns sentence1, sentence2, score, which `train` reads; most similar
pairs come first.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct ParaphraseArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Input file of texts, or - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub input: PathBuf,
    /// Output file for the pairs: .tsv .csv or .jsonl, or - for TSV on standard output
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub output: PathBuf,
    /// Minimum cosine similarity of a pair [default: none]
    #[arg(long, value_name = "X", help_heading = "Mining")]
    pub threshold: Option<f32>,
    /// Number of nearest neighbours of each text to consider
    #[arg(long, default_value = "100", value_name = "N", help_heading = "Mining")]
    pub top_k: usize,
    /// Maximum number of pairs
    #[arg(long, default_value = "500000", value_name = "N", help_heading = "Mining")]
    pub max_pairs: usize,
    /// Prompt to prepend to every text
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    pub prompt: Option<String>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
}

pub fn run(args: &ParaphraseArgs) -> Result<()> {
    table::form(&args.output)?;
    io::expect_apart(&args.output, [&args.input])?;
    io::expect_apart(&args.output, paths(&args.model.model))?;
    let (texts, report) = read_texts(&args.columns.of(args.input.clone()))?;
    let model = open(&args.model)?;
    let vectors = encode(&model, &texts, args.prompt.clone())?;
    let options = ParaphraseOptions {
        top_k: args.top_k,
        max_pairs: args.max_pairs,
        threshold: args.threshold,
        ..ParaphraseOptions::default()
    };
    let pairs = paraphrase_mining(&vectors, &options)?;
    let rows: Vec<_> = pairs
        .iter()
        .map(|pair| vec![json!(texts[pair.a]), json!(texts[pair.b]), table::score(pair.score)])
        .collect();
    table::write(&args.output, &["sentence1", "sentence2", "score"].map(String::from), &rows)?;
    let (pairs, texts, place) = (pairs.len(), texts.len(), args.output.display());
    let what = format!("{pairs} pairs of {texts} texts saved to {place}");
    counts_line(&what, [&report], model.tokenizer().truncated_texts());
    Ok(())
}
