//! The command line. Flags are named as in Hugging Face's TrainingArguments.

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

/// Sentence embeddings, trained by seeing each sentence twice.
#[derive(Parser)]
#[command(version, max_term_width = 96, propagate_version = true, after_help = EXAMPLES)]
#[command(arg_required_else_help = false, args_override_self = true)]
pub struct Cli {
    /// Threads to use; all cores by default. Results do not depend on it
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
    /// Train a model on pairs or sentences; with no argument, a tiny one on the bundled sample
    Train(Box<TrainArgs>),
    /// Compare a model's similarities with people's scores; or pairs, triplets, retrieval, probe
    Eval(Box<EvalArgs>),
    /// Turn sentences into vectors
    Embed(Box<EmbedArgs>),
    /// Find the texts of a corpus nearest to queries
    Search(Box<SearchArgs>),
    /// Find paraphrases, hard negatives or near duplicates
    #[command(subcommand)]
    Mine(MineCommand),
    /// Write a model with its matrices in 8-bit integers
    Quantize(QuantizeArgs),
    /// Write a model whose vectors spread evenly: whitening, or all-but-the-top
    Whiten(super::whiten::WhitenArgs),
    /// List the published recipes that `train --recipe` runs
    Recipes,
    /// Write a page of what runs did: results, curves, plots, worst pairs
    Report(super::report::ReportArgs),
    /// Say whether machine, model and data are sound, and take a measured step
    Doctor(DoctorArgs),
    /// Say which programs load a model directory, and why another does not
    CheckModel(CheckModelArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(ManArgs),
}

/// What is known of the columns of data files.
#[derive(Args, Clone, Default, PartialEq)]
pub struct ColumnArgs {
    /// What each column is, by position (`_` ignores one) or as name=role
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// Range of the scores, as 0..5; found out where not given
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    pub score_scale: Option<Scale>,
    /// tsv, csv, jsonl or text, where the extension does not say
    #[arg(long, value_name = "FORMAT")]
    pub data_format: Option<Format>,
    /// Whether the first line names the columns
    #[arg(long, value_name = "BOOL")]
    pub header: Option<bool>,
}

impl ColumnArgs {
    /// What is said here over what is known of a file.
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

    /// A file of which this is known.
    pub fn of(&self, path: PathBuf) -> DataConfig {
        let Self { columns, score_scale, data_format, header } = self.clone();
        let format = data_format;
        DataConfig { format, header, columns, score_scale, ..DataConfig::of(path) }
    }
}

/// A trained model, and how to use it.
#[derive(Args)]
pub struct ModelArgs {
    /// Model directory or hub id
    #[arg(long, alias = "model-name-or-path", value_name = "MODEL")]
    pub model: String,
    #[command(flatten)]
    pub usage: UsageArgs,
}

/// How a model is used.
#[derive(Args, Clone, Copy, Default)]
pub struct UsageArgs {
    /// Dtype of matrix products: float32, int8, or where the CPU has it bfloat16 (faster)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<ComputeDtype>,
    /// Another pooling than the model's own
    #[arg(long)]
    pub pooling: Option<Pooling>,
    /// Cut sentences at this many tokens
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
}

/// Whom figures are printed for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people: × 100
    Table,
    /// For programs: −1..1, null where undefined
    Json,
}
