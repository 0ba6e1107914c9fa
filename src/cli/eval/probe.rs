//! `twindrop eval probe`.

use super::super::args::ColumnArgs;
use super::task::TaskArgs;
use super::triplets::name;
use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{ProbeConfig, ProbeEvaluator};
use crate::heads::Feature;
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  SICK entailment as SentEval does it:
    twindrop eval probe --model MODEL --train sickr-train.tsv --dev sickr-dev.tsv \\
        --test sickr-test.tsv --columns _,_,sentence1,sentence2,class
  Single texts, C chosen by folds of the training set:
    twindrop eval probe --model MODEL --train train.tsv --test test.tsv --columns class,_,text
  One set, every text tested once by a classifier of the other folds:
    twindrop eval probe --model MODEL --train reviews.csv

A logistic regression with weights kept small (½‖W‖² + C Σ −log p) is fitted to vectors that
stay as they are. C is the one of --grid that is best on --dev, or by folds where there is
none.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct ProbeArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Texts or pairs with a class, to learn from
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// The same, to choose C by
    #[arg(long, value_name = "FILE")]
    dev: Option<PathBuf>,
    /// The same, to test
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// What is read of a pair: u, v, difference, product, max-square, joined by `/`
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = '/',
        default_value = "difference/product"
    )]
    features: Vec<Feature>,
    /// Values of C to choose from [default: SentEval's, powers of two from 1/4 to 8; from 1/2 to
    /// 32 by folds for a test set]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    grid: Vec<f64>,
    /// How many folds stand in for a set that is not given
    #[arg(long, value_name = "N", default_value = "10")]
    folds: usize,
    /// What the folds are a function of
    #[arg(long, value_name = "N", default_value = "1111")]
    fold_seed: u64,
    #[command(flatten)]
    columns: ColumnArgs,
}

pub fn run(args: &ProbeArgs) -> Result<()> {
    args.task.check()?;
    let read = |path: &Path| -> Result<Dataset> {
        let config = args.columns.of(path.to_path_buf());
        config.read()
    };
    let read_some = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
    let (train, dev, test) =
        (read(&args.train)?, read_some(&args.dev)?, read_some(&args.test)?);
    let config = ProbeConfig {
        features: args.features.clone(),
        grid: args.grid.clone(),
        folds: args.folds,
        seed: args.fold_seed,
    };
    let evaluator = ProbeEvaluator::new(&train, dev.as_ref(), test.as_ref(), config)?;
    args.task.report("probe", &name(&args.train), &evaluator)
}
