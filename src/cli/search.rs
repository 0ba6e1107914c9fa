//! `twindrop search`.

use super::args::{ColumnArgs, ModelArgs, UsageArgs};
use super::embed::inputs;
use super::eval::open;
use super::say;
use crate::embed_job::Input;
use crate::error::{Error, Result};
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use crate::vectors::search::{Hit, Score, SearchOptions, semantic_search};
use crate::vectors::{EmbeddingRows, Embeddings, StoredEmbeddings};
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop search --model MODEL --corpus sentences.txt --query 'a plane takes off'
  twindrop search --model MODEL --corpus vectors/manifest.json --texts sentences.txt \\
      --queries queries.tsv --top-k 100 --format jsonl
  twindrop search --corpus corpus.npy --queries queries.npy --format tsv

The search is exact. Saved vectors (.npy, .safetensors, or the manifest.json of shards) stay on disk
and are read a stretch at a time; numbers of rows stand for texts unless --texts names the file they
were made of. Of texts equally near, the first of the corpus comes first.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct SearchArgs {
    /// Model directory or hub id; not needed where both sides are vectors
    #[arg(long, alias = "model-name-or-path", value_name = "MODEL")]
    pub model: Option<String>,
    /// What is searched: texts (.txt .tsv .csv .jsonl .parquet) or vectors (.npy .safetensors,
    /// manifest.json)
    #[arg(long, value_name = "FILE")]
    pub corpus: PathBuf,
    /// The texts of a corpus of vectors, to be shown
    #[arg(long, value_name = "FILE")]
    pub texts: Option<PathBuf>,
    /// What is looked for: a file of texts or vectors, or - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "query")]
    pub queries: Option<PathBuf>,
    /// A text to look for; may be given again
    #[arg(long, value_name = "TEXT", conflicts_with = "queries")]
    pub query: Vec<String>,
    /// Hits for each query
    #[arg(long, default_value = "10", value_name = "N")]
    pub top_k: usize,
    /// What is near: cosine or dot
    #[arg(long, default_value = "cosine", value_name = "NAME")]
    pub score: Score,
    /// How to print the hits
    #[arg(long, value_enum, default_value = "table")]
    pub format: HitFormat,
    /// Put before every query; by default the model's prompt called query, where it has one
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Put before every text of the corpus; by default the model's prompt called document or
    /// passage, where it has one
    #[arg(long, value_name = "TEXT")]
    pub corpus_prompt: Option<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HitFormat {
    /// For people
    Table,
    /// An object a query: {"query": …, "hits": [{"corpus_id", "score", "text"}]}
    Jsonl,
    /// A line a hit: query, rank, score, corpus_id, text
    Tsv,
}

/// The model's own names for what a query, or a text of a corpus, is led by.
pub const QUERY: &[&str] = &["query"];
pub const DOCUMENT: &[&str] = &["document", "passage", "corpus"];

/// One side of a search: vectors, and the texts that are known of them.
struct SearchSide {
    vectors: Box<dyn EmbeddingRows>,
    texts: Option<Vec<String>>,
}

pub fn run(args: &SearchArgs) -> Result<()> {
    let model = args.model.as_ref().map(|model| open_model(model)).transpose()?;
    let model = model.as_ref();
    let corpus_prompt = prompt(model, &args.corpus_prompt, DOCUMENT);
    let query_prompt = prompt(model, &args.prompt, QUERY);
    let queries = match &args.queries {
        Some(path) => side(path, args, model, query_prompt)?,
        None => of_texts(args.query.clone(), model, "--query", query_prompt)?,
    };
    let mut corpus = side(&args.corpus, args, model, corpus_prompt)?;
    if let Some(path) = &args.texts {
        let (texts, rows) = (texts(path, &args.columns)?, corpus.vectors.rows());
        if texts.len() != rows {
            let words = format!("has {} texts, the corpus {rows} vectors", texts.len());
            return Err(Error::data(path, words));
        }
        corpus.texts = Some(texts);
    }
    let options = SearchOptions { top_k: args.top_k, score: args.score };
    let hits = semantic_search(&*queries.vectors, &*corpus.vectors, &options)?;
    match args.format {
        HitFormat::Table => hits.iter().enumerate().try_for_each(|(query, hits)| {
            say(format!("{}\n{}", name(&queries, query), table(hits, &corpus)))
        }),
        HitFormat::Jsonl => lines(hits.iter().enumerate().map(|(query, hits)| {
            let hit = |hit: &Hit| match &corpus.texts {
                Some(texts) => {
                    json!({"corpus_id": hit.corpus_id, "score": hit.score, "text": texts[hit.corpus_id]})
                }
                None => json!({"corpus_id": hit.corpus_id, "score": hit.score}),
            };
            let hits: Vec<_> = hits.iter().map(hit).collect();
            match &queries.texts {
                Some(texts) => json!({"query": texts[query], "hits": hits}).to_string(),
                None => json!({"query": query, "hits": hits}).to_string(),
            }
        })),
        HitFormat::Tsv => {
            let header = std::iter::once("query\trank\tscore\tcorpus_id\ttext".to_string());
            let rows = hits.iter().enumerate().flat_map(|(query, hits)| {
                let (query, corpus) = (field(&name(&queries, query)), &corpus);
                hits.iter().enumerate().map(move |(rank, hit)| {
                    let Hit { corpus_id, score } = hit;
                    let text = corpus.texts.as_ref().map_or("", |texts| &texts[*corpus_id]);
                    format!("{query}\t{}\t{score}\t{corpus_id}\t{}", rank + 1, field(text))
                })
            });
            lines(header.chain(rows))
        }
    }
}

/// A model with nothing else said of it.
pub fn open_model(model: &str) -> Result<SentenceEncoder> {
    open(&ModelArgs { model: model.into(), usage: UsageArgs::default() })
}

/// What was asked for, else the model's prompt of the first of these names.
pub fn prompt(
    model: Option<&SentenceEncoder>,
    asked: &Option<String>,
    names: &[&str],
) -> Option<String> {
    let own = || {
        let prompts = model?.prompts();
        names.iter().find_map(|name| prompts.named(name).ok()).map(String::from)
    };
    asked.clone().or_else(own)
}

/// All texts of a file, or of standard input.
pub fn texts(path: &Path, columns: &ColumnArgs) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let options = columns.of(path.to_path_buf()).options();
    inputs(&[path.to_path_buf()])?.each(&options, &[], &mut |row| {
        texts.push(row.text);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(texts)
}

/// The vectors of texts.
pub fn encode(
    model: &SentenceEncoder,
    texts: &[String],
    prompt: Option<String>,
) -> Result<Embeddings> {
    model.encode(texts, &EncodeOptions { prompt, ..EncodeOptions::default() })
}

fn side(
    path: &Path,
    args: &SearchArgs,
    model: Option<&SentenceEncoder>,
    prompt: Option<String>,
) -> Result<SearchSide> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("npy" | "safetensors" | "json")) {
        let vectors = Box::new(StoredEmbeddings::open(path)?);
        return Ok(SearchSide { vectors, texts: None });
    }
    let name = match inputs(&[path.to_path_buf()])? {
        Input::Standard => "standard input".into(),
        Input::Files(_) => path.display().to_string(),
    };
    of_texts(texts(path, &args.columns)?, model, &name, prompt)
}

