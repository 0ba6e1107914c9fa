//! A parquet file of texts, kept columns and vectors.

use super::layout::ShardLayout;
use crate::data::TextRow;
use crate::error::{Error, Result};
use crate::io::PartialFile;
use crate::vectors::{Precision, Quantized};
use parquet::basic::{Compression, ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int32Type};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a row group: what is in memory at once.
const GROUP: usize = 16_384;

/// A file that is being written.
pub(super) struct ParquetFile {
    path: PathBuf,
    writer: SerializedFileWriter<PartialFile>,
    precision: Precision,
    rows: Vec<TextRow>,
    /// The numbers of their vectors, end to end.
    values: Vec<f32>,
    numbers: usize,
}

impl ParquetFile {
    pub fn begin(part: PartialFile, layout: &ShardLayout) -> Result<Self> {
        let path = part.path().to_path_buf();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_dictionary_enabled(false)
            .set_created_by("twindrop".into())
            .build();
        let writer = schema(layout).and_then(|schema| {
            SerializedFileWriter::new(part, Arc::new(schema), Arc::new(properties))
        });
        let writer = writer.map_err(|error| Error::io(&path, std::io::Error::other(error)))?;
        let (precision, numbers) = (layout.precision, layout.numbers);
        Ok(Self { path, writer, precision, rows: vec![], values: vec![], numbers })
    }

    pub fn write(&mut self, rows: &[TextRow], vectors: &Quantized) -> Result<()> {
        for (row, vector) in rows.iter().zip(vectors.rows()) {
            self.rows.push(row.clone());
            self.values.extend(vectors.values(vector));
            if self.rows.len() == GROUP {
                self.group()?;
            }
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<()> {
        self.group()?;
        let part = self.writer.into_inner();
        part.map_err(|error| Error::io(&self.path, std::io::Error::other(error)))?.finish()
    }

    /// Writes what is in memory.
    fn group(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (rows, values) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.values));
        let mut attempt = || {
            let mut group = self.writer.next_row_group()?;
            let texts = rows.iter().map(|row| Some(row.text.clone()));
            strings(&mut group, texts, false)?;
            for column in 0..rows[0].kept.len() {
                strings(&mut group, rows.iter().map(|row| row.kept[column].cell()), true)?;
            }
            lists(&mut group, &values, self.numbers, self.precision)?;
            group.close().map(|_| ())
        };
        attempt().map_err(|error| Error::io(&self.path, std::io::Error::other(error)))
    }
}

/// `text`, the kept columns, and `embedding` as a list of three levels.
fn schema(layout: &ShardLayout) -> ParquetResult<Type> {
    let text = |name: &str, repetition| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(repetition)
            .with_converted_type(ConvertedType::UTF8)
            .with_logical_type(Some(LogicalType::String))
            .build()
            .map(Arc::new)
    };
    let element = match layout.precision {
        Precision::Float32 | Precision::Float16 => {
            Type::primitive_type_builder("element", Physical::FLOAT)
        }
        precision => Type::primitive_type_builder("element", Physical::INT32)
            .with_converted_type(match precision.is_signed() {
                true => ConvertedType::INT_8,
                false => ConvertedType::UINT_8,
            }),
    };
    let element = element.with_repetition(Repetition::REQUIRED).build()?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let vector = Type::group_type_builder("embedding")
        .with_repetition(Repetition::REQUIRED)
        .with_converted_type(ConvertedType::LIST)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)])
        .build()?;
    let mut fields = vec![text("text", Repetition::REQUIRED)?];
    for name in &layout.keep {
        fields.push(text(name, Repetition::OPTIONAL)?);
    }
    fields.push(Arc::new(vector));
    Type::group_type_builder("rows").with_fields(fields).build()
}

type Group<'a> = SerializedRowGroupWriter<'a, PartialFile>;

fn strings(
    group: &mut Group,
    cells: impl Iterator<Item = Option<String>>,
    optional: bool,
) -> ParquetResult<()> {
    let cells: Vec<Option<String>> = cells.collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<ByteArray> =
        cells.into_iter().flatten().map(|text| text.into_bytes().into()).collect();
    let mut column = group.next_column()?.expect("a column for each in the schema");
    let levels = optional.then_some(&levels[..]);
    column.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
    column.close()
}

/// Every row a list: a value begins one where its repetition level is 0.
fn lists(
    group: &mut Group,
    values: &[f32],
    numbers: usize,
    precision: Precision,
) -> ParquetResult<()> {
    let defined = vec![1i16; values.len()];
    let repeated: Vec<i16> = (0..values.len()).map(|at| i16::from(at % numbers != 0)).collect();
    let (defined, repeated) = (Some(&defined[..]), Some(&repeated[..]));
    let mut column = group.next_column()?.expect("the last column is the vector's");
    match precision {
        Precision::Float32 | Precision::Float16 => {
            column.typed::<FloatType>().write_batch(values, defined, repeated)?;
        }
        _ => {
            let integers: Vec<i32> = values.iter().map(|&x| x as i32).collect();
            column.typed::<Int32Type>().write_batch(&integers, defined, repeated)?;
        }
    }
    column.close()
}
