//! Commands and shared flags of the command line, named as in Hugging Face's TrainingArguments.

use super::check_model::CheckModelArgs;
use super::completions::CompletionsArgs;
use super::distill_static::DistillStaticArgs;
use super::doctor::DoctorArgs;
use super::embed::EmbedArgs;
use super::eval::EvalArgs;
use super::man::ManArgs;
use super::mine::MineCommand;
use super::predict::PredictArgs;
use super::quantize::QuantizeArgs;
use super::rerank::RerankArgs;
use super::search::SearchArgs;
use super::train::TrainArgs;
use clap::{Parser, Subcommand};
use std::num::NonZeroUsize;

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
    /// Predict the class or the score of texts or pairs with a trained head
    Predict(Box<PredictArgs>),
    /// Semantic search: find the texts of a corpus most similar to each query
    Search(Box<SearchArgs>),
    /// Order the documents of each query by a cross-encoder's scores
    Rerank(RerankArgs),
    /// Mine paraphrases or hard negatives, or remove near duplicates
    #[command(subcommand)]
    Mine(MineCommand),
    /// Quantize a model's weight matrices to int8
    Quantize(QuantizeArgs),
    /// Add a whitening or all-but-the-top layer to a model
    Whiten(super::whiten::WhitenArgs),
    /// Distil a static embedding model from a teacher, as model2vec does
    DistillStatic(DistillStaticArgs),
    /// List the published training recipes for `train --recipe`
    Recipes,
    /// Write an HTML report of training runs: results, curves, geometry, worst pairs
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
