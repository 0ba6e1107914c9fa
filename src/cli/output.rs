//! Vectors as a file: NumPy, JSON lines, CSV or safetensors.

use crate::disk;
use crate::embed::Embeddings;
use crate::error::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where vectors go, and in what form.
pub struct Output {
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Npy,
    Jsonl,
    Csv,
    Safetensors,
}

impl Output {
    /// The output at `path`, whose extension says the form.
    ///
    /// # Errors
    /// Where the extension says nothing known, or the directory is not there.
    pub fn of(path: &Path) -> Result<Self> {
        let form = match path.extension().and_then(|extension| extension.to_str()) {
            Some("npy") => Form::Npy,
            Some("jsonl") => Form::Jsonl,
            Some("csv") => Form::Csv,
            Some("safetensors") => Form::Safetensors,
            _ => {
                let words = format!(
                    "{}: expected a name in .npy, .jsonl, .csv or .safetensors",
                    path.display()
                );
                return Err(Error::config(words));
            }
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            return Err(Error::config(format!(
                "{}: there is no such directory",
                parent.display()
            )));
        }
        if path.is_dir() {
            return Err(Error::config(format!(
                "{} is a directory; give a file",
                path.display()
            )));
        }
        Ok(Self { path: path.into(), form })
    }

    /// Writes one row per text, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written; an older one is then untouched.
    pub fn write(&self, texts: &[&str], embeddings: &Embeddings) -> Result<()> {
        disk::replace(&self.path, |file| match self.form {
            Form::Npy => npy(file, embeddings),
            Form::Jsonl => jsonl(file, texts, embeddings),
            Form::Csv => csv(file, texts, embeddings),
            Form::Safetensors => safetensors(file, embeddings),
        })
    }
}

fn bytes(embeddings: &Embeddings) -> Vec<u8> {
    embeddings.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// NumPy's format 1.0: magic, header padded to 64 bytes, then little-endian f32 in C order.
fn npy(file: &mut impl Write, embeddings: &Embeddings) -> io::Result<()> {
    let (rows, width) = (embeddings.rows(), embeddings.width());
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    let before = 10; // magic, version and length
    let padding = 63 - (before + header.len()) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.write_all(&bytes(embeddings))
}

/// `{"text": …, "embedding": […]}` a line.
fn jsonl(file: &mut impl Write, texts: &[&str], embeddings: &Embeddings) -> io::Result<()> {
    for (text, embedding) in texts.iter().zip(embeddings.iter()) {
        let line = serde_json::json!({ "text": text, "embedding": embedding });
        writeln!(file, "{line}")?;
    }
    Ok(())
}

/// `text,0,1,2…` with a header.
fn csv(file: &mut impl Write, texts: &[&str], embeddings: &Embeddings) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(file);
    let names = (0..embeddings.width()).map(|i| i.to_string());
    table.write_record(std::iter::once("text".to_string()).chain(names))?;
    for (text, embedding) in texts.iter().zip(embeddings.iter()) {
        let numbers = embedding.iter().map(ToString::to_string);
        table.write_record(std::iter::once((*text).to_string()).chain(numbers))?;
    }
    table.flush()
}

/// One tensor called `embeddings`.
fn safetensors(file: &mut impl Write, embeddings: &Embeddings) -> io::Result<()> {
    let data = bytes(embeddings);
    let shape = vec![embeddings.rows(), embeddings.width()];
    let view = TensorView::new(Dtype::F32, shape, &data).map_err(io::Error::other)?;
    let whole =
        safetensors::serialize([("embeddings", view)], None).map_err(io::Error::other)?;
    file.write_all(&whole)
}
