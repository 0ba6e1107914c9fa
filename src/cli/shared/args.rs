//! Options that several commands share.

use crate::data::{Format, Scale};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::train::DataConfig;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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
