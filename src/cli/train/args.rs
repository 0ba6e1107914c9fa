//! The flags of `twindrop train`, named as in Hugging Face's TrainingArguments.

use crate::cli::output::OutputArgs;
use crate::cli::resume::ResumeArgs;
use crate::cli::shared::args::{ColumnArgs, DevColumnArgs, TestColumnArgs};
use crate::data::BatchSampler;
use crate::heads::{ClassifierConfig, DenseConfig, ProjectionConfig};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::train::{
    Bytes, ClassWeights, DevEvaluator, PhaseSampler, SaveStrategy, SchedulerType,
};
use crate::view::View;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  One objective:
    twindrop train --model MODEL --data stsb-train.tsv --dev stsb-dev.tsv \\
        --objective rdrop --num-train-epochs 4 --output-dir out
  Curriculum: InfoNCE on unlabelled sentences and R-Drop on scored pairs, alternating:
    twindrop train --model MODEL --objective simcse --data sentences.txt \\
        --objective rdrop --data stsb-train.tsv --output-dir out
  Weighted sum of two losses on the same pairs:
    twindrop train --model MODEL --objective rdrop+0.15*consert --data pairs.tsv \\
        --output-dir out
  ConSERT with custom augmentations:
    twindrop train --preset mini --data sentences.txt --objective consert \\
        --view1 token-cutoff=0.1 --view2 shuffle+dropout=off --output-dir out
  Large batch with gradient caching (GradCache):
    twindrop train --model MODEL --data pairs.tsv --objective mnrl \\
        --per-device-train-batch-size 1024 --mini-batch-size 32 --output-dir out
  Resume from the last checkpoint; continue for more epochs:
    twindrop train --resume --output-dir out
    twindrop train --resume --output-dir out --num-train-epochs 8
  Run file with one flag overridden:
    twindrop train --config run.toml --seed 43 --output-dir out-43

Columns are identified by the header, or by position: text | sentence1, sentence2, score |
subset, score, sentence1, sentence2 | premise, hypothesis, label | anchor, positive,
negative. A .csv has a header unless --header false; the first line of a .tsv is judged by its
names, else by the lines below it, and the decision is printed. Usual names are known: query,
question, document, passage, answer, pos, neg, sentence_A, question1, is_duplicate and others.";

const DATA: &str = "Data";
const MODEL: &str = "Model";
const OBJECTIVE: &str = "Objective";
const OPTIMIZER: &str = "Optimizer";
const EVALUATION: &str = "Evaluation";
const CHECKPOINTS: &str = "Checkpoints";

