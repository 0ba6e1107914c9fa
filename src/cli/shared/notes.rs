//! What was decided and left out while data were read: notes, and counts for a last line.

use super::print::note;
use crate::data::ReadReport;

/// Prints the notes of a file.
pub fn note_report(report: &ReadReport) {
    report.lines().for_each(|line| note(format!("note: {line}")));
}

/// The counts of some files and of texts a model truncated, after a semicolon each; empty where all
/// are 0.
pub fn counts<'r>(
    reports: impl IntoIterator<Item = &'r ReadReport>,
    truncated_texts: u64,
) -> String {
    let mut all = ReadReport::default();
    reports.into_iter().for_each(|report| all.add(report));
    let mut counts = all.counts();
    match truncated_texts {
        0 => {}
        1 => counts.push("1 text truncated".into()),
        many => counts.push(format!("{many} texts truncated")),
    }
    if counts.is_empty() { String::new() } else { format!("; {}", counts.join(", ")) }
}

/// Prints the same as a line of its own, `what` before it.
pub fn counts_line<'r>(
    what: &str,
    reports: impl IntoIterator<Item = &'r ReadReport>,
    truncated_texts: u64,
) {
    note(format!("{what}{}", counts(reports, truncated_texts)));
}

/// Prints the same where anything is to be counted, for a command whose output is on standard
/// output.
pub fn counts_line_if_any<'r>(
    what: &str,
    reports: impl IntoIterator<Item = &'r ReadReport>,
    truncated_texts: u64,
) {
    let counts = counts(reports, truncated_texts);
    if !counts.is_empty() {
        note(format!("{what}{counts}"));
    }
}

/// Prints the prompt before every text, if there is one.
pub fn note_prompt(prompt: &str) {
    if !prompt.is_empty() {
        note(format!("note: prompt {prompt:?} before every text"));
    }
}

/// Prints the prompts before queries and documents, if there is one.
pub fn note_prompts(query: &str, document: &str) {
    if !(query.is_empty() && document.is_empty()) {
        note(format!("note: prompt {query:?} before queries, {document:?} before documents"));
    }
}
