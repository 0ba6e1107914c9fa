//! One file of vectors, written as they come.

use super::format::OutputFormat;
use super::layout::ShardLayout;
#[cfg(feature = "parquet")]
use super::parquet::ParquetFile;
use crate::data::TextRow;
use crate::error::{Error, Result};
use crate::io::PartialFile;
use crate::io::tensors::{matrix_header, npy};
use crate::vectors::Quantized;
use serde_json::Value;
use std::io::{self, Seek, SeekFrom, Write};

/// A file that is being written.
pub(super) struct Writer<'a> {
    layout: &'a ShardLayout,
    rows: u64,
    body: ShardBody,
}

enum ShardBody {
    /// Elements as they are, after a header; or lines.
    Plain(PartialFile),
    Csv(Box<csv::Writer<PartialFile>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetFile>),
}

impl<'a> Writer<'a> {
    /// Begins to write `part`.
    pub fn new(mut part: PartialFile, layout: &'a ShardLayout) -> Result<Self> {
        let path = part.path().to_path_buf();
        let fail = |error| Error::io(&path, error);
        let body = match layout.form {
            OutputFormat::Csv => {
                let mut table = csv::Writer::from_writer(part);
                let numbers = (0..layout.numbers).map(|i| i.to_string());
                let names = std::iter::once("text".to_string()).chain(layout.keep.clone());
                let written = table.write_record(names.chain(numbers));
                written.map_err(|error| fail(io::Error::other(error)))?;
                ShardBody::Csv(table.into())
            }
            #[cfg(feature = "parquet")]
            OutputFormat::Parquet => {
                ShardBody::Parquet(ParquetFile::begin(part, layout)?.into())
            }
            _ => {
                let header = header(layout, 0).map_err(fail)?;
                if !header.is_empty() && !part.can_rewind() {
                    return Err(Error::config(format!(
                        "{}: {} needs a regular file; choose --output-format jsonl or csv",
                        path.display(),
                        layout.form.name()
                    )));
                }
                part.write_all(&header).map_err(fail)?;
                ShardBody::Plain(part)
            }
        };
        Ok(Self { layout, rows: 0, body })
    }

    /// Writes rows and their vectors.
    pub fn write(&mut self, rows: &[TextRow], vectors: &Quantized) -> Result<()> {
        self.rows += rows.len() as u64;
        let keep = &self.layout.keep;
        match &mut self.body {
            ShardBody::Plain(part) => {
                let written = match self.layout.form {
                    OutputFormat::Jsonl => jsonl(part, keep, rows, vectors),
                    _ => part.write_all(vectors.as_bytes()),
                };
                written.map_err(|error| Error::io(part.path(), error))
            }
            ShardBody::Csv(table) => {
                let written = csv(table, rows, vectors);
                written.map_err(|error| Error::io(table.get_ref().path(), error))
            }
            #[cfg(feature = "parquet")]
            ShardBody::Parquet(table) => table.write(rows, vectors),
        }
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<()> {
        match self.body {
            ShardBody::Plain(mut part) => {
                let rewrite = |part: &mut PartialFile| {
                    let header = header(self.layout, self.rows)?;
                    if header.is_empty() {
                        return Ok(()); // a pipe has no way back
                    }
                    part.seek(SeekFrom::Start(0))?;
                    part.write_all(&header)
                };
                rewrite(&mut part).map_err(|error| Error::io(part.path(), error))?;
                part.finish()
            }
            ShardBody::Csv(table) => {
                let path = table.get_ref().path().to_path_buf();
                let part = table.into_inner();
                part.map_err(|error| Error::io(&path, error.into_error()))?.finish()
            }
            #[cfg(feature = "parquet")]
            ShardBody::Parquet(table) => table.finish(),
        }
    }
}

/// The header of a file of `rows`, of one length for any number of them; nothing for formats
/// without one.
fn header(layout: &ShardLayout, rows: u64) -> io::Result<Vec<u8>> {
    let ShardLayout { precision, numbers, .. } = *layout;
    match layout.form {
        OutputFormat::Npy => Ok(npy::header(precision.numpy(), rows, numbers)),
        OutputFormat::Safetensors => {
            matrix_header("embeddings", precision.dtype(), [rows as usize, numbers])
        }
        _ => Ok(vec![]),
    }
}

/// `{"text": …, kept columns, "embedding": […]}` a line.
fn jsonl(
    file: &mut PartialFile,
    keep: &[String],
    rows: &[TextRow],
    vectors: &Quantized,
) -> io::Result<()> {
    for (row, vector) in rows.iter().zip(vectors.rows()) {
        write!(file, "{{\"text\":{}", Value::from(&*row.text))?;
        for (name, value) in keep.iter().zip(&row.kept) {
            write!(file, ",{}:{value}", Value::from(&**name))?;
        }
        file.write_all(b",\"embedding\":[")?;
        let float = vectors.precision().bytes() > 1;
        for (at, number) in vectors.values(vector).into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match float {
                true => write!(file, "{comma}{number:?}")?, // 1.0 and 1e-8: a float to any reader
                false => write!(file, "{comma}{number}")?,
            }
        }
        file.write_all(b"]}\n")?;
    }
    Ok(())
}

fn csv(
    table: &mut csv::Writer<PartialFile>,
    rows: &[TextRow],
    vectors: &Quantized,
) -> io::Result<()> {
    for (row, vector) in rows.iter().zip(vectors.rows()) {
        let kept = row.kept.iter().map(|value| value.cell().unwrap_or_default());
        let numbers = vectors.values(vector).into_iter().map(|number| number.to_string());
        table.write_record(std::iter::once(row.text.clone()).chain(kept).chain(numbers))?;
    }
    Ok(())
}
