//! Records → a [`Dataset`]: examples, their labels, and counts of what was left out.

use std::collections::HashSet;
use std::path::Path;

use super::report::ReadReport;
use super::{Dataset, Example, Label};
use crate::data::columns::column::Problem;
use crate::data::columns::labels::{LabelReader, Meaning, NO_LABEL, NO_LABEL_NUMBER};
use crate::data::columns::layout::{ColumnLayout, Fields};
use crate::data::columns::missing::{MissingCells, OnMissing};
use crate::data::formats::row::RowContent;
use crate::error::{Error, Result};

/// Records in, a dataset out.
pub(super) struct DatasetBuilder {
    layout: ColumnLayout,
    meaning: Option<Meaning>,
    labels: LabelReader,
    pub missing: MissingCells,
    on_missing: OnMissing,
    pub report: ReadReport,
    examples: Vec<Example>,
    subsets: Vec<String>,
    /// Records whose texts were lists.
    lists: u64,
}

impl DatasetBuilder {
    /// A builder of examples with these columns and labels.
    pub fn new(layout: ColumnLayout, labels: LabelReader, on_missing: OnMissing) -> Self {
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

    /// Takes the record that begins on `line`; or what is wrong with it.
    pub fn push(&mut self, line: u64, record: RowContent) -> Result<(), String> {
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

    /// The dataset of the file called `name`, and the subset of each example.
    pub fn finish(mut self, name: &Path) -> Result<(Dataset, Vec<String>)> {
        let scored = self.meaning == Some(Meaning::Score);
        let mut integers =
            scored && self.layout.has_plain_label() && self.labels.are_integers();
        if integers {
            integers = self.leave_out_numbers_for_no_label();
        }
        if self.examples.is_empty() {
            let Self { missing, report, .. } = self;
            let message = match (missing.count, report.without_gold_label) {
                (0, 0) => "no examples: the file has only a header".to_string(),
                (0, _) => "no examples: no pair has a gold label".to_string(),
                (rows, _) => format!("no examples: all {rows} rows have missing cells"),
            };
            return Err(Error::data(name, message));
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
