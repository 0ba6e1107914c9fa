//! `twindrop predict`.

use super::shared::args::{ColumnArgs, DevColumnArgs, ModelArgs};
use super::shared::model::{load, note_dtype, paths};
use super::shared::notes::{counts_line, note_report};
use super::shared::print::note;
use crate::data::{Dataset, read_from};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{ClassificationEvaluator, ClassificationMetrics};
use crate::io;
use crate::sentence_encoder::{ProblemType, TextClassifier};
use crate::train::DataConfig;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop predict --model out --input questions.txt --output predictions.csv
  twindrop predict --model out --input pairs.tsv --columns sentence1,sentence2 --format jsonl
  cat questions.txt | twindrop predict --model out --input - --calibrate dev.tsv

The model is one that `twindrop train` saved with a classification or regression head
(--objective softmax, rdrop-classes, regression …). A row for each example, in the order of
the input: its label, the probability of that label and of every class, or its score.";

/// Examples that are predicted, and written, at a time.
const WINDOW: usize = 1024;

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct PredictArgs {
    #[command(flatten, next_help_heading = "Model")]
    model: ModelArgs,
    /// Texts or pairs of texts (.txt .tsv .csv .jsonl .json), or - for standard input (text unless
    /// --data-format is given); labels are ignored
    #[arg(long, visible_alias = "data", value_name = "FILE", help_heading = "Data")]
    input: PathBuf,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
    /// Labelled examples to calibrate the probabilities on: logits are divided by the temperature
    /// of least negative log likelihood
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    calibrate: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Data")]
    calibration_columns: DevColumnArgs,
    /// Where to write the predictions; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", help_heading = "Output")]
    output: PathBuf,
    /// Format of the predictions [default: by the extension of --output, else csv]
    #[arg(long, value_enum, help_heading = "Output")]
    format: Option<PredictionFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PredictionFormat {
    /// With a header: label, probability, and a column for each class; or score
    Csv,
    /// {"label": …, "probability": …, "probabilities": {…}} or {"score": …} for each example
    Jsonl,
}

pub fn run(args: &PredictArgs) -> Result<()> {
    let format = format(args)?;
    let inputs = [Some(&args.input), args.calibrate.as_ref()].into_iter().flatten();
    io::expect_apart(&args.output, inputs)?;
    io::expect_apart(&args.output, paths(&args.model.model))?;
    let encoder = load(&args.model.model, args.model.usage)?;
    note_dtype(encoder.model().dtype());
    let mut model = TextClassifier::of(encoder)?;
    if let Some(path) = &args.calibrate {
        let file = args.calibration_columns.of(path.clone(), &args.columns);
        calibrate(&mut model, &file)?;
    }
    let data = read(args)?;
    note_report(&data.report);
    let width = model.description().texts_per_example;
    if data.width() != width {
        let message = format!(
            "has {} texts per example, but the model classifies examples of {width}; name the \
             columns, as --columns {}",
            data.width(),
            if width == 2 { "sentence1,sentence2" } else { "text,_" }
        );
        return Err(Error::data(&data.path, message));
    }
    let mut failure = None;
    io::write_output(&args.output, |file| {
        write(&model, &data, format, file).map_err(|error| match error {
            WriteError::Output(error) => error,
            WriteError::Model(error) => {
                failure = Some(error);
                std::io::Error::other("no predictions")
            }
        })
    })
    .map_err(|error| failure.take().unwrap_or(error))?;
    let rows = data.examples.len();
    let place = match args.output.as_os_str() == "-" {
        true => String::new(),
        false => format!(" saved to {}", args.output.display()),
    };
    let truncated = model.encoder().tokenizer().truncated_texts();
    counts_line(&format!("{rows} predictions{place}"), [&data.report], truncated);
    Ok(())
}

fn format(args: &PredictArgs) -> Result<PredictionFormat> {
    let extension = args.output.extension().and_then(|extension| extension.to_str());
    match (args.format, extension) {
        (Some(format), _) => Ok(format),
        (None, Some("jsonl")) => Ok(PredictionFormat::Jsonl),
        (None, Some("csv") | None) => Ok(PredictionFormat::Csv),
        (None, Some(_)) => {
            let shown = args.output.display();
            Err(Error::config(format!("{shown}: expected .csv or .jsonl, or --format")))
        }
    }
}

/// The examples, whose labels are not used.
fn read(args: &PredictArgs) -> Result<Dataset> {
    let file = args.columns.of(args.input.clone());
    if args.input.as_os_str() != "-" {
        return file.read();
    }
    let named = Path::new(if file.format.is_some() { "standard input" } else { "stdin.txt" });
    read_from(std::io::stdin().lock(), named, &file.options())
}

/// Finds the temperature, and prints what it does to the calibration error.
fn calibrate(model: &mut TextClassifier, file: &DataConfig) -> Result<()> {
    if model.description().problem_type == ProblemType::Regression {
        let message =
            "--calibrate: the model is a regression; only probabilities are calibrated";
        return Err(Error::config(message));
    }
    let set = file.read()?.into_classes();
    note_report(&set.report);
    let evaluator = ClassificationEvaluator::new("calibration", &set, model.labels())?;
    let before = evaluator.classify(&*model)?;
    let examples = texts(&set, 0..set.examples.len());
    let temperature = model.calibrate(&examples, before.gold())?;
    let rows = model.predict_proba(&examples)?.concat();
    let after = ClassificationMetrics::of(&rows, before.gold(), model.labels())?;
    note(format!(
        "note: temperature {temperature:.4} by {}: expected calibration error {:.4}, was {:.4}; \
         log loss {:.4}, was {:.4}",
        set.path.display(),
        after.ece,
        before.ece,
        after.log_loss,
        before.log_loss
    ));
    Ok(())
}

/// The texts of some examples.
fn texts(set: &Dataset, range: std::ops::Range<usize>) -> Vec<Vec<&str>> {
    let examples = set.examples[range].iter();
    examples.map(|example| example.texts.iter().map(String::as_str).collect()).collect()
}

/// What ended the writing of predictions.
enum WriteError {
    Model(Error),
    Output(std::io::Error),
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Model(error)
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

fn write(
    model: &TextClassifier,
    data: &Dataset,
    format: PredictionFormat,
    file: &mut io::PartialFile,
) -> Result<(), WriteError> {
    if format == PredictionFormat::Csv {
        file.write_all(&csv_line(&header(model))?)?;
    }
    let count = data.examples.len();
    for start in (0..count).step_by(WINDOW) {
        let examples = texts(data, start..count.min(start + WINDOW));
        for row in predictions(model, &examples)? {
            match format {
                PredictionFormat::Csv => file.write_all(&csv_line(&row.cells())?)?,
                PredictionFormat::Jsonl => writeln!(file, "{}", row.json(model.labels()))?,
            }
        }
    }
    Ok(())
}

/// A line of CSV.
fn csv_line(cells: &[String]) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))
}

