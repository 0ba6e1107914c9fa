//! `twindrop eval retrieval`.

use super::task::TaskArgs;
use super::triplets::name;
use crate::data;
use crate::error::{Error, Result};
use crate::eval::{RetrievalEvaluator, Similarity};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval retrieval --model MODEL --data-dir scifact
  twindrop eval retrieval --model MODEL --queries queries.tsv --corpus corpus.tsv \\
      --qrels qrels.tsv --k 1,10 --format json

Queries and documents are `id, text` (.tsv, .csv) or BEIR's objects (.jsonl: _id, title,
text); judgements are `query-id, corpus-id, score`, without a score 1, or TREC's four
columns. Search is exact. Of documents equally alike, the first of the corpus is first;
queries without an answer are left out.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct RetrievalArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// A directory with queries and corpus (.jsonl or .tsv) and qrels/SPLIT.tsv or qrels.tsv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["queries", "corpus", "qrels"])]
    data_dir: Option<PathBuf>,
    /// The judgements of --data-dir
    #[arg(long, value_name = "NAME", default_value = "test")]
    split: String,
    /// Queries
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Documents
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// Which document answers which query
    #[arg(long, value_name = "FILE")]
    qrels: Option<PathBuf>,
    /// Numbers of documents looked at
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,3,5,10,100")]
    k: Vec<usize>,
    /// cosine, dot, euclidean, manhattan
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "cosine")]
    similarity: Vec<Similarity>,
    /// Leave out the document that has the id of the query (ArguAna, Quora)
    #[arg(long)]
    ignore_identical_ids: bool,
}

pub fn run(args: &RetrievalArgs) -> Result<()> {
    args.task.check()?;
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
            let words =
                "what is searched? give --data-dir DIR, or --queries, --corpus and --qrels";
            return Err(Error::config(words));
        }
    };
    let [queries, corpus, qrels] = &files;
    let collection = data::read_collection(queries, corpus, qrels)?;
    let mut evaluator = RetrievalEvaluator::new(&title, &collection)
        .with_cutoffs(&args.k)?
        .with_similarities(&args.similarity);
    if args.ignore_identical_ids {
        evaluator = evaluator.ignoring_identical_ids();
    }
    args.task.report("retrieval", &title, &evaluator)
}
