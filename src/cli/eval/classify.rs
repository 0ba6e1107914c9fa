//! `twindrop eval classify`.

use super::intervals;
use super::layout::{print_report, table};
use super::metrics::{self, ModelMetrics};
use super::task_args::TaskArgs;
use super::triplets::name;
use crate::cli::shared::args::ColumnArgs;
use crate::cli::shared::model::open_classifier;
use crate::cli::shared::notes::{counts_line_if_any, note_report};
use crate::cli::shared::print::{figure, percent};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::{
    Bootstrap, ClassificationEvaluator, ClassificationMetric, ClassificationMetrics,
    Difference, Estimate, Evaluator, Interval, McNemar, RegressionEvaluator, shown,
};
use crate::sentence_encoder::{ProblemType, TextClassifier};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop eval classify --model out --data trec-test.tsv
  twindrop eval classify --model rdrop --model baseline --data rte-dev.tsv --format json

Models are those that `twindrop train` saved with a classification or regression head. Several
models are compared in pairs: McNemar's test of which examples each gets right, and a permutation
test and an interval of the difference in accuracy, on the same resamples.";

/// Confusion matrices of more classes are only in the JSON.
const MOST_CLASSES: usize = 20;

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct ClassifyArgs {
    #[command(flatten)]
    task: TaskArgs,
    /// Evaluation set: texts or pairs with a class label, or with a score for a regression
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    data: PathBuf,
    #[command(flatten, next_help_heading = "Data")]
    columns: ColumnArgs,
}

/// What a model predicts.
pub enum Answer {
    Classes(Box<ClassificationMetrics>),
    Scores,
}

pub fn run(args: &ClassifyArgs) -> Result<()> {
    let draws = args.task.check(&[&args.data])?;
    let encode = &args.task.encode;
    if [encode.prompt.is_some(), encode.prompt_name.is_some(), encode.truncate_dim.is_some()]
        .contains(&true)
    {
        let message = "--prompt, --prompt-name and --truncate-dim: a head reads the embeddings that it was trained \
                       on; omit them";
        return Err(Error::config(message));
    }
    let data = args.columns.of(args.data.clone()).read()?;
    note_report(&data.report);
    let title = name(&args.data);
    let (mut answers, mut figures, mut truncated) = (Vec::new(), Vec::new(), 0);
    for model in &args.task.model {
        let classifier = open_classifier(model, args.task.usage)?;
        let (answer, metrics) = evaluate(&classifier, &title, &data, &draws)?;
        truncated = truncated.max(classifier.encoder().tokenizer().truncated_texts());
        answers.push(answer);
        figures.push(ModelMetrics { model: model.clone(), metrics });
    }
    args.task.note_undefined(&figures);
    let comparisons = compare(&args.task.model, &answers, &draws)?;
    let report = report(&title, &figures, &answers, &comparisons);
    print_report(&report, args.task.output.as_deref(), args.task.format, || {
        let models = args.task.model.iter().zip(&answers);
        let each = models.flat_map(|(model, answer)| class_tables(model, answer));
        let pairs = comparisons.iter().map(Pair::line);
        let all = std::iter::once(metrics_table(&title, &figures, &draws)).chain(each);
        all.chain(pairs).collect::<Vec<_>>().join("\n")
    })?;
    counts_line_if_any(&title, [&data.report], truncated);
    Ok(())
}

pub fn evaluate(
    model: &TextClassifier,
    title: &str,
    data: &Dataset,
    draws: &Bootstrap,
) -> Result<(Answer, crate::eval::Metrics)> {
    if model.description().problem_type == ProblemType::Regression {
        let evaluator = RegressionEvaluator::new(title, data)?;
        return Ok((Answer::Scores, evaluator.evaluate(model, draws)?));
    }
    let set = data.clone().into_classes();
    let found = ClassificationEvaluator::new(title, &set, model.labels())?.classify(model)?;
    let metrics = found.metrics(draws);
    Ok((Answer::Classes(Box::new(found)), metrics))
}

/// Two models on the same examples.
struct Pair<'m> {
    models: [&'m str; 2],
    mcnemar: McNemar,
    accuracy: Difference,
}

impl Pair<'_> {
    fn line(&self) -> String {
        let [one, other] = self.models;
        let McNemar { first_only, second_only, exact, .. } = self.mcnemar;
        let difference = percent(self.accuracy.value);
        let interval = self.accuracy.interval.map_or_else(String::new, |interval| {
            format!(" [{}, {}]", percent(Some(interval.low)), percent(Some(interval.high)))
        });
        let permutation = self
            .accuracy
            .permutation
            .map_or_else(String::new, |p| format!(", p (permutation) {p:.4}"));
        format!(
            "{one} − {other}: accuracy × 100 {difference}{interval}{permutation}; McNemar: only the \
             first right {first_only}, only the second {second_only}, exact p {exact:.4}"
        )
    }

    fn json(&self) -> Value {
        let interval = self.accuracy.interval.map(|interval| [interval.low, interval.high]);
        json!({
            "model": self.models[0], "with": self.models[1],
            "mcnemar": {
                "first_only": self.mcnemar.first_only, "second_only": self.mcnemar.second_only,
                "p_exact": self.mcnemar.exact, "chi_squared": self.mcnemar.chi_squared,
                "p": self.mcnemar.p,
            },
            "accuracy": {
                "difference": self.accuracy.value, "interval": interval,
                "p_permutation": self.accuracy.permutation,
            },
        })
    }
}

