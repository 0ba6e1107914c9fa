//! The flags of `twindrop embed`.

use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::vectors::Precision;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop embed --model MODEL --input sentences.txt --output vectors.npy
  cat sentences.txt | twindrop embed --model MODEL --input - --output vectors.jsonl
  twindrop embed --model MODEL --input quora.csv --columns question=text \\
      --output q.safetensors
  Shards of a million rows, resumable:
    twindrop embed --model MODEL --input 'part-*.jsonl' --keep-columns id \\
        --output vectors --output-format parquet --shard-size 1000000 --resume
  int8 with ranges calibrated on the first 10,000 rows; more texts with the same ranges:
    twindrop embed --model MODEL --input a.txt --output a.npy --precision int8
    twindrop embed --model MODEL --input b.txt --output b.npy --precision int8 \\
        --ranges a.manifest.json

Rows are in the order of the input; blank lines are skipped and counted. Files are read to
their ends before any work, so that rows with missing cells are reported first (--on-missing).
Inputs may be compressed (.gz .zst). Memory use is independent of
the size of the input. Processes that share the work (--shard-size) are identified by --rank
and --world-size, or by the environment variables of torchrun, SLURM, Open MPI or MPICH.";

const DATA: &str = "Data";
const ENCODING: &str = "Encoding";
const PRECISION: &str = "Precision";
const SHARDS: &str = "Shards and processes";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct EmbedArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Input files (.txt .tsv .csv .jsonl .json .parquet), quoted glob patterns, or - for standard input
    /// (text unless --data-format is given)
    #[arg(long, value_name = "FILE", num_args = 1.., required = true, help_heading = DATA)]
    pub input: Vec<PathBuf>,
    /// Output file: .npy .jsonl .csv .safetensors or .parquet, or - for standard output; a
    /// directory with --shard-size
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    pub output: PathBuf,
    /// Output format: npy, jsonl, csv, safetensors or parquet [default: by file extension; npy for
    /// shards, jsonl for -]
    #[arg(long, value_name = "NAME", help_heading = DATA)]
    pub output_format: Option<String>,
    #[command(flatten, next_help_heading = DATA)]
    pub columns: ColumnArgs,
    /// Input columns to copy to the output (.parquet .jsonl .csv)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = DATA)]
    pub keep_columns: Vec<String>,
    /// Number of sentences encoded at once; affects speed and memory, not the embeddings
    #[arg(long, default_value = "32", value_name = "N", help_heading = ENCODING)]
    pub batch_size: usize,
    /// L2-normalize the embeddings, even if the model does not
    #[arg(long, visible_alias = "normalize", help_heading = ENCODING)]
    pub normalize_embeddings: bool,
    /// Truncate embeddings to their first N dimensions, after the model's own normalization
    /// [default: the model's truncate_dim]
    #[arg(long, value_name = "N", help_heading = ENCODING)]
    pub truncate_dim: Option<usize>,
    /// Fail on texts that are too long instead of truncating them
    #[arg(long, help_heading = ENCODING)]
    pub no_truncation: bool,
    /// Prompt to prepend to every text; empty to disable the model's default prompt
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "prompt_name",
        help_heading = ENCODING
    )]
    pub prompt: Option<String>,
    /// Name of the model's prompt to prepend to every text
    #[arg(long, value_name = "NAME", help_heading = ENCODING)]
    pub prompt_name: Option<String>,
    /// Precision of the output (embedding quantization): float32, float16, int8, uint8, binary or
    /// ubinary
    #[arg(long, value_name = "NAME", default_value = "float32", help_heading = PRECISION)]
    pub precision: Precision,
    /// Ranges for int8 and uint8: the manifest of an earlier run, or a .npy with rows of minima and
    /// maxima
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "calibration",
        help_heading = PRECISION
    )]
    pub ranges: Option<PathBuf>,
    /// Calibrate the ranges for int8 and uint8 on the embeddings of these texts
    #[arg(long, value_name = "FILE", help_heading = PRECISION)]
    pub calibration: Option<PathBuf>,
    /// Calibrate the ranges for int8 and uint8 on the first N rows
    #[arg(long, value_name = "N", default_value = "10000", help_heading = PRECISION)]
    pub calibration_rows: usize,
    /// Write shards of ROWS rows each and a manifest.json
    #[arg(long, value_name = "ROWS", help_heading = SHARDS)]
    pub shard_size: Option<u64>,
    /// Resume an interrupted run; start a new one if the output is empty
    #[arg(long, help_heading = SHARDS)]
    pub resume: bool,
    /// Rank of this process among those that share the work, from 0
    #[arg(long, value_name = "N", help_heading = SHARDS)]
    pub rank: Option<usize>,
    /// Number of processes that share the work
    #[arg(long, value_name = "N", help_heading = SHARDS)]
    pub world_size: Option<NonZeroUsize>,
}
