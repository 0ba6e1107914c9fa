//! `twindrop eval probe`.

use super::task_args::{TaskArgs, TaskPrompts};
use super::triplets::name;
use crate::cli::shared::args::{ColumnArgs, DevColumnArgs, TestColumnArgs};
use crate::cli::shared::notes::note_report;
use crate::data::Dataset;
use crate::error::Result;
use crate::eval::{ProbeConfig, ProbeEvaluator};
use crate::train::DataConfig;
use crate::vectors::PairFeature;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  SICK entailment as in SentEval:
    twindrop eval probe --model MODEL --train sickr-train.tsv --dev sickr-dev.tsv \\
        --test sickr-test.tsv --columns _,_,sentence1,sentence2,class
  Single texts, C chosen by cross-validation on the training set:
    twindrop eval probe --model MODEL --train train.tsv --test test.tsv \\
        --columns class,_,text
  A single set, evaluated by cross-validation:
    twindrop eval probe --model MODEL --train reviews.csv

Fits a logistic regression with L2 regularization (½‖W‖² + C Σ −log p) to frozen embeddings.
C is chosen from --grid by accuracy on --dev, or by cross-validation without --dev.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct ProbeArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Training set: texts or pairs with a class label
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    train: PathBuf,
    /// Development set, to choose C [default: cross-validation on --train]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    dev: Option<PathBuf>,
    /// Test set [default: cross-validation on --train]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    test: Option<PathBuf>,
    /// Features of a pair: u, v, difference, product, max-square, joined with `/`
    #[arg(
        long,
        help_heading = "Classifier",
        value_name = "LIST",
        value_delimiter = '/',
        default_value = "difference/product"
    )]
    features: Vec<PairFeature>,
    /// Values of C to choose from [default: as in SentEval, powers of two from 1/4 to 8; from 1/2
    /// to 32 with cross-validation and a test set]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Classifier")]
    grid: Vec<f64>,
    /// Number of cross-validation folds
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Classifier")]
    folds: usize,
    /// Random seed of the folds
    #[arg(long, value_name = "N", default_value = "1111", help_heading = "Classifier")]
    fold_seed: u64,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
    #[command(flatten, next_help_heading = "Data")]
    dev_columns: DevColumnArgs,
    #[command(flatten, next_help_heading = "Data")]
    test_columns: TestColumnArgs,
}

pub fn run(args: &ProbeArgs) -> Result<()> {
    let inputs = [Some(&args.train), args.dev.as_ref(), args.test.as_ref()];
    let inputs: Vec<_> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    args.task.check(&inputs)?;
    let read = |config: DataConfig| -> Result<Dataset> {
        let set = config.read()?.into_classes();
        note_report(&set.report);
        Ok(set)
    };
    let dev = args.dev.clone().map(|path| args.dev_columns.of(path, &args.columns));
    let test = args.test.clone().map(|path| args.test_columns.of(path, &args.columns));
    let train = read(args.columns.of(args.train.clone()))?;
    let (dev, test) = (dev.map(read).transpose()?, test.map(read).transpose()?);
    let config = ProbeConfig {
        features: args.features.clone(),
        grid: args.grid.clone(),
        folds: args.folds,
        seed: args.fold_seed,
    };
    let evaluator = ProbeEvaluator::new(&train, dev.as_ref(), test.as_ref(), config)?;
    let reports: Vec<_> = [Some(&train), dev.as_ref(), test.as_ref()]
        .into_iter()
        .flatten()
        .map(|set| &set.report)
        .collect();
    args.task.report("probe", &name(&args.train), &evaluator, &reports, &TaskPrompts::default())
}
