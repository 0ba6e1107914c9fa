//! A stream line by line: counted, checked to be UTF-8, without its byte order mark.

use std::io::{BufRead, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// The most bytes of a line, or of a row of several: a longer one is no sentence, but a file of
/// another kind or a quote that never closes.
pub(in crate::data) const LONGEST: usize = 16 << 20;

/// The lines of a file; holds one at a time.
pub(in crate::data) struct Lines<'a, R> {
    source: R,
    path: &'a Path,
    number: u64,
    bytes: Vec<u8>,
}

impl<'a, R: BufRead> Lines<'a, R> {
    /// The lines of `source`, which errors call `path`.
    pub fn new(source: R, path: &'a Path) -> Self {
        Self { source, path, number: 0, bytes: Vec::new() }
    }

    /// What the lines are read from, before the first, and its path.
    pub fn into_source(self) -> (R, &'a Path) {
        (self.source, self.path)
    }

    /// The next line, with the line end it has; nothing after the last.
    pub fn next(&mut self) -> Result<Option<&str>> {
        self.bytes.clear();
        let mut source = (&mut self.source).take(LONGEST as u64 + 1);
        let read = source.read_until(b'\n', &mut self.bytes);
        if read.map_err(|error| Error::io(self.path, error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.len() > LONGEST {
            let most = LONGEST >> 20;
            return Err(self.error(format!("longer than {most} MiB; is this a text file?")));
        }
        let text = std::str::from_utf8(&self.bytes).map_err(|error| {
            let byte = error.valid_up_to() + 1;
            self.error(format!("byte {byte} of the line is not UTF-8; save the file as UTF-8"))
        })?;
        let mark = if self.number == 1 { "\u{feff}" } else { "" };
        Ok(Some(text.strip_prefix(mark).unwrap_or(text)))
    }

    /// The number of the line last handed out, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// An error in the line last handed out.
    pub fn error(&self, message: String) -> Error {
        self.error_at(self.number, message)
    }

    /// An error in line `number`.
    pub fn error_at(&self, number: u64, message: String) -> Error {
        Error::line(self.path, number, message)
    }

    /// A failure of the source.
    pub fn failure(&self, error: std::io::Error) -> Error {
        Error::io(self.path, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<String>> {
        let mut lines = Lines::new(bytes, Path::new("f.txt"));
        let mut all = Vec::new();
        while let Some(line) = lines.next()? {
            all.push(line.to_string());
        }
        assert_eq!(lines.number(), all.len() as u64);
        Ok(all)
    }

    #[test]
    fn only_a_line_feed_ends_a_line() {
        assert_eq!(
            all("a\r\n\nb\u{2028}\u{b}c".as_bytes()).unwrap(),
            ["a\r\n", "\n", "b\u{2028}\u{b}c"]
        );
        assert!(all(b"").unwrap().is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_dropped_from_the_first_line_only() {
        let text = "\u{feff}a\n\u{feff}b";
        assert_eq!(all(text.as_bytes()).unwrap(), ["a\n", "\u{feff}b"]);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_is_read() {
        let mut source = std::io::BufReader::new(std::io::repeat(b'a'));
        let error = Lines::new(&mut source, Path::new("f")).next().unwrap_err().to_string();
        assert_eq!(error, "f:1: longer than 16 MiB; is this a text file?");
        let longest = [vec![b'a'; LONGEST - 1], b"\nb".to_vec()].concat();
        assert_eq!(all(&longest).unwrap().len(), 2);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error_with_their_line() {
        let error = all(b"fine\nna\xefve\n").unwrap_err();
        assert!(error.to_string().starts_with("f.txt:2: byte 3 of the line is not UTF-8"));
    }
}
