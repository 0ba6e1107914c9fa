//! Results: metrics before and after training with confidence intervals.

use super::html::{NOTHING, Table, head, with};
use super::section::{PageBlock, Section};
use crate::eval::{Difference, Estimate, Interval};
use crate::report::chart::{ForestRow, Whisker, forest};
use crate::report::format::{count, escaped, isolated, percent, probability, range, signed};
use crate::report::plot::ColorRole;
use crate::report::{Report, RunReport, SetReport};

pub fn section(report: &Report) -> Section {
    let mut blocks = Vec::new();
    let both = judged(report).iter().any(|(_, _, set)| set.before.is_ok());
    let keys = [("before", ColorRole::Before), ("after", ColorRole::After)];
    let keys = if both { &keys[..] } else { &[] };
    let plots = ["Spearman × 100", "Pearson × 100"].into_iter().enumerate();
    let plots = plots.filter_map(|(nth, axis)| {
        let when = if both { "before and after" } else { "after training" };
        let title = format!("{axis} {when}");
        let name = if nth == 0 { "results" } else { "results-pearson" };
        forest(name, &title, axis, &rows(report, nth), keys, false)
    });
    let plots: Vec<_> = plots.collect();
    if !plots.is_empty() {
        blocks.push(PageBlock::Figure(plots, caption(report)));
    }
    for (nth, name) in ["Spearman’s ρ", "Pearson’s r"].into_iter().enumerate() {
        let rows = table_rows(report, nth);
        if !rows.is_empty() {
            blocks.push(PageBlock::Html(table(name, rows)));
        }
    }
    blocks.extend(notes(report));
    Section { id: "results", title: "Results", blocks }
}

/// What the results come to, in a sentence for each run.
pub fn lead(report: &Report) -> String {
    let sentence = |run: &RunReport| {
        let (_, set) = run.telling()?;
        let after = set.after.as_ref().ok()?.assessment.sets[0][0].value.as_ref().ok()?;
        let pairs = count(set.pairs.set().len(), "pair");
        let name = isolated(&set.pairs.set().title);
        let change = set.change.as_ref().map(|change| &change.sets[0][0]);
        let label = isolated(&run.label);
        let Some((value, change)) = change.and_then(|change| Some((change.value?, change)))
        else {
            let after = percent(*after);
            return Some(format!(
                "<b>{label}</b> has a Spearman × 100 of <b>{after}</b> on the {pairs} of {name}."
            ));
        };
        let chance = change.interval.is_some_and(|i| i.low <= 0. && i.high >= 0.);
        let doubt = if chance { ", not a significant change" } else { "" };
        let verb = if value < 0. { "lowered" } else { "raised" };
        let (before, after, by) = (percent(after - value), percent(*after), signed(value));
        let behind = [
            change.interval.map(|interval| {
                format!("{} {}", self::interval(report), range(interval, signed))
            }),
            change.permutation.map(|p| format!("p\u{a0}{}", equals(p))),
        ];
        let behind: Vec<String> = behind.into_iter().flatten().collect();
        let behind = if behind.is_empty() {
            String::new()
        } else {
            format!(" ({})", escaped(&behind.join(", ")))
        };
        Some(format!(
            "Training {verb} the Spearman × 100 of <b>{label}</b> on the {pairs} of {name} from \
             {before} to <b>{after}</b>, by {by}{doubt}{behind}."
        ))
    };
    let sentences = report.runs.iter().filter_map(sentence);
    sentences.map(|sentence| format!("<p class=\"lead\">{sentence}</p>\n")).collect()
}

fn equals(p: f64) -> String {
    let text = probability(p);
    if text.starts_with('<') { text.replace(' ', "\u{a0}") } else { format!("=\u{a0}{text}") }
}

/// A row of the picture for each set and run that was evaluated.
fn rows(report: &Report, nth: usize) -> Vec<ForestRow> {
    let whisker = |estimate: &Estimate, color: ColorRole| {
        let value = 100. * *estimate.value.as_ref().ok()?;
        let interval = estimate.interval.map(hundredfold);
        Some(Whisker { value, interval, color, label: percent(value / 100.) })
    };
    let mut rows = Vec::new();
    for (role, run, set) in judged(report) {
        let before = set.before.as_ref().ok().map(|found| (&**found, ColorRole::Before));
        let after = set.after.as_ref().ok().map(|found| (found, ColorRole::After));
        let both = before.into_iter().chain(after);
        let whiskers = both
            .filter_map(|(found, color)| whisker(&found.assessment.sets[0][nth], color))
            .collect();
        let set = &set.pairs.set().title;
        let name = match report.runs.len() {
            1 => format!("{role}: {set}"),
            _ => format!("{}, {role}: {set}", run.label),
        };
        rows.push(ForestRow { name, whiskers });
    }
    rows
}

pub fn hundredfold(interval: Interval) -> Interval {
    Interval { low: 100. * interval.low, high: 100. * interval.high }
}

/// Each set of each run, dev before test.
fn judged(report: &Report) -> Vec<(&'static str, &RunReport, &SetReport)> {
    let mut judged = Vec::new();
    for role in ["dev", "test"] {
        for run in &report.runs {
            let sets = run.sets.iter().filter(|(known, _)| *known == role);
            judged.extend(sets.filter_map(|(_, set)| Some((role, run, set.as_ref().ok()?))));
        }
    }
    judged
}

