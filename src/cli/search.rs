//! `twindrop search`.

use super::embed::inputs;
use crate::cli::shared::args::{ColumnArgs, CorpusColumnArgs, ModelArgs, UsageArgs};
use crate::cli::shared::model::open;
use crate::cli::shared::notes::{counts_line_if_any, note_prompts, note_report};
use crate::cli::shared::print::{output, printable, say};
use crate::data::ReadReport;
use crate::embed_job::Input;
use crate::error::{Error, Result, excerpt};
use crate::sentence_encoder::{EncodeOptions, Prompts, SentenceEncoder};
use crate::train::DataConfig;
use crate::vectors::Similarity;
use crate::vectors::search::{Hit, SearchOptions, semantic_search};
use crate::vectors::{EmbeddingRows, Embeddings, StoredEmbeddings};
use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;
use std::collections::HashSet;
use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop search --model MODEL --corpus sentences.txt --query 'a plane takes off'
  twindrop search --model MODEL --corpus vectors/manifest.json --texts sentences.txt \\
      --queries queries.tsv --top-k 100 --format jsonl
  twindrop search --corpus corpus.npy --queries queries.npy --format tsv

The search is exact (brute force). Saved embeddings (.npy, .safetensors, or the
manifest.json of shards) stay on disk and are read in blocks; hits show row numbers unless
--texts names the file that the embeddings were computed from. Ties are in the order of the
corpus.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct SearchArgs {
    /// Model directory or hub id; not needed if corpus and queries are embeddings
    #[arg(
        long,
        visible_alias = "model-name-or-path",
        value_name = "MODEL",
        help_heading = "Model"
    )]
    pub model: Option<String>,
    /// Corpus to search: texts (.txt .tsv .csv .jsonl .parquet) or embeddings (.npy .safetensors,
    /// manifest.json)
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub corpus: PathBuf,
    /// Texts of a corpus of embeddings, shown with the hits
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub texts: Option<PathBuf>,
    /// Queries: a file of texts or embeddings, or - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "query", help_heading = "Data")]
    pub queries: Option<PathBuf>,
    /// Query text; may be repeated
    #[arg(long, value_name = "TEXT", conflicts_with = "queries", help_heading = "Data")]
    pub query: Vec<String>,
    /// Number of hits for each query
    #[arg(long, default_value = "10", value_name = "N", help_heading = "Search")]
    pub top_k: usize,
    /// Similarity function: cosine, dot, euclidean (negative distance) or manhattan [default: the
    /// model's similarity_fn_name, else cosine]
    #[arg(long, value_name = "NAME", help_heading = "Search")]
    pub score: Option<Similarity>,
    /// Output format
    #[arg(long, value_enum, default_value = "table", help_heading = "Search")]
    pub format: HitFormat,
    /// Prompt to prepend to every query [default: the model's prompt `query`, if any]
    #[arg(long, visible_alias = "query-prompt", value_name = "TEXT", help_heading = "Model")]
    pub prompt: Option<String>,
    /// Prompt to prepend to every text of the corpus [default: the model's prompt `document` or
    /// `passage`, if any]
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    pub corpus_prompt: Option<String>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
    #[command(flatten, next_help_heading = "Data")]
    pub corpus_columns: CorpusColumnArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HitFormat {
    /// A table for each query
    Table,
    /// One JSON object per query: {"query": …, "hits": [{"corpus_id", "score", "text"}]}
    Jsonl,
    /// One line per hit: query, rank, score, corpus_id, text
    Tsv,
}

/// Queries or corpus: embeddings, and their texts if known.
struct SearchSide {
    vectors: Box<dyn EmbeddingRows>,
    texts: Option<Vec<String>>,
    report: ReadReport,
}

pub fn run(args: &SearchArgs) -> Result<()> {
    let model = args.model.as_ref().map(|model| open_model(model)).transpose()?;
    let model = model.as_ref();
    let [query_prompt, corpus_prompt] = prompts(model, &args.prompt, &args.corpus_prompt);
    let queries = match &args.queries {
        Some(path) => side(args.columns.of(path.clone()), model, query_prompt)?,
        None => of_texts(args.query.clone(), model, "--query", query_prompt)?,
    };
    let of_corpus = |path: &Path| args.corpus_columns.of(path.to_path_buf(), &args.columns);
    let mut corpus = side(of_corpus(&args.corpus), model, corpus_prompt)?;
    if let Some(path) = &args.texts {
        let ((texts, report), rows) = (read_texts(&of_corpus(path))?, corpus.vectors.rows());
        if texts.len() != rows {
            let message =
                format!("has {} texts, but the corpus has {rows} embeddings", texts.len());
            return Err(Error::data(path, message));
        }
        corpus.texts = Some(texts);
        corpus.report = report;
    }
    let own = || model.map(SentenceEncoder::similarity_function).unwrap_or_default();
    let options =
        SearchOptions { top_k: args.top_k, similarity: args.score.unwrap_or_else(own) };
    let hits = semantic_search(&*queries.vectors, &*corpus.vectors, &options)?;
    print(args.format, &hits, &queries, &corpus)?;
    let truncated = model.map_or(0, |model| model.tokenizer().truncated_texts());
    let (asked, all) = (hits.len(), corpus.vectors.rows());
    let plural = if asked == 1 { "query" } else { "queries" };
    let what = format!("{asked} {plural}, {all} texts in the corpus");
    counts_line_if_any(&what, [&queries.report, &corpus.report], truncated);
    Ok(())
}

