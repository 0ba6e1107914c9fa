//! `twindrop eval triplets`.

use super::super::args::ColumnArgs;
use super::task::TaskArgs;
use crate::data::Example;
use crate::error::{Error, Result};
use crate::eval::{Similarity, TripletEvaluator};
use crate::train::DataConfig;
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop eval triplets --model MODEL --data triplets.tsv
  twindrop eval triplets --model MODEL --data snli-dev.tsv --nli-triplets --similarity cosine

An anchor with several negatives makes a triplet with each. A tie is wrong.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct TripletsArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Triplets: anchor, positive, negative
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Make (premise, entailed, contradicted) triplets of inference pairs
    #[arg(long)]
    nli_triplets: bool,
    /// By how much the positive must be more alike, in the unit of each similarity
    #[arg(long, value_name = "X", default_value = "0")]
    margin: f64,
    /// cosine, dot, euclidean, manhattan [default: all four]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    similarity: Vec<Similarity>,
    #[command(flatten)]
    columns: ColumnArgs,
}

pub fn run(args: &TripletsArgs) -> Result<()> {
    args.task.check()?;
    let config = args.columns.of(args.data.clone());
    let data = DataConfig { nli_triplets: args.nli_triplets, ..config }.read()?;
    if data.width() < 3 {
        let has = data.columns.join(", ");
        let words = format!("has {has}, expected anchor, positive and negative");
        return Err(Error::data(&data.path, words));
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
    args.task.report("triplets", &title, &evaluator)
}

/// What a report calls a file.
pub fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
