//! How a table separates and quotes its fields: from the options, else from its first lines.

use crate::data::Format;
use crate::data::ReadOptions;
use crate::data::columns::labels::is_number;
use crate::data::columns::missing::is_missing_label;
use crate::data::formats::delimiter::Delimiter;

/// The separator of a table and whether its fields may be in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct Dialect {
    pub delimiter: Delimiter,
    pub quoted: bool,
}

/// Rows of a sample that must agree on the number of their fields.
const ROWS: usize = 20;

impl Dialect {
    /// How a table in `format` that begins with `sample` is written, and what to say of it.
    pub fn of(
        format: Format,
        options: &ReadOptions,
        sample: &[u8],
        is_whole: bool,
    ) -> (Self, Option<String>) {
        match (format, options.delimiter) {
            (Format::Csv, Some(delimiter)) => (Self { delimiter, quoted: true }, None),
            (Format::Csv, None) => {
                let delimiter = detected(sample, is_whole);
                let note = (delimiter != Delimiter::COMMA)
                    .then(|| format!("fields are separated by `{delimiter}`"));
                (Self { delimiter, quoted: true }, note)
            }
            (Format::Tsv, delimiter) => {
                let delimiter = delimiter.unwrap_or(Delimiter::TAB);
                let quoted = every_field_is_quoted(sample, is_whole, delimiter);
                let note = quoted.then(|| "every field is in quotes: read without them".into());
                (Self { delimiter, quoted }, note)
            }
            _ => (Self { delimiter: Delimiter::TAB, quoted: false }, None),
        }
    }
}

/// The delimiter of a CSV by its first rows: a comma, unless another divides them more evenly.
fn detected(sample: &[u8], is_whole: bool) -> Delimiter {
    let candidates = [Delimiter::COMMA, Delimiter::SEMICOLON, Delimiter::TAB];
    let counts = candidates.map(|delimiter| field_counts(sample, is_whole, delimiter));
    let divides = |counts: &[usize]| counts.first().is_some_and(|&first| first > 1);
    let even = |counts: &[usize]| divides(counts) && counts.iter().all(|&n| n == counts[0]);
    let evenly = counts.iter().position(|counts| even(counts));
    let at_all = || counts.iter().position(|counts| divides(counts));
    candidates[evenly.or_else(at_all).unwrap_or(0)]
}

/// How many fields each of the first rows has.
fn field_counts(sample: &[u8], is_whole: bool, delimiter: Delimiter) -> Vec<usize> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter.byte());
    let mut reader = builder.from_reader(sample);
    let rows = reader.byte_records().map_while(Result::ok);
    let mut counts: Vec<usize> = rows.take(ROWS + 1).map(|row| row.len()).collect();
    if counts.len() > ROWS || (!is_whole && counts.len() > 1) {
        counts.pop(); // the sample may end within it
    }
    counts
}

/// Whether every field of the sample is in quotes (as R and pandas' `QUOTE_ALL` write tables), but
/// for numbers and missing values, which R leaves bare.
fn every_field_is_quoted(sample: &[u8], is_whole: bool, delimiter: Delimiter) -> bool {
    let Ok(text) = std::str::from_utf8(&sample[..valid_up_to(sample)]) else { return false };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rest, mut quoted) = (text, 0);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('"') {
            let Some(end) = closing_quote(inner) else { return !is_whole && quoted > 0 };
            quoted += 1;
            rest = &inner[end + 1..];
        } else {
            let end = rest.find([delimiter.char(), '\n']).unwrap_or(rest.len());
            let bare = rest[..end].trim();
            if !is_missing_label(bare) && !is_number(bare) {
                return false;
            }
            rest = &rest[end..];
        }
        let ends = rest.strip_prefix(delimiter.char()).or_else(|| {
            let rest = rest.strip_prefix('\r').unwrap_or(rest);
            rest.strip_prefix('\n').or(rest.is_empty().then_some(rest))
        });
        match ends {
            Some(after) => rest = after,
            None => return false, // more text behind the closing quote
        }
    }
    quoted > 0
}

/// Where a quoted field ends; a doubled quote does not end it.
fn closing_quote(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// A sample may end within a character.
fn valid_up_to(sample: &[u8]) -> usize {
    match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => sample.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiter(text: &str) -> String {
        detected(text.as_bytes(), true).to_string()
    }

    #[test]
    fn the_delimiter_of_a_csv_is_the_one_that_divides_its_rows_evenly() {
        assert_eq!(delimiter("sentence1,sentence2\na;b,c;d\n"), ",");
        assert_eq!(delimiter("sentence1;sentence2;score\na, b;c;4,5\nd;e;1\n"), ";");
        assert_eq!(delimiter("a, b;c\nd;e\n"), ";");
        assert_eq!(delimiter("text1\ttext2\na, b\tc\n"), "tab");
        assert_eq!(delimiter("text\na; b\nc, d\n"), ",");
        assert_eq!(delimiter("\"a;b\",c\n"), ",");
        assert_eq!(delimiter(""), ",");
    }

    #[test]
    fn a_tsv_is_quoted_where_every_field_is() {
        let quoted = |text: &str| every_field_is_quoted(text.as_bytes(), true, Delimiter::TAB);
        assert!(quoted("\"a\"\t\"say \"\"hi\"\"\"\r\n\"b\nc\"\t4.5\n\"d\"\tNA\n"));
        assert!(quoted("\"a\""));
        for text in
            ["a\tb\n", "\"a\"\tb\n", "\"a\" b\t\"c\"\n", "\"Yes\" and \"no\"\n", "1\t2\n"]
        {
            assert!(!quoted(text), "{text:?}");
        }
        assert!(!every_field_is_quoted(b"\"open\tb\n", true, Delimiter::TAB));
        assert!(every_field_is_quoted(b"\"a\"\t\"cut o", false, Delimiter::TAB));
        let cut = &"\"漢\"\t\"漢\"".as_bytes()[..8];
        assert!(every_field_is_quoted(cut, false, Delimiter::TAB));
    }
}
