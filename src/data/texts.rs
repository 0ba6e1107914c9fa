//! One text a row, handed out as it is read: for inputs that need not fit in memory.

use std::io::BufRead;
use std::path::Path;

use super::read::{RowTable, begin};
use super::text_row::{KeptValue, Take, TextRow, kept_fields, places};
use super::{ReadOptions, ReadReport};
use crate::data::columns::column::Problem;
use crate::data::columns::missing::{MissingCells, OnMissing};
use crate::data::formats::row::{Row, RowContent};
use crate::data::formats::source::{Source, open};
use crate::error::{Error, Result};

/// Hands the rows of a file of one text a row to `take`, and how they are found is explained in the
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
use crate::data::formats::parquet::each as parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &ReadOptions, _: &[String], _: &mut Take) -> Result<ReadReport> {
    let message = "this twindrop was built without parquet; build it with `--features parquet`";
    Err(Error::data(path, message))
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
    let RowTable { mut rows, layout, first, notes } = begin(source, name, options)?;
    let places = places(&layout, keep).map_err(|message| Error::data(name, message))?;
    if first.is_none() {
        return Err(Error::data(name, "no examples: the file has only a header"));
    }
    let (mut missing, mut row) = (MissingCells::new(options.on_missing), first);
    let mut report = ReadReport { path: name.into(), notes, ..ReadReport::default() };
    while let Some(this) = row {
        let kept = kept(&this, keep, &places)
            .map_err(|error| Error::line(name, this.line, format!("not JSON: {error}")))?;
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

fn kept(row: &Row, keep: &[String], places: &[usize]) -> serde_json::Result<Vec<KeptValue>> {
    match &row.record {
        RowContent::Cells(cells) => {
            let cell = |&place: &usize| cells.get(place).map_or("", String::as_str);
            Ok(places.iter().map(|place| KeptValue::from_text(cell(place))).collect())
        }
        RowContent::Object(_) => kept_fields(row.source.as_deref().unwrap_or_default(), keep),
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
        let row = |line, text: &str, kept| TextRow {
            line,
            text: text.into(),
            kept: vec![KeptValue::from_json(kept).unwrap()],
        };
        assert_eq!(rows.unwrap(), [row(1, "a", "1.5"), row(3, "b", "null")]);
        let rows = texts("x.csv", "a,text,b\n1,t,2\n", &["b", "a"]).unwrap();
        assert_eq!(rows[0].kept, ["2", "1"].map(KeptValue::from_text));
    }

    #[test]
    fn a_kept_value_is_the_json_that_was_read() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let values = [
            "[1,[2,{\"a\":null}]]",
            r#"{"b": {"c": [1.0, 2e3]}}"#,
            "123456789012345678901234567890",
            "-9007199254740993",
            "1.50",
            r#""\u00e9 \" é""#,
            "false",
            &deep,
        ];
        let lines = values.map(|value| format!("{{\"n\": {value} , \"text\": \"a\"}}\n"));
        let rows = texts("x.jsonl", &lines.concat(), &["n"]).unwrap();
        let found: Vec<String> = rows.iter().map(|row| row.kept[0].to_string()).collect();
        assert_eq!(found, values);
        let cells: Vec<_> = rows.iter().map(|row| row.kept[0].cell().unwrap()).collect();
        assert_eq!((&*cells[2], &*cells[5]), (values[2], "é \" é"));
        let rows = texts("x.jsonl", "{\"n\":1,\"text\":\"a\",\"n\":2}", &["n"]).unwrap();
        assert_eq!(rows[0].kept[0].to_string(), "2", "the last of two of one name");
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
        for (name, source, keep, message) in [
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
            assert!(error.contains(message), "{error}");
        }
    }
}