fn of_texts(
    texts: Vec<String>,
    model: Option<&SentenceEncoder>,
    name: &str,
    prompt: Option<String>,
) -> Result<SearchSide> {
    let model = model.ok_or_else(|| {
        Error::config(format!("{name} holds texts; give the --model to embed them"))
    })?;
    let vectors = Box::new(encode(model, &texts, prompt)?);
    Ok(SearchSide { vectors, texts: Some(texts) })
}

fn name(side: &SearchSide, row: usize) -> String {
    side.texts.as_ref().map_or_else(|| row.to_string(), |texts| texts[row].clone())
}

fn table(hits: &[Hit], corpus: &SearchSide) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header(["score", "row", "text"]);
    for hit in hits {
        let text = corpus.texts.as_ref().map_or("", |texts| &texts[hit.corpus_id]);
        let text: String = text.chars().take(100).collect();
        table.add_row([format!("{:.4}", hit.score), hit.corpus_id.to_string(), text]);
    }
    table.to_string()
}

/// A field of a line holds neither tab nor line end.
fn field(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// Many lines to standard output; a reader that went away ends the program quietly.
fn lines(lines: impl Iterator<Item = String>) -> Result<()> {
    let write = || {
        let mut out = BufWriter::new(std::io::stdout().lock());
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    match write() {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Error::io("standard output".as_ref(), error)),
    }
}
