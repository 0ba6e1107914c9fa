//! `twindrop eval`.

mod args;
mod classification_suite;
mod classify;
mod geometry;
pub mod intervals;
mod json;
mod layout;
mod metrics;
mod pairs;
mod probe;
mod probe_suite;
mod retrieval;
mod suite_output;
mod table;
mod task;
mod task_args;
mod triplets;
mod undefined;

pub use args::EvalArgs;

use super::shared::args::{ColumnArgs, ReportFormat, UsageArgs};
use super::shared::model::{load, note_dtype, paths};
use super::shared::notes::{counts_line_if_any, note_prompt, note_report};
use super::shared::print::say;
use crate::error::{Error, Result};
use crate::eval::{
    Bootstrap, MetricId, PairSet, Protocol, SetGeometry, StsEvaluator, Suite, SuiteReport,
    SuiteTask,
};
use crate::report::format::grouped;
use crate::sentence_encoder::{EncodeOptions, SentenceEncoder};
use crate::{data, hub, io};
use intervals::bootstrap;
use std::cell::Cell;
use std::path::Path;
use suite_output::{Candidate, SuiteOutput};

/// Evaluates the sets of a suite in a directory.
type SuiteRun = fn(&EvalArgs, &Suite, &Path, &Bootstrap) -> Result<()>;

pub fn run(args: &EvalArgs) -> Result<()> {
    if let Some(task) = &args.task {
        return task.run();
    }
    let bootstrap = bootstrap(args.bootstrap, args.seed)?;
    if let Some(output) = &args.output {
        let models = args.model.iter().chain(&args.compare);
        io::expect_apart(
            output,
            models.flat_map(|model| paths(model)).chain(args.data.clone()),
        )?;
    }
    if let Some(suite) = &args.suite {
        let suite = Suite::open(suite)?.only(&args.only)?;
        let run = match suite.task {
            SuiteTask::Probe => Some(probe_suite::run as SuiteRun),
            SuiteTask::Classification => Some(classification_suite::run as SuiteRun),
            SuiteTask::Sts => None,
        };
        if let Some(run) = run {
            expect_no_columns(args)?;
            return run(args, &suite, data_directory(args)?, &bootstrap);
        }
    }
    let (suite, sets) = sets(args)?;
    let usual = if suite.is_some() { Protocol::Simcse } else { Protocol::Sbert };
    let protocol = args.protocol.unwrap_or(usual);
    let (figures, evaluator) = (figures(args, protocol), StsEvaluator::of_sets(sets));
    note_dtype(args.dtype.unwrap_or_default());
    let truncated = Cell::new(0);
    let evaluate = |model: &SentenceEncoder| {
        let found = evaluate(args, model, &evaluator, &figures, &bootstrap);
        truncated.set(truncated.get().max(model.tokenizer().truncated_texts()));
        found
    };
    let assess = |model: &String| candidates(args, protocol, model, evaluate);
    let candidates = args.model.iter().map(assess).collect::<Result<Vec<_>>>()?;
    let candidates = candidates.into_iter().flatten().collect();
    let rivals = args.compare.as_ref().map(assess).transpose()?.unwrap_or_default();
    let truncated = truncated.get();
    let found =
        SuiteOutput { suite, protocol, figures, bootstrap, evaluator, candidates, rivals };
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(&json::report(&found)).unwrap_or_default();
        io::write_output_with(path, text + "\n")?;
    }
    match args.format {
        ReportFormat::Json => say(json::report(&found).to_string())?,
        ReportFormat::Table => say(table::report(&found))?,
    }
    let sets = found.evaluator.sets();
    let pairs: usize = sets.iter().map(PairSet::len).sum();
    let what = format!("{} pairs", grouped(pairs as u64));
    counts_line_if_any(&what, sets.iter().map(|set| &set.report), truncated);
    Ok(())
}

