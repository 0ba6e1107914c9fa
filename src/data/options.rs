//! What may be said about a file before it is read.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Scale;
use crate::error::{Error, Result};

/// How a file separates what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A tab between fields and no quoting whatsoever: a `"` is a plain character.
    Tsv,
    /// A comma between fields; a quoted field may hold commas, line ends and doubled quotes.
    Csv,
    /// A JSON object on each line.
    Jsonl,
    /// A sentence on each line.
    Text,
}

impl Format {
    /// The format a file's extension stands for: `.tsv .tab .csv .jsonl .ndjson .txt`.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "tsv" | "tab" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "txt" => Some(Self::Text),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "tsv" => Ok(Self::Tsv),
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "text" => Ok(Self::Text),
            _ => {
                Err(Error::config(format!("format {name:?}: expected tsv, csv, jsonl or text")))
            }
        }
    }
}

/// What is known of a file; all of it may be left to be found out.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format; by default that of the file's extension.
    pub format: Option<Format>,
    /// Whether a `.tsv` or `.csv` opens with the names of its columns; by default it does where
    /// its first line names what is needed, or at least two known columns.
    pub header: Option<bool>,
    /// What the columns are: either the role of each by position, or `name=role` for columns
    /// that a header or the keys of an object call something else.
    ///
    /// Roles: `text`; `sentence1 sentence2`; `premise hypothesis`; `anchor positive negative
    /// negative_1 negative_2 …`; `score` (a number), `class` (a name), `label` (either, told by
    /// the first example; always a class for one text or an inference pair); `subset` (a part of
    /// the file, see [`read_scored`](super::read_scored)); `_` for a column to ignore. A last `..` ignores any columns that follow.
    pub columns: Option<Vec<String>>,
    /// The range of the scores; by default 0..1 if that holds them all, else 0..5.
    pub scale: Option<Scale>,
    /// The names of the classes in the order wanted; by default all that occur, sorted (as
    /// numbers if they are), so that files with the same classes number them alike.
    pub classes: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_tells_the_format_in_either_case() {
        let format = |name| Format::of(Path::new(name));
        assert_eq!(format("a/b.tsv"), Some(Format::Tsv));
        assert_eq!(format("b.TAB"), Some(Format::Tsv));
        assert_eq!(format("b.Csv"), Some(Format::Csv));
        assert_eq!(format("b.ndjson"), Some(Format::Jsonl));
        assert_eq!(format("b.txt"), Some(Format::Text));
        assert_eq!(["-", "b", "b.data", ".tsv"].map(format), [None; 4]);
    }

    #[test]
    fn the_names_of_formats_are_the_same_in_a_flag_and_in_a_config() {
        for format in [Format::Tsv, Format::Csv, Format::Jsonl, Format::Text] {
            let json = serde_json::to_string(&format).unwrap();
            assert_eq!(json.trim_matches('"').parse::<Format>().unwrap(), format);
        }
        assert!("excel".parse::<Format>().is_err());
    }

    #[test]
    fn options_may_be_left_out_but_not_misspelled() {
        let options: ReadOptions = serde_json::from_str(r#"{"scale": "1..5"}"#).unwrap();
        assert_eq!(options.scale, Some(Scale { low: 1., high: 5. }));
        assert_eq!(options.format, None);
        assert!(serde_json::from_str::<ReadOptions>(r#"{"scales": "1..5"}"#).is_err());
    }
}
