//! The four formats: lines → records, before anyone knows what a column means.

use std::io::BufRead;

use serde_json::Value;

use super::Format;
use super::lines::Lines;
use super::quoted::Quoted;
use super::row::{COLUMNS, Row, RowContent, Rows, cells};
use super::shallow::Shallow;
use crate::error::Result;

/// The rows of `lines` in `format`.
pub(super) fn rows<'a>(
    lines: Lines<'a, impl BufRead + 'a>,
    format: Format,
) -> Box<dyn Rows + 'a> {
    match format {
        Format::Tsv => Box::new(ByLine { lines, parse: tabs }),
        Format::Text => Box::new(ByLine { lines, parse: sentence }),
        Format::Jsonl => Box::new(ByLine { lines, parse: object }),
        Format::Csv => Box::new(Quoted::new(lines)),
    }
}

/// What a line holds, nothing if it is blank; or what is wrong with it.
type Parse = fn(&str) -> Result<Option<RowContent>, String>;

/// The formats in which a row is a line.
struct ByLine<'a, R> {
    lines: Lines<'a, R>,
    parse: Parse,
}

impl<R: BufRead> Rows for ByLine<'_, R> {
    fn next(&mut self) -> Result<Option<Row>> {
        while let Some(text) = self.lines.next()? {
            let parsed = (self.parse)(text);
            let is_object = matches!(parsed, Ok(Some(RowContent::Object(_))));
            let source = is_object.then(|| text.to_string());
            if let Some(record) = parsed.map_err(|message| self.lines.error(message))? {
                return Ok(Some(Row { line: self.lines.number(), record, source }));
            }
        }
        Ok(None)
    }
}

fn tabs(line: &str) -> Result<Option<RowContent>, String> {
    cells(line.split('\t'))
}

fn sentence(line: &str) -> Result<Option<RowContent>, String> {
    cells([line])
}

fn object(line: &str) -> Result<Option<RowContent>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    match serde_json::from_str(line).map(|Shallow(value)| value) {
        Ok(Value::Object(object)) if object.len() > COLUMNS => Err(format!(
            "an object of more than {COLUMNS} fields; is this a table of sentences?"
        )),
        Ok(Value::Object(object)) => Ok(Some(RowContent::Object(object))),
        Ok(other) => {
            Err(format!("{}, expected an object such as {{\"text\": …}}", kind(&other)))
        }
        Err(error) => Err(not_json(&error)),
    }
}

/// serde's words without its own line number, which is always 1 here.
fn not_json(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or(&words);
    format!("not JSON at column {}: {words}", error.column())
}

/// What a JSON value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn all(format: Format, text: &str) -> Result<Vec<(u64, RowContent)>> {
        let mut rows = rows(Lines::new(text.as_bytes(), Path::new("f")), format);
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((row.line, row.record));
        }
        Ok(all)
    }

    fn row(line: u64, cells: &[&str]) -> (u64, RowContent) {
        (line, RowContent::Cells(cells.iter().map(|cell| cell.to_string()).collect()))
    }

    fn complaint(format: Format, text: &str) -> String {
        all(format, text).unwrap_err().to_string()
    }

    #[test]
    fn a_quote_in_a_tsv_is_a_plain_character() {
        let rows = all(Format::Tsv, "\"a\tb\"\n\"\"c\t,\n").unwrap();
        assert_eq!(rows, [row(1, &["\"a", "b\""]), row(2, &["\"\"c", ","])]);
    }

    #[test]
    fn blank_lines_are_skipped_but_counted_in_every_format() {
        for format in [Format::Tsv, Format::Csv, Format::Text] {
            let rows = all(format, "\n \r\na\n\n\r\nb\n  \n").unwrap();
            assert_eq!(rows, [row(3, &["a"]), row(6, &["b"])], "{format:?}");
        }
        let rows = all(Format::Jsonl, "\n\t\r\n{}\n\n{}").unwrap();
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn a_line_of_tabs_is_not_blank() {
        assert_eq!(all(Format::Tsv, "\t\n").unwrap(), [row(1, &["", ""])]);
    }

    #[test]
    fn fields_are_trimmed_and_otherwise_kept() {
        let text = " a\u{301}  b \t\u{3000}漢　字\r\n";
        assert_eq!(all(Format::Tsv, text).unwrap(), [row(1, &["a\u{301}  b", "漢　字"])]);
    }

    #[test]
    fn a_row_of_more_columns_than_any_table_is_refused() {
        for (format, text) in [
            (Format::Tsv, "a\n".to_string() + &"\t".repeat(1000)),
            (Format::Csv, "a\n".to_string() + &",".repeat(1000)),
            (Format::Jsonl, {
                let fields: Vec<String> = (0..1001).map(|i| format!("\"{i}\":0")).collect();
                format!("{{}}\n{{{}}}", fields.join(","))
            }),
        ] {
            let error = complaint(format, &text);
            assert!(error.starts_with("f:2: ") && error.contains("more than 1000"), "{error}");
        }
        assert!(all(Format::Tsv, &"\t".repeat(999)).is_ok());
    }

    #[test]
    fn a_json_line_that_is_no_object_is_an_error_with_its_line() {
        let expected = "f:2: an array, expected an object such as {\"text\": …}";
        assert_eq!(complaint(Format::Jsonl, "{}\n[1]\n"), expected);
        let message = complaint(Format::Jsonl, "{}\n\n{\"a\" 1}\n");
        assert_eq!(message, "f:3: not JSON at column 6: expected `:`");
    }
}
