//! The flags of `twindrop eval`.

use super::task::Task;
use crate::cli::args::{ColumnArgs, ReportFormat};
use crate::eval::{Aggregation, Correlation, Protocol, Similarity};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval --model MODEL --data stsb-test.tsv
  twindrop eval --model MODEL --data sick.csv --score-scale 1..5 --format json
  twindrop eval --model MODEL --data pairs.tsv --columns sentence1,sentence2,score --pooling cls
  The seven English sets as SimCSE reports them, and two of them as SentEval does:
    twindrop eval --model MODEL --suite sts --data-dir DATA
    twindrop eval --model MODEL --suite sts --data-dir DATA --only sts12,stsb --protocol senteval
  Are five seeds better than the model they started from?
    twindrop eval --model out-1 --model out-2 --model out-3 --model out-4 --model out-5 \\
        --compare BASE --suite sts --data-dir DATA
  Pairs of two kinds, triplets, search, and classifiers on frozen vectors:
    twindrop eval pairs --help        twindrop eval triplets --help
    twindrop eval retrieval --help    twindrop eval probe --help

  How do its vectors lie, and are pairs nearer that people find more alike?
    twindrop eval --model MODEL --data stsb-test.tsv --geometry

Protocols (--protocol):
  simcse    Spearman of the cosine over all pairs of a set
  consert   the same, sentences being the mean of the last two layers
  sbert     Spearman and Pearson of all four similarities over all pairs
  senteval  Pearson and Spearman of the cosine, mean and weighted mean of subsets
  mteb      Spearman and Pearson of cosine, Euclidean and Manhattan; reads original text
--aggregation, --correlation and --similarity choose figures one by one.

A suite is `sts`, `sts-zh` or a file of your own (see eval/suites/sts.toml). Files are our .tsv,
.csv or .jsonl, or SentEval's folders as they were downloaded.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct EvalArgs {
    #[command(subcommand)]
    pub task: Option<Task>,
    /// Model directory or hub id; given again, all are listed with mean and standard deviation
    #[arg(long, alias = "model-name-or-path", value_name = "MODEL", required = true)]
    pub model: Vec<String>,
    /// A model to compare each --model with: difference, interval and p
    #[arg(long, value_name = "MODEL")]
    pub compare: Option<String>,
    /// Scored pairs
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "suite",
        required_unless_present = "suite"
    )]
    pub data: Option<PathBuf>,
    /// Sets evaluated together: sts, sts-zh, or a file of your own (.toml)
    #[arg(long, value_name = "NAME|FILE")]
    pub suite: Option<String>,
    /// Where the suite's files are [default: the directory of your own suite]
    #[arg(long, value_name = "DIR", conflicts_with = "data")]
    pub data_dir: Option<PathBuf>,
    /// Only these sets of the suite
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "data")]
    pub only: Vec<String>,
    /// simcse, consert, sbert, senteval or mteb: which figures [default: simcse for a suite, sbert
    /// for one file]
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<Protocol>,
    /// How subsets join: all, mean, wmean
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub aggregation: Vec<Aggregation>,
    /// spearman, pearson
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub correlation: Vec<Correlation>,
    /// cosine, dot, euclidean, manhattan
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub similarity: Vec<Similarity>,
    /// Another pooling than the model's own; given again, all are listed
    #[arg(long, value_delimiter = ',')]
    pub pooling: Vec<Pooling>,
    /// Draws behind an interval (pairs, with replacement) and behind p (answers of two models
    /// swapped); 0 for neither
    #[arg(long, value_name = "N", default_value = "10000")]
    pub bootstrap: usize,
    /// How the vectors lie as well: alignment, uniformity, mean cosine, effective rank and
    /// hubness of all sentences, by gold score, and by length in tokens
    #[arg(long)]
    pub geometry: bool,
    /// What draws are a function of
    #[arg(long, value_name = "N", default_value = "42")]
    pub seed: u64,
    /// How to print the figures
    #[arg(long, value_enum, default_value = "table")]
    pub format: ReportFormat,
    /// Write the figures to this file too, as JSON, whatever is printed
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Dtype of matrix products: float32, int8, or where the CPU has it bfloat16 (faster)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<ComputeDtype>,
    /// Cut sentences at this many tokens
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}
