//! Metrics × 100 with their confidence intervals, as tables.

use super::intervals;
use super::layout::{name, table, with_interval};
use super::suite_output::{Candidate, SuiteOutput};
use super::{geometry, undefined};
use crate::cli::shared::print::percent;
use crate::eval::{
    Aggregation, Correlation, Difference, Estimate, MetricId, mean_and_deviation,
};
use comfy_table::Table;

pub fn report(found: &SuiteOutput) -> String {
    let mut parts = vec![match (&found.candidates[..], &found.suite) {
        ([one], None) => format!("{}\n{}", file_words(found), by_similarity(found, one)),
        ([one], Some(_)) => format!("{}\n{}", suite_words(found), by_set(found, one)),
        _ => format!("{}\n{}", suite_words(found), by_model(found)),
    }];
    if !found.rivals.is_empty() {
        parts.push(comparisons(found));
    }
    parts.extend(geometry::tables(found));
    parts.extend(undefined::lines(found));
    parts.join("\n")
}

fn file_words(found: &SuiteOutput) -> String {
    let (set, sentences) = (&found.sets()[0], found.evaluator.sentences());
    let (title, pairs) = (&set.title, set.len());
    format!(
        "{title}: {pairs} pairs, {sentences} distinct sentences (× 100{})",
        intervals::title(&found.bootstrap)
    )
}

fn suite_words(found: &SuiteOutput) -> String {
    let name = match &found.suite {
        Some(suite) => format!("suite {suite}, protocol {}", found.protocol),
        None => found.sets()[0].title.clone(),
    };
    let model = match &found.candidates[..] {
        [one] => format!(", {} ({})", one.model, one.pooling),
        _ => String::new(),
    };
    let sentences = found.evaluator.sentences();
    format!(
        "{name}{model}: {sentences} distinct sentences (× 100{})",
        intervals::title(&found.bootstrap)
    )
}

/// One model on one file: a row a similarity, a column a correlation.
fn by_similarity(found: &SuiteOutput, candidate: &Candidate) -> Table {
    let mut correlations: Vec<Correlation> = Vec::new();
    for figure in &found.figures {
        if !correlations.contains(&figure.correlation) {
            correlations.push(figure.correlation);
        }
    }
    let names = correlations.iter().map(|&correlation| title(correlation));
    let mut table = table(["similarity"].into_iter().chain(names));
    let estimates = &candidate.assessment.sets[0];
    for (figures, estimates) in
        found.figures.chunks(correlations.len()).zip(estimates.chunks(correlations.len()))
    {
        let row = figures.first().map_or_else(String::new, similarity);
        table.add_row([row].into_iter().chain(estimates.iter().map(|one| cell(one, " "))));
    }
    table
}

/// One model on a suite: a row a set, a column a figure.
fn by_set(found: &SuiteOutput, candidate: &Candidate) -> Table {
    let figures = found.figures.iter().map(label);
    let mut table = table(["set".to_string(), "pairs".to_string()].into_iter().chain(figures));
    let between = if found.figures.len() > 4 { "\n" } else { " " };
    let cells = |estimates: &[Estimate]| -> Vec<String> {
        estimates.iter().map(|one| cell(one, between)).collect()
    };
    for (set, estimates) in found.sets().iter().zip(&candidate.assessment.sets) {
        let row = [set.title.clone(), set.len().to_string()];
        table.add_row(row.into_iter().chain(cells(estimates)));
    }
    if found.sets().len() > 1 {
        let row = ["average".to_string(), String::new()];
        table.add_row(row.into_iter().chain(cells(&candidate.assessment.average)));
    }
    table
}

