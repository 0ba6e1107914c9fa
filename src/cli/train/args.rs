//! The flags of `twindrop train`, named as in Hugging Face's TrainingArguments.

use crate::cli::args::ColumnArgs;
use crate::cli::output::OutputArgs;
use crate::cli::resume::ResumeArgs;
use crate::data::BatchSampler;
use crate::heads::{ClassifierConfig, DenseConfig, ProjectionConfig};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::train::{Bytes, PhaseSampler, SaveStrategy, SchedulerType};
use crate::view::View;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
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
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
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
    /// Dtype of matrix products: float32 or bfloat16 (faster, where the CPU has it) [default:
    /// float32]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<ComputeDtype>,
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
    pub multi_dataset_batch_sampler: Option<PhaseSampler>,
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
    pub output: OutputArgs,
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
