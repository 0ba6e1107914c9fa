//! Parquet files of one text a row.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use crate::data::columns::column::Problem;
use crate::data::columns::guess::{ColumnSpec, Opening, layout};
use crate::data::columns::missing::{MissingCells, OnMissing};
use crate::data::formats::row::RowContent;
use crate::data::text_row::{KeptValue, Take, TextRow, places};
use crate::data::{Format, ReadOptions, ReadReport};
use crate::error::{Error, Result};

/// Hands the rows of a parquet file to `take`; of its columns only those needed are read.
pub(in crate::data) fn each(
    path: &Path,
    options: &ReadOptions,
    keep: &[String],
    take: &mut Take,
) -> Result<ReadReport> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let broken = |error: ParquetError| Error::data(path, plain_message(&error.to_string()));
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema();
    // its columns have names, as the keys of an object do
    let columns = ColumnSpec::of(options, Format::Jsonl).map_err(|message| {
        Error::config(format!("{}: --columns: {message}", path.display()))
    })?;
    let names = schema.get_fields().iter().map(|field| field.name().to_string());
    let names: Map<String, Value> = names.map(|name| (name, Value::Null)).collect();
    let opening = layout(&RowContent::Object(names), &[], columns, Format::Jsonl, None);
    let Opening { layout, .. } = opening.map_err(|message| Error::data(path, message))?;
    places(&layout, keep).map_err(|message| Error::data(path, message))?;
    let wanted = |name: &str| layout.is_used(name) || keep.iter().any(|kept| kept == name);
    let fields: Vec<Arc<Type>> = schema.get_fields().to_vec();
    let fields = fields.into_iter().filter(|field| wanted(field.name())).collect();
    let wanted = Type::group_type_builder(schema.name()).with_fields(fields);
    let wanted = wanted.build().map_err(broken)?;
    let mut missing = MissingCells::new(options.on_missing);
    let mut report = ReadReport { path: path.into(), ..ReadReport::default() };
    let mut number = 0;
    for row in reader.get_row_iter(Some(wanted)).map_err(broken)? {
        number += 1;
        let Value::Object(object) = row.map_err(broken)?.to_json_value() else { continue };
        let kept = |name| KeptValue::from(object.get(name).unwrap_or(&Value::Null));
        let kept = keep.iter().map(kept).collect();
        let blank = options.on_missing == OnMissing::Blank;
        match layout.examples(RowContent::Object(object), blank) {
            Ok(mut examples) => {
                let text = examples.pop().and_then(|mut example| example.texts.pop());
                let text = text.unwrap_or_default();
                let wanted = missing.count == 0 || options.on_missing != OnMissing::Error;
                report.blank_texts += u64::from(text.is_empty());
                if wanted && take(TextRow { line: number, text, kept })?.is_break() {
                    return Ok(report);
                }
            }
            Err(Problem::Broken(message)) => {
                return Err(Error::data(path, format!("row {number}: {message}")));
            }
            Err(Problem::Missing(what)) => missing.add(number, what),
        }
    }
    if number == 0 {
        return Err(Error::data(path, "no examples: the file is empty"));
    }
    missing.check(path)?;
    report.skipped_rows = missing.count;
    Ok(report)
}

/// What is wrong with a file, of which `error` is what the reader says.
fn plain_message(error: &str) -> String {
    match error.split_once("Disabled feature at compile time: ") {
        Some((_, codec)) => format!(
            "is compressed with {codec}, which is not supported; use snappy, gzip or no compression"
        ),
        None => format!("not parquet: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_in_a_compression_that_is_not_read_is_told_from_one_that_is_none() {
        let message =
            super::plain_message("Parquet error: Disabled feature at compile time: zstd");
        assert!(message.starts_with("is compressed with zstd, "), "{message}");
        assert!(super::plain_message("EOF").starts_with("not parquet: EOF"));
    }
}
