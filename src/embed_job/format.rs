//! What a file of vectors is.

use crate::error::{Error, Result};
use std::path::Path;

/// The form of a file of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// NumPy's format 1.0: one matrix.
    Npy,
    /// One tensor called `embeddings`.
    Safetensors,
    /// `{"text": …, "embedding": […]}` a line, kept columns between.
    Jsonl,
    /// `text`, kept columns, then a column for each number.
    Csv,
    /// Columns `text`, those kept, and `embedding`, a list.
    Parquet,
}

impl OutputFormat {
    /// What a file's extension says.
    pub fn of(path: &Path) -> Option<Self> {
        Self::named(path.extension()?.to_str()?)
    }

    /// The form that `name`, an extension, stands for.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "npy" => Self::Npy,
            "safetensors" => Self::Safetensors,
            "jsonl" => Self::Jsonl,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            _ => return None,
        })
    }

    /// Its extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Safetensors => "safetensors",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Whether it has a place for columns beside the vectors.
    pub fn keeps_columns(self) -> bool {
        !matches!(self, Self::Npy | Self::Safetensors)
    }

    /// Refuses what cannot be written.
    ///
    /// # Errors
    /// Where columns are to be kept and have no place, or the program was built without parquet.
    pub fn check(self, keep: &[String]) -> Result<()> {
        if self == Self::Parquet && !cfg!(feature = "parquet") {
            let message = "this twindrop was built without parquet; build it with `--features parquet`, or write .npy, .jsonl, .csv or .safetensors";
            return Err(Error::config(message));
        }
        if !keep.is_empty() && !self.keeps_columns() {
            return Err(Error::config(format!(
                ".{} cannot store columns beside the embeddings; write .parquet, .jsonl or .csv",
                self.name()
            )));
        }
        if let Some(name) = keep.iter().find(|name| ["text", "embedding"].contains(&&***name)) {
            return Err(Error::config(format!(
                "column {name} cannot be kept: the output already has a column of that name"
            )));
        }
        Ok(())
    }
}