#[derive(Args, Default, PartialEq)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct TrainArgs {
    /// Run file (TOML) with the whole configuration; flags override its values
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Published recipe (see `twindrop recipes`); flags override its values, and --data fills its
    /// data slots in order, or by name as --data nli=FILE
    #[arg(long, value_name = "NAME", conflicts_with_all = ["config", "objective"])]
    pub recipe: Option<String>,
    /// Print the resolved configuration, steps, parameters and memory estimate, and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Random seed of data order, augmentations, dropout and weight initialization [default: 42]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Training file (.tsv .csv .jsonl .json .txt, perhaps .gz or .zst), or a file of a hub dataset (org/name:FILE); repeat
    /// once for each --objective
    #[arg(long, visible_alias = "train-file", value_name = "FILE", help_heading = DATA)]
    pub data: Vec<PathBuf>,
    /// Build (premise, entailment, contradiction) triplets from the NLI pairs of every --data, as
    /// in supervised SimCSE
    #[arg(long, help_heading = DATA)]
    pub nli_triplets: bool,
    #[command(flatten, next_help_heading = DATA)]
    pub columns: ColumnArgs,
    /// Number of examples in a batch [default: 32]
    #[arg(long, visible_alias = "batch-size", value_name = "N", help_heading = DATA)]
    pub per_device_train_batch_size: Option<usize>,
    /// Batch sampler of the DataLoader: shuffled, no-duplicates (no text occurs twice in a batch),
    /// group-by-label or group-by-length [default: shuffled]
    #[arg(long, value_name = "NAME", help_heading = DATA)]
    pub batch_sampler: Option<BatchSampler>,
    /// How objectives with separate data alternate: round-robin, or proportional to their number of
    /// batches [default: round-robin]
    #[arg(long, visible_alias = "mix", value_name = "NAME", help_heading = DATA)]
    pub multi_dataset_batch_sampler: Option<PhaseSampler>,

    /// Model to start from: a directory or a hub id (org/name or org/name@revision)
    #[arg(long, visible_alias = "model-name-or-path", value_name = "MODEL", help_heading = MODEL)]
    pub model: Option<String>,
    /// Start from randomly initialized weights instead: tiny or mini; the vocabulary is built from
    /// the training data
    #[arg(long, conflicts_with = "model", help_heading = MODEL)]
    pub preset: Option<String>,
    /// Pooling: cls, mean, max, mean_sqrt_len_tokens, weightedmean, lasttoken, first-last, last-two,
    /// or several concatenated with `+` [default: the model's own]
    #[arg(long, help_heading = MODEL)]
    pub pooling: Option<Pooling>,
    /// Truncate sentences to N tokens [default: the model's own]
    #[arg(long, value_name = "N", help_heading = MODEL)]
    pub max_seq_length: Option<usize>,
    /// Classification or regression head, comma-separated: features=LIST (of u, v, difference,
    /// product, max-square, separated by `/`) and dense on embeddings; sequence, the head of
    /// transformers' ...ForSequenceClassification, or joined, that head on the pair as one sequence
    /// (a cross-encoder); dropout=R [default: sequence for single texts, else features=u/v/difference]
    #[arg(long, value_name = "HEAD", help_heading = MODEL)]
    pub head: Option<ClassifierConfig>,
    /// Weights of the classes in the cross-entropy: balanced, or a file with a class, a tab and a
    /// weight on each line
    #[arg(long, value_name = "WEIGHTS", help_heading = OBJECTIVE)]
    pub class_weights: Option<ClassWeights>,
    /// Projection MLP used in training only: simcse, or hidden=N, out=N, norm=none|batch|layer,
    /// activation=NAME, side=both|first|second, comma-separated
    #[arg(long, value_name = "MLP", help_heading = MODEL)]
    pub projection: Option<ProjectionConfig>,
    /// Dense layer after the pooling, saved with the model: its output dimension, or
    /// out=N,activation=tanh|identity|relu|gelu,bias=true|false,residual=true|false
    #[arg(long, value_name = "DENSE", help_heading = MODEL)]
    pub dense: Option<DenseConfig>,
    /// Data type of matrix products: float32 or bfloat16 (faster on CPUs with AVX-512 bf16)
    /// [default: float32]
    #[arg(long, value_name = "DTYPE", help_heading = MODEL)]
    pub dtype: Option<ComputeDtype>,

    /// Training objective: rdrop, kl, consert (NT-Xent), simcse (InfoNCE), mnrl, cosent, angle,
    /// cosine-mse, softmax, regression, triplet, contrastive, online-contrastive, mlm or
    /// distillation; options follow a colon, as triplet:margin=1 or mnrl:dims=256/128/64
    /// (Matryoshka); a weighted sum is rdrop+0.15*consert; repeat the flag to alternate between
    /// objectives, each with its own --data
    #[arg(long, value_name = "NAME", help_heading = OBJECTIVE)]
    pub objective: Vec<String>,
    /// Temperature τ of contrastive objectives [default: as published: simcse 0.05, consert 0.1]
    #[arg(long, value_name = "X", help_heading = OBJECTIVE)]
    pub temperature: Option<f64>,
    /// Scale 1/τ, as in sentence-transformers
    #[arg(long, value_name = "X", conflicts_with = "temperature", help_heading = OBJECTIVE)]
    pub scale: Option<f64>,
    /// Weight α of R-Drop's KL or squared-difference term [default: 0.5]
    #[arg(long, value_name = "X", help_heading = OBJECTIVE)]
    pub alpha: Option<f64>,
    /// Augmentations of the first view, joined with `+`: shuffle, token-cutoff=R,
    /// feature-cutoff=R, element-cutoff=R, span=R, span-inside=R, adv=E (adversarial, FGV),
    /// pooling=NAME, none, and dropout=off|model|R for the encoder's own dropout
    #[arg(long, value_name = "VIEW", help_heading = OBJECTIVE)]
    pub view1: Option<View>,
    /// Augmentations of the second view, as --view1
    #[arg(long, value_name = "VIEW", help_heading = OBJECTIVE)]
    pub view2: Option<View>,
    /// Teacher of the objective distillation: a model, or a file of precomputed embeddings, one row
    /// for each text (.npy .safetensors)
    #[arg(long, value_name = "MODEL", help_heading = OBJECTIVE)]
    pub teacher: Option<String>,
    /// Fraction of tokens masked by the objective mlm [default: 0.15]
    #[arg(long, value_name = "R", help_heading = OBJECTIVE)]
    pub mlm_probability: Option<f64>,

    /// Number of epochs over the data of the first objective; with proportional mixing, over all
    /// data [default: 1]
    #[arg(long, visible_alias = "epochs", value_name = "X", help_heading = OPTIMIZER)]
    pub num_train_epochs: Option<f64>,
    /// Total number of optimizer steps, instead of epochs
    #[arg(long, value_name = "N", help_heading = OPTIMIZER)]
    pub max_steps: Option<u64>,
    /// Peak learning rate [default: 2e-5]
    #[arg(long, visible_alias = "lr", value_name = "X", help_heading = OPTIMIZER)]
    pub learning_rate: Option<f64>,
    /// Learning rate schedule: linear, cosine or constant [default: linear]
    #[arg(long, value_name = "NAME", help_heading = OPTIMIZER)]
    pub lr_scheduler_type: Option<SchedulerType>,
    /// Warm-up steps, or a fraction of all steps if below 1 [default: 0.1]
    #[arg(long, visible_alias = "warmup-ratio", value_name = "X", help_heading = OPTIMIZER)]
    pub warmup_steps: Option<f64>,
    /// Decoupled weight decay; biases and LayerNorm are exempt [default: 0.01]
    #[arg(long, value_name = "X", help_heading = OPTIMIZER)]
    pub weight_decay: Option<f64>,
    /// AdamW β₁ [default: 0.9]
    #[arg(long, value_name = "X", help_heading = OPTIMIZER)]
    pub adam_beta1: Option<f64>,
    /// AdamW β₂ [default: 0.999]
    #[arg(long, value_name = "X", help_heading = OPTIMIZER)]
    pub adam_beta2: Option<f64>,
    /// AdamW ε [default: 1e-8]
    #[arg(long, value_name = "X", help_heading = OPTIMIZER)]
    pub adam_epsilon: Option<f64>,
    /// Disable AdamW's bias correction, as ConSERT does
    #[arg(long, help_heading = OPTIMIZER)]
    pub no_bias_correction: bool,
    /// Update only the embedding rows used in a step (cheaper; results differ from AdamW)
    #[arg(long, help_heading = OPTIMIZER)]
    pub lazy_adam: bool,
    /// Maximum gradient norm for clipping; 0 disables clipping [default: 1]
    #[arg(long, value_name = "X", help_heading = OPTIMIZER)]
    pub max_grad_norm: Option<f64>,
    /// Number of batches whose gradients are accumulated in one step [default: 1]
    #[arg(long, value_name = "N", help_heading = OPTIMIZER)]
    pub gradient_accumulation_steps: Option<u64>,
    /// Gradient caching (GradCache): forward and backward in chunks of N sentences, which gives the
    /// gradient of the whole batch in the memory of one chunk; results are bit-identical for any N
    /// from 16 on
    #[arg(long, value_name = "N", help_heading = OPTIMIZER)]
    pub mini_batch_size: Option<usize>,
    /// Skip up to N steps whose loss or gradient is not finite, then abort [default: 5]
    #[arg(long, value_name = "N", help_heading = OPTIMIZER)]
    pub max_bad_steps: Option<u64>,
    /// Refuse to start if the memory estimate exceeds SIZE, as 8GiB [default: the machine's memory]
    #[arg(long, value_name = "SIZE", help_heading = OPTIMIZER)]
    pub max_memory: Option<Bytes>,

    /// Development set that selects the best model; repeat to follow several (metrics then begin with
    /// the name of the file, or NAME of NAME=FILE), of which the first selects
    #[arg(long, value_name = "FILE", help_heading = EVALUATION)]
    pub dev: Vec<PathBuf>,
    /// How --dev is evaluated, once or for each --dev: classification or regression (of the trained
    /// head), sts, pairs, triplets or retrieval [default: by its labels and what is trained]
    #[arg(long, value_name = "NAME", help_heading = EVALUATION)]
    pub dev_evaluator: Vec<DevEvaluator>,
    /// Metric that selects the best model, as accuracy, f1, f1_macro, mcc, log_loss, pearson, spearman
    /// or NAME_accuracy [default: accuracy, spearman … of the first --dev]
    #[arg(long, value_name = "METRIC", help_heading = EVALUATION)]
    pub metric_for_best_model: Option<String>,
    /// Whether a higher value of that metric is better [default: false for losses, mse and ece]
    #[arg(long, value_name = "BOOL", help_heading = EVALUATION)]
    pub greater_is_better: Option<bool>,
    /// Test set, evaluated before and after training as the first --dev is
    #[arg(long, value_name = "FILE", help_heading = EVALUATION)]
    pub test: Option<PathBuf>,
    #[command(flatten, next_help_heading = EVALUATION)]
    pub dev_columns: DevColumnArgs,
    #[command(flatten, next_help_heading = EVALUATION)]
    pub test_columns: TestColumnArgs,
    /// Evaluate on --dev every N steps; 0 evaluates only at the end [default: a tenth of the run]
    #[arg(long, value_name = "N", help_heading = EVALUATION)]
    pub eval_steps: Option<u64>,
    /// Stop after N evaluations without improvement [default: never]
    #[arg(long, value_name = "N", help_heading = EVALUATION)]
    pub early_stopping_patience: Option<u64>,

    /// Output directory for the trained model, its checkpoints and logs
    #[arg(long, value_name = "DIR", help_heading = CHECKPOINTS)]
    pub output_dir: Option<PathBuf>,
    /// Allow an output directory that is not empty
    #[arg(long, help_heading = CHECKPOINTS)]
    pub overwrite_output_dir: bool,
    /// Whether to save checkpoints: steps, or no [default: steps]
    #[arg(long, value_name = "NAME", help_heading = CHECKPOINTS)]
    pub save_strategy: Option<SaveStrategy>,
    /// Save a checkpoint every N steps, in addition to those at the end and on interruption
    #[arg(long, value_name = "N", help_heading = CHECKPOINTS)]
    pub save_steps: Option<u64>,
    /// Save a checkpoint when X minutes have passed since the last; 0 disables this [default: 10]
    #[arg(long, value_name = "X", help_heading = CHECKPOINTS)]
    pub save_minutes: Option<f64>,
    /// Number of checkpoints to keep; each includes the best model so far [default: 2]
    #[arg(long, value_name = "N", help_heading = CHECKPOINTS)]
    pub save_total_limit: Option<usize>,
    #[command(flatten, next_help_heading = CHECKPOINTS)]
    pub resume: ResumeArgs,

    #[command(flatten, next_help_heading = "Logging")]
    pub output: OutputArgs,
    #[command(flatten)]
    pub consert: ConsertArgs,
}