fn print(
    format: HitFormat,
    hits: &[Vec<Hit>],
    queries: &SearchSide,
    corpus: &SearchSide,
) -> Result<()> {
    match format {
        HitFormat::Table => hits.iter().enumerate().try_for_each(|(query, hits)| {
            say(format!("{}\n{}", printable(&name(queries, query)), table(hits, corpus)))
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
                let query = field(&name(queries, query));
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

/// A model with default options.
pub fn open_model(model: &str) -> Result<SentenceEncoder> {
    open(&ModelArgs { model: model.into(), usage: UsageArgs::default() })
}

/// The prompts before queries and documents: those given, else the model's own; printed.
pub fn prompts(
    model: Option<&SentenceEncoder>,
    query: &Option<String>,
    document: &Option<String>,
) -> [Option<String>; 2] {
    let own = |of: fn(&Prompts) -> Option<&str>| {
        model.and_then(|model| of(model.prompts())).map(String::from)
    };
    let query = query.clone().or_else(|| own(Prompts::query));
    let document = document.clone().or_else(|| own(Prompts::document));
    let shown = |prompt: &Option<String>| prompt.clone().unwrap_or_default();
    note_prompts(&shown(&query), &shown(&document));
    [query, document]
}

/// All texts of a file, or of standard input, and what was decided and left out, of which the
/// decisions are printed.
pub fn read_texts(config: &DataConfig) -> Result<(Vec<String>, ReadReport)> {
    let mut texts = Vec::new();
    let input = inputs(std::slice::from_ref(&config.path))?;
    let reports = input.each(&config.options(), &[], &mut |row| {
        texts.push(row.text);
        Ok(ControlFlow::Continue(()))
    })?;
    reports.iter().for_each(note_report);
    let mut report = ReadReport::default();
    reports.iter().for_each(|one| report.add(one));
    let distinct: HashSet<&String> = texts.iter().collect();
    report.duplicates = (texts.len() - distinct.len()) as u64;
    Ok((texts, report))
}

/// The embeddings of texts.
pub fn encode(
    model: &SentenceEncoder,
    texts: &[String],
    prompt: Option<String>,
) -> Result<Embeddings> {
    model.encode(texts, &EncodeOptions { prompt, ..EncodeOptions::default() })
}

fn side(
    config: DataConfig,
    model: Option<&SentenceEncoder>,
    prompt: Option<String>,
) -> Result<SearchSide> {
    let path = &config.path;
    let extension = path.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("npy" | "safetensors" | "json")) {
        let vectors = Box::new(StoredEmbeddings::open(path)?);
        return Ok(SearchSide { vectors, texts: None, report: ReadReport::default() });
    }
    let name = match inputs(std::slice::from_ref(path))? {
        Input::Standard => "standard input".into(),
        Input::Files(_) => path.display().to_string(),
    };
    let (texts, report) = read_texts(&config)?;
    Ok(SearchSide { report, ..of_texts(texts, model, &name, prompt)? })
}

fn of_texts(
    texts: Vec<String>,
    model: Option<&SentenceEncoder>,
    name: &str,
    prompt: Option<String>,
) -> Result<SearchSide> {
    let model = model.ok_or_else(|| {
        Error::config(format!("{name} holds texts: give --model MODEL to embed them"))
    })?;
    let vectors = Box::new(encode(model, &texts, prompt)?);
    Ok(SearchSide { vectors, texts: Some(texts), report: ReadReport::default() })
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
        let text = printable(&excerpt(text, 100));
        table.add_row([format!("{:.4}", hit.score), hit.corpus_id.to_string(), text]);
    }
    table.to_string()
}

/// A field of a TSV line, without tabs and line ends; without any control character where a
/// terminal would obey it.
fn field(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        return printable(text);
    }
    text.replace(['\t', '\n', '\r'], " ")
}

/// Writes lines to standard output.
fn lines(lines: impl Iterator<Item = String>) -> Result<()> {
    let write = || {
        let mut out = BufWriter::new(std::io::stdout().lock());
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    };
    output(write())
}
