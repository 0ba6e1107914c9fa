//! `twindrop mine negatives`.

use super::table;
use crate::cli::search::{encode, prompts, read_texts};
use crate::cli::shared::args::{ColumnArgs, CorpusColumnArgs, ModelArgs, UsageArgs};
use crate::cli::shared::model::{open, open_classifier, paths};
use crate::cli::shared::notes::{counts_line, note_report};
use crate::data::{Dataset, Label};
use crate::error::{Error, Result};
use crate::io;
use crate::vectors::search::{
    HardNegativeOptions, HardNegatives, Sampling, mine_hard_negatives, mine_hard_negatives_by,
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

The first two texts of a row are the anchor and its positive. TrainingPairs with a score or a class
are positives from --positive-from on, or of the classes of --positive. Candidates are the
distinct texts of the corpus and all positives. A text is never a negative of an anchor that
equals it or has it for a positive, letter case and white space apart.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct NegativeArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Input file of anchor-positive pairs (.tsv .csv .jsonl)
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub data: PathBuf,
    /// Minimum score of a positive pair; pairs below it are left out
    #[arg(long, value_name = "X", help_heading = "Data")]
    pub positive_from: Option<f64>,
    /// Class labels of positive pairs; pairs of other classes are left out
    #[arg(
        long,
        value_name = "CLASSES",
        value_delimiter = ',',
        conflicts_with = "positive_from",
        help_heading = "Data"
    )]
    pub positive: Vec<String>,
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
    /// Cross-encoder that scores the candidates and positives: its scores, not cosine similarities,
    /// are compared with the bounds and margins, and order the candidates
    #[arg(long, value_name = "MODEL", help_heading = "Mining")]
    pub rescore: Option<String>,
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
    #[command(flatten, next_help_heading = "Data")]
    pub corpus_columns: CorpusColumnArgs,
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

/// Distinct anchors, candidates and which of them belong together.
#[derive(Default)]
struct TrainingPairs {
    anchors: UniqueTexts,
    corpus: UniqueTexts,
    /// The candidates that are positives of each anchor.
    positives: Vec<Vec<usize>>,
    /// Pairs that are no positives.
    left_out: usize,
}

pub fn run(args: &NegativeArgs) -> Result<()> {
    table::form(&args.output)?;
    io::expect_apart(
        &args.output,
        [Some(&args.data), args.corpus.as_ref()].into_iter().flatten(),
    )?;
    io::expect_apart(&args.output, paths(&args.model.model))?;
    let options = options(args)?;
    let data = args.columns.of(args.data.clone()).read()?;
    note_report(&data.report);
    let mut reports = vec![data.report.clone()];
    let mut pairs = TrainingPairs::default();
    if let Some(path) = &args.corpus {
        let default = ColumnArgs::default();
        let (texts, report) = read_texts(&args.corpus_columns.of(path.clone(), &default))?;
        for text in &texts {
            pairs.corpus.place(text);
        }
        reports.push(report);
    }
    pairs.read(args, &data)?;
    let TrainingPairs { anchors, corpus, positives, left_out } = &pairs;
    let options = HardNegativeOptions { excluded: pairs.excluded(), ..options };
    let model = open(&args.model)?;
    let [query, document] = prompts(Some(&model), &args.prompt, &args.corpus_prompt);
    let vectors = encode(&model, &anchors.texts, query)?;
    let candidates = encode(&model, &corpus.texts, document)?;
    let mined = match &args.rescore {
        None => mine_hard_negatives(&vectors, &candidates, positives, &options)?,
        Some(name) => {
            let usage = UsageArgs { pooling: None, max_seq_length: None, ..args.model.usage };
            let ranker = open_classifier(name, usage)?;
            let rescore = |anchor: usize, rows: &[usize]| {
                let anchor = anchors.texts[anchor].as_str();
                let pair = |&row: &usize| vec![anchor, corpus.texts[row].as_str()];
                let scores =
                    ranker.predict_scores(&rows.iter().map(pair).collect::<Vec<_>>())?;
                Ok(scores.into_iter().map(|score| score as f32).collect())
            };
            mine_hard_negatives_by(&vectors, &candidates, positives, &options, &rescore)?
        }
    };
    let rows = rows(args, &anchors.texts, &corpus.texts, positives, &mined);
    if rows.is_empty() {
        let message =
            "no negatives were found; widen the range of ranks or scores, or lower the margin";
        return Err(Error::data(&args.data, message));
    }
    table::write(&args.output, &names(args), &rows)?;
    let what = summary(args, positives, &mined, rows.len(), *left_out);
    counts_line(&what, &reports, model.tokenizer().truncated_texts());
    Ok(())
}

