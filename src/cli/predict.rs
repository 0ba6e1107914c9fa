//! `twindrop predict`.

use super::shared::args::{ColumnArgs, DevColumnArgs, ModelArgs};
use super::shared::model::{open_classifier, paths};
use super::shared::notes::{counts_line, note_report};
use super::shared::print::note;
use crate::data::{Dataset, read_from};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{ClassificationEvaluator, ClassificationMetrics};
use crate::io;
use crate::sentence_encoder::{ProblemType, TextClassifier};
use crate::train::DataConfig;
use crate::vectors::argmax;
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
    /// Write logits, before temperature and softmax, or the raw output of a regression
    #[arg(long, help_heading = "Output")]
    logits: bool,
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
    let mut model = open_classifier(&args.model.model, args.model.usage)?;
    if let Some(path) = &args.calibrate {
        let file = args.calibration_columns.of(path.clone(), &args.columns);
        calibrate(&mut model, &file)?;
    }
    let data = read(args)?;
    note_report(&data.report);
    expect_width(&model, &data)?;
    write(&Predictor { model: &model, logits: args.logits }, &data, format, &args.output)?;
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

/// Refuses examples of another number of texts than the head reads.
fn expect_width(model: &TextClassifier, data: &Dataset) -> Result<()> {
    let columns = match model.description().texts_per_example {
        Some(1) => "text,_",
        Some(2) => "sentence1,sentence2",
        _ if data.width() > 2 => "sentence1,sentence2",
        _ => return Ok(()),
    };
    let expected = columns.split(',').filter(|name| *name != "_").count();
    if data.width() == expected {
        return Ok(());
    }
    let message = format!(
        "has {} texts per example, but the model classifies examples of {expected}; name the \
         columns, as --columns {columns}",
        data.width(),
    );
    Err(Error::data(&data.path, message))
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
    expect_width(model, &set)?;
    let gold =
        ClassificationEvaluator::new("calibration", &set, model.labels())?.gold().to_vec();
    let logits = model.logits(&texts(&set, 0..set.examples.len()))?;
    let metrics = |model: &TextClassifier| {
        let rows = model.probabilities(&logits).concat();
        ClassificationMetrics::of(&rows, &gold, model.labels())
    };
    let before = metrics(model)?;
    let temperature = model.calibrate(&logits, &gold)?;
    let after = metrics(model)?;
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

/// A model, and whether its logits are written.
struct Predictor<'m> {
    model: &'m TextClassifier,
    logits: bool,
}

/// Writes a row for each example.
fn write(
    predictor: &Predictor,
    data: &Dataset,
    format: PredictionFormat,
    output: &Path,
) -> Result<()> {
    let mut file = io::PartialFile::output(output)?;
    let path = file.path().to_path_buf();
    match format {
        PredictionFormat::Csv => {
            let failed = |error: csv::Error| Error::io(&path, error.into());
            let mut csv = csv::Writer::from_writer(&mut file);
            csv.write_record(predictor.header()).map_err(failed)?;
            predictor.each(data, |row| csv.write_record(row.cells()).map_err(failed))?;
            csv.flush().map_err(|error| Error::io(&path, error))?;
        }
        PredictionFormat::Jsonl => predictor.each(data, |row| {
            let line = row.json(predictor.model.labels());
            writeln!(file, "{line}").map_err(|error| Error::io(&path, error))
        })?,
    }
    file.finish()
}

impl<'m> Predictor<'m> {
    /// Predicts window by window, and hands each prediction over.
    fn each(
        &self,
        data: &Dataset,
        mut write: impl FnMut(&Prediction) -> Result<()>,
    ) -> Result<()> {
        let count = data.examples.len();
        for start in (0..count).step_by(WINDOW) {
            let examples = texts(data, start..count.min(start + WINDOW));
            self.predictions(&examples)?.iter().try_for_each(&mut write)?;
        }
        Ok(())
    }

    fn header(&self) -> Vec<String> {
        let labels = self.model.labels().iter().cloned();
        let fixed: &[&str] = match (self.model.description().problem_type, self.logits) {
            (ProblemType::Regression, false) => &["score"],
            (ProblemType::Regression, true) => &["logit"],
            (ProblemType::SingleLabelClassification, false) => &["label", "probability"],
            (ProblemType::SingleLabelClassification, true) => &["label"],
        };
        fixed.iter().map(ToString::to_string).chain(labels).collect()
    }

    fn predictions(&self, examples: &[Vec<&str>]) -> Result<Vec<Prediction<'m>>> {
        let model = self.model;
        let is_regression = model.description().problem_type == ProblemType::Regression;
        if is_regression && !self.logits {
            let scores = model.predict_scores(examples)?;
            expect_finite(&scores)?;
            return Ok(scores.into_iter().map(Prediction::Score).collect());
        }
        let logits = model.logits(examples)?;
        let rows = match self.logits {
            true => {
                logits.iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
            }
            false => model.probabilities(&logits),
        };
        let prediction = |values: Vec<f64>| {
            expect_finite(&values)?;
            let label = model.labels().get(argmax(&values)).map(String::as_str);
            Ok(match (label, self.logits) {
                (Some(label), false) => Prediction::Class { label, probabilities: values },
                (label, _) => Prediction::Logits { label, logits: values },
            })
        };
        rows.into_iter().map(prediction).collect()
    }
}

/// What is predicted of an example.
enum Prediction<'m> {
    Class {
        label: &'m str,
        probabilities: Vec<f64>,
    },
    /// Of a regression without a label.
    Logits {
        label: Option<&'m str>,
        logits: Vec<f64>,
    },
    Score(f64),
}

impl Prediction<'_> {
    fn cells(&self) -> Vec<String> {
        match self {
            Self::Score(score) => vec![score.to_string()],
            Self::Class { label, probabilities } => {
                let fixed = [label.to_string(), highest(probabilities).to_string()];
                fixed.into_iter().chain(probabilities.iter().map(f64::to_string)).collect()
            }
            Self::Logits { label, logits } => {
                let label = label.iter().map(ToString::to_string);
                label.chain(logits.iter().map(f64::to_string)).collect()
            }
        }
    }

    fn json(&self, labels: &[String]) -> Value {
        let named = |values: &[f64]| -> Map<String, Value> {
            labels.iter().cloned().zip(values.iter().map(|&value| json!(value))).collect()
        };
        match self {
            Self::Score(score) => json!({ "score": score }),
            Self::Class { label, probabilities } => json!({
                "label": label, "probability": highest(probabilities),
                "probabilities": named(probabilities),
            }),
            Self::Logits { label: Some(label), logits } => {
                json!({ "label": label, "logits": named(logits) })
            }
            Self::Logits { label: None, logits } => json!({ "logit": logits[0] }),
        }
    }
}

fn highest(probabilities: &[f64]) -> f64 {
    probabilities[argmax(probabilities)]
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