/// Augmentations under the option names of ConSERT's reference implementation.
#[derive(Args, Default, PartialEq)]
#[command(next_help_heading = "ConSERT option names")]
pub struct ConsertArgs {
    /// Augmentation of the first view: none, shuffle, token_cutoff, feature_cutoff, dropout (of
    /// single elements) or span
    #[arg(long, visible_alias = "da_final_1", value_name = "NAME", conflicts_with = "view1")]
    pub da_final_1: Option<String>,
    /// Augmentation of the second view
    #[arg(long, visible_alias = "da_final_2", value_name = "NAME", conflicts_with = "view2")]
    pub da_final_2: Option<String>,
    /// Rate of the first view's augmentation
    #[arg(
        long,
        visible_alias = "cutoff_rate_final_1",
        value_name = "R",
        requires = "da_final_1"
    )]
    pub cutoff_rate_final_1: Option<f64>,
    /// Rate of the second view's augmentation
    #[arg(
        long,
        visible_alias = "cutoff_rate_final_2",
        value_name = "R",
        requires = "da_final_2"
    )]
    pub cutoff_rate_final_2: Option<f64>,
    /// Disable the encoder's own dropout in both views
    #[arg(long, visible_alias = "no_dropout")]
    pub no_dropout: bool,
}

impl ConsertArgs {
    /// The two views, `None` for one without an option.
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
