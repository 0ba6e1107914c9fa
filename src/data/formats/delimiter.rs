//! The character between the fields of a table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A character between fields: one of ASCII, as a comma, semicolon, tab or `|`.
///
/// ```
/// use twindrop::data::Delimiter;
/// let tab: Delimiter = "tab".parse()?;
/// assert_eq!((tab, "\t".parse::<Delimiter>()?), (Delimiter::TAB, Delimiter::TAB));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delimiter(u8);

impl Delimiter {
    /// As in `.csv`.
    pub const COMMA: Self = Self(b',');
    /// As in `.csv` of spreadsheets in languages with a decimal comma.
    pub const SEMICOLON: Self = Self(b';');
    /// As in `.tsv`.
    pub const TAB: Self = Self(b'\t');

    /// Its byte.
    pub(in crate::data) fn byte(self) -> u8 {
        self.0
    }

    /// Its character.
    pub(in crate::data) fn char(self) -> char {
        char::from(self.0)
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TAB => f.write_str("tab"),
            other => write!(f, "{}", other.char()),
        }
    }
}

impl FromStr for Delimiter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "tab" | "\\t" => Ok(Self::TAB),
            "comma" => Ok(Self::COMMA),
            "semicolon" => Ok(Self::SEMICOLON),
            "pipe" => Ok(Self(b'|')),
            "space" => Ok(Self(b' ')),
            _ => match *text.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => {
                    Ok(Self(byte))
                }
                _ => Err(Error::config(format!(
                    "delimiter {text:?}: expected one ASCII character, or tab, comma, semicolon, \
                     pipe or space"
                ))),
            },
        }
    }
}

impl TryFrom<String> for Delimiter {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> Self {
        delimiter.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_reads_what_it_writes_and_is_one_character() {
        for (text, shown) in [("tab", "tab"), (";", ";"), ("|", "|"), ("comma", ",")] {
            let delimiter: Delimiter = text.parse().unwrap();
            assert_eq!(delimiter.to_string(), shown);
            assert_eq!(shown.parse::<Delimiter>().unwrap(), delimiter);
        }
        for text in ["", "ab", "\"", "\n", "§"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }
}