/// Every two models with classes.
fn compare<'m>(
    models: &'m [String],
    answers: &[Answer],
    draws: &Bootstrap,
) -> Result<Vec<Pair<'m>>> {
    let classified: Vec<(&str, &ClassificationMetrics)> = models
        .iter()
        .zip(answers)
        .filter_map(|(model, answer)| match answer {
            Answer::Classes(found) => Some((model.as_str(), &**found)),
            Answer::Scores => None,
        })
        .collect();
    let mut pairs = Vec::new();
    for (at, (model, found)) in classified.iter().enumerate() {
        for (other, theirs) in &classified[at + 1..] {
            pairs.push(Pair {
                models: [model, other],
                mcnemar: found.mcnemar(theirs)?,
                accuracy: found.against(theirs, ClassificationMetric::Accuracy, draws)?,
            });
        }
    }
    Ok(pairs)
}

/// A row for each metric, a column for each model; all have the same metrics but where some are
/// regressions.
fn metrics_table(title: &str, figures: &[ModelMetrics], draws: &Bootstrap) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in figures.iter().flat_map(|one| &one.metrics.figures) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let models = figures.iter().map(|one| one.model.as_str());
    let mut table = table(std::iter::once("metric").chain(models));
    for name in names {
        let cell = |one: &ModelMetrics| {
            let found = one.metrics.figures.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, estimate)| cell(name, estimate))
        };
        table.add_row(std::iter::once(shown(name).0).chain(figures.iter().map(cell)));
    }
    let about = figures.first().map(|one| one.metrics.about.iter()).into_iter().flatten();
    let about: Vec<String> = about.map(|(name, count)| format!("{name} {count}")).collect();
    let interval = intervals::title(draws);
    format!("{title}: {}{interval}\n{table}", about.join(", "))
}

/// `91.60 [89.20, 93.80]`, or four decimals of a metric without a highest value.
pub fn cell(name: &str, estimate: &Estimate) -> String {
    let value = figure(name, estimate.value.as_ref().ok().copied());
    match estimate.interval {
        Some(Interval { low, high }) => {
            format!("{value} [{}, {}]", figure(name, Some(low)), figure(name, Some(high)))
        }
        None => value,
    }
}

/// The classes of a model, and its confusion matrix.
fn class_tables(model: &str, answer: &Answer) -> Vec<String> {
    let Answer::Classes(found) = answer else { return Vec::new() };
    let mut classes = table(["class", "precision", "recall", "F1", "support"]);
    for row in found.per_class() {
        classes.add_row([
            row.name.clone(),
            percent(row.precision),
            percent(row.recall),
            percent(row.f1),
            row.support.to_string(),
        ]);
    }
    let by_class = format!("{model}, by class (× 100):\n{classes}");
    let count = found.classes.len();
    if count > MOST_CLASSES {
        let note = format!("the confusion matrix of {count} classes is in --format json");
        return vec![by_class, note];
    }
    let predicted = found.classes.iter().cloned();
    let mut matrix = table(std::iter::once("gold \\ predicted".to_string()).chain(predicted));
    for (gold, name) in found.classes.iter().enumerate() {
        let counts = (0..count).map(|predicted| found.confusion.count(gold, predicted));
        matrix.add_row(std::iter::once(name.clone()).chain(counts.map(|n| n.to_string())));
    }
    vec![by_class, format!("{model}, confusion matrix:\n{matrix}")]
}

/// A flat object for one model, a list of objects for several.
fn report(
    title: &str,
    figures: &[ModelMetrics],
    answers: &[Answer],
    comparisons: &[Pair],
) -> Value {
    let objects = figures.iter().zip(answers).map(|(figures, answer)| {
        let mut object = Value::from(metrics::flat(figures));
        if let Answer::Classes(found) = answer {
            let count = found.classes.len();
            let row = |gold| (0..count).map(|at| found.confusion.count(gold, at)).collect();
            let matrix: Vec<Vec<f64>> = (0..count).map(row).collect();
            object["labels"] = json!(found.classes);
            object["confusion_matrix"] = json!(matrix);
            let rows = found.per_class().into_iter().map(|row| {
                json!({"class": row.name, "precision": row.precision, "recall": row.recall,
                       "f1": row.f1, "support": row.support})
            });
            object["per_class"] = rows.collect();
        }
        object
    });
    let mut objects: Vec<Value> = objects.collect();
    let mut report = json!({ "task": "classify", "data": title });
    if let (1, Some(Value::Object(one))) = (objects.len(), objects.first_mut()) {
        let one = std::mem::take(one);
        report.as_object_mut().expect("an object").extend(one);
        return report;
    }
    report["models"] = objects.into();
    if !comparisons.is_empty() {
        report["comparisons"] = comparisons.iter().map(Pair::json).collect();
    }
    report
}
