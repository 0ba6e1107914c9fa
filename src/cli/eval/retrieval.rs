//! `twindrop eval retrieval`.

use super::task_args::{TaskArgs, TaskPrompts};
use super::triplets::name;
use crate::cli::shared::notes::note_report;
use crate::data;
use crate::error::{Error, Result};
use crate::eval::RetrievalEvaluator;
use crate::vectors::Similarity;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval retrieval --model MODEL --data-dir scifact
  twindrop eval retrieval --model MODEL --queries queries.tsv --corpus corpus.tsv \\
      --qrels qrels.tsv --k 1,10 --format json

Queries and documents are `id, text` (.tsv, .csv) or BEIR objects (.jsonl: _id, title,
text); relevance judgements (qrels) are `query-id, corpus-id, score` (default score 1) or
TREC's four columns. Files may be compressed (.gz .zst). A judged document that the corpus
lacks counts as relevant and is never found, as in trec_eval; a note counts such judgements.
The search is exact. Ties are in the order of the corpus; queries without a relevant document
are ignored.";

const DATA: &str = "Data";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct RetrievalArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Directory with queries and corpus (.jsonl or .tsv) and qrels/SPLIT.tsv or qrels.tsv
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["queries", "corpus", "qrels"],
        help_heading = DATA
    )]
    data_dir: Option<PathBuf>,
    /// Split of --data-dir whose relevance judgements are used
    #[arg(long, value_name = "NAME", default_value = "test", help_heading = DATA)]
    split: String,
    /// Queries file
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    queries: Option<PathBuf>,
    /// Documents file
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    corpus: Option<PathBuf>,
    /// Relevance judgements file
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    qrels: Option<PathBuf>,
    /// Cutoffs k: numbers of top documents the metrics are computed on
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "1,3,5,10,100",
        help_heading = "Metrics"
    )]
    k: Vec<usize>,
    /// Similarity functions: cosine, dot, euclidean, manhattan [default: the model's
    /// similarity_fn_name, else cosine]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Metrics")]
    similarity: Vec<Similarity>,
    /// Text before every query [default: the model's prompt `query`, if any]
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    query_prompt: Option<String>,
    /// Text before every document [default: the model's prompt `document`, `passage` or `corpus`,
    /// if any]
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    corpus_prompt: Option<String>,
    /// Ignore the document with the same id as the query (ArguAna, Quora)
    #[arg(long, help_heading = "Metrics")]
    ignore_identical_ids: bool,
}

pub fn run(args: &RetrievalArgs) -> Result<()> {
    let given = [&args.queries, &args.corpus, &args.qrels].map(Option::as_ref);
    let (files, title) = match (&args.data_dir, given) {
        (Some(directory), _) => {
            let files = data::collection_files(directory, &args.split)?;
            (files, name(&directory.canonicalize().unwrap_or(directory.clone())))
        }
        (None, [Some(queries), Some(corpus), Some(qrels)]) => {
            ([queries, corpus, qrels].map(PathBuf::clone), name(qrels))
        }
        _ => {
            let message = "no data: give --data-dir DIR, or --queries, --corpus and --qrels";
            return Err(Error::config(message));
        }
    };
    args.task.check(&files.each_ref().map(PathBuf::as_path))?;
    let [queries, corpus, qrels] = &files;
    let collection = data::read_collection(queries, corpus, qrels)?;
    collection.reports.iter().for_each(note_report);
    let mut evaluator = RetrievalEvaluator::new(&title, &collection)
        .with_cutoffs(&args.k)?
        .with_similarities(&args.similarity);
    if args.ignore_identical_ids {
        evaluator = evaluator.ignoring_identical_ids();
    }
    let reports: Vec<_> = collection.reports.iter().collect();
    let prompts = TaskPrompts {
        is_retrieval: true,
        query: args.query_prompt.clone(),
        document: args.corpus_prompt.clone(),
    };
    args.task.report("retrieval", &title, &evaluator, &reports, &prompts)
}
