//! File → [`Dataset`].

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::guess::{ColumnSpec, layout};
use super::labels::{LabelReader, Meaning};
use super::layout::ColumnLayout;
use super::lines::Lines;
use super::row::{Row, RowContent, Rows};
use super::rows::rows;
use super::{Dataset, Example, Format, ReadOptions};
use crate::error::{Error, Result};

/// Reads a file of examples. How its columns are found is told in the [module](super).
///
/// A byte order mark, either kind of line end, blank lines and a missing last line end are
/// fine; fields are trimmed and otherwise kept as they are.
///
/// ```no_run
/// use std::path::Path;
/// use twindrop::data::{ReadOptions, Scale, read};
///
/// let options = ReadOptions { scale: Some("1..5".parse()?), ..ReadOptions::default() };
/// let sick = read(Path::new("sickr-test.tsv"), &options)?;
/// println!("{} pairs of {}", sick.examples.len(), sick.columns.join(", "));
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where the file cannot be opened or read; where the options contradict themselves or the
/// format is not known; and, naming the file and the line, where a line is not UTF-8, has
/// another number of columns than the first, an empty field or a label that cannot be. A file
/// without any example is an error too.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    read_from(open(path)?, path, options)
}

/// The bytes of a file.
pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let mut source = BufReader::new(file);
    // a directory opens like a file and fails here, whatever its name
    source.fill_buf().map_err(|error| Error::io(path, error))?;
    Ok(source)
}

/// Reads examples from anything, such as standard input; `name` is what errors call it and
/// whose extension tells the format unless `options` do.
///
/// # Errors
/// As [`read`].
pub fn read_from(source: impl BufRead, name: &Path, options: &ReadOptions) -> Result<Dataset> {
    read_with_subsets(source, name, options).map(|(dataset, _)| dataset)
}

/// [`read_from`], and the subset of each example, empty where the file names none.
pub(super) fn read_with_subsets(
    source: impl BufRead,
    name: &Path,
    options: &ReadOptions,
) -> Result<(Dataset, Vec<String>)> {
    let labels = LabelReader::new(options)?;
    let (mut rows, layout, mut row) = begin(source, name, options)?;
    let mut reader = DatasetBuilder::new(layout, labels);
    while let Some(this) = row {
        let pushed = reader.push(this.record);
        pushed.map_err(|message| Error::line(name, this.line, message))?;
        row = rows.next()?;
    }
    reader.finish(name)
}

/// The rows of a source, what its columns are, and the first row of examples; none where a
/// header is all there is.
pub(super) fn begin<'a>(
    source: impl BufRead + 'a,
    name: &'a Path,
    options: &ReadOptions,
) -> Result<(Box<dyn Rows + 'a>, ColumnLayout, Option<Row>)> {
    let format = options.format.or_else(|| Format::of(name)).ok_or_else(|| {
        let name = name.display();
        Error::config(format!(
            "{name}: unknown format; give --data-format tsv, csv, jsonl or text"
        ))
    })?;
    let said = ColumnSpec::of(options, format).map_err(|message| {
        Error::config(format!("{}: --columns: {message}", name.display()))
    })?;
    // in a file of sentences, a first line "text" is one
    let header = options.header.or((format == Format::Text).then_some(false));

    let mut rows = rows(Lines::new(source, name), format);
    let first =
        rows.next()?.ok_or_else(|| Error::data(name, "no examples: the file is empty"))?;
    let (layout, header) = layout(&first.record, said, header)
        .map_err(|message| Error::line(name, first.line, message))?;
    let first = if header { rows.next()? } else { Some(first) };
    Ok((rows, layout, first))
}

/// Records in, a dataset out.
struct DatasetBuilder {
    layout: ColumnLayout,
    meaning: Option<Meaning>,
    labels: LabelReader,
    examples: Vec<Example>,
    subsets: Vec<String>,
}

impl DatasetBuilder {
    fn new(layout: ColumnLayout, labels: LabelReader) -> Self {
        let (examples, subsets) = (Vec::new(), Vec::new());
        Self { meaning: layout.meaning(), layout, labels, examples, subsets }
    }

    fn push(&mut self, record: RowContent) -> Result<(), String> {
        let subset = self.layout.subset(&record);
        let (texts, cell) = self.layout.fields(record)?;
        let label = cell.zip(self.meaning.as_mut());
        let label =
            label.map(|(cell, meaning)| self.labels.read(&cell, meaning)).transpose()?;
        self.examples.push(Example { texts, label });
        self.subsets.push(subset);
        Ok(())
    }

    fn finish(mut self, name: &Path) -> Result<(Dataset, Vec<String>)> {
        if self.examples.is_empty() {
            return Err(Error::data(name, "no examples: the file has only a header"));
        }
        let (scale, detected) = self.labels.scale();
        let scored = self.meaning == Some(Meaning::Score);
        let classes = self.labels.settle(&mut self.examples);
        let dataset = Dataset {
            path: name.to_path_buf(),
            classes: if self.meaning == Some(Meaning::Class) { classes } else { vec![] },
            examples: self.examples,
            scale: scored.then_some(scale),
            scale_detected: scored && detected,
            columns: self.layout.names(),
        };
        Ok((dataset, self.subsets))
    }
}
