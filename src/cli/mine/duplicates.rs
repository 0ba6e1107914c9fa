//! `twindrop mine duplicates`.

use super::table;
use crate::cli::search::encode;
use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::cli::shared::model::open;
use crate::cli::shared::notes::{counts_line, note};
use crate::data::{Format, each_text, open_text};
use crate::error::{Error, Result};
use crate::io;
use crate::vectors::search::near_duplicates;
use clap::Args;
use serde_json::json;
use std::io::{BufRead, Write};
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
    /// Input file of texts (.txt .tsv .csv .jsonl)
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub input: PathBuf,
    /// Output file for the lines kept
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
        let words = "has no lines to copy; expected .txt, .tsv, .csv or .jsonl";
        return Err(Error::data(&args.input, words));
    }
    let (mut texts, mut lines) = (Vec::new(), Vec::new());
    let options = args.columns.of(args.input.clone()).options();
    let report = each_text(&args.input, &options, &[], &mut |row| {
        texts.push(row.text);
        lines.push(row.line);
        Ok(ControlFlow::Continue(()))
    })?;
    note(&report);
    let model = open(&args.model)?;
    let vectors = encode(&model, &texts, args.prompt.clone())?;
    let found = near_duplicates(&vectors, args.threshold)?;
    let dropped: Vec<usize> = found.iter().map(|duplicate| duplicate.row).collect();
    copy(&args.input, &args.output, &lines, &dropped)?;
    if let Some(report) = &args.report {
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
    counts_line(&what, [&report], model.tokenizer().truncated_texts());
    Ok(())
}

/// Copies all lines but those of rows `dropped`; row i goes from line `lines[i]` to the next row.
fn copy(from: &Path, to: &Path, lines: &[u64], dropped: &[usize]) -> Result<()> {
    let mut source = open_text(from)?;
    let ranges =
        dropped.iter().map(|&row| lines[row]..lines.get(row + 1).copied().unwrap_or(u64::MAX));
    let mut ranges = ranges.peekable();
    io::replace(to, |file| {
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
