//! `twindrop mine negatives`.

use super::table;
use crate::cli::search::{DOCUMENT, QUERY, encode, prompt, texts};
use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::cli::shared::model::{open, paths};
use crate::cli::shared::print::note;
use crate::error::{Error, Result};
use crate::io;
use crate::vectors::search::{
    HardNegativeOptions, HardNegatives, Sampling, mine_hard_negatives,
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop mine negatives --model MODEL --data pairs.tsv --output triplets.tsv
  Negatives from a larger corpus, at least 5 % less similar than the positive:
    twindrop mine negatives --model MODEL --data pairs.tsv --corpus passages.txt \\
        --relative-margin 0.05 --num-negatives 5 --output triplets.tsv
    twindrop train --model MODEL --data triplets.tsv --objective mnrl --output-dir out

The first two texts of a row are the anchor and its positive. Candidates are the distinct
texts of the corpus and all positives; a positive of an anchor is never used as its
negative.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct NegativeArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Input file of anchor-positive pairs (.tsv .csv .jsonl)
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub data: PathBuf,
    /// Additional candidate texts
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub corpus: Option<PathBuf>,
    /// Output file for the triplets: .tsv .csv or .jsonl, or - for TSV on standard output
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub output: PathBuf,
    /// triplet: one row per negative; n-tuple: one row with all negatives, if all were found
    #[arg(long, value_enum, default_value = "triplet", help_heading = "Data")]
    pub output_format: NegativesLayout,
    /// Number of negatives per anchor
    #[arg(long, default_value = "3", value_name = "N", help_heading = "Mining")]
    pub num_negatives: usize,
    /// Skip the N most similar candidates, which may be unlabelled positives
    #[arg(long, default_value = "0", value_name = "N", help_heading = "Mining")]
    pub range_min: usize,
    /// Maximum rank of a candidate [default: large enough for --num-negatives]
    #[arg(long, value_name = "N", help_heading = "Mining")]
    pub range_max: Option<usize>,
    /// Maximum cosine similarity of a negative
    #[arg(long, value_name = "X", help_heading = "Mining")]
    pub max_score: Option<f32>,
    /// Minimum cosine similarity of a negative
    #[arg(long, value_name = "X", help_heading = "Mining")]
    pub min_score: Option<f32>,
    /// Minimum difference between the positive's and a negative's cosine similarity
    #[arg(long, value_name = "X", help_heading = "Mining")]
    pub absolute_margin: Option<f32>,
    /// Minimum difference as a fraction of the positive's cosine similarity
    #[arg(long, value_name = "R", help_heading = "Mining")]
    pub relative_margin: Option<f32>,
    /// Sampling among candidates: top (most similar) or random
    #[arg(long, default_value = "top", value_name = "NAME", help_heading = "Mining")]
    pub sampling_strategy: Sampling,
    /// Random seed of random sampling
    #[arg(long, default_value = "42", value_name = "N", help_heading = "Mining")]
    pub seed: u64,
    /// Prompt to prepend to every anchor [default: the model's prompt `query`, if any]
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    pub prompt: Option<String>,
    /// Prompt to prepend to every candidate [default: the model's prompt `document` or `passage`, if
    /// any]
    #[arg(long, value_name = "TEXT", help_heading = "Model")]
    pub corpus_prompt: Option<String>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NegativesLayout {
    Triplet,
    NTuple,
}

/// Distinct texts in the order of their first occurrence, and the index of each.
#[derive(Default)]
struct UniqueTexts {
    texts: Vec<String>,
    known: HashMap<String, usize>,
}

impl UniqueTexts {
    fn place(&mut self, text: &str) -> usize {
        *self.known.entry(text.to_string()).or_insert_with(|| {
            self.texts.push(text.to_string());
            self.texts.len() - 1
        })
    }
}

pub fn run(args: &NegativeArgs) -> Result<()> {
    table::form(&args.output)?;
    io::expect_apart(
        &args.output,
        [Some(&args.data), args.corpus.as_ref()].into_iter().flatten(),
    )?;
    io::expect_apart(&args.output, paths(&args.model.model))?;
    let options = options(args)?;
    let pairs = args.columns.of(args.data.clone()).read()?;
    if pairs.width() < 2 {
        let words = "has one text per line; expected an anchor and its positive";
        return Err(Error::data(&args.data, words));
    }
    let (mut anchors, mut corpus) = (UniqueTexts::default(), UniqueTexts::default());
    if let Some(path) = &args.corpus {
        for text in texts(path, &ColumnArgs::default())? {
            corpus.place(&text);
        }
    }
    let mut positives: Vec<Vec<usize>> = Vec::new();
    for example in &pairs.examples {
        let (anchor, positive) =
            (anchors.place(&example.texts[0]), corpus.place(&example.texts[1]));
        positives.resize_with(anchors.texts.len(), Vec::new);
        if !positives[anchor].contains(&positive) {
            positives[anchor].push(positive);
        }
    }
    let model = open(&args.model)?;
    let led = |asked, names| prompt(Some(&model), asked, names);
    let vectors = encode(&model, &anchors.texts, led(&args.prompt, QUERY))?;
    let candidates = encode(&model, &corpus.texts, led(&args.corpus_prompt, DOCUMENT))?;
    let mined = mine_hard_negatives(&vectors, &candidates, &positives, &options)?;
    let rows = rows(args, &anchors.texts, &corpus.texts, &positives, &mined);
    if rows.is_empty() {
        let words =
            "no negatives were found; widen the range of ranks or scores, or lower the margin";
        return Err(Error::data(&args.data, words));
    }
    table::write(&args.output, &names(args), &rows)?;
    let found: usize = mined.iter().map(|mined| mined.negatives.len()).sum();
    let (asked, place) = (mined.len() * args.num_negatives, args.output.display());
    note(format!("{} rows saved to {place}; {found} of {asked} negatives found", rows.len()));
    Ok(())
}

fn options(args: &NegativeArgs) -> Result<HardNegativeOptions> {
    let bounds = [
        ("--max-score", args.max_score),
        ("--min-score", args.min_score),
        ("--absolute-margin", args.absolute_margin),
        ("--relative-margin", args.relative_margin),
    ];
    if let Some((name, _)) = bounds.iter().find(|(_, x)| x.is_some_and(|x| !x.is_finite())) {
        return Err(Error::config(format!("{name}: expected a finite number")));
    }
    Ok(HardNegativeOptions {
        range_min: args.range_min,
        range_max: args.range_max,
        max_score: args.max_score,
        min_score: args.min_score,
        absolute_margin: args.absolute_margin,
        relative_margin: args.relative_margin,
        num_negatives: args.num_negatives,
        sampling: args.sampling_strategy,
        seed: args.seed,
    })
}

fn names(args: &NegativeArgs) -> Vec<String> {
    let negatives: Vec<String> = match args.output_format {
        NegativesLayout::Triplet => vec!["negative".into()],
        NegativesLayout::NTuple => {
            (1..=args.num_negatives).map(|n| format!("negative_{n}")).collect()
        }
    };
    ["anchor", "positive"].map(String::from).into_iter().chain(negatives).collect()
}

fn rows(
    args: &NegativeArgs,
    anchors: &[String],
    corpus: &[String],
    positives: &[Vec<usize>],
    mined: &[HardNegatives],
) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for ((anchor, positives), mined) in anchors.iter().zip(positives).zip(mined) {
        let negatives: Vec<Value> =
            mined.negatives.iter().map(|hit| json!(corpus[hit.corpus_id])).collect();
        for &positive in positives {
            let pair = vec![json!(anchor), json!(corpus[positive])];
            match args.output_format {
                NegativesLayout::Triplet => rows.extend(
                    negatives.iter().map(|one| [pair.clone(), vec![one.clone()]].concat()),
                ),
                NegativesLayout::NTuple if negatives.len() == args.num_negatives => {
                    rows.push([pair, negatives.clone()].concat());
                }
                NegativesLayout::NTuple => {}
            }
        }
    }
    rows
}
