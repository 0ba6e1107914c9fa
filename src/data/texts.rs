//! One text a row, handed out as it is read: for inputs that need not fit in memory.

use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::ReadOptions;
use super::read::{begin, open};
use super::row::RowContent;
use super::text_row::{Take, TextRow, places};
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
/// what `take` says.
pub fn each_text(
    path: &Path,
    options: &ReadOptions,
    keep: &[String],
    take: &mut Take,
) -> Result<()> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return parquet(path, options, keep, take);
    }
    each_text_from(open(path)?, path, options, keep, take)
}

#[cfg(feature = "parquet")]
use super::parquet::each as parquet;

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &ReadOptions, _: &[String], _: &mut Take) -> Result<()> {
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
) -> Result<()> {
    let (mut rows, layout, mut row) = begin(source, name, options)?;
    let places = places(&layout, keep).map_err(|message| Error::data(name, message))?;
    if row.is_none() {
        return Err(Error::data(name, "no examples: the file has only a header"));
    }
    while let Some(this) = row {
        let kept = kept(&this.record, keep, &places);
        let fields = layout.fields(this.record);
        let (texts, _) = fields.map_err(|message| Error::line(name, this.line, message))?;
        let text = texts.into_iter().next().unwrap_or_default();
        if take(TextRow { line: this.line, text, kept })?.is_break() {
            break;
        }
        row = rows.next()?;
    }
    Ok(())
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
        ] {
            let error = texts(name, source, keep).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
