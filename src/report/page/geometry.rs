//! Geometry of the embeddings.

use super::html::{NOTHING, Table, head, with};
use super::section::{PageBlock, Section, by_run, silence};
use crate::eval::Geometry;
use crate::report::chart::{directions, spectra};
use crate::report::format::{count, isolated, list, number};
use crate::report::plot::ColorRole;
use crate::report::{Report, SetReport};

/// Nothing where nothing was evaluated at all.
pub fn section(report: &Report) -> Option<Section> {
    let asked = report.runs.iter().any(|run| !run.sets.is_empty());
    let blocks = || {
        by_run(report, |run, prefix| match run.telling() {
            None => vec![silence(run)],
            Some((_, set)) => blocks_of(set, prefix),
        })
    };
    asked.then(|| Section {
        id: "geometry",
        title: "Geometry of the embeddings",
        blocks: blocks(),
    })
}

fn blocks_of(set: &SetReport, prefix: &str) -> Vec<PageBlock> {
    let before = set.before.as_ref().ok();
    let after = set.after.as_ref().ok();
    let spectrum = [
        before.map(|found| ("before", &*found.spectrum, ColorRole::Before)),
        after.map(|found| ("after", &*found.spectrum, ColorRole::After)),
    ];
    let spectrum: Vec<_> =
        spectrum.into_iter().flatten().filter(|(_, values, _)| !values.is_empty()).collect();
    let plots = [
        spectra(&format!("{prefix}spectrum"), &spectrum),
        directions(&format!("{prefix}directions"), &spectrum),
    ];
    let held = spectrum.iter().map(|(name, values, _)| {
        let total = values.iter().map(|value| value * value).sum::<f64>();
        let mut sum = 0.;
        let enough = values.iter().position(|value| {
            sum += value * value;
            sum >= 0.9 * total
        });
        format!("{} {name}", count(enough.map_or(0, |k| k + 1), "direction"))
    });
    let caption = format!(
        "Singular values of the matrix of L2-normalized embeddings of the distinct sentences of \
         {}: each value as a share of their sum, and the cumulative share of the squared \
         singular values. 90 % are explained by {}.",
        isolated(&set.pairs.set().title),
        list(&held.collect::<Vec<_>>())
    );
    let mut blocks = vec![PageBlock::Html(table(
        set,
        before.map(|found| &found.geometry),
        after.map(|found| &found.geometry),
    ))];
    let plots: Vec<_> = plots.into_iter().flatten().collect();
    if !plots.is_empty() {
        blocks.push(PageBlock::Figure(plots, caption));
    }
    blocks
}

/// A measure: its name, definition, value and number of digits.
type Measure = (&'static str, &'static str, fn(&Geometry) -> Option<f64>, usize);

const MEASURES: [Measure; 4] = [
    (
        "Alignment",
        "mean squared distance of pairs in the top fifth of the gold scores; lower is better",
        |g| g.alignment,
        3,
    ),
    (
        "Uniformity",
        "log of the mean of exp(−2 d²) over all pairs; lower is more uniform",
        |g| g.uniformity,
        3,
    ),
    (
        "Mean cosine",
        "mean cosine similarity over all pairs; near 1 means collapse",
        |g| g.mean_cosine,
        3,
    ),
    (
        "Effective rank",
        "exponential of the entropy of the singular values",
        |g| g.effective_rank,
        1,
    ),
];

fn table(set: &SetReport, before: Option<&Geometry>, after: Option<&Geometry>) -> String {
    let row = |(name, text, value, digits): &Measure| {
        let cell = |found: Option<&Geometry>| match found.map(value) {
            None => NOTHING.into(),
            Some(None) => "undefined".into(),
            Some(Some(value)) => number(value, *digits),
        };
        let both = before.and_then(value).zip(after.and_then(value));
        let change = both.map_or_else(
            || NOTHING.into(),
            |(before, after)| {
                let text = number(after - before, *digits);
                if after > before && text.contains(|c: char| c.is_ascii_digit() && c != '0') {
                    format!("+{text}")
                } else {
                    text
                }
            },
        );
        vec![with(name, text), cell(before), cell(after), change]
    };
    let caption = format!("Geometry on {}", isolated(&set.pairs.set().title));
    let head = head(&["Measure", "Before", "After", "Change"]);
    Table { caption, head, text_columns: 1, rows: MEASURES.iter().map(row).collect() }.html()
}
