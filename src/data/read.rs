//! File → [`Dataset`].

use std::io::BufRead;
use std::path::Path;

use super::dataset_builder::DatasetBuilder;
use super::{Dataset, Delimiter, Format, ReadOptions};
use crate::data::columns::guess::{ColumnSpec, Opening, layout};
use crate::data::columns::header;
use crate::data::columns::labels::LabelReader;
use crate::data::columns::layout::ColumnLayout;
use crate::data::formats::dialect::Dialect;
use crate::data::formats::lines::Lines;
use crate::data::formats::row::{Row, RowContent, Rows};
use crate::data::formats::rows::rows;
use crate::data::formats::source::{Source, open};
use crate::error::{Error, Result};

/// Reads a file of examples. The [module](super) explains how its columns are found.
///
/// A byte order mark, any kind of line end, blank lines and a missing last line end are fine;
/// fields are trimmed and otherwise kept as they are. Files compressed by gzip or zstd are
/// decompressed. What was decided and left out is in [`Dataset::report`].
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
/// another number of columns than the first or a label that cannot be. Empty fields are an error
/// that lists them, unless [`ReadOptions::on_missing`] says otherwise. A file without any example
/// is an error too.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset> {
    read_with_subsets(open(path)?, path, options).map(|(dataset, _)| dataset)
}

/// Reads examples from anything, such as standard input; `name` is what errors call it and
/// whose extension tells the format unless `options` do.
///
/// # Errors
/// As [`read`].
pub fn read_from(source: impl BufRead, name: &Path, options: &ReadOptions) -> Result<Dataset> {
    read_with_subsets(Source::new(source, name)?, name, options).map(|(dataset, _)| dataset)
}

/// [`read_from`], and the subset of each example, empty where the file names none.
pub(super) fn read_with_subsets(
    source: Source,
    name: &Path,
    options: &ReadOptions,
) -> Result<(Dataset, Vec<String>)> {
    let labels = LabelReader::new(options)?;
    let RowTable { mut rows, layout, first, notes } = begin(source, name, options)?;
    let mut reader = DatasetBuilder::new(layout, labels, options.on_missing);
    let mut row = first;
    while let Some(this) = row {
        let pushed = reader.push(this.line, this.record);
        pushed.map_err(|message| Error::line(name, this.line, message))?;
        row = rows.next()?;
    }
    reader.missing.check(name)?;
    reader.report.blank_lines = rows.blank_lines();
    reader.report.notes = notes;
    reader.finish(name)
}

/// A file whose columns are known.
pub(super) struct RowTable<'a> {
    pub rows: Box<dyn Rows + 'a>,
    pub layout: ColumnLayout,
    /// The first row of examples; none where a header is all there is.
    pub first: Option<Row>,
    /// What was inferred from the content.
    pub notes: Vec<String>,
}

/// The format of a file called `name`.
fn format_of(name: &Path, options: &ReadOptions) -> Result<Format> {
    let format = options.format.or_else(|| Format::of(name));
    match (format, options.delimiter) {
        // what has a delimiter is a table, whatever its extension says
        (Some(Format::Text) | None, Some(Delimiter::TAB)) => Ok(Format::Tsv),
        (Some(Format::Text) | None, Some(_)) => Ok(Format::Csv),
        (Some(format), _) => Ok(format),
        (None, None) => Err(Error::config(format!(
            "{}: unknown format; give --data-format tsv, csv, jsonl, json or text",
            name.display()
        ))),
    }
}

/// Finds out how a file is written and what its columns are.
pub(super) fn begin<'a>(
    source: Source<'a>,
    name: &'a Path,
    options: &ReadOptions,
) -> Result<RowTable<'a>> {
    let format = format_of(name, options)?;
    let columns = ColumnSpec::of(options, format).map_err(|message| {
        Error::config(format!("{}: --columns: {message}", name.display()))
    })?;
    let Source { reader, sample, is_whole } = source;
    let (dialect, dialect_note) = Dialect::of(format, options, &sample, is_whole);
    let below = rows_below_first(&sample, is_whole, format, dialect);
    let mut rows = rows(Lines::new(reader, name), format, dialect);
    let first =
        rows.next()?.ok_or_else(|| Error::data(name, "no examples: the file is empty"))?;
    let opening = layout(&first.record, &below, columns, format, options.header);
    let Opening { layout, header, note } =
        opening.map_err(|message| Error::line(name, first.line, message))?;
    let mut notes: Vec<String> = dialect_note.into_iter().chain(note).collect();
    let readings = layout.readings();
    if !readings.is_empty() {
        notes.push(readings.join(", "));
    }
    let first = if header { rows.next()? } else { Some(first) };
    Ok(RowTable { rows, layout, first, notes })
}

/// The rows of a table that a sample holds below the first, none for other formats.
fn rows_below_first(
    sample: &[u8],
    is_whole: bool,
    format: Format,
    dialect: Dialect,
) -> Vec<Vec<String>> {
    if !matches!(format, Format::Tsv | Format::Csv) {
        return Vec::new();
    }
    let mut rows = rows(Lines::new(sample, Path::new("")), format, dialect);
    let mut below = Vec::new();
    while let (true, Ok(Some(row))) = (below.len() <= header::ROWS + 1, rows.next()) {
        if let RowContent::Cells(cells) = row.record {
            below.push(cells);
        }
    }
    if !is_whole && below.len() > 1 {
        below.pop(); // the sample may end within it
    }
    below.drain(..below.len().min(1));
    below
}