/// A row for each set and run.
fn table_rows(report: &Report, nth: usize) -> Vec<Vec<String>> {
    let row = |(role, run, set): (&str, &RunReport, &SetReport)| {
        let name = isolated(&set.pairs.set().title);
        let before = set.before.as_ref().ok().map(|found| &found.assessment.sets[0][nth]);
        let after = set.after.as_ref().ok().map(|found| &found.assessment.sets[0][nth]);
        let change = set.change.as_ref().map(|change| &change.sets[0][nth]);
        vec![
            with(role, &format!("{name}, {}", count(set.pairs.set().len(), "pair"))),
            isolated(&run.label),
            before.map_or_else(|| NOTHING.into(), estimate),
            after.map_or_else(|| NOTHING.into(), estimate),
            change.map_or_else(|| NOTHING.into(), difference),
            change.and_then(|change| change.permutation).map_or_else(|| NOTHING.into(), p),
            change
                .and_then(|change| change.williams)
                .map_or_else(|| NOTHING.into(), |test| p(test.p)),
        ]
    };
    judged(report).into_iter().map(row).collect()
}

fn table(name: &str, rows: Vec<Vec<String>>) -> String {
    let head =
        head(&["Set", "Run", "Before", "After", "Change", "p (permutation)", "p (Williams)"]);
    Table {
        caption: format!("{name} × 100 of cosine similarity and gold score"),
        head,
        text_columns: 2,
        rows,
    }
    .html()
}

/// A figure with its interval, or why there is none.
pub fn estimate(estimate: &Estimate) -> String {
    match &estimate.value {
        Ok(value) => {
            let range = estimate.interval.map(|interval| range(interval, percent));
            with(&percent(*value), &range.unwrap_or_default())
        }
        Err(reason) => with("undefined", &escaped(reason)),
    }
}

/// A difference with its interval.
pub fn difference(difference: &Difference) -> String {
    let Some(value) = difference.value else { return "undefined".into() };
    let range = difference.interval.map(|interval| range(interval, signed));
    with(&signed(value), &range.unwrap_or_default())
}

pub fn p(p: f64) -> String {
    escaped(&probability(p))
}

fn caption(report: &Report) -> String {
    match report.bootstrap.draws {
        0 => "Dots: correlation over all pairs of a set.".into(),
        _ => format!("Dots: correlation over all pairs of a set. Lines: {}.", interval(report)),
    }
}

/// `95 % interval`
fn interval(report: &Report) -> String {
    format!("{}\u{a0}% interval", 100. * report.bootstrap.level)
}

/// How the figures came about, and what is missing and why.
fn notes(report: &Report) -> Vec<PageBlock> {
    let mut blocks = Vec::new();
    if !judged(report).is_empty() && report.bootstrap.draws > 0 {
        let text = format!(
            "Below each metric: its {}, from the percentiles of {} bootstrap resamples of pairs \
             (random seed {}); changes use the same resamples. “p (permutation)” is the p-value of \
             a paired permutation test that swaps the two models’ similarities of each pair; “p \
             (Williams)” that of Williams’ test of dependent correlations, an approximation for \
             rank correlations.",
            interval(report),
            crate::report::format::number(report.bootstrap.draws as f64, 0),
            report.bootstrap.seed
        );
        blocks.push(PageBlock::Html(format!("<p class=\"note\">{}</p>", escaped(&text))));
    }
    let mut notes: Vec<String> = Vec::new();
    for run in &report.runs {
        for text in missing(run) {
            let text = match report.runs.len() {
                1 => text,
                _ => format!("{}: {text}", run.label),
            };
            if !notes.contains(&text) {
                notes.push(text);
            }
        }
    }
    blocks.extend(notes.iter().map(|text| PageBlock::paragraph(text)));
    blocks
}

/// What of a run could not be had.
fn missing(run: &RunReport) -> Vec<String> {
    if run.sets.is_empty() {
        return vec!["Not evaluated: the run has no dev set and no test set.".into()];
    }
    let mut notes: Vec<String> = Vec::new();
    for (role, set) in &run.sets {
        for reason in reasons(set) {
            let shared = run.sets.iter().all(|(_, other)| reasons(other).contains(&reason));
            let sentence = if shared { reason } else { format!("{role}: {reason}") };
            if !notes.contains(&sentence) {
                notes.push(sentence);
            }
        }
    }
    if run.config.dense.is_some() {
        notes.push("“Before” is the model without the dense layer added by training.".into());
    }
    notes
}

/// Why a set has no figures, before or after.
fn reasons(set: &Result<SetReport, String>) -> Vec<String> {
    let set = match set {
        Err(reason) => return vec![format!("{reason}.")],
        Ok(set) => set,
    };
    let sides = [("before", set.before.as_ref().err()), ("after", set.after.as_ref().err())];
    let missing = sides.into_iter().filter_map(|(side, reason)| Some((side, reason?)));
    missing.map(|(side, reason)| format!("No results {side} training: {reason}.")).collect()
}
