//! Writes rows of texts in a format that `train` reads: .tsv, .csv or .jsonl.

use crate::data::Format;
use crate::error::{Error, Result};
use crate::io;
use serde_json::{Map, Value};
use std::io::{self as stdio, Write};
use std::path::Path;

/// The format of an output file by its extension, TSV for `-`; checked before anything is computed.
///
/// # Errors
/// Where the extension is none of those.
pub fn form(path: &Path) -> Result<Format> {
    let plain = |form: &Format| matches!(form, Format::Tsv | Format::Csv | Format::Jsonl);
    let compressed = path.extension().is_some_and(|end| end == "gz" || end == "zst");
    let named = match path.to_str() {
        Some("-") => Some(Format::Tsv),
        _ => Format::of(path).filter(plain).filter(|_| !compressed),
    };
    named.ok_or_else(|| {
        let shown = path.display();
        Error::config(format!(
            "{shown}: expected a file name with the extension .tsv, .csv or .jsonl, or - for TSV \
             on standard output"
        ))
    })
}

/// Writes a header and rows of strings and numbers to an output.
///
/// # Errors
/// Where the file cannot be written, or a text has a tab or line end, which a .tsv cannot hold.
pub fn write(path: &Path, names: &[String], rows: &[Vec<Value>]) -> Result<()> {
    let form = form(path)?;
    let broken =
        |value: &&Value| value.as_str().is_some_and(|text| text.contains(['\t', '\n']));
    if form == Format::Tsv
        && let Some(text) = rows.iter().flatten().find(broken)
    {
        let message =
            "has a tab or line end, which .tsv cannot represent; write .csv or .jsonl";
        return Err(Error::data(path, format!("{text} {message}")));
    }
    io::write_output(path, |file| match form {
        Format::Jsonl => jsonl(file, names, rows),
        Format::Csv => csv(file, names, rows),
        _ => tsv(file, names, rows),
    })
}

/// A score, in as many digits as it has.
pub fn score(score: f32) -> Value {
    score.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn tsv(file: &mut impl Write, names: &[String], rows: &[Vec<Value>]) -> stdio::Result<()> {
    writeln!(file, "{}", names.join("\t"))?;
    rows.iter().try_for_each(|row| {
        writeln!(file, "{}", row.iter().map(cell).collect::<Vec<_>>().join("\t"))
    })
}

fn csv(file: &mut impl Write, names: &[String], rows: &[Vec<Value>]) -> stdio::Result<()> {
    let mut table = csv::Writer::from_writer(file);
    table.write_record(names)?;
    for row in rows {
        table.write_record(row.iter().map(cell))?;
    }
    table.flush()
}

fn jsonl(file: &mut impl Write, names: &[String], rows: &[Vec<Value>]) -> stdio::Result<()> {
    rows.iter().try_for_each(|row| {
        let object: Map<_, _> = names.iter().cloned().zip(row.iter().cloned()).collect();
        writeln!(file, "{}", Value::Object(object))
    })
}
