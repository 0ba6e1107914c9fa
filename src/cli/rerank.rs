//! `twindrop rerank`.

use super::shared::args::{ColumnArgs, ModelArgs};
use super::shared::model::{open_classifier, paths};
use super::shared::notes::{counts_line, note_report};
use crate::data::{Dataset, ReadReport};
use crate::error::{Error, Result};
use crate::io;
use crate::sentence_encoder::TextClassifier;
use crate::vectors::distinct;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop search --model MODEL --corpus docs.txt --queries questions.txt --top-k 50 \\
      --format jsonl > hits.jsonl
  twindrop rerank --model CROSS-ENCODER --input hits.jsonl --top-k 10 --output reranked.jsonl
  twindrop rerank --model CROSS-ENCODER --input pairs.tsv --columns sentence1,sentence2 --format tsv

The model is a cross-encoder with one output: one of sentence-transformers', or one trained with
--head joined and an objective as bce, listnet or margin-mse. Queries keep their order.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct RerankArgs {
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    /// Hits of `twindrop search --format jsonl`, or rows of a query and a document (.tsv .csv .jsonl)
    #[arg(long, short, value_name = "FILE", help_heading = "Data")]
    input: PathBuf,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
    /// Documents of each query to write [default: all]
    #[arg(long, value_name = "N", help_heading = "Output")]
    top_k: Option<usize>,
    /// Where to write the documents; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", help_heading = "Output")]
    output: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value = "jsonl", help_heading = "Output")]
    format: RankedFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RankedFormat {
    /// One JSON object per query: {"query": …, "hits": [{"corpus_id", "score", "text"}]}
    Jsonl,
    /// One line per document: query, rank, score, corpus_id, text
    Tsv,
}

/// The most of a file of hits.
const MOST_BYTES: u64 = 1 << 30;

/// A query and its documents.
#[derive(Debug, Deserialize, Serialize)]
struct RankedQuery {
    query: String,
    hits: Vec<RankedHit>,
}

/// A document of a query.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct RankedHit {
    #[serde(default)]
    corpus_id: Value,
    #[serde(default)]
    score: f64,
    text: String,
}

pub fn run(args: &RerankArgs) -> Result<()> {
    io::expect_apart(&args.output, [&args.input])?;
    io::expect_apart(&args.output, paths(&args.model.model))?;
    if args.top_k == Some(0) {
        return Err(Error::config("--top-k 0: expected at least 1"));
    }
    let (mut queries, report) = read(args)?;
    note_report(&report);
    let model = open_classifier(&args.model.model, args.model.usage)?;
    let mut file = io::PartialFile::output(&args.output)?;
    let path = file.path().to_path_buf();
    let mut write =
        |line: &str| writeln!(file, "{line}").map_err(|error| Error::io(&path, error));
    if args.format == RankedFormat::Tsv {
        write("query\trank\tscore\tcorpus_id\ttext")?;
    }
    for query in &mut queries {
        rank(&model, query, args.top_k)?;
        match args.format {
            RankedFormat::Jsonl => write(&json!(query).to_string())?,
            RankedFormat::Tsv => query.lines().try_for_each(|line| write(&line))?,
        }
    }
    file.finish()?;
    let documents: usize = queries.iter().map(|query| query.hits.len()).sum();
    let what = format!("{} queries, {documents} documents ranked", queries.len());
    counts_line(&what, [&report], model.encoder().tokenizer().truncated_texts());
    Ok(())
}

/// Orders the documents of a query by the model's scores.
fn rank(model: &TextClassifier, query: &mut RankedQuery, top_k: Option<usize>) -> Result<()> {
    let documents: Vec<&str> = query.hits.iter().map(|hit| hit.text.as_str()).collect();
    let ranked = model.rank(&query.query, &documents)?;
    let ranked = ranked.into_iter().take(top_k.unwrap_or(usize::MAX));
    query.hits =
        ranked.map(|(place, score)| RankedHit { score, ..query.hits[place].clone() }).collect();
    Ok(())
}

impl RankedQuery {
    /// Its documents as lines of TSV, tabs and line ends in texts as spaces.
    fn lines(&self) -> impl Iterator<Item = String> {
        let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
        self.hits.iter().zip(1..).map(move |(hit, rank)| {
            let id = match &hit.corpus_id {
                Value::Null => String::new(),
                Value::String(id) => id.clone(),
                id => id.to_string(),
            };
            let (query, text) = (plain(&self.query), plain(&hit.text));
            format!("{query}\t{rank}\t{}\t{id}\t{text}", hit.score)
        })
    }
}

/// The queries of the input: hits of a search, or rows of pairs.
fn read(args: &RerankArgs) -> Result<(Vec<RankedQuery>, ReadReport)> {
    if has_hits(&args.input)? {
        let text = io::read_text(&args.input, MOST_BYTES)?;
        return Ok((hits(&args.input, &text)?, ReadReport::default()));
    }
    let data = args.columns.of(args.input.clone()).read()?;
    if data.width() < 2 {
        let message = "has one text per row, expected a query and a document";
        return Err(Error::data(&args.input, message));
    }
    Ok((grouped(&data), data.report))
}

/// Whether the first line of a JSON file is one that `twindrop search --format jsonl` writes.
fn has_hits(path: &Path) -> Result<bool> {
    let is_json = path.extension().is_some_and(|end| end == "jsonl" || end == "json");
    if !is_json || !io::is_regular(path) {
        return Ok(false);
    }
    let failed = |error| Error::io(path, error);
    let file = BufReader::new(File::open(path).map_err(failed)?).take(MOST_BYTES);
    let mut lines =
        file.lines().filter(|line| !matches!(line, Ok(line) if line.trim().is_empty()));
    let first = lines.next().transpose().map_err(failed)?.unwrap_or_default();
    let first: Value = serde_json::from_str(&first).unwrap_or_default();
    Ok(first["hits"].is_array())
}

/// The lines that `twindrop search --format jsonl` writes.
fn hits(path: &Path, text: &str) -> Result<Vec<RankedQuery>> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let queries = lines.map(|(line, number)| {
        serde_json::from_str(line).map_err(|error| {
            let hint = "expected {\"query\": text, \"hits\": [{\"text\": …}]}, as search writes with texts";
            Error::line(path, number, format!("{error}; {hint}"))
        })
    });
    queries.collect()
}

/// Rows of a query and a document, by query in order of first occurrence.
fn grouped(data: &Dataset) -> Vec<RankedQuery> {
    let texts: Vec<&str> = data.texts(0).collect();
    let (queries, places) = distinct(&texts);
    let query = |text: &str| RankedQuery { query: text.into(), hits: Vec::new() };
    let mut queries: Vec<RankedQuery> = queries.into_iter().map(query).collect();
    for (row, (example, place)) in data.examples.iter().zip(places).enumerate() {
        let (corpus_id, text) = (json!(row), example.texts[1].clone());
        queries[place].hits.push(RankedHit { corpus_id, score: 0., text });
    }
    queries
}