fn header(model: &TextClassifier) -> Vec<String> {
    match model.description().problem_type {
        ProblemType::Regression => vec!["score".into()],
        ProblemType::SingleLabelClassification => {
            let fixed = ["label", "probability"].map(String::from);
            fixed.into_iter().chain(model.labels().iter().cloned()).collect()
        }
    }
}

/// What is predicted of an example.
enum Prediction<'m> {
    Class { label: &'m str, probability: f64, probabilities: Vec<f64> },
    Score(f64),
}

impl Prediction<'_> {
    fn cells(&self) -> Vec<String> {
        match self {
            Self::Score(score) => vec![score.to_string()],
            Self::Class { label, probability, probabilities } => {
                let fixed = [label.to_string(), probability.to_string()];
                fixed.into_iter().chain(probabilities.iter().map(f64::to_string)).collect()
            }
        }
    }

    fn json(&self, labels: &[String]) -> Value {
        match self {
            Self::Score(score) => json!({ "score": score }),
            Self::Class { label, probability, probabilities } => {
                let each = labels.iter().cloned().zip(probabilities.iter().map(|&p| json!(p)));
                let each: Map<String, Value> = each.collect();
                json!({ "label": label, "probability": probability, "probabilities": each })
            }
        }
    }
}

fn predictions<'m>(
    model: &'m TextClassifier,
    examples: &[Vec<&str>],
) -> Result<Vec<Prediction<'m>>> {
    if model.description().problem_type == ProblemType::Regression {
        let scores = model.predict_scores(examples)?;
        expect_finite(&scores)?;
        return Ok(scores.into_iter().map(Prediction::Score).collect());
    }
    let rows = model.predict_proba(examples)?;
    rows.into_iter()
        .map(|probabilities| {
            expect_finite(&probabilities)?;
            let best = (0..probabilities.len()).fold(0, |best, at| {
                if probabilities[at] > probabilities[best] { at } else { best }
            });
            let (label, probability) = (model.labels()[best].as_str(), probabilities[best]);
            Ok(Prediction::Class { label, probability, probabilities })
        })
        .collect()
}

fn expect_finite(numbers: &[f64]) -> Result<()> {
    match numbers.iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => {
            let message =
                "a prediction is not finite; the weights are damaged, or training diverged";
            Err(Error::new(ErrorKind::Numerics, message))
        }
    }
}
