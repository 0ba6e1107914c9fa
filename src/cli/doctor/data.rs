//! A data file: its format, labels, duplicates and lengths in tokens.

use super::findings::Findings;
use crate::data::{Dataset, Format, ReadReport};
use crate::error::Result;
use crate::report::format::grouped;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::DataConfig;
use std::collections::HashSet;

/// The dataset in a file, where it can be read.
pub fn check(
    findings: &mut Findings,
    config: &DataConfig,
    model: Option<&SentenceEncoder>,
) -> Result<Option<Dataset>> {
    let set = match config.read() {
        Ok(set) => set,
        Err(error) => {
            let advice = "correct the line, or set how the file is read: --columns, \
                          --data-format, --header, --score-scale";
            findings.fail("data", error.to_string(), advice)?;
            return Ok(None);
        }
    };
    let format = config.format.or_else(|| Format::of(&config.path));
    let format = match format {
        Some(Format::Tsv) => "tsv",
        Some(Format::Csv) => "csv",
        Some(Format::Jsonl) => "jsonl",
        Some(Format::Json) => "json",
        _ => "text",
    };
    let rows = grouped(set.examples.len() as u64);
    let (path, columns) = (config.path.display(), set.columns.join(", "));
    findings.ok(
        "data",
        format!("{path}: {format}, {rows} rows, columns {columns}; no empty texts"),
    )?;
    for note in &set.report.notes {
        findings.ok("reading", note.clone())?;
    }
    let counts = ReadReport { duplicates: 0, ..set.report.clone() }.counts();
    if !counts.is_empty() {
        findings.warn("left out", counts.join(", "), "check that the file is whole")?;
    }
    labels(findings, &set)?;
    repeats(findings, &set)?;
    if let Some(model) = model {
        lengths(findings, &set, model)?;
    }
    Ok(Some(set))
}

fn labels(findings: &mut Findings, set: &Dataset) -> Result<()> {
    if let Some(scale) = set.scale {
        let gold = set.gold();
        let low = gold.iter().copied().fold(f64::INFINITY, f64::min);
        let high = gold.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let says = format!("{low} to {high}, on the scale {scale}");
        let found = if set.scale_detected { " (inferred)" } else { "" };
        if low == high {
            let advice = "all scores are equal, so there is nothing to learn from them";
            return findings.warn("scores", format!("{says}{found}"), advice);
        }
        if let Some(question) = &set.scale_question {
            return findings.warn("scores", says, question);
        }
        if set.scale_detected && (low > scale.low || high < scale.high) {
            let advice =
                "the scores do not span this scale: set it with --score-scale LOW..HIGH";
            return findings.warn("scores", format!("{says}{found}"), advice);
        }
        return findings.ok("scores", format!("{says}{found}"));
    }
    if set.classes.is_empty() {
        return Ok(());
    }
    let mut counts = vec![0usize; set.classes.len()];
    set.class_labels().iter().for_each(|&class| counts[class as usize] += 1);
    let named: Vec<String> = set
        .classes
        .iter()
        .zip(&counts)
        .take(10)
        .map(|(name, count)| format!("{name} {}", grouped(*count as u64)))
        .collect();
    let more = if counts.len() > 10 { " …" } else { "" };
    let says = format!("{}: {}{more}", counts.len(), named.join(", "));
    if counts.len() == 1 {
        let advice = "a classifier needs at least two classes: is this the right column?";
        return findings.warn("classes", says, advice);
    }
    findings.ok("classes", says)
}

/// Examples whose texts are those of an earlier one.
fn repeats(findings: &mut Findings, set: &Dataset) -> Result<()> {
    let mut known = HashSet::with_capacity(set.examples.len());
    let repeats = set.examples.iter().filter(|example| !known.insert(&example.texts)).count();
    if repeats == 0 {
        return findings.ok("repeats", "no duplicate rows");
    }
    let share = 100. * repeats as f64 / set.examples.len() as f64;
    let says = format!(
        "{} rows ({share:.1} %) are duplicates of an earlier row",
        grouped(repeats as u64)
    );
    let advice =
        "duplicates in one batch are false negatives: use --batch-sampler no-duplicates";
    findings.warn("repeats", says, advice)
}

/// Lengths in tokens, and how many texts are truncated.
fn lengths(findings: &mut Findings, set: &Dataset, model: &SentenceEncoder) -> Result<()> {
    let whole = model.tokenizer().clone().with_max_len(usize::MAX);
    let texts: Vec<&str> = set.sentences().collect();
    let mut lengths = Vec::with_capacity(texts.len());
    for texts in texts.chunks(1024) {
        lengths.extend(whole.encode(texts)?.iter().map(|sequence| sequence.len()));
    }
    lengths.sort_unstable();
    let at = |share: usize| lengths[(lengths.len() - 1) * share / 100];
    let most = model.max_seq_length();
    let cut = lengths.iter().filter(|&&length| length > most).count();
    let share = 100. * cut as f64 / lengths.len() as f64;
    let (half, p95, longest) = (at(50), at(95), at(100));
    let says = format!(
        "tokens per text: median {half}, 95th percentile {p95}, maximum {longest}; {share:.1} % \
         truncated to {most}"
    );
    if share > 5. {
        let advice =
            "truncated tokens are ignored: raise --max-seq-length, or split long texts";
        return findings.warn("tokens", says, advice);
    }
    findings.ok("tokens", says)
}
