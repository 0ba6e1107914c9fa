//! The flags of `twindrop eval`.

use super::task::EvalTask;
use crate::cli::shared::args::{ColumnArgs, EncodeArgs, ReportFormat};
use crate::eval::{Aggregation, Correlation, Protocol};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::vectors::Similarity;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval --model MODEL --data stsb-test.tsv
  twindrop eval --model MODEL --data sick.csv --score-scale 1..5 --format json
  twindrop eval --model MODEL --data pairs.tsv --columns sentence1,sentence2,score \\
      --pooling cls
  The seven English STS sets as SimCSE reports them, and two of them as SentEval does:
    twindrop eval --model MODEL --suite sts --data-dir DATA
    twindrop eval --model MODEL --suite sts --data-dir DATA --only sts12,stsb \\
        --protocol senteval
  Compare five seeds with the model they were trained from:
    twindrop eval --model out-1 --model out-2 --model out-3 --model out-4 --model out-5 \\
        --compare BASE --suite sts --data-dir DATA
  Pair classification, triplets, retrieval, and linear probing of frozen embeddings:
    twindrop eval pairs --help        twindrop eval triplets --help
    twindrop eval retrieval --help    twindrop eval probe --help
  Geometry of the embeddings (alignment, uniformity, effective rank, hubness):
    twindrop eval --model MODEL --data stsb-test.tsv --geometry

Protocols (--protocol):
  simcse    Spearman of cosine similarity over all pairs of a set
  consert   as simcse, with mean pooling of the last two layers
  sbert     Spearman and Pearson of four similarity functions over all pairs
  senteval  Pearson and Spearman of cosine similarity, mean and weighted mean over subsets
  mteb      Spearman and Pearson of cosine, Euclidean and Manhattan, original text
--aggregation, --correlation and --similarity override the protocol's metrics.

A suite is `sts`, `sts-zh`, `senteval-transfer` (logistic regression on frozen embeddings: MR, CR,
SUBJ, MPQA, SST2, TREC, MRPC) or a suite file (see eval/suites/). Files are .tsv, .csv
or .jsonl, or SentEval's folders as downloaded.";

const MODEL: &str = "Model";
const DATA: &str = "Data";
const METRICS: &str = "Metrics";
const OUTPUT: &str = "Output";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct EvalArgs {
    #[command(subcommand)]
    pub task: Option<EvalTask>,
    /// Model directory or hub id; repeat to list several models with mean and standard deviation
    #[arg(
        long,
        visible_alias = "model-name-or-path",
        value_name = "MODEL",
        required = true,
        help_heading = MODEL
    )]
    pub model: Vec<String>,
    /// Baseline to compare each --model with: difference, confidence interval and p-values
    #[arg(long, value_name = "MODEL", help_heading = MODEL)]
    pub compare: Option<String>,
    /// Evaluation set: pairs with gold scores
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "suite",
        required_unless_present = "suite",
        help_heading = DATA
    )]
    pub data: Option<PathBuf>,
    /// Suite of evaluation sets: sts, sts-zh, senteval-transfer, or a suite file (.toml)
    #[arg(long, value_name = "NAME|FILE", help_heading = DATA)]
    pub suite: Option<String>,
    /// Directory of the suite's data files [default: the directory of the suite file]
    #[arg(long, value_name = "DIR", conflicts_with = "data", help_heading = DATA)]
    pub data_dir: Option<PathBuf>,
    /// Evaluate only these sets of the suite
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with = "data",
        help_heading = DATA
    )]
    pub only: Vec<String>,
    /// Evaluation protocol: simcse, consert, sbert, senteval or mteb [default: simcse for a suite,
    /// sbert for a single file]
    #[arg(long, value_name = "NAME", help_heading = METRICS)]
    pub protocol: Option<Protocol>,
    /// Aggregation over subsets: all (concatenated), mean, wmean (weighted by pairs) [default: by
    /// --protocol]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = METRICS)]
    pub aggregation: Vec<Aggregation>,
    /// Correlation coefficients: spearman, pearson [default: by --protocol]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = METRICS)]
    pub correlation: Vec<Correlation>,
    #[command(flatten, next_help_heading = MODEL)]
    pub encode: EncodeArgs,
    /// Similarity functions: cosine, dot, euclidean, manhattan [default: by --protocol]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = METRICS)]
    pub similarity: Vec<Similarity>,
    /// Pooling to use instead of the model's own; repeat to compare several
    #[arg(long, value_delimiter = ',', help_heading = MODEL)]
    pub pooling: Vec<Pooling>,
    /// Number of bootstrap resamples for 95 % confidence intervals, and of permutations for p; 0
    /// disables both
    #[arg(long, value_name = "N", default_value = "10000", help_heading = METRICS)]
    pub bootstrap: usize,
    /// Also report the geometry of the embeddings: alignment, uniformity, mean cosine similarity,
    /// effective rank and hubness, over all sentences, by gold score and by length in tokens
    #[arg(long, help_heading = METRICS)]
    pub geometry: bool,
    /// Random seed of the bootstrap and the permutation test
    #[arg(long, value_name = "N", default_value = "42", help_heading = METRICS)]
    pub seed: u64,
    /// Output format
    #[arg(long, value_enum, default_value = "table", help_heading = OUTPUT)]
    pub format: ReportFormat,
    /// Also write the metrics to this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub output: Option<PathBuf>,
    /// Data type of matrix products: float32, int8, or bfloat16 (on CPUs with AVX-512 bf16)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "DTYPE", help_heading = MODEL)]
    pub dtype: Option<ComputeDtype>,
    /// Truncate sentences to N tokens [default: the model's own]
    #[arg(long, value_name = "N", help_heading = MODEL)]
    pub max_seq_length: Option<usize>,
    #[command(flatten, next_help_heading = DATA)]
    pub columns: ColumnArgs,
}
