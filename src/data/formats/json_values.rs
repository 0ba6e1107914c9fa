//! A `.json` file: an array of objects, or objects one after the other, over any number of lines.

use std::io::BufRead;
use std::path::Path;

use crate::data::formats::json_object::object;
use crate::data::formats::lines::LONGEST;
use crate::data::formats::row::{Row, Rows};
use crate::error::{Error, Result};

/// The objects of a JSON file; holds one at a time.
pub(in crate::data) struct JsonValues<'a, R> {
    source: R,
    path: &'a Path,
    line: u64,
    place: Place,
}

/// Where in the file the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before anything.
    Start,
    /// Between objects that no array holds.
    Between,
    /// In the array, where an object may begin.
    Item,
    /// In the array, behind an object.
    Separator,
    /// Behind the array.
    End,
}

/// How deep a byte stands within an object.
#[derive(Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes a byte; whether it is the last of the value.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl<'a, R: BufRead> JsonValues<'a, R> {
    /// The objects in the file that `source` reads, which errors call `path`.
    pub fn new(source: R, path: &'a Path) -> Self {
        Self { source, path, line: 1, place: Place::Start }
    }

    /// Reads on to the first byte that `ends`, which it returns and does not keep; bytes before it
    /// go to `kept`.
    fn read_to(
        &mut self,
        mut ends: impl FnMut(u8) -> bool,
        kept: &mut Vec<u8>,
    ) -> Result<Option<u8>> {
        loop {
            let bytes = self.source.fill_buf().map_err(|error| Error::io(self.path, error))?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let found = bytes.iter().position(|&byte| ends(byte));
            let (until, end) = (found.unwrap_or(bytes.len()), found.map(|at| bytes[at]));
            self.line += bytes[..until].iter().filter(|&&byte| byte == b'\n').count() as u64;
            kept.extend_from_slice(&bytes[..until]);
            self.source.consume(until + usize::from(end.is_some()));
            if end.is_some() || kept.len() > LONGEST {
                return Ok(end);
            }
        }
    }

    /// The next byte that is not white space, nor a byte order mark.
    fn next_token(&mut self) -> Result<Option<u8>> {
        let start = self.place == Place::Start;
        let is_mark = |byte| start && matches!(byte, 0xef | 0xbb | 0xbf);
        loop {
            let mut space = Vec::new();
            let ends = |byte: u8| !byte.is_ascii_whitespace() && !is_mark(byte);
            let token = self.read_to(ends, &mut space)?;
            if token.is_some() || space.len() <= LONGEST {
                return Ok(token);
            }
        }
    }

    /// The object whose opening brace was just read.
    fn object(&mut self) -> Result<Option<Row>> {
        let line = self.line;
        let mut nesting = Nesting { depth: 1, ..Nesting::default() };
        let mut bytes = vec![b'{'];
        match self.read_to(|byte| nesting.ends_with(byte), &mut bytes)? {
            Some(last) => bytes.push(last),
            None if bytes.len() > LONGEST => {
                let most = LONGEST >> 20;
                let message = format!("a value longer than {most} MiB begins here");
                return Err(Error::line(self.path, line, message));
            }
            None => {
                let message = "not JSON: the value that begins here never ends";
                return Err(Error::line(self.path, line, message));
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::line(self.path, line, "the value is not UTF-8; save the file as UTF-8")
        })?;
        let record = object(&text).map_err(|message| Error::line(self.path, line, message))?;
        Ok(record.map(|record| Row { line, record, source: Some(text) }))
    }
}

impl<R: BufRead> Rows for JsonValues<'_, R> {
    fn next(&mut self) -> Result<Option<Row>> {
        loop {
            let Some(token) = self.next_token()? else {
                if matches!(self.place, Place::Item | Place::Separator) {
                    let message = "not JSON: the array never ends; is the file cut off?";
                    return Err(Error::line(self.path, self.line, message));
                }
                return Ok(None);
            };
            self.place = match (self.place, token) {
                (Place::Start, b'[') => Place::Item,
                (Place::Item | Place::Separator, b']') => Place::End,
                (Place::Separator, b',') => Place::Item,
                (Place::Item, b'{') => {
                    self.place = Place::Separator;
                    return self.object();
                }
                (Place::Start | Place::Between, b'{') => {
                    self.place = Place::Between;
                    return self.object();
                }
                _ => {
                    let found = char::from(token);
                    let message = format!(
                        "expected an array of objects, or objects such as {{\"text\": …}}, found \
                         {found:?}"
                    );
                    return Err(Error::line(self.path, self.line, message));
                }
            };
        }
    }

    fn blank_lines(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::data::formats::row::RowContent;

    fn all(text: &str) -> Result<Vec<(u64, Value)>> {
        let mut rows = JsonValues::new(text.as_bytes(), Path::new("f.json"));
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let RowContent::Object(object) = row.record else { panic!("no object") };
            all.push((row.line, Value::Object(object)));
        }
        Ok(all)
    }

    #[test]
    fn an_array_and_objects_one_after_the_other_read_alike() {
        let pretty = "[\n  {\n    \"text\": \"a ] } \\\" b\"\n  },\n  {\"text\": \"c\"}\n]\n";
        let first = json!({"text": "a ] } \" b"});
        let second = json!({"text": "c"});
        assert_eq!(all(pretty).unwrap(), [(2, first.clone()), (5, second.clone())]);
        let one_line = "[{\"text\": \"a ] } \\\" b\"}, {\"text\": \"c\"}]";
        assert_eq!(all(one_line).unwrap(), [(1, first.clone()), (1, second.clone())]);
        let apart = "{\"text\":\n\"a ] } \\\" b\"}\n\n{\"text\": \"c\"}\n";
        assert_eq!(all(apart).unwrap(), [(1, first), (4, second)]);
        assert!(all("[]").unwrap().is_empty() && all(" \n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_array_of_objects_is_named_with_its_line() {
        for (text, message) in [
            ("[\n1, 2]", "f.json:2: expected an array of objects"),
            ("[{}\n{}]", "f.json:2: expected an array of objects"),
            ("[{}]\n{}", "f.json:2: expected an array of objects"),
            ("[{\"a\": 1},", "f.json:1: not JSON: the array never ends"),
            ("[\n{\"a\": [", "f.json:2: not JSON: the value that begins here never ends"),
            ("[\n{\"a\" 1}]", "f.json:2: not JSON at column 6: expected `:`"),
            ("[{\"a\": 1]}", "f.json:1: not JSON"),
            ("[\n\"a\"]", "f.json:2: expected an array of objects"),
        ] {
            let error = all(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