/// Several models: for each figure a row a model, a column a set.
fn by_model(found: &SuiteOutput) -> String {
    let tables = found.figures.iter().enumerate().map(|(nth, figure)| {
        let (mut table, columns) = (table(header(found, label(figure))), columns(found, nth));
        for (place, candidate) in found.candidates.iter().enumerate() {
            let cells = columns.iter().map(|column| cell(column[place], "\n"));
            table.add_row([name(found, candidate)].into_iter().chain(cells));
        }
        let spread = columns.iter().map(|column| {
            let values = column.iter().map(|one| one.value.as_ref().ok().copied());
            let values: Option<Vec<f64>> = values.collect();
            values.as_deref().and_then(mean_and_deviation)
        });
        let spread: Vec<_> = spread.collect();
        let means = spread.iter().map(|spread| percent(spread.map(|(mean, _)| mean)));
        table.add_row(["mean".to_string()].into_iter().chain(means));
        let deviations = spread.iter().map(|spread| percent(spread.and_then(|both| both.1)));
        table.add_row(["standard deviation".to_string()].into_iter().chain(deviations));
        table.to_string()
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// What stands first, then the sets, then their average where there are several.
fn header(found: &SuiteOutput, first: String) -> Vec<String> {
    let sets = found.sets().iter().map(|set| set.title.clone());
    let mut header: Vec<String> = [first].into_iter().chain(sets).collect();
    if found.sets().len() > 1 {
        header.push("average".into());
    }
    header
}

/// Figure `nth` of every model, set by set and then on average.
fn columns(found: &SuiteOutput, nth: usize) -> Vec<Vec<&Estimate>> {
    let sets = (0..found.sets().len()).map(|place| {
        found.candidates.iter().map(|one| &one.assessment.sets[place][nth]).collect()
    });
    let average = found.candidates.iter().map(|one| &one.assessment.average[nth]).collect();
    let mut columns: Vec<Vec<&Estimate>> = sets.collect();
    if found.sets().len() > 1 {
        columns.push(average);
    }
    columns
}

/// Each model against the one it is compared with: for each figure a row a set.
fn comparisons(found: &SuiteOutput) -> String {
    let mut tables = Vec::new();
    for (one, other, comparison) in found.comparisons() {
        let (first, second) = (name(found, one), name(found, other));
        for (nth, figure) in found.figures.iter().enumerate() {
            let mut table = table([
                label(figure).as_str(),
                "first",
                "second",
                "difference",
                "p (permutation)",
                "p (Williams)",
            ]);
            let mut row = |title: &str, a: &Estimate, b: &Estimate, by: &Difference| {
                let value = |one: &Estimate| percent(one.value.as_ref().ok().copied());
                let williams = by.williams.map(|test| test.p);
                table.add_row([
                    title.to_string(),
                    value(a),
                    value(b),
                    with_interval(percent(by.value), by.interval, " "),
                    probability(by.permutation),
                    probability(williams),
                ]);
            };
            for (place, set) in found.sets().iter().enumerate() {
                let (a, b) =
                    (&one.assessment.sets[place][nth], &other.assessment.sets[place][nth]);
                row(&set.title, a, b, &comparison.sets[place][nth]);
            }
            if found.sets().len() > 1 {
                let (a, b) = (&one.assessment.average[nth], &other.assessment.average[nth]);
                row("average", a, b, &comparison.average[nth]);
            }
            tables.push(format!("first: {first}; second: {second}\n{table}"));
        }
    }
    tables.join("\n")
}

fn title(correlation: Correlation) -> &'static str {
    match correlation {
        Correlation::Spearman => "Spearman",
        Correlation::Pearson => "Pearson",
    }
}

/// `cosine`, or `cosine, mean of subsets`.
fn similarity(figure: &MetricId) -> String {
    let similarity = figure.similarity.name();
    match figure.aggregation {
        Aggregation::All => similarity.into(),
        other => format!("{similarity}, {}", other.name()),
    }
}

/// `Spearman cosine`, or `Spearman cosine, mean`.
fn label(figure: &MetricId) -> String {
    format!("{} {}", title(figure.correlation), similarity(figure))
}

fn cell(estimate: &Estimate, between: &str) -> String {
    with_interval(percent(estimate.value.as_ref().ok().copied()), estimate.interval, between)
}

fn probability(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.0001 => "< 0.0001".into(),
        Some(p) => format!("{p:.4}"),
        None => String::new(),
    }
}
