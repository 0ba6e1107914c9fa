//! One text a row, handed out as it is read: for inputs that need not fit in memory.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::column::Problem;
use super::missing::{MissingCells, OnMissing};
use super::read::{Table, begin};
use super::row::RowContent;
use super::source::{Source, open};
use super::text_row::{Take, TextRow, places};
use super::{ReadOptions, ReadReport};
use crate::error::{Error, Result};

/// Hands the rows of a file of one text a row to `take`, and how they are found is told in the
/// [module](super); `keep` names columns to be handed out as well.
///
/// ```
/// use std::{ops::ControlFlow, path::Path};
/// use twindrop::data::{ReadOptions, each_text_from};
///
/// let (file, mut seen) = ("id,text\n7,a plane\n8,a man\n", Vec::new());
/// let (name, options) = (Path::new("rows.csv"), ReadOptions::default());
/// each_text_from(file.as_bytes(), name, &options, &["id".into()], &mut |row| {
///     seen.push(format!("{} {}", row.kept[0], row.text));
///     Ok(ControlFlow::Continue(()))
/// })?;
/// assert_eq!(seen, ["\"7\" a plane", "\"8\" a man"]);
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// As [`read`](super::read); where a row has several texts, or a column to keep is not there; and
/// what `take` says. Behind a missing text that is an error no row is handed out any more, but all
/// are read, so that the error counts them.
pub fn each_text(
    path: &Path,
    options: &ReadOptions,
    keep: &[String],
    take: &mut Take,
) -> Result<ReadReport> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return parquet(path, options, keep, take);
    }
    each_of(open(path)?, path, options, keep, take)
}

#[cfg(feature = "parquet")]
use super::parquet::each as parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &ReadOptions, _: &[String], _: &mut Take) -> Result<ReadReport> {
    let words = "this twindrop was built without parquet; build it with `--features parquet`";
    Err(Error::data(path, words))
}

/// [`each_text`] from anything, such as standard input; `name` is what errors call it.
///
/// # Errors
/// As [`each_text`].
pub fn each_text_from(
    source: impl BufRead,
    name: &Path,
    options: &ReadOptions,
    keep: &[String],
    take: &mut Take,
) -> Result<ReadReport> {
    each_of(Source::new(source, name)?, name, options, keep, take)
}

fn each_of(
    source: Source,
    name: &Path,
    options: &ReadOptions,
    keep: &[String],
    take: &mut Take,
) -> Result<ReadReport> {
    let Table { mut rows, layout, first, notes } = begin(source, name, options)?;
    let places = places(&layout, keep).map_err(|message| Error::data(name, message))?;
    if first.is_none() {
        return Err(Error::data(name, "no examples: the file has only a header"));
    }
    let (mut missing, mut row) = (MissingCells::new(options.on_missing), first);
    let mut report = ReadReport { path: name.into(), notes, ..ReadReport::default() };
    while let Some(this) = row {
        let kept = kept(&this.record, keep, &places);
        match layout.examples(this.record, options.on_missing == OnMissing::Blank) {
            Ok(mut examples) => {
                let text = examples.pop().and_then(|mut example| example.texts.pop());
                let text = text.unwrap_or_default();
                let wanted = missing.count == 0 || options.on_missing != OnMissing::Error;
                report.blank_texts += u64::from(text.is_empty());
                if wanted && take(TextRow { line: this.line, text, kept })?.is_break() {
                    break;
                }
            }
            Err(Problem::Broken(message)) => return Err(Error::line(name, this.line, message)),
            Err(Problem::Missing(what)) => missing.add(this.line, what),
        }
        row = rows.next()?;
    }
    missing.check(name)?;
    report.skipped_rows = missing.count;
    report.blank_lines = rows.blank_lines();
    Ok(report)
}

fn kept(record: &RowContent, keep: &[String], places: &[usize]) -> Vec<Value> {
    match record {
        RowContent::Cells(cells) => {
            let cell = |&place: &usize| cells.get(place).cloned().unwrap_or_default().into();
            places.iter().map(cell).collect()
        }
        RowContent::Object(object) => {
            keep.iter().map(|name| object.get(name).cloned().unwrap_or_default()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    fn texts(name: &str, source: &str, keep: &[&str]) -> Result<Vec<TextRow>> {
        let (mut seen, keep) = (vec![], keep.iter().map(|k| k.to_string()).collect::<Vec<_>>());
        let options = ReadOptions::default();
        each_text_from(source.as_bytes(), Path::new(name), &options, &keep, &mut |row| {
            seen.push(row);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(seen)
    }

    #[test]
    fn columns_are_kept_in_the_order_asked_and_a_missing_key_is_null() {
        let rows = texts("x.jsonl", "{\"text\":\"a\",\"n\":1.5}\n\n{\"text\":\"b\"}", &["n"]);
        let row =
            |line, text: &str, kept| TextRow { line, text: text.into(), kept: vec![kept] };
        assert_eq!(rows.unwrap(), [row(1, "a", 1.5.into()), row(3, "b", Value::Null)]);
        let rows = texts("x.csv", "a,text,b\n1,t,2\n", &["b", "a"]).unwrap();
        assert_eq!(rows[0].kept, ["2", "1"]);
    }

    #[test]
    fn rows_without_a_text_are_left_out_or_empty_as_asked() {
        let text = "id,text\n1,a\n2,\n\n3,NaN\n4,b\n";
        let read = |on_missing| {
            let options = ReadOptions { on_missing, ..ReadOptions::default() };
            let mut seen = vec![];
            let name = Path::new("x.csv");
            let report = each_text_from(text.as_bytes(), name, &options, &[], &mut |row| {
                seen.push(row.text);
                Ok(ControlFlow::Continue(()))
            });
            report.map(|report| (seen, report.counts().join(", ")))
        };
        let (seen, counts) = read(OnMissing::Skip).unwrap();
        assert_eq!(seen, ["a", "b"]);
        assert_eq!(counts, "1 blank line skipped, 2 rows with missing cells skipped");
        let (seen, counts) = read(OnMissing::Blank).unwrap();
        assert_eq!(seen, ["a", "", "", "b"]);
        assert_eq!(counts, "1 blank line skipped, 2 missing texts read as empty");
        let error = read(OnMissing::Error).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "x.csv:3: text is empty; 2 rows have missing cells, in lines 3, 5; correct them"
            ),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_one_text_a_row_is_refused() {
        for (name, source, keep, words) in [
            ("x.tsv", "a\tb\n", &[][..], "x.tsv: has 2 texts per line"),
            (
                "x.csv",
                "id,text\n1,a\n",
                &["ix"],
                "no column \"ix\" to keep among the columns id, text",
            ),
            ("x.csv", "id,text\n", &[], "only a header"),
            ("x.txt", "", &[], "the file is empty"),
            ("x.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\"}\n", &[], "x.jsonl:2: text is empty"),
            ("x.csv", "text\na\n\"\"\nb\n", &[], "x.csv:3: text is empty; correct it, or give"),
        ] {
            let error = texts(name, source, keep).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
