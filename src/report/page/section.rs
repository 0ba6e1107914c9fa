//! A section of the page.

use crate::report::format::escaped;
use crate::report::plot::Plot;
use crate::report::{Report, RunReport};

/// A part of the page under a heading.
pub(super) struct Section {
    /// Its anchor.
    pub id: &'static str,
    pub title: &'static str,
    pub blocks: Vec<PageBlock>,
}

/// What a section is made of.
pub(super) enum PageBlock {
    /// Markup.
    Html(String),
    /// Pictures with one caption (markup).
    Figure(Vec<Plot>, String),
}

impl PageBlock {
    /// A paragraph of plain text, escaped.
    pub fn paragraph(text: &str) -> Self {
        Self::Html(format!("<p>{}</p>", escaped(text)))
    }
}

/// A heading for a run, where there are several.
pub(super) fn heading(report: &Report, run: &RunReport) -> Option<PageBlock> {
    let label = crate::report::format::isolated(&run.label);
    (report.runs.len() > 1).then(|| PageBlock::Html(format!("<h3>{label}</h3>")))
}

/// What begins the names of a run's pictures, where there are several runs.
pub(super) fn prefix(report: &Report, number: usize) -> String {
    if report.runs.len() == 1 {
        return String::new();
    }
    format!("{}-{}-", number + 1, crate::report::chart::slug(&report.runs[number].label))
}

/// The heading and the blocks of each run.
pub(super) fn by_run(
    report: &Report,
    mut blocks: impl FnMut(&RunReport, &str) -> Vec<PageBlock>,
) -> Vec<PageBlock> {
    let mut all = Vec::new();
    for (number, run) in report.runs.iter().enumerate() {
        all.extend(heading(report, run));
        all.extend(blocks(run, &prefix(report, number)));
    }
    all
}

/// Why there are no evaluation results of a run.
pub(super) fn silence(run: &RunReport) -> PageBlock {
    let reasons = run.sets.iter().filter_map(|(role, set)| match set {
        Err(reason) => Some(format!("{role}: {reason}.")),
        Ok(set) => set.after.as_ref().err().map(|reason| format!("{role}: {reason}.")),
    });
    let mut reasons: Vec<String> = reasons.collect();
    reasons.dedup();
    if reasons.is_empty() {
        reasons.push("Not evaluated: the run has no dev set and no test set.".into());
    }
    PageBlock::paragraph(&reasons.join(" "))
}
