//! The flags of `twindrop embed`.

use crate::cli::args::{ColumnArgs, ModelArgs};
use crate::vectors::Precision;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop embed --model MODEL --input sentences.txt --output vectors.npy
  cat sentences.txt | twindrop embed --model MODEL --input - --output vectors.jsonl
  twindrop embed --model MODEL --input quora.csv --columns question=text --output q.safetensors
  Shards of a million rows, which a run that was stopped goes on with:
    twindrop embed --model MODEL --input 'part-*.jsonl' --keep-columns id \\
        --output vectors --output-format parquet --shard-size 1000000 --resume
  One byte a number, stepped between the ranges of the first 10,000 rows; others by the same:
    twindrop embed --model MODEL --input a.txt --output a.npy --precision int8
    twindrop embed --model MODEL --input b.txt --output b.npy --precision int8 \\
        --ranges a.manifest.json

Rows come in the order of the input; blank lines are skipped. Memory does not grow with the input.
Processes that share the work by --shard-size are told apart by --rank and --world-size, or by
torchrun's, SLURM's, Open MPI's or MPICH's variables.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct EmbedArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Sentences (.txt .tsv .csv .jsonl .parquet), patterns in quotes, or - for standard input
    /// (text unless --data-format)
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub input: Vec<PathBuf>,
    /// Where the vectors go: .npy .jsonl .csv .safetensors or .parquet; with --shard-size a
    /// directory
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// npy, jsonl, csv, safetensors or parquet, where the extension does not say [default: npy]
    #[arg(long, value_name = "NAME")]
    pub output_format: Option<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Columns of the input to write beside the vectors (.parquet .jsonl .csv)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub keep_columns: Vec<String>,
    /// Sentences seen at once; changes speed and memory, not the vectors
    #[arg(long, default_value = "32", value_name = "N")]
    pub batch_size: usize,
    /// Scale vectors to length one, whatever the model says
    #[arg(long, alias = "normalize")]
    pub normalize_embeddings: bool,
    /// Keep only the first N numbers of each vector
    #[arg(long, value_name = "N")]
    pub truncate_dim: Option<usize>,
    /// Refuse sentences that are too long instead of cutting them
    #[arg(long)]
    pub no_truncation: bool,
    /// Put before every text; empty for none, not even the model's default
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_name")]
    pub prompt: Option<String>,
    /// The model's prompt of this name before every text
    #[arg(long, value_name = "NAME")]
    pub prompt_name: Option<String>,
    /// float32, float16, int8, uint8, binary or ubinary: how numbers are written
    #[arg(long, value_name = "NAME", default_value = "float32")]
    pub precision: Precision,
    /// Ranges of int8 and uint8: the manifest of an earlier run, or a .npy of lowest and highest
    /// numbers
    #[arg(long, value_name = "FILE", conflicts_with = "calibration")]
    pub ranges: Option<PathBuf>,
    /// Ranges of int8 and uint8 from the vectors of these texts
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Ranges of int8 and uint8 from the first N rows
    #[arg(long, value_name = "N", default_value = "10000")]
    pub calibration_rows: usize,
    /// Write files of N rows each, and a manifest.json
    #[arg(long, value_name = "ROWS")]
    pub shard_size: Option<u64>,
    /// Go on where an earlier run was stopped; with nothing there yet, begin
    #[arg(long)]
    pub resume: bool,
    /// The number of this process among those that share the work, from 0
    #[arg(long, value_name = "N")]
    pub rank: Option<usize>,
    /// How many processes share the work
    #[arg(long, value_name = "N")]
    pub world_size: Option<NonZeroUsize>,
}
