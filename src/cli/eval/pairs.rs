//! `twindrop eval pairs`.

use super::task_args::{TaskArgs, TaskPrompts};
use super::triplets::name;
use crate::cli::shared::args::ColumnArgs;
use crate::cli::shared::notes::note_report;
use crate::data::{Dataset, Example, Label};
use crate::error::{Error, Result};
use crate::eval::BinaryClassificationEvaluator;
use crate::vectors::Similarity;
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval pairs --model MODEL --data lcqmc-test.tsv
  twindrop eval pairs --model MODEL --data snli-dev.tsv --positive entailment \\
      --negative contradiction
  twindrop eval pairs --model MODEL --data stsb-test.tsv --positive-from 4 --format json

A pair is predicted positive if its similarity is at or above a threshold (its distance at
or below). Thresholds are chosen on the same pairs, as in sentence-transformers; MCC is
computed at the F1 threshold.";

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct PairsArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Evaluation set: pairs with a score of 0 or 1, or with a class label
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: PathBuf,
    /// Class labels of positive pairs
    #[arg(long, value_name = "CLASSES", value_delimiter = ',', help_heading = "Data")]
    positive: Vec<String>,
    /// Class labels of negative pairs; pairs of other classes are ignored [default: all others]
    #[arg(
        long,
        value_name = "CLASSES",
        value_delimiter = ',',
        requires = "positive",
        help_heading = "Data"
    )]
    negative: Vec<String>,
    /// Minimum score of a positive pair, for scores other than 0 and 1
    #[arg(long, value_name = "X", conflicts_with = "positive", help_heading = "Data")]
    positive_from: Option<f64>,
    /// Similarity functions: cosine, dot, euclidean, manhattan [default: all four]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Metrics")]
    similarity: Vec<Similarity>,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
}

pub fn run(args: &PairsArgs) -> Result<()> {
    args.task.check(&[&args.data])?;
    let config = args.columns.of(args.data.clone());
    let data = config.read()?;
    note_report(&data.report);
    if data.width() != 2 || !data.is_labelled() {
        let has = data.columns.join(", ");
        let message = format!(
            "has {has}, expected pairs with a score or a class label; name the \
                             columns, as --columns NAME=sentence1,NAME=sentence2,NAME=label"
        );
        return Err(Error::data(&data.path, message));
    }
    let kind: Kind = match data.is_scored() {
        true => by_score(args, &data)?,
        false => by_class(args, &data)?,
    };
    let (mut pairs, mut labels) = (Vec::new(), Vec::new());
    for Example { texts, label } in &data.examples {
        let Some(label) = label else { continue };
        if let Some(label) = kind(*label)? {
            pairs.push((texts[0].clone(), texts[1].clone()));
            labels.push(label);
        }
    }
    let title = name(&args.data);
    let mut evaluator = BinaryClassificationEvaluator::new(&title, &pairs, &labels)?;
    if !args.similarity.is_empty() {
        evaluator = evaluator.with_similarities(&args.similarity);
    }
    args.task.report("pairs", &title, &evaluator, &[&data.report], &TaskPrompts::default())
}

type Kind<'a> = Box<dyn Fn(Label) -> Result<Option<bool>> + 'a>;

/// Whether a pair is positive by its score.
fn by_score<'a>(args: &PairsArgs, data: &'a Dataset) -> Result<Kind<'a>> {
    if !args.positive.is_empty() {
        let message = "has scores, not class labels; give --positive-from X, or name the class column with --columns";
        return Err(Error::data(&data.path, message));
    }
    let from = args.positive_from;
    if from.is_some_and(|from| !from.is_finite()) {
        return Err(Error::config("--positive-from: expected a finite number"));
    }
    Ok(Box::new(move |label| match (label.score().unwrap_or(f64::NAN), from) {
        (score, Some(from)) => Ok(Some(score >= from)),
        (0., None) => Ok(Some(false)),
        (1., None) => Ok(Some(true)),
        (score, None) => Err(Error::data(
            &data.path,
            format!(
                "score {score} is neither 0 nor 1; give the minimum score of a positive pair, \
                 as --positive-from 4"
            ),
        )),
    }))
}

/// Whether a pair is positive by its class; `None` if pairs of the class are ignored.
fn by_class<'a>(args: &'a PairsArgs, data: &'a Dataset) -> Result<Kind<'a>> {
    let classes = data.classes.join(", ");
    if args.positive.is_empty() {
        let message = format!(
            "has the classes {classes}; give those of positive pairs, --positive CLASS"
        );
        return Err(Error::data(&data.path, message));
    }
    let asked = || args.positive.iter().chain(&args.negative);
    if let Some(unknown) = asked().find(|class| !data.classes.contains(class)) {
        let message = format!("has no class {unknown:?}; its classes are {classes}");
        return Err(Error::data(&data.path, message));
    }
    if let Some(both) = args.positive.iter().find(|class| args.negative.contains(class)) {
        return Err(Error::config(format!(
            "class {both:?} is given both as --positive and as --negative"
        )));
    }
    Ok(Box::new(move |label| {
        let name = label.class().map(|class| &data.classes[class as usize]);
        let among = |classes: &[String]| name.is_some_and(|name| classes.contains(name));
        let negative = args.negative.is_empty() || among(&args.negative);
        Ok(if among(&args.positive) { Some(true) } else { negative.then_some(false) })
    }))
}
