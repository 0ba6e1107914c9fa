//! The formats: lines → records, before anyone knows what a column means.

use std::io::BufRead;

use crate::data::Format;
use crate::data::formats::delimiter::Delimiter;
use crate::data::formats::dialect::Dialect;
use crate::data::formats::json_object::object;
use crate::data::formats::json_values::JsonValues;
use crate::data::formats::lines::Lines;
use crate::data::formats::quoted::Quoted;
use crate::data::formats::row::{Row, RowContent, Rows, cells};
use crate::error::Result;

/// The rows of `lines` in `format`; `dialect` tells how a table is written.
pub(in crate::data) fn rows<'a>(
    lines: Lines<'a, impl BufRead + 'a>,
    format: Format,
    dialect: Dialect,
) -> Box<dyn Rows + 'a> {
    let Dialect { delimiter, quoted } = dialect;
    let by_line = |lines, parse| Box::new(ByLine { lines, parse, delimiter, blank: 0 });
    match format {
        Format::Tsv | Format::Csv if quoted => Box::new(Quoted::new(lines, delimiter)),
        Format::Tsv | Format::Csv => by_line(lines, separated),
        Format::Text => by_line(lines, sentence),
        Format::Jsonl => by_line(lines, object_line),
        Format::Json => {
            let (source, path) = lines.into_source();
            Box::new(JsonValues::new(source, path))
        }
    }
}

/// What a line holds, nothing if it is blank; or what is wrong with it.
type Parse = fn(&str, Delimiter) -> Result<Option<RowContent>, String>;

/// The formats in which a row is a line.
struct ByLine<'a, R> {
    lines: Lines<'a, R>,
    parse: Parse,
    delimiter: Delimiter,
    blank: u64,
}

impl<R: BufRead> Rows for ByLine<'_, R> {
    fn next(&mut self) -> Result<Option<Row>> {
        while let Some(text) = self.lines.next()? {
            let parsed = (self.parse)(text, self.delimiter);
            let is_object = matches!(parsed, Ok(Some(RowContent::Object(_))));
            let source = is_object.then(|| text.to_string());
            match parsed.map_err(|message| self.lines.error(message))? {
                Some(record) => {
                    return Ok(Some(Row { line: self.lines.number(), record, source }));
                }
                None => self.blank += 1,
            }
        }
        Ok(None)
    }

    fn blank_lines(&self) -> u64 {
        self.blank
    }
}

fn separated(line: &str, delimiter: Delimiter) -> Result<Option<RowContent>, String> {
    cells(line.split(delimiter.char()))
}

fn sentence(line: &str, _: Delimiter) -> Result<Option<RowContent>, String> {
    cells([line])
}

fn object_line(line: &str, _: Delimiter) -> Result<Option<RowContent>, String> {
    if line.trim().is_empty() { Ok(None) } else { object(line) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::ReadOptions;

    fn all(format: Format, text: &str) -> Result<Vec<(u64, RowContent)>> {
        let (dialect, _) = Dialect::of(format, &ReadOptions::default(), text.as_bytes(), true);
        let mut rows = rows(Lines::new(text.as_bytes(), Path::new("f")), format, dialect);
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
