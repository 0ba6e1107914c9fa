//! The command line. Flags are named as in Hugging Face's TrainingArguments.

use super::check_model::CheckModelArgs;
use super::completions::CompletionsArgs;
use super::doctor::DoctorArgs;
use super::embed::EmbedArgs;
use super::man::ManArgs;
use super::mine::MineCommand;
use super::resume::ResumeArgs;
use super::search::SearchArgs;
use super::told::ToldArgs;
use crate::data::{BatchSampler, Format, Scale};
use crate::eval::{Aggregation, Correlation, Protocol, Similarity};
use crate::heads::{ClassifierConfig, DenseConfig, ProjectionConfig};
use crate::nn::Arithmetic;
use crate::pooling::Pooling;
use crate::train::{Bytes, DataConfig, Mix, SaveStrategy, SchedulerType};
use crate::view::View;
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

const TRAIN_EXAMPLES: &str = "\
Examples:
  One objective:
    twindrop train --model MODEL --data stsb-train.tsv --dev stsb-dev.tsv \\
        --objective rdrop --num-train-epochs 4 --output-dir out
  InfoNCE on plain sentences and R-Drop on scored pairs in turn:
    twindrop train --model MODEL --objective simcse --data sentences.txt \\
        --objective rdrop --data stsb-train.tsv --output-dir out
  Both losses at once on the same pairs:
    twindrop train --model MODEL --objective rdrop+0.15*consert --data pairs.tsv --output-dir out
  ConSERT with views of one's own:
    twindrop train --preset mini --data sentences.txt --objective consert \\
        --view1 token-cutoff=0.1 --view2 shuffle+dropout=off --output-dir out
  Go on after Ctrl-C, a crash or a kill, or for longer:
    twindrop train --resume --output-dir out
    twindrop train --resume --output-dir out --num-train-epochs 8
  A run file, one flag changed:
    twindrop train --config run.toml --seed 43 --output-dir out-43

Columns are found by a header, or by position: text | sentence1, sentence2, score |
subset, score, sentence1, sentence2 | premise, hypothesis, label | anchor, positive, negative.";