/// The suite's name, if it is one, and the sets to evaluate.
fn sets(args: &EvalArgs) -> Result<(Option<String>, Vec<PairSet>)> {
    if let Some(path) = &args.data {
        let config = args.columns.of(path.clone());
        let scored = data::read_scored(&hub::data(&config.path)?, &config.options())?;
        note_report(&scored.report);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        return Ok((None, vec![PairSet::new(&name, scored)]));
    }
    expect_no_columns(args)?;
    let suite = Suite::open(args.suite.as_deref().unwrap_or_default())?.only(&args.only)?;
    let sets = suite.read(data_directory(args)?)?;
    Ok((Some(suite.name), sets))
}

fn expect_no_columns(args: &EvalArgs) -> Result<()> {
    if args.columns != ColumnArgs::default() {
        let message = "--columns, --score-scale, --data-format, --header, --delimiter, --decimal-comma and --on-missing apply to --data";
        return Err(Error::config(format!("{message}; a suite file has them for each set")));
    }
    Ok(())
}

/// Where the files of the suite are.
fn data_directory(args: &EvalArgs) -> Result<&Path> {
    let name = args.suite.as_deref().unwrap_or_default();
    let beside =
        Path::new(name).parent().filter(|_| !Suite::names().any(|known| known == name));
    args.data_dir.as_deref().or(beside).ok_or_else(|| {
        Error::config(format!("suite {name} has no data directory: give --data-dir DIR"))
    })
}

/// The protocol's metrics, as overridden by flags.
fn figures(args: &EvalArgs, protocol: Protocol) -> Vec<MetricId> {
    fn or<'a, T>(chosen: &'a [T], usual: &'a [T]) -> &'a [T] {
        if chosen.is_empty() { usual } else { chosen }
    }
    let mut figures = MetricId::product(
        or(&args.aggregation, protocol.aggregations()),
        or(&args.correlation, protocol.correlations()),
        or(&args.similarity, protocol.similarities()),
    );
    let mut seen = Vec::new();
    figures.retain(|figure| {
        let new = !seen.contains(figure);
        seen.push(*figure);
        new
    });
    figures
}

/// A model with each pooling asked for.
fn candidates(
    args: &EvalArgs,
    protocol: Protocol,
    name: &str,
    evaluate: impl Fn(&SentenceEncoder) -> Result<(SuiteReport, Option<Vec<SetGeometry>>)>,
) -> Result<Vec<Candidate>> {
    let (dtype, max_seq_length) = (args.dtype, args.max_seq_length);
    let pooling = protocol.pooling().map(str::parse).transpose()?;
    let mut model = load(name, UsageArgs { dtype, pooling, max_seq_length })?;
    let own = [model.model().pooling()];
    let poolings = if args.pooling.is_empty() { &own[..] } else { &args.pooling };
    let mut candidates = Vec::new();
    for &pooling in poolings {
        model = model.with_pooling(pooling);
        let (name, pooling) = (name.into(), pooling.to_string());
        let (assessment, geometry) = evaluate(&model)?;
        candidates.push(Candidate { model: name, pooling, assessment, geometry });
    }
    Ok(candidates)
}

/// Evaluates a model on the embeddings of the distinct sentences. An embedding that is not finite
/// makes the metrics of its own sets undefined, and no others.
fn evaluate(
    args: &EvalArgs,
    model: &SentenceEncoder,
    evaluator: &StsEvaluator,
    figures: &[MetricId],
    bootstrap: &Bootstrap,
) -> Result<(SuiteReport, Option<Vec<SetGeometry>>)> {
    let texts = evaluator.texts();
    let options = EncodeOptions { allow_not_finite: true, ..args.encode.options(model)? };
    note_prompt(model.prompt_of(&options).unwrap_or_default());
    let embeddings = model.encode(&texts, &options)?;
    let scores = evaluator.scores_of(&embeddings);
    let assessment = SuiteReport::new(evaluator.sets(), scores, figures, bootstrap);
    if !args.geometry {
        return Ok((assessment, None));
    }
    let whole = model.tokenizer().clone().with_max_len(usize::MAX).encode(&texts)?;
    let lengths: Vec<usize> = whole.iter().map(|sequence| sequence.len()).collect();
    Ok((assessment, Some(evaluator.set_geometry(&embeddings, &lengths))))
}
