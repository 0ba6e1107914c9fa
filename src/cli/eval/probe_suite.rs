//! `twindrop eval --suite` of a suite of probes.

use super::args::EvalArgs;
use super::intervals;
use super::layout::{print_report, table, with_interval};
use super::metrics::{ModelMetrics, flat};
use crate::cli::shared::args::UsageArgs;
use crate::cli::shared::model::{load, note_dtype};
use crate::cli::shared::notes::{counts_line_if_any, note_prompt, note_report};
use crate::cli::shared::print::{note, percent};
use crate::error::{Error, Result};
use crate::eval::{Bootstrap, Evaluator, ProbeSet, Suite, mean_and_deviation};
use crate::sentence_encoder::PromptedEncoder;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What a table of one model lists of each set.
const COLUMNS: [&str; 4] = ["dev_accuracy", "test_accuracy", "test_majority", "test_f1"];
const ACCURACY: &str = "test_accuracy";

/// A model's metrics on each set.
struct ModelRow {
    model: String,
    sets: Vec<ModelMetrics>,
}

impl ModelRow {
    /// The mean of the test accuracies; nothing where one is undefined.
    fn mean(&self) -> Option<f64> {
        let accuracies = self.sets.iter().map(|set| set.metrics.get(ACCURACY));
        let accuracies = accuracies.collect::<Option<Vec<f64>>>()?;
        mean_and_deviation(&accuracies).map(|(mean, _)| mean)
    }
}

pub fn run(args: &EvalArgs, suite: &Suite, directory: &Path, draws: &Bootstrap) -> Result<()> {
    refuse(args)?;
    let sets = suite.read_probes(directory)?;
    sets.iter().flat_map(|set| &set.reports).for_each(note_report);
    note_dtype(args.dtype.unwrap_or_default());
    let (mut rows, mut truncated) = (Vec::new(), 0);
    for name in &args.model {
        let pooling = args.pooling.first().copied();
        let (dtype, max_seq_length) = (args.dtype, args.max_seq_length);
        let model = load(name, UsageArgs { dtype, pooling, max_seq_length })?;
        let prompted = PromptedEncoder::new(&model, args.encode.options(&model)?);
        note_prompt(prompted.text_prompt());
        let evaluate = |set: &ProbeSet| -> Result<ModelMetrics> {
            let metrics = set.evaluator.evaluate(&prompted, draws)?;
            if let Some((metric, why)) = metrics.undefined().next() {
                note(format!("note: {} {metric} of {name} is undefined: {why}", set.name));
            }
            Ok(ModelMetrics { model: name.clone(), metrics })
        };
        let metrics = sets.iter().map(evaluate).collect::<Result<Vec<_>>>()?;
        truncated = truncated.max(model.tokenizer().truncated_texts());
        rows.push(ModelRow { model: name.clone(), sets: metrics });
    }
    let report = report(suite, &sets, &rows);
    print_report(&report, args.output.as_deref(), args.format, || {
        tables(suite, &sets, &rows, draws)
    })?;
    counts_line_if_any(&suite.name, sets.iter().flat_map(|set| &set.reports), truncated);
    Ok(())
}

/// Refuses the options of similarities.
pub fn refuse(args: &EvalArgs) -> Result<()> {
    let given = [
        ("--compare", args.compare.is_some()),
        ("--protocol", args.protocol.is_some()),
        ("--aggregation", !args.aggregation.is_empty()),
        ("--correlation", !args.correlation.is_empty()),
        ("--similarity", !args.similarity.is_empty()),
        ("--geometry", args.geometry),
        ("more than one --pooling", args.pooling.len() > 1),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Error::config(format!(
            "{option} does not apply to this suite, which is of classifiers; leave it out"
        ))),
        None => Ok(()),
    }
}

fn report(suite: &Suite, sets: &[ProbeSet], rows: &[ModelRow]) -> Value {
    let models: Vec<Value> = rows
        .iter()
        .map(|row| {
            let named = sets.iter().zip(&row.sets).map(|(set, metrics)| {
                let mut metrics = flat(metrics);
                metrics.remove("model");
                (set.name.clone(), Value::from(metrics))
            });
            let named: Map<String, Value> = named.collect();
            json!({ "model": row.model, "sets": named, "mean_test_accuracy": row.mean() })
        })
        .collect();
    json!({ "suite": suite.name, "task": "probe", "models": models })
}

fn tables(suite: &Suite, sets: &[ProbeSet], rows: &[ModelRow], draws: &Bootstrap) -> String {
    let interval = intervals::title(draws);
    let name = &suite.name;
    let [row] = rows else {
        let titles = sets.iter().map(|set| set.title.as_str());
        let mut table = table(["model"].into_iter().chain(titles).chain(["mean"]));
        for row in rows {
            let cells = row.sets.iter().map(|set| percent(set.metrics.get(ACCURACY)));
            let cells = [row.model.clone()].into_iter().chain(cells);
            table.add_row(cells.chain([percent(row.mean())]));
        }
        return format!("{name}: test accuracy (× 100)\n{table}");
    };
    let columns = COLUMNS.map(|name| name.replace('_', " "));
    let mut table = table(["set".to_string()].into_iter().chain(columns));
    for (set, found) in sets.iter().zip(&row.sets) {
        let cells = COLUMNS.map(|name| {
            let found = found.metrics.figures.iter().find(|(known, _)| known == name);
            found.map_or_else(String::new, |(_, estimate)| {
                let value = percent(estimate.value.as_ref().ok().copied());
                with_interval(value, estimate.interval, " ")
            })
        });
        table.add_row([set.title.clone()].into_iter().chain(cells));
    }
    let mean = ["mean".to_string(), String::new(), percent(row.mean())];
    table.add_row(mean);
    format!("{name}, {} (× 100{interval})\n{table}", row.model)
}