#[derive(Args, Default, PartialEq)]
#[command(after_help = TRAIN_EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct TrainArgs {
    /// A run file (TOML); flags win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A published recipe (see `twindrop recipes`); flags win over it, --data fills its slots in
    /// order, or by name as --data nli=FILE
    #[arg(long, value_name = "NAME", conflicts_with_all = ["config", "objective"])]
    pub recipe: Option<String>,
    /// Print what the run would do (its plan, steps, parameters and memory), and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Model directory, or hub id (org/name, org/name@revision), to start from
    #[arg(long, alias = "model-name-or-path", value_name = "MODEL")]
    pub model: Option<String>,
    /// Start from random weights instead: tiny or mini; the vocabulary is learnt from the data
    #[arg(long, conflicts_with = "model")]
    pub preset: Option<String>,
    /// Training file (.tsv .csv .jsonl .txt); given again for each objective
    #[arg(long, alias = "train-file", value_name = "FILE")]
    pub data: Vec<PathBuf>,
    /// rdrop, kl, consert, simcse, mnrl, cosent, angle, cosine-mse, softmax, regression, triplet,
    /// contrastive, online-contrastive, mlm or distillation; options behind a colon, as
    /// triplet:margin=1 or mnrl:dims=256/128; joined as `rdrop+0.15*consert`; given again,
    /// objectives take turns, each on its own --data
    #[arg(long, value_name = "NAME")]
    pub objective: Vec<String>,
    /// Make (premise, entailed, contradicted) triplets of the inference pairs in every --data,
    /// as supervised SimCSE contrasts them
    #[arg(long)]
    pub nli_triplets: bool,
    /// Scored pairs that choose the best model
    #[arg(long, value_name = "FILE")]
    pub dev: Option<PathBuf>,
    /// Scored pairs to report before and after
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// Directory for the trained model
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Write into an output directory that is not empty
    #[arg(long)]
    pub overwrite_output_dir: bool,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// cls, mean, max, mean_sqrt_len_tokens, weightedmean, lasttoken, first-last, last-two …
    #[arg(long)]
    pub pooling: Option<Pooling>,
    /// Cut sentences at this many tokens
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
    /// Head of objectives over classes or predicted scores: features=u/v/difference/product/
    /// max-square, or joined (a pair as one sequence), dense, dropout=R; joined by commas
    #[arg(long, value_name = "HEAD")]
    pub head: Option<ClassifierConfig>,
    /// Projection that only training sees: simcse, or hidden=N, out=N, norm=none|batch|layer,
    /// activation=NAME, side=both|first|second; joined by commas
    #[arg(long, value_name = "MLP")]
    pub projection: Option<ProjectionConfig>,
    /// Dense layer after the pooling that stays with the model: its width, or
    /// out=N,activation=tanh|identity|relu|gelu
    #[arg(long, value_name = "DENSE")]
    pub dense: Option<DenseConfig>,
    /// Model whose embeddings are learnt (objective distillation), or a file of vectors, one for
    /// each text (.npy .safetensors)
    #[arg(long, value_name = "MODEL")]
    pub teacher: Option<String>,
    /// Share of words that the objective mlm asks for [default: 0.15]
    #[arg(long, value_name = "R")]
    pub mlm_probability: Option<f64>,
    /// Arithmetic of matrix products: float32 or bfloat16 (faster, where the CPU has it) [default:
    /// float32]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Arithmetic>,
    /// Examples of a batch [default: 32]
    #[arg(long, alias = "batch-size", value_name = "N")]
    pub per_device_train_batch_size: Option<usize>,
    /// Which examples come together in a batch: shuffled, no-duplicates (no text twice),
    /// group-by-label or group-by-length [default: shuffled]
    #[arg(long, value_name = "NAME")]
    pub batch_sampler: Option<BatchSampler>,
    /// How objectives take turns: round-robin, or proportional to the batches of their data
    /// [default: round-robin]
    #[arg(long, alias = "mix", value_name = "NAME")]
    pub multi_dataset_batch_sampler: Option<Mix>,
    /// Look at N sentences of a batch at a time, and again on the way back: the gradient of a
    /// large batch in the memory of a small one; any N from 16 on gives the same bits
    #[arg(long, value_name = "N")]
    pub mini_batch_size: Option<usize>,
    /// Epochs over the data of the first objective; mixed in proportion, of all [default: 1]
    #[arg(long, alias = "epochs", value_name = "X")]
    pub num_train_epochs: Option<f64>,
    /// Steps in all, instead of epochs
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// Highest learning rate [default: 2e-5]
    #[arg(long, alias = "lr", value_name = "X")]
    pub learning_rate: Option<f64>,
    /// linear, cosine or constant [default: linear]
    #[arg(long, value_name = "NAME")]
    pub lr_scheduler_type: Option<SchedulerType>,
    /// Steps of warm-up, or a fraction of all below 1 [default: 0.1]
    #[arg(long, alias = "warmup-ratio", value_name = "X")]
    pub warmup_steps: Option<f64>,
    /// Decoupled weight decay, not on biases and LayerNorm [default: 0.01]
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f64>,
    /// AdamW's β₁ [default: 0.9]
    #[arg(long, value_name = "X")]
    pub adam_beta1: Option<f64>,
    /// AdamW's β₂ [default: 0.999]
    #[arg(long, value_name = "X")]
    pub adam_beta2: Option<f64>,
    /// AdamW's ε [default: 1e-8]
    #[arg(long, value_name = "X")]
    pub adam_epsilon: Option<f64>,
    /// AdamW without bias correction, as ConSERT trains
    #[arg(long)]
    pub no_bias_correction: bool,
    /// Leave rows of embedding tables alone in steps that do not look them up (cheaper, not the
    /// same result)
    #[arg(long)]
    pub lazy_adam: bool,
    /// Clip the gradient's norm here; 0 never clips [default: 1]
    #[arg(long, value_name = "X")]
    pub max_grad_norm: Option<f64>,
    /// Batches whose gradients make one step [default: 1]
    #[arg(long, value_name = "N")]
    pub gradient_accumulation_steps: Option<u64>,
    /// Evaluate --dev every N steps; 0 only at the end [default: a tenth of the run]
    #[arg(long, value_name = "N")]
    pub eval_steps: Option<u64>,
    /// Stop after N evaluations without a better one
    #[arg(long, value_name = "N")]
    pub early_stopping_patience: Option<u64>,
    /// Whether to write checkpoints to --output-dir: steps, or no [default: steps]
    #[arg(long, value_name = "NAME")]
    pub save_strategy: Option<SaveStrategy>,
    /// Write a checkpoint every N steps (and at the end, and when the run is interrupted)
    #[arg(long, value_name = "N")]
    pub save_steps: Option<u64>,
    /// Write a checkpoint when X minutes have passed since the last; 0 never [default: 10]
    #[arg(long, value_name = "X")]
    pub save_minutes: Option<f64>,
    /// Keep the last N checkpoints; each holds the best model too [default: 2]
    #[arg(long, value_name = "N")]
    pub save_total_limit: Option<usize>,
    #[command(flatten)]
    pub resume: ResumeArgs,
    /// Skip N steps whose loss or gradient is not finite, then stop [default: 5]
    #[arg(long, value_name = "N")]
    pub max_bad_steps: Option<u64>,
    /// Refuse a run that takes more memory, as 8GiB [default: the machine's]
    #[arg(long, value_name = "SIZE")]
    pub max_memory: Option<Bytes>,
    /// Seed of orders, views, dropout and fresh weights [default: 42]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// τ of in-batch objectives [default: the paper's: simcse 0.05, consert 0.1]
    #[arg(long, value_name = "X")]
    pub temperature: Option<f64>,
    /// 1/τ, as sentence-transformers says it
    #[arg(long, value_name = "X", conflicts_with = "temperature")]
    pub scale: Option<f64>,
    /// α, the weight of agreement in R-Drop [default: 0.5]
    #[arg(long, value_name = "X")]
    pub alpha: Option<f64>,
    /// First view: shuffle, token-cutoff=R, feature-cutoff=R, element-cutoff=R, span=R,
    /// span-inside=R, adv=E, pooling=NAME, none, and dropout=off|model|R for the network's own
    /// dropout; joined by `+`
    #[arg(long, value_name = "VIEW")]
    pub view1: Option<View>,
    /// Second view
    #[arg(long, value_name = "VIEW")]
    pub view2: Option<View>,
    #[command(flatten)]
    pub consert: ConsertArgs,
    #[command(flatten)]
    pub told: ToldArgs,
}

