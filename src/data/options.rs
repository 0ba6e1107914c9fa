//! Options of reading a file.

use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Delimiter, OnMissing, Scale};
use crate::error::{Error, Result};

/// How a file separates what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A tab between fields and no quoting: a `"` is a plain character, unless every field is in
    /// quotes.
    Tsv,
    /// A comma (or what divides the rows as evenly: a semicolon or tab) between fields; a quoted
    /// field may hold commas, line ends and doubled quotes.
    Csv,
    /// A JSON object on each line.
    Jsonl,
    /// An array of JSON objects, or objects one after the other.
    Json,
    /// A sentence on each line.
    Text,
}

impl Format {
    /// The format a file's extension stands for: `.tsv .tab .csv .jsonl .ndjson .json .txt`, each
    /// perhaps with `.gz` or `.zst` behind it.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "gz" | "zst" => Self::of(Path::new(path.file_stem()?)),
            "tsv" | "tab" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
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
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(Error::config(format!(
                "format {name:?}: expected tsv, csv, jsonl, json or text"
            ))),
        }
    }
}

/// What is known of a file; all of it may be left to be found out.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// The format; by default that of the file's extension.
    pub format: Option<Format>,
    /// Whether a `.tsv` or `.csv` opens with the names of its columns. By default a `.csv` does; a
    /// `.tsv` does where its first line has known names, or differs from the next ones as a header
    /// does.
    pub header: Option<bool>,
    /// What separates the fields of a `.tsv` or `.csv`; by default a tab, and in a `.csv` what
    /// divides its first rows evenly. A `.txt` with a delimiter is read as a `.csv`.
    pub delimiter: Option<Delimiter>,
    /// Whether `4,5` is a score of 4.5.
    pub decimal_comma: bool,
    /// What becomes of rows with an empty or missing cell.
    pub on_missing: OnMissing,
    /// What the columns are: either the role of each by position, or `name=role` for columns
    /// that a header or the keys of an object call something else. What is named so wins over
    /// columns of known names that it cannot be combined with; those are ignored.
    ///
    /// Roles: `text`; `sentence1 sentence2`; `premise hypothesis`; `anchor positive negative
    /// negative_1 negative_2 …`; `score` (a number), `class` (a name), `label` (either, told by
    /// the first example; always a class for one text or an inference pair); `subset` (a part of
    /// the file, see [`read_scored`](super::read_scored)); `_` for a column to ignore. A last `..` ignores any columns that follow.
    pub columns: Option<Vec<String>>,
    /// The range of the scores; by default the usual scale that their minimum and maximum fit
    /// alone, see [`Dataset::scale`](super::Dataset::scale).
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
        assert_eq!(format("b.json"), Some(Format::Json));
        assert_eq!(format("b.tsv.gz"), Some(Format::Tsv));
        assert_eq!(format("b.JSONL.zst"), Some(Format::Jsonl));
        assert_eq!(format("b.gz"), None);
        assert_eq!(["-", "b", "b.data", ".tsv"].map(format), [None; 4]);
    }

    #[test]
    fn the_names_of_formats_are_the_same_in_a_flag_and_in_a_config() {
        for format in [Format::Tsv, Format::Csv, Format::Jsonl, Format::Json, Format::Text] {
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
