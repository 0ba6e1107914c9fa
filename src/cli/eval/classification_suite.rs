//! `twindrop eval --suite` of a suite of classifiers and regressors, a trained model for each set.

use super::args::EvalArgs;
use super::classify::{cell, evaluate};
use super::intervals;
use super::layout::{print_report, table};
use super::metrics::{ModelMetrics, flat};
use super::probe_suite::refuse;
use crate::cli::shared::args::UsageArgs;
use crate::cli::shared::model::open_classifier;
use crate::cli::shared::notes::{counts_line_if_any, note_report};
use crate::cli::shared::print::figure;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::{Bootstrap, Suite, SuiteSet, mean_and_deviation, shown};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What stands for the name of a set in `--model`.
const SET: &str = "{set}";

/// The models of one `--model`, and their metrics, a set each.
struct SuiteRow {
    model: String,
    sets: Vec<ModelMetrics>,
}

pub fn run(args: &EvalArgs, suite: &Suite, directory: &Path, draws: &Bootstrap) -> Result<()> {
    refuse(args)?;
    let shared = args.model.iter().find(|model| !model.contains(SET));
    if let Some(model) = shared.filter(|_| suite.sets.len() > 1) {
        return Err(Error::config(format!(
            "--model {model}: each set of suite {} has a model of its own; give a path with {SET} in \
             place of its name, as runs/{SET}, or one set with --only",
            suite.name
        )));
    }
    let data = suite.read_labelled(directory)?;
    data.iter().for_each(|set| note_report(&set.report));
    let (mut rows, mut truncated) = (Vec::new(), 0);
    for model in &args.model {
        let sets = suite.sets.iter().zip(&data).map(|(set, data)| {
            let (metrics, count) = of_set(args, model, set, data, draws)?;
            truncated = truncated.max(count);
            Ok(metrics)
        });
        rows.push(SuiteRow { model: model.clone(), sets: sets.collect::<Result<_>>()? });
    }
    let report = report(suite, &rows);
    print_report(&report, args.output.as_deref(), args.format, || tables(suite, &rows, draws))?;
    counts_line_if_any(&suite.name, data.iter().map(|set| &set.report), truncated);
    Ok(())
}

/// The metrics of a set, and the count of truncated texts.
fn of_set(
    args: &EvalArgs,
    model: &str,
    set: &SuiteSet,
    data: &Dataset,
    draws: &Bootstrap,
) -> Result<(ModelMetrics, u64)> {
    let usage = UsageArgs {
        dtype: args.dtype,
        pooling: args.pooling.first().copied(),
        max_seq_length: args.max_seq_length,
    };
    let model = model.replace(SET, &set.name);
    let classifier = open_classifier(&model, usage)?;
    let (_, metrics) = evaluate(&classifier, &set.name, data, draws)?;
    let truncated = classifier.encoder().tokenizer().truncated_texts();
    Ok((ModelMetrics { model, metrics }, truncated))
}

/// The metric of a set that stands in the table.
fn metric(set: &SuiteSet) -> &str {
    set.metric.as_deref().unwrap_or("accuracy")
}

impl SuiteRow {
    /// The mean of the sets' metrics; nothing where one is undefined.
    fn mean(&self, suite: &Suite) -> Option<f64> {
        let values = suite.sets.iter().zip(&self.sets);
        let values = values.map(|(set, one)| one.metrics.get(metric(set)));
        let values = values.collect::<Option<Vec<f64>>>()?;
        mean_and_deviation(&values).map(|(mean, _)| mean)
    }
}

fn report(suite: &Suite, rows: &[SuiteRow]) -> Value {
    let models = rows.iter().map(|row| {
        let named = suite.sets.iter().zip(&row.sets).map(|(set, one)| {
            let mut object = flat(one);
            object.insert("metric".into(), json!(metric(set)));
            (set.name.clone(), Value::from(object))
        });
        let named: Map<String, Value> = named.collect();
        json!({ "model": row.model, "sets": named, "mean": row.mean(suite) })
    });
    json!({ "suite": suite.name, "task": "classification", "models": models.collect::<Value>() })
}

/// A row for each set, a column for each model.
fn tables(suite: &Suite, rows: &[SuiteRow], draws: &Bootstrap) -> String {
    let models = rows.iter().map(|row| row.model.as_str());
    let mut table = table(["set", "metric"].into_iter().chain(models));
    for (place, set) in suite.sets.iter().enumerate() {
        let (name, title) = (metric(set), set.title.as_ref().unwrap_or(&set.name));
        let cells = rows.iter().map(|row| {
            let figures = &row.sets[place].metrics.figures;
            let found = figures.iter().find(|(known, _)| known == name);
            found.map_or_else(|| "-".to_string(), |(_, estimate)| cell(name, estimate))
        });
        table.add_row([title.clone(), shown(name).0].into_iter().chain(cells));
    }
    let means = rows.iter().map(|row| figure("accuracy", row.mean(suite)));
    table.add_row(["mean".to_string(), String::new()].into_iter().chain(means));
    format!("{}{}\n{table}", suite.name, intervals::title(draws))
}
