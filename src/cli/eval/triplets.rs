//! `twindrop eval triplets`.

use super::task_args::{TaskArgs, TaskPrompts};
use crate::cli::shared::args::ColumnArgs;
use crate::cli::shared::notes::note_report;
use crate::data::Example;
use crate::error::{Error, Result};
use crate::eval::TripletEvaluator;
use crate::train::DataConfig;
use crate::vectors::Similarity;
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop eval triplets --model MODEL --data triplets.tsv
  twindrop eval triplets --model MODEL --data snli-dev.tsv --nli-triplets \\
      --similarity cosine

An anchor with several negatives yields one triplet per negative. A tie counts as incorrect.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct TripletsArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Evaluation set: triplets of anchor, positive and negative
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: PathBuf,
    /// Build (premise, entailment, contradiction) triplets from NLI pairs
    #[arg(long, help_heading = "Data")]
    nli_triplets: bool,
    /// Margin by which the positive must be more similar, in units of each similarity function
    #[arg(long, value_name = "X", default_value = "0", help_heading = "Metrics")]
    margin: f64,
    /// Similarity functions: cosine, dot, euclidean, manhattan [default: all four]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Metrics")]
    similarity: Vec<Similarity>,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
}

pub fn run(args: &TripletsArgs) -> Result<()> {
    args.task.check(&[&args.data])?;
    let config = args.columns.of(args.data.clone());
    let data = DataConfig { nli_triplets: args.nli_triplets, ..config }.read()?;
    note_report(&data.report);
    if data.width() < 3 {
        let has = data.columns.join(", ");
        let message = format!("has {has}, expected anchor, positive and negative");
        return Err(Error::data(&data.path, message));
    }
    let triplets = |Example { texts, .. }: &Example| {
        let triplet =
            |negative: &String| [texts[0].clone(), texts[1].clone(), negative.clone()];
        texts[2..].iter().map(triplet).collect::<Vec<_>>()
    };
    let triplets: Vec<[String; 3]> = data.examples.iter().flat_map(triplets).collect();
    let title = name(&args.data);
    let mut evaluator = TripletEvaluator::new(&title, &triplets).with_margin(args.margin)?;
    if !args.similarity.is_empty() {
        evaluator = evaluator.with_similarities(&args.similarity);
    }
    args.task.report("triplets", &title, &evaluator, &[&data.report], &TaskPrompts::default())
}

/// The name of a file in the output.
pub fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
