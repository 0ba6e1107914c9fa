//! `twindrop mine duplicates`.

use super::table;
use crate::cli::search::encode;
use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::cli::shared::model::{open, paths};
use crate::cli::shared::notes::{counts_line, note_report};
use crate::data::{Format, TextRow, each_text, each_text_from, open_text};
use crate::error::{Error, Result};
use crate::io;
use crate::vectors::search::near_duplicates;
use clap::Args;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop mine duplicates --model MODEL --input crawl.txt --threshold 0.95 \\
      --output kept.txt --report dropped.tsv

Lines are copied unchanged, with the header and all columns, and decompressed. The first of a group of near
duplicates is kept; the report lists for each dropped line its number, the number of the
most similar line kept, their cosine similarity and both texts.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct DuplicateArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Input file of texts (.txt .tsv .csv .jsonl), or - for standard input
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub input: PathBuf,
    /// Output file for the lines kept, or - for standard output
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub output: PathBuf,
    /// Output file for a report of the lines dropped: .tsv .csv or .jsonl
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub report: Option<PathBuf>,
    /// Minimum cosine similarity of near duplicates
    #[arg(long, default_value = "0.95", value_name = "X", help_heading = "Mining")]
    pub threshold: f32,
    /// Prompt to prepend to every text
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    pub prompt: Option<String>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
}

pub fn run(args: &DuplicateArgs) -> Result<()> {
    args.report.as_deref().map(table::form).transpose()?;
    let parquet = args.input.extension().is_some_and(|extension| extension == "parquet");
    if parquet || args.columns.data_format.or(Format::of(&args.input)) == Some(Format::Json) {
        let message = "has no lines to copy; expected .txt, .tsv, .csv or .jsonl";
        return Err(Error::data(&args.input, message));
    }
    let (output, input) = (&*args.output, &*args.input);
    let report = args.report.as_deref();
    for one in [Some(output), report].into_iter().flatten() {
        io::expect_apart(one, [input])?;
        io::expect_apart(one, paths(&args.model.model))?;
    }
    if let Some(report) = report.filter(|report| *report == output) {
        let message = "is both --output and --report; choose another --report";
        return Err(Error::config(format!("{} {message}", report.display())));
    }
    let source = DuplicateInput::open(input)?;
    let (mut texts, mut lines) = (Vec::new(), Vec::new());
    let mut options = args.columns.of(args.input.clone()).options();
    if input.as_os_str() == "-" {
        options.format.get_or_insert(Format::Text);
    }
    let mut take = |row: TextRow| {
        texts.push(row.text);
        lines.push(row.line);
        Ok(ControlFlow::Continue(()))
    };
    let read = match &source {
        DuplicateInput::File(path) => each_text(path, &options, &[], &mut take)?,
        DuplicateInput::Read(bytes) => {
            each_text_from(&**bytes, input, &options, &[], &mut take)?
        }
    };
    note_report(&read);
    let model = open(&args.model)?;
    let vectors = encode(&model, &texts, args.prompt.clone())?;
    let found = near_duplicates(&vectors, args.threshold)?;
    let dropped: Vec<usize> = found.iter().map(|duplicate| duplicate.row).collect();
    copy(source.reader()?, output, &lines, &dropped)?;
    if let Some(report) = report {
        let names = ["line", "of", "score", "text", "kept"].map(String::from);
        let row = |d: &crate::vectors::search::Duplicate| {
            let (line, of) = (lines[d.row], lines[d.of]);
            vec![
                json!(line),
                json!(of),
                table::score(d.score),
                json!(texts[d.row]),
                json!(texts[d.of]),
            ]
        };
        table::write(report, &names, &found.iter().map(row).collect::<Vec<_>>())?;
    }
    let (kept, all, place) = (texts.len() - found.len(), texts.len(), args.output.display());
    let what = format!("{kept} of {all} texts kept, saved to {place}");
    counts_line(&what, [&read], model.tokenizer().truncated_texts());
    Ok(())
}

/// The input, which is read twice: for its texts, and for its lines as they are.
enum DuplicateInput<'a> {
    File(&'a Path),
    /// What can be read once only.
    Read(Vec<u8>),
}

impl<'a> DuplicateInput<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        if io::is_regular(path) {
            return Ok(Self::File(path));
        }
        let mut bytes = Vec::new();
        let read = match path.to_str() {
            Some("-") => std::io::stdin().lock().read_to_end(&mut bytes),
            _ => File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
        };
        read.map_err(|error| Error::io(path, error))?;
        Ok(Self::Read(bytes))
    }

    fn reader(&self) -> Result<Box<dyn BufRead + '_>> {
        Ok(match self {
            Self::File(path) => open_text(path)?,
            Self::Read(bytes) => Box::new(&**bytes),
        })
    }
}

/// Copies all lines but those of rows `dropped`; row i goes from line `lines[i]` to the next row.
fn copy(mut source: impl BufRead, to: &Path, lines: &[u64], dropped: &[usize]) -> Result<()> {
    let ranges =
        dropped.iter().map(|&row| lines[row]..lines.get(row + 1).copied().unwrap_or(u64::MAX));
    let mut ranges = ranges.peekable();
    io::write_output(to, |file| {
        let (mut line, mut number) = (Vec::new(), 0);
        while source.read_until(b'\n', &mut line)? > 0 {
            number += 1;
            while ranges.next_if(|range| range.end <= number).is_some() {}
            if !ranges.peek().is_some_and(|range| range.contains(&number)) {
                file.write_all(&line)?;
            }
            line.clear();
        }
        Ok(())
    })
}
