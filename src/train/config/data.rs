//! A data file of a run.

use crate::data::{self, Dataset, Delimiter, Format, OnMissing, ReadOptions, Scale};
use crate::error::Result;
use crate::hub;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A data file and what is known of it; in TOML a bare path will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Spelled", rename_all = "kebab-case")]
pub struct DataConfig {
    /// The file.
    pub path: PathBuf,
    /// `tsv`, `csv`, `jsonl` or `text`; by extension where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Whether a header names the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// What the columns are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The range of the scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_scale: Option<Scale>,
    /// What separates the fields of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Whether `4,5` is a score of 4.5.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decimal_comma: bool,
    /// What becomes of rows with a missing cell: `error`, `skip` or `blank`.
    #[serde(skip_serializing_if = "is_default")]
    pub on_missing: OnMissing,
    /// Make (premise, entailed, contradicted) triplets of inference pairs.
    pub nli_triplets: bool,
    /// What a development set is called in metrics; the name of its file by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

fn is_default(on_missing: &OnMissing) -> bool {
    *on_missing == OnMissing::default()
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a path, or a table with path, format, header, columns, score-scale, delimiter, decimal-comma, on-missing, nli-triplets, name"
)]
enum Spelled {
    Path(PathBuf),
    Full(Full),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Full {
    path: PathBuf,
    format: Option<Format>,
    header: Option<bool>,
    columns: Option<Vec<String>>,
    score_scale: Option<Scale>,
    delimiter: Option<Delimiter>,
    #[serde(default)]
    decimal_comma: bool,
    #[serde(default)]
    on_missing: OnMissing,
    #[serde(default)]
    nli_triplets: bool,
    name: Option<String>,
}

impl From<Spelled> for DataConfig {
    fn from(spelled: Spelled) -> Self {
        match spelled {
            Spelled::Path(path) => Self::of(path),
            Spelled::Full(full) => Self {
                path: full.path,
                format: full.format,
                header: full.header,
                columns: full.columns,
                score_scale: full.score_scale,
                delimiter: full.delimiter,
                decimal_comma: full.decimal_comma,
                on_missing: full.on_missing,
                nli_triplets: full.nli_triplets,
                name: full.name,
            },
        }
    }
}

/// One data file, or a list of them; one is written as it is.
pub(super) mod one_or_more {
    use super::DataConfig;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected a path, or a table with path, format, header, columns, score-scale, delimiter, decimal-comma, on-missing, nli-triplets, name, or a list of these"
    )]
    enum OneOrMore {
        More(Vec<DataConfig>),
        One(DataConfig),
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        value: D,
    ) -> Result<Vec<DataConfig>, D::Error> {
        Ok(match OneOrMore::deserialize(value)? {
            OneOrMore::One(one) => vec![one],
            OneOrMore::More(more) => more,
        })
    }

    pub fn serialize<S: Serializer>(files: &[DataConfig], to: S) -> Result<S::Ok, S::Error> {
        match files {
            [one] => one.serialize(to),
            more => more.serialize(to),
        }
    }
}

impl DataConfig {
    /// A file of which nothing else is known.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            header: None,
            columns: None,
            score_scale: None,
            delimiter: None,
            decimal_comma: false,
            on_missing: OnMissing::default(),
            nli_triplets: false,
            name: None,
        }
    }

    /// The examples of the file, or of a dataset's file on the hub.
    ///
    /// # Errors
    /// Where it cannot be had, or holds something it should not.
    pub fn read(&self) -> Result<Dataset> {
        let set = data::read(&hub::data(&self.path)?, &self.options())?;
        // a recipe that makes triplets of inference pairs takes triplets too
        if !self.nli_triplets || (set.width() > 2 && !set.is_labelled()) {
            return Ok(set);
        }
        let mut triplets = data::contrast_triplets(&set)?;
        let (made, pairs) = (triplets.examples.len(), set.examples.len());
        let note = format!(
            "{made} triplets of premise, entailment and contradiction made of {pairs} pairs"
        );
        triplets.report.notes.push(note);
        Ok(triplets)
    }

    /// Options of the reader.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format,
            header: self.header,
            columns: self.columns.clone(),
            scale: self.score_scale,
            delimiter: self.delimiter,
            decimal_comma: self.decimal_comma,
            on_missing: self.on_missing,
            ..ReadOptions::default()
        }
    }
}
