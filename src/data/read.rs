//! File → [`Dataset`].

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;

use super::column::Problem;
use super::dialect::Dialect;
use super::guess::{ColumnSpec, Opening, layout};
use super::header;
use super::labels::{LabelReader, Meaning, NO_LABEL, NO_LABEL_NUMBER};
use super::layout::{ColumnLayout, Fields};
use super::lines::Lines;
use super::missing::{MissingCells, OnMissing};
use super::report::ReadReport;
use super::row::{Row, RowContent, Rows};
use super::rows::rows;
use super::source::{Source, open};
use super::{Dataset, Delimiter, Example, Format, Label, ReadOptions};
use crate::error::{Error, Result};

/// Reads a file of examples. How its columns are found is told in the [module](super).
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
    let Table { mut rows, layout, first, notes } = begin(source, name, options)?;
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
pub(super) struct Table<'a> {
    pub rows: Box<dyn Rows + 'a>,
    pub layout: ColumnLayout,
    /// The first row of examples; none where a header is all there is.
    pub first: Option<Row>,
    /// What was decided without being told.
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
) -> Result<Table<'a>> {
    let format = format_of(name, options)?;
    let said = ColumnSpec::of(options, format).map_err(|message| {
        Error::config(format!("{}: --columns: {message}", name.display()))
    })?;
    let Source { reader, sample, is_whole } = source;
    let (dialect, dialect_note) = Dialect::of(format, options, &sample, is_whole);
    let below = rows_below_first(&sample, is_whole, format, dialect);
    let mut rows = rows(Lines::new(reader, name), format, dialect);
    let first =
        rows.next()?.ok_or_else(|| Error::data(name, "no examples: the file is empty"))?;
    let opening = layout(&first.record, &below, said, format, options.header);
    let Opening { layout, header, note } =
        opening.map_err(|message| Error::line(name, first.line, message))?;
    let mut notes: Vec<String> = dialect_note.into_iter().chain(note).collect();
    let readings = layout.readings();
    if !readings.is_empty() {
        notes.push(readings.join(", "));
    }
    let first = if header { rows.next()? } else { Some(first) };
    Ok(Table { rows, layout, first, notes })
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

/// Records in, a dataset out.
struct DatasetBuilder {
    layout: ColumnLayout,
    meaning: Option<Meaning>,
    labels: LabelReader,
    missing: MissingCells,
    on_missing: OnMissing,
    report: ReadReport,
    examples: Vec<Example>,
    subsets: Vec<String>,
    /// Records whose texts were lists.
    lists: u64,
}

impl DatasetBuilder {
    fn new(layout: ColumnLayout, labels: LabelReader, on_missing: OnMissing) -> Self {
        Self {
            meaning: layout.meaning(),
            layout,
            labels,
            missing: MissingCells::new(on_missing),
            on_missing,
            report: ReadReport::default(),
            examples: Vec::new(),
            subsets: Vec::new(),
            lists: 0,
        }
    }

    fn push(&mut self, line: u64, record: RowContent) -> Result<(), String> {
        let subset = self.layout.subset(&record);
        let blank = self.on_missing == OnMissing::Blank;
        let fields = match self.layout.examples(record, blank) {
            Ok(fields) => fields,
            Err(Problem::Broken(message)) => return Err(message),
            Err(Problem::Missing(what)) => {
                self.missing.add(line, what);
                return Ok(());
            }
        };
        self.lists += u64::from(fields.len() > 1);
        for Fields { texts, label } in fields {
            if label.as_deref().is_some_and(|label| self.is_no_label(label)) {
                self.report.without_gold_label += 1;
                continue;
            }
            let label = label.zip(self.meaning.as_mut());
            let label =
                label.map(|(cell, meaning)| self.labels.read(&cell, meaning)).transpose()?;
            self.report.blank_texts +=
                texts.iter().filter(|text| text.is_empty()).count() as u64;
            self.examples.push(Example { texts, label });
            self.subsets.push(subset.clone());
        }
        Ok(())
    }

    /// Whether a label says that people did not agree on one for a pair.
    fn is_no_label(&self, label: &str) -> bool {
        let class = self.meaning == Some(Meaning::Class);
        let open = self.meaning == Some(Meaning::Either) || self.layout.has_plain_label();
        self.layout.width() == 2
            && !self.labels.is_given_class(label)
            && ((label == NO_LABEL && (class || open)) || (label == NO_LABEL_NUMBER && class))
    }

    fn finish(mut self, name: &Path) -> Result<(Dataset, Vec<String>)> {
        let scored = self.meaning == Some(Meaning::Score);
        let mut integers =
            scored && self.layout.has_plain_label() && self.labels.are_integers();
        if integers {
            integers = self.leave_out_numbers_for_no_label();
        }
        if self.examples.is_empty() {
            let Self { missing, report, .. } = self;
            let words = match (missing.count, report.without_gold_label) {
                (0, 0) => "no examples: the file has only a header".to_string(),
                (0, _) => "no examples: no pair has a gold label".to_string(),
                (rows, _) => format!("no examples: all {rows} rows have missing cells"),
            };
            return Err(Error::data(name, words));
        }
        self.report.path = name.to_path_buf();
        self.report.skipped_rows = self.missing.count;
        self.report.duplicates = duplicates(&self.examples);
        if self.lists > 0 {
            let (lists, examples) = (self.lists, self.examples.len());
            self.report.notes.push(format!(
                "{lists} rows with lists of texts read as one example for each text ({examples} \
                 examples in all)"
            ));
        }
        let dataset = self.labelled(name, scored, integers);
        Ok((dataset, self.subsets))
    }

    /// The labels of pairs that are integers from 0 on may be classes, among which −1 says that
    /// people did not agree. Whether they may.
    fn leave_out_numbers_for_no_label(&mut self) -> bool {
        let score = |example: &Example| example.label.and_then(Label::score);
        let low = self.examples.iter().filter_map(score).fold(f64::INFINITY, f64::min);
        let zero = self.examples.iter().any(|example| score(example) == Some(0.));
        if low == -1. && zero && self.layout.width() == 2 {
            let kept: Vec<bool> =
                self.examples.iter().map(|example| score(example) != Some(-1.)).collect();
            let mut keep = kept.iter();
            self.examples.retain(|_| keep.next() == Some(&true));
            let mut keep = kept.iter();
            self.subsets.retain(|_| keep.next() == Some(&true));
            self.report.without_gold_label += (kept.len() - self.examples.len()) as u64;
            self.labels.forget_negative_scores();
        }
        low >= 0. || zero
    }

    fn labelled(&mut self, name: &Path, scored: bool, integers: bool) -> Dataset {
        let reading = self.labels.scale();
        let (low, high) = self.labels.range();
        let question = reading.question(low, high).filter(|_| scored);
        if scored && reading.detected && question.is_none() {
            self.report.scale = Some(reading.note(low, high));
        }
        let classes = self.labels.settle(&mut self.examples);
        Dataset {
            path: name.to_path_buf(),
            classes: if self.meaning == Some(Meaning::Class) { classes } else { vec![] },
            examples: std::mem::take(&mut self.examples),
            scale: scored.then_some(reading.scale),
            scale_detected: scored && reading.detected,
            scale_question: question,
            integer_labels: integers,
            columns: self.layout.names(),
            report: std::mem::take(&mut self.report),
        }
    }
}

/// Examples whose texts are those of an earlier one.
fn duplicates(examples: &[Example]) -> u64 {
    let mut known = HashSet::with_capacity(examples.len());
    examples.iter().filter(|example| !known.insert(&example.texts)).count() as u64
}
