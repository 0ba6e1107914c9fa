//! Options that several commands share.

use crate::data::{Delimiter, Format, OnMissing, Scale};
use crate::error::{Error, Result};
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use crate::train::DataConfig;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;

/// Roles of columns as a flag gives them: separated by commas, those of a name with a comma in
/// quotes, as `"a, b"=text,c=label`.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnList(pub Vec<String>);

impl FromStr for ColumnList {
    type Err = Error;

    fn from_str(list: &str) -> Result<Self> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(list.as_bytes());
        let record = reader.records().next().transpose();
        let record = record.map_err(|error| Error::config(error.to_string()))?;
        let record = record.unwrap_or_default();
        Ok(Self(record.iter().map(|column| column.trim().to_string()).collect()))
    }
}

/// How data files are read.
#[derive(Args, Clone, Default, PartialEq)]
pub struct ColumnArgs {
    /// Role of each column, by position (`_` ignores a column) or as NAME=ROLE, names with a comma
    /// in quotes [default: by header or number of columns]
    #[arg(long, value_name = "LIST")]
    pub columns: Option<ColumnList>,
    /// Range of the gold scores, as 0..5 [default: by their minimum and maximum]
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    pub score_scale: Option<Scale>,
    /// File format: tsv, csv, jsonl, json or text [default: by file extension]
    #[arg(long, value_name = "FORMAT")]
    pub data_format: Option<Format>,
    /// Whether the first line is a header: true or false [default: true for .csv, detected for
    /// .tsv]
    #[arg(long, value_name = "BOOL")]
    pub header: Option<bool>,
    /// Character between fields: one character, or tab, comma, semicolon, pipe [default: tab for
    /// .tsv, detected for .csv]
    #[arg(long, value_name = "CHAR")]
    pub delimiter: Option<Delimiter>,
    /// Read scores with a decimal comma, as 4,5
    #[arg(long)]
    pub decimal_comma: bool,
    /// Rows with empty, null or NaN cells: error, skip (leave them out) or blank (read an empty
    /// text) [default: error]
    #[arg(long, value_name = "NAME")]
    pub on_missing: Option<OnMissing>,
}

impl ColumnArgs {
    /// `data` with these options over its own.
    pub fn over(&self, data: DataConfig) -> DataConfig {
        let Self { columns, score_scale, data_format, header, delimiter, .. } = self.clone();
        DataConfig {
            format: data_format.or(data.format),
            header: header.or(data.header),
            columns: columns.map(|list| list.0).or(data.columns),
            score_scale: score_scale.or(data.score_scale),
            delimiter: delimiter.or(data.delimiter),
            decimal_comma: self.decimal_comma || data.decimal_comma,
            on_missing: self.on_missing.unwrap_or(data.on_missing),
            ..data
        }
    }

    /// The file at `path` with these options.
    pub fn of(&self, path: PathBuf) -> DataConfig {
        self.over(DataConfig::of(path))
    }
}

/// The options of a file of its own over those of all files: `$name` with flags that begin with
/// `--$prefix-`.
macro_rules! file_args {
    ($name:ident, $what:literal, $columns:literal, $scale:literal, $format:literal, $header:literal,
     $delimiter:literal, $comma:literal) => {
        #[doc = concat!("How ", $what, " is read, where that differs from other files.")]
        #[derive(Args, Clone, Default, PartialEq)]
        pub struct $name {
            #[doc = concat!("Role of each column of ", $what, " [default: --columns]")]
            #[arg(id = $columns, long = $columns, value_name = "LIST")]
            pub columns: Option<ColumnList>,
            #[doc = concat!("Range of the gold scores of ", $what, " [default: --score-scale]")]
            #[arg(id = $scale, long = $scale, value_name = "LOW..HIGH", allow_hyphen_values = true)]
            pub score_scale: Option<Scale>,
            #[doc = concat!("File format of ", $what, " [default: --data-format]")]
            #[arg(id = $format, long = $format, value_name = "FORMAT")]
            pub data_format: Option<Format>,
            #[doc = concat!("Whether the first line of ", $what, " is a header [default: --header]")]
            #[arg(id = $header, long = $header, value_name = "BOOL")]
            pub header: Option<bool>,
            #[doc = concat!("Character between the fields of ", $what, " [default: --delimiter]")]
            #[arg(id = $delimiter, long = $delimiter, value_name = "CHAR")]
            pub delimiter: Option<Delimiter>,
            #[doc = concat!("Read scores of ", $what, " with a decimal comma")]
            #[arg(id = $comma, long = $comma)]
            pub decimal_comma: bool,
        }

        impl $name {
            /// The file at `path` with these options, and those of `all` where it has none.
            pub fn of(&self, path: PathBuf, all: &ColumnArgs) -> DataConfig {
                let own = self.clone();
                let own = ColumnArgs {
                    columns: own.columns,
                    score_scale: own.score_scale,
                    data_format: own.data_format,
                    header: own.header,
                    delimiter: own.delimiter,
                    decimal_comma: own.decimal_comma,
                    on_missing: None,
                };
                own.over(all.of(path))
            }
        }
    };
}

file_args!(
    DevColumnArgs,
    "the development set",
    "dev-columns",
    "dev-score-scale",
    "dev-data-format",
    "dev-header",
    "dev-delimiter",
    "dev-decimal-comma"
);
file_args!(
    TestColumnArgs,
    "the test set",
    "test-columns",
    "test-score-scale",
    "test-data-format",
    "test-header",
    "test-delimiter",
    "test-decimal-comma"
);
file_args!(
    CorpusColumnArgs,
    "the corpus",
    "corpus-columns",
    "corpus-score-scale",
    "corpus-data-format",
    "corpus-header",
    "corpus-delimiter",
    "corpus-decimal-comma"
);

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

/// The prompt of an evaluation, and the dimensions it keeps.
#[derive(Args, Clone, Default)]
pub struct EncodeArgs {
    /// Text before every text [default: the model's own prompts]
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt_name")]
    pub prompt: Option<String>,
    /// Name of one of the model's prompts, put before every text
    #[arg(long, value_name = "NAME")]
    pub prompt_name: Option<String>,
    /// Keep only the first N dimensions of embeddings [default: the model's own truncate_dim]
    #[arg(long, value_name = "N")]
    pub truncate_dim: Option<usize>,
}

impl EncodeArgs {
    /// A model's options of encoding.
    ///
    /// # Errors
    /// Where the model has no prompt of that name.
    pub fn options(&self, model: &SentenceEncoder) -> Result<EncodeOptions> {
        let named = self.prompt_name.as_deref().map(|name| model.prompts().named(name));
        let prompt = self.prompt.clone().or(named.transpose()?.map(String::from));
        let truncate_dim = self.truncate_dim;
        Ok(EncodeOptions { prompt, truncate_dim, ..EncodeOptions::default() })
    }
}

/// Output format of metrics.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Table, metrics × 100
    Table,
    /// JSON, metrics in −1..1, null if undefined
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_comma_is_given_in_quotes() {
        let list = |text: &str| text.parse::<ColumnList>().unwrap().0;
        assert_eq!(list("_,text"), ["_", "text"]);
        assert_eq!(list("\"a, b\"=text, c=label"), ["a, b=text", "c=label"]);
        assert_eq!(list("\"say \"\"hi\"\", then\"=text"), ["say \"hi\", then=text"]);
    }
}
