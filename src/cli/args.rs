//! Commands and shared flags of the command line, named as in Hugging Face's TrainingArguments.

use super::check_model::CheckModelArgs;
use super::completions::CompletionsArgs;
use super::doctor::DoctorArgs;
use super::embed::EmbedArgs;
use super::eval::EvalArgs;
use super::man::ManArgs;
use super::mine::MineCommand;
use super::quantize::QuantizeArgs;
use super::search::SearchArgs;
use super::train::TrainArgs;
use crate::data::{Format, Scale};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::train::DataConfig;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Train, evaluate and run sentence encoders on the CPU.
#[derive(Parser)]
#[command(version, max_term_width = 96, propagate_version = true, after_help = EXAMPLES)]
#[command(arg_required_else_help = false, args_override_self = true)]
pub struct Cli {
    /// Number of threads; results are the same for any number [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  twindrop train                                    # train a tiny model on the bundled sample
  twindrop train --model MODEL --data pairs.tsv --objective rdrop --output-dir out
  twindrop eval --model out --data sts-test.tsv
  twindrop eval --model out --suite sts --data-dir DATA
  twindrop embed --model out --input sentences.txt --output vectors.npy
  twindrop report out -o report.html";

#[derive(Subcommand)]
pub enum Command {
    /// Train a sentence encoder; without arguments, a tiny one on the bundled sample
    Train(Box<TrainArgs>),
    /// Evaluate a model: STS, pair classification, triplets, retrieval, probing
    Eval(Box<EvalArgs>),
    /// Compute sentence embeddings
    Embed(Box<EmbedArgs>),
    /// Semantic search: find the texts of a corpus most similar to each query
    Search(Box<SearchArgs>),
    /// Mine paraphrases or hard negatives, or remove near duplicates
    #[command(subcommand)]
    Mine(MineCommand),
    /// Quantize a model's weight matrices to int8
    Quantize(QuantizeArgs),
    /// Add a whitening or all-but-the-top layer to a model
    Whiten(super::whiten::WhitenArgs),
    /// List the published training recipes for `train --recipe`
    Recipes,
    /// Write an HTML report of training runs: results, training curves, geometry, worst pairs
    Report(super::report::ReportArgs),
    /// Check machine, model and data, and measure encoding and training speed
    Doctor(DoctorArgs),
    /// Check which programs can load a model directory
    CheckModel(CheckModelArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print the manual page, or write one page per command
    Man(ManArgs),
}

/// How the columns of data files are read.
#[derive(Args, Clone, Default, PartialEq)]
pub struct ColumnArgs {
    /// Role of each column, by position (`_` ignores a column) or as NAME=ROLE
    /// [default: by header or number of columns]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Range of the gold scores, as 0..5 [default: inferred from the data]
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    pub score_scale: Option<Scale>,
    /// File format: tsv, csv, jsonl or text [default: by file extension]
    #[arg(long, value_name = "FORMAT")]
    pub data_format: Option<Format>,
    /// Whether the first line is a header: true or false [default: detected]
    #[arg(long, value_name = "BOOL")]
    pub header: Option<bool>,
}

impl ColumnArgs {
    /// `data` with these options over its own.
    pub fn over(&self, data: DataConfig) -> DataConfig {
        let Self { columns, score_scale, data_format, header } = self.clone();
        DataConfig {
            format: data_format.or(data.format),
            header: header.or(data.header),
            columns: columns.or(data.columns),
            score_scale: score_scale.or(data.score_scale),
            ..data
        }
    }

    /// The file at `path` with these options.
    pub fn of(&self, path: PathBuf) -> DataConfig {
        let Self { columns, score_scale, data_format, header } = self.clone();
        let format = data_format;
        DataConfig { format, header, columns, score_scale, ..DataConfig::of(path) }
    }
}

/// A trained model and its options.
#[derive(Args)]
pub struct ModelArgs {
    /// Model directory or hub id
    #[arg(
        long,
        visible_alias = "model-name-or-path",
        value_name = "MODEL",
        help_heading = "Model"
    )]
    pub model: String,
    #[command(flatten, next_help_heading = "Model")]
    pub usage: UsageArgs,
}

/// Options of a loaded model.
#[derive(Args, Clone, Copy, Default)]
pub struct UsageArgs {
    /// Data type of matrix products: float32, int8, or bfloat16 (on CPUs with AVX-512 bf16)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "DTYPE")]
    pub dtype: Option<ComputeDtype>,
    /// Pooling to use instead of the model's own
    #[arg(long)]
    pub pooling: Option<Pooling>,
    /// Truncate sentences to N tokens [default: the model's own]
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
}

/// Output format of metrics.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Table, metrics × 100
    Table,
    /// JSON, metrics in −1..1, null if undefined
    Json,
}
