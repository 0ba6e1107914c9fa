//! Rows whose quoted fields may span lines, as of a CSV.

use std::io::{self, BufRead, Cursor, Read};

use crate::data::formats::delimiter::Delimiter;
use crate::data::formats::lines::{LONGEST, Lines};
use crate::data::formats::row::{Row, RowContent, Rows, cells};
use crate::error::{Error, Result};

/// The rows of a table with quotes.
pub(in crate::data) struct Quoted<'a, R> {
    reader: csv::Reader<OneLine<'a, R>>,
    record: csv::StringRecord,
    blank: u64,
    /// The last line of the row before.
    last: u64,
}

impl<'a, R: BufRead> Quoted<'a, R> {
    /// The rows of `lines`, whose fields `delimiter` separates.
    pub fn new(lines: Lines<'a, R>, delimiter: Delimiter) -> Self {
        let line = Cursor::default();
        let source = OneLine { lines, line, exhausted: false, row: 0 };
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter.byte());
        let reader = builder.from_reader(source);
        Self { reader, record: csv::StringRecord::new(), blank: 0, last: 0 }
    }

    /// A failure of the reader, in our own words where it was handed them by [`OneLine`].
    fn failure(&self, error: csv::Error) -> Error {
        let lines = &self.reader.get_ref().lines;
        let message = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => {
                error.downcast::<Error>().unwrap_or_else(|error| lines.failure(error))
            }
            _ => lines.error(message),
        }
    }
}

impl<R: BufRead> Rows for Quoted<'_, R> {
    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            self.reader.get_mut().row = 0;
            let read = self.reader.read_record(&mut self.record);
            if !read.map_err(|error| self.failure(error))? {
                self.blank += self.reader.get_ref().lines.number() - self.last;
                self.last = self.reader.get_ref().lines.number();
                return Ok(None);
            }
            let OneLine { lines, exhausted, .. } = self.reader.get_ref();
            let breaks = self.record.iter().map(|field| field.matches('\n').count() as u64);
            let breaks: u64 = breaks.sum();
            if *exhausted {
                let message =
                    "unterminated quoted field: it begins in this row and is never closed";
                return Err(lines.error_at(lines.number() + 1 - breaks, message.into()));
            }
            let line = lines.number() - breaks;
            self.blank += line - self.last - 1;
            self.last = lines.number();
            // the reader passes over blank lines, so a single field of no characters was in quotes
            let quoted = self.record.iter().eq([""]);
            let record = cells(&self.record).map_err(|message| lines.error(message))?;
            match record {
                Some(record) => return Ok(Some(Row { line, record, source: None })),
                None if quoted => {
                    let record = RowContent::Cells(vec![String::new()]);
                    return Ok(Some(Row { line, record, source: None }));
                }
                None => self.blank += 1,
            }
        }
    }

    fn blank_lines(&self) -> u64 {
        self.blank
    }
}

/// Hands the csv reader one line at a time, each with a line end. So when a row is complete the
/// number of its last line is known (the reader's own count is off after blank lines), and a
/// row that is handed out only because the file is exhausted has a quote that never closed.
struct OneLine<'a, R> {
    lines: Lines<'a, R>,
    line: Cursor<Vec<u8>>,
    exhausted: bool,
    /// The bytes handed out since the last row.
    row: usize,
}

impl<R: BufRead> Read for OneLine<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.position() == self.line.get_ref().len() as u64 {
            let Some(text) = self.lines.next().map_err(io::Error::other)? else {
                self.exhausted = true;
                return Ok(0);
            };
            let text = text.strip_suffix('\n').unwrap_or(text);
            self.row += text.len() + 1;
            if self.row > LONGEST {
                let message =
                    "a row of more than 16 MiB ends here; is a quoted field unterminated?";
                return Err(io::Error::other(self.lines.error(message.into())));
            }
            self.line = Cursor::new([text.as_bytes(), b"\n"].concat());
        }
        self.line.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn all(text: impl AsRef<[u8]>) -> Result<Vec<(u64, RowContent)>> {
        let mut rows = Quoted::new(Lines::new(text.as_ref(), Path::new("f")), Delimiter::COMMA);
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((row.line, row.record));
        }
        Ok(all)
    }

    fn row(line: u64, cells: &[&str]) -> (u64, RowContent) {
        (line, RowContent::Cells(cells.iter().map(|cell| cell.to_string()).collect()))
    }

    #[test]
    fn a_row_is_numbered_by_the_line_it_begins_on() {
        let text = "\n\"a\nb\",\"say \"\"hi\"\"\"\r\n\r\n\nc,\"d\n\n,\"\ne,f";
        let first = row(2, &["a\nb", "say \"hi\""]);
        let rows = [first, row(6, &["c", "d\n\n,"]), row(9, &["e", "f"])];
        assert_eq!(all(text).unwrap(), rows);
    }

    #[test]
    fn an_empty_field_in_quotes_is_a_record_and_a_blank_line_is_none() {
        let text = "a\n\"\"\n\n  \nb\n\n";
        assert_eq!(all(text).unwrap(), [row(1, &["a"]), row(2, &[""]), row(5, &["b"])]);
        let mut rows =
            Quoted::new(Lines::new(text.as_bytes(), Path::new("f")), Delimiter::COMMA);
        while rows.next().unwrap().is_some() {}
        assert_eq!(rows.blank_lines(), 3);
        assert!(rows.next().unwrap().is_none() && rows.blank_lines() == 3);
    }

    #[test]
    fn a_quote_that_never_closes_is_an_error_where_its_row_begins() {
        for end in ["", "\n", "\nc,d", "\nc,d\n"] {
            let error = all(format!("a,b\n\ne,\"f{end}")).unwrap_err().to_string();
            assert_eq!(
                error,
                "f:3: unterminated quoted field: it begins in this row and is never closed"
            );
        }
        assert_eq!(all("a,\"b\"").unwrap(), [row(1, &["a", "b"])]);
        assert_eq!(all("a,\"b\n\"").unwrap(), [row(1, &["a", "b"])]);
    }

    #[test]
    fn a_line_longer_than_any_buffer_is_one_row() {
        let long = "x".repeat(300_000);
        let rows = all(format!("{long},\"{long}\nb\"\nc,d")).unwrap();
        assert_eq!((rows.len(), &rows[1]), (2, &row(3, &["c", "d"])));
    }

    #[test]
    fn bytes_that_are_not_utf8_keep_their_line_through_the_reader() {
        let error = all(b"a,b\n\"c\nd\xff\",e\n").unwrap_err();
        assert!(
            error.to_string().starts_with("f:3: byte 2 of the line is not UTF-8"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_writes_is_read_back(
            fields in prop::collection::vec("[ -~\"漢é,\r\n]{0,12}", 1..12),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let mut written = Vec::new();
            let mut line = 1;
            for field in &fields {
                writer.write_record([field, "x"]).unwrap();
                written.push(row(line, &[field.trim(), "x"]));
                line += 1 + field.matches('\n').count() as u64;
            }
            prop_assert_eq!(all(writer.into_inner().unwrap()).unwrap(), written);
        }
    }
}
