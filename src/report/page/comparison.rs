//! Comparison of runs.

use super::html::{NOTHING, Table, head};
use super::results::{difference, estimate, hundredfold, p};
use super::section::{PageBlock, Section};
use crate::eval::Comparison;
use crate::report::chart::{ForestRow, Whisker, forest, overlay};
use crate::report::format::{escaped, isolated, signed};
use crate::report::plot::ColorRole;
use crate::report::{Report, RunReport, SetReport};

/// A run's set beside the first run's.
struct SetComparison<'a> {
    role: &'static str,
    number: usize,
    run: &'a RunReport,
    first: &'a SetReport,
    other: &'a SetReport,
    comparison: Comparison,
}

/// Nothing where there is one run.
pub fn section(report: &Report) -> Option<Section> {
    let (first, others) = report.runs.split_first()?;
    if others.is_empty() {
        return None;
    }
    let (matches, odd) = matches(first, others);
    let logs = report.runs.iter().filter_map(|run| Some((&*run.label, run.log.as_ref().ok()?)));
    let title = "Difference from the first run";
    let rows = rows(&matches);
    let plots = [
        overlay(&logs.collect::<Vec<_>>()),
        forest("runs-change", title, "Spearman × 100", &rows, &[], true),
    ];
    let plots: Vec<_> = plots.into_iter().flatten().collect();
    let mut blocks = Vec::new();
    if !plots.is_empty() {
        let caption = format!(
            "Spearman × 100 on the development set by training step, and difference of the final \
             models in Spearman × 100 from {}; positive values are better.",
            isolated(&first.label)
        );
        blocks.push(PageBlock::Figure(plots, caption));
    }
    if !matches.is_empty() {
        blocks.push(PageBlock::Html(table(first, &matches)));
        if matches.len() > 1 {
            let text = "p-values are not corrected for multiple comparisons.";
            blocks.push(PageBlock::Html(format!("<p class=\"note\">{text}</p>")));
        }
    }
    blocks.extend(odd.iter().map(|text| PageBlock::paragraph(text)));
    blocks.push(PageBlock::Html(settings(report)));
    Some(Section { id: "comparison", title: "Comparison of runs", blocks })
}

/// Sets that both runs were evaluated on, and what is to be said of the others.
fn matches<'a>(
    first: &'a RunReport,
    others: &'a [RunReport],
) -> (Vec<SetComparison<'a>>, Vec<String>) {
    let (mut matches, mut odd) = (Vec::new(), Vec::new());
    for role in ["dev", "test"] {
        let of = |run: &'a RunReport| {
            let set = run.sets.iter().find(|(known, _)| *known == role)?.1.as_ref().ok()?;
            set.after.is_ok().then_some(set)
        };
        for (number, run) in others.iter().enumerate() {
            let (Some(one), Some(other)) = (of(first), of(run)) else {
                odd.push(format!(
                    "{} and {} cannot be compared on {role}: one of them has no results.",
                    first.label, run.label
                ));
                continue;
            };
            if one.pairs.set().subsets != other.pairs.set().subsets {
                odd.push(format!(
                    "{} and {} were evaluated on different {role} pairs; give the same with --{role}.",
                    first.label, run.label
                ));
                continue;
            }
            let (Ok(a), Ok(b)) = (&one.after, &other.after) else { continue };
            let comparison = one.pairs.compare(b, a);
            matches.push(SetComparison {
                role,
                number: number + 1,
                run,
                first: one,
                other,
                comparison,
            });
        }
    }
    (matches, odd)
}

fn rows(matches: &[SetComparison]) -> Vec<ForestRow> {
    let row = |found: &SetComparison| {
        let difference = &found.comparison.sets[0][0];
        let whisker = difference.value.map(|value| Whisker {
            value: 100. * value,
            interval: difference.interval.map(hundredfold),
            color: ColorRole::Run(found.number),
            label: signed(value),
        });
        let name = format!("{}, {}", found.run.label, found.role);
        ForestRow { name, whiskers: whisker.into_iter().collect() }
    };
    matches.iter().map(row).collect()
}

fn table(first: &RunReport, matches: &[SetComparison]) -> String {
    let row = |found: &SetComparison| {
        let side = |set: &SetReport| {
            set.after
                .as_ref()
                .map_or_else(|_| NOTHING.into(), |f| estimate(&f.assessment.sets[0][0]))
        };
        let change = &found.comparison.sets[0][0];
        vec![
            found.role.into(),
            isolated(&found.run.label),
            side(found.first),
            side(found.other),
            difference(change),
            change.permutation.map_or_else(|| NOTHING.into(), p),
            change.williams.map_or_else(|| NOTHING.into(), |test| p(test.p)),
        ]
    };
    let caption =
        format!("Spearman × 100 of each run compared with {}", isolated(&first.label));
    let head = head(&[
        "Set",
        "Run",
        "First",
        "This run",
        "Difference",
        "p (permutation)",
        "p (Williams)",
    ]);
    Table { caption, head, text_columns: 2, rows: matches.iter().map(row).collect() }.html()
}

/// Keys of `run.toml` in which the runs differ.
fn settings(report: &Report) -> String {
    let tables: Vec<Vec<(String, String)>> = report.runs.iter().map(keys).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in tables.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let value = |table: &[(String, String)], name: &String| {
        table.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let mut rows = Vec::new();
    for name in names {
        let values: Vec<_> = tables.iter().map(|table| value(table, name)).collect();
        if values.windows(2).any(|pair| pair[0] != pair[1]) && name != "output-dir" {
            let cell =
                |value: Option<String>| value.map_or_else(|| NOTHING.into(), |v| isolated(&v));
            let name = format!("<code>{}</code>", escaped(name));
            rows.push([name].into_iter().chain(values.into_iter().map(cell)).collect());
        }
    }
    if rows.is_empty() {
        return "<p>The runs have the same settings.</p>".into();
    }
    let labels = report.runs.iter().map(|run| isolated(&run.label));
    let head: Vec<String> = ["Setting".to_string()].into_iter().chain(labels).collect();
    let text_columns = head.len();
    Table { caption: "Settings that differ between runs".into(), head, text_columns, rows }
        .html()
}

/// Every value of a run file under its whole name: `stage.1.cycle.2.objective`.
fn keys(run: &RunReport) -> Vec<(String, String)> {
    fn walk(name: &str, value: &toml::Value, found: &mut Vec<(String, String)>) {
        let inner =
            |key: &str| if name.is_empty() { key.into() } else { format!("{name}.{key}") };
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, value)| walk(&inner(key), value, found));
            }
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                for (place, value) in list.iter().enumerate() {
                    walk(&inner(&(place + 1).to_string()), value, found);
                }
            }
            toml::Value::String(text) => found.push((name.into(), text.clone())),
            other => found.push((name.into(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = run.settings.parse::<toml::Table>() {
        walk("", &toml::Value::Table(table), &mut found);
    }
    found
}