/// What was found: each pair of an anchor and a positive asks for as many negatives.
fn summary(
    args: &NegativeArgs,
    positives: &[Vec<usize>],
    mined: &[HardNegatives],
    rows: usize,
    left_out: usize,
) -> String {
    let pairs: usize = positives.iter().map(Vec::len).sum();
    let each = positives.iter().zip(mined);
    let found: usize = each.map(|(own, mined)| own.len() * mined.negatives.len()).sum();
    let asked = pairs * args.num_negatives;
    let place = args.output.display();
    let mut summary = format!(
        "{rows} rows saved to {place}; {found} of {asked} negatives found for {pairs} pairs of {} \
         anchors",
        positives.len()
    );
    if args.output_format == NegativesLayout::NTuple && pairs > rows {
        let short = pairs - rows;
        summary += &format!("; {short} pairs with fewer negatives left out");
    }
    if left_out > 0 {
        summary += &format!("; {left_out} pairs that are not positive left out");
    }
    summary
}

impl TrainingPairs {
    /// Takes the positive pairs of `data`.
    fn read(&mut self, args: &NegativeArgs, data: &Dataset) -> Result<()> {
        if data.width() < 2 {
            let message = "has one text per line; expected an anchor and its positive";
            return Err(Error::data(&args.data, message));
        }
        let is_positive = positive_rule(args, data)?;
        for example in &data.examples {
            if !is_positive(example.label) {
                self.left_out += 1;
                continue;
            }
            let anchor = self.anchors.place(&example.texts[0]);
            let positive = self.corpus.place(&example.texts[1]);
            self.positives.resize_with(self.anchors.texts.len(), Vec::new);
            if !self.positives[anchor].contains(&positive) {
                self.positives[anchor].push(positive);
            }
        }
        if self.anchors.texts.is_empty() {
            let message = "has no positive pair; lower --positive-from or change --positive";
            return Err(Error::data(&args.data, message));
        }
        Ok(())
    }

    /// For each anchor, the candidates that equal it or one of its positives, letter case and white
    /// space apart.
    fn excluded(&self) -> Vec<Vec<usize>> {
        let plain =
            |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, text) in self.corpus.texts.iter().enumerate() {
            places.entry(plain(text)).or_default().push(place);
        }
        let of = |text: &str| places.get(&plain(text)).cloned().unwrap_or_default();
        let each = self.anchors.texts.iter().zip(&self.positives);
        each.map(|(anchor, positives)| {
            let equal = positives.iter().flat_map(|&place| of(&self.corpus.texts[place]));
            let mut excluded: Vec<usize> = equal.chain(of(anchor)).collect();
            excluded.sort_unstable();
            excluded.dedup();
            excluded
        })
        .collect()
    }
}

type PositiveRule<'a> = Box<dyn Fn(Option<Label>) -> bool + 'a>;

/// Which pairs are positives: all without labels, those labelled only where it is said from where.
fn positive_rule<'a>(args: &'a NegativeArgs, data: &'a Dataset) -> Result<PositiveRule<'a>> {
    let refuse = |message: String| Err(Error::data(&data.path, message));
    let classes = data.classes.join(", ");
    match (args.positive_from, data.is_scored(), data.classes.first()) {
        (Some(from), true, _) => {
            Ok(Box::new(move |label| label.and_then(Label::score).is_some_and(|s| s >= from)))
        }
        (Some(_), false, _) => refuse("has no scores; omit --positive-from".into()),
        (None, true, _) => refuse(
            "has scores; give the minimum score of a positive pair, as --positive-from 4, or \
             ignore the scores with `_` in --columns"
                .into(),
        ),
        (None, false, Some(first)) if args.positive.is_empty() => refuse(format!(
            "has the classes {classes}; give those of positive pairs, as --positive {first}"
        )),
        (None, false, Some(_)) => {
            if let Some(unknown) =
                args.positive.iter().find(|name| !data.classes.contains(name))
            {
                return refuse(format!("has no class {unknown:?}; its classes are {classes}"));
            }
            Ok(Box::new(|label| {
                let class = label.and_then(Label::class);
                class.is_some_and(|class| args.positive.contains(&data.classes[class as usize]))
            }))
        }
        (None, false, None) if !args.positive.is_empty() => {
            refuse("has no class labels; omit --positive".into())
        }
        (None, false, None) => Ok(Box::new(|_| true)),
    }
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
        ..HardNegativeOptions::default()
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