/// The names that ConSERT's own code has for views.
#[derive(Args, Default, PartialEq)]
#[command(next_help_heading = "As ConSERT's code has it")]
pub struct ConsertArgs {
    /// First view: none, shuffle, token_cutoff, feature_cutoff, dropout (of single cells), span
    #[arg(long, alias = "da_final_1", value_name = "NAME", conflicts_with = "view1")]
    pub da_final_1: Option<String>,
    /// Second view
    #[arg(long, alias = "da_final_2", value_name = "NAME", conflicts_with = "view2")]
    pub da_final_2: Option<String>,
    /// Its rate in the first view
    #[arg(long, alias = "cutoff_rate_final_1", value_name = "R", requires = "da_final_1")]
    pub cutoff_rate_final_1: Option<f64>,
    /// Its rate in the second view
    #[arg(long, alias = "cutoff_rate_final_2", value_name = "R", requires = "da_final_2")]
    pub cutoff_rate_final_2: Option<f64>,
    /// The network's own dropout off, in both views
    #[arg(long, alias = "no_dropout")]
    pub no_dropout: bool,
}

impl ConsertArgs {
    /// The two views in our own spelling, where any was named.
    ///
    /// # Errors
    /// Where a name is unknown.
    pub fn views(&self) -> crate::Result<[Option<View>; 2]> {
        let named = [
            (&self.da_final_1, self.cutoff_rate_final_1),
            (&self.da_final_2, self.cutoff_rate_final_2),
        ];
        let mut views = [None, None];
        for (view, (name, rate)) in views.iter_mut().zip(named) {
            let Some(name) = name else { continue };
            let name = if name == "dropout" { "element-cutoff" } else { name };
            let rate = rate.map_or_else(String::new, |rate| format!("={rate}"));
            let off = if self.no_dropout { "+dropout=off" } else { "" };
            *view = Some(format!("{name}{rate}{off}").parse()?);
        }
        Ok(views)
    }
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
    /// Arithmetic of matrix products: float32, or where the CPU has it bfloat16 or int8 (faster)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Arithmetic>,
    /// Another pooling than the model's own
    #[arg(long)]
    pub pooling: Option<Pooling>,
    /// Cut sentences at this many tokens
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
}

const EVAL_EXAMPLES: &str = "\
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
#[command(after_help = EVAL_EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub struct EvalArgs {
    #[command(subcommand)]
    pub task: Option<super::eval::Task>,
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
    /// Arithmetic of matrix products: float32, or where the CPU has it bfloat16 or int8 (faster)
    /// [default: float32; int8 for a quantized model]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Arithmetic>,
    /// Cut sentences at this many tokens
    #[arg(long, value_name = "N")]
    pub max_seq_length: Option<usize>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people: × 100
    Table,
    /// For programs: −1..1, null where undefined
    Json,
}

const QUANTIZE_EXAMPLES: &str = "\
Examples:
  twindrop quantize MODEL --output-dir MODEL-int8
  twindrop embed --model MODEL-int8 --input sentences.txt --output vectors.npy

Each output channel of a matrix has its scale; nothing is calibrated. Embedding tables, biases and
LayerNorm stay as they are.";

#[derive(Args)]
#[command(after_help = QUANTIZE_EXAMPLES)]
pub struct QuantizeArgs {
    /// Model directory or hub id
    pub model: String,
    /// Directory for the quantized model
    #[arg(long, value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Write into an output directory that is not empty
    #[arg(long)]
    pub overwrite_output_dir: bool,
}
