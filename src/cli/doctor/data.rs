//! A data file: how it is taken, and what of it a model sees.

use super::findings::{Findings, grouped};
use crate::data::{Dataset, Format};
use crate::error::Result;
use crate::sentence_encoder::SentenceEncoder;
use crate::train::DataConfig;
use std::collections::HashSet;

/// The dataset in a file, where it can be read.
pub fn look(
    findings: &mut Findings,
    config: &DataConfig,
    model: Option<&SentenceEncoder>,
) -> Result<Option<Dataset>> {
    let set = match config.read() {
        Ok(set) => set,
        Err(error) => {
            let advice = "change the line, or say how the file is to be read: --columns, \
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
        _ => "text",
    };
    let rows = grouped(set.examples.len());
    let (path, columns) = (config.path.display(), set.columns.join(", "));
    findings
        .ok("data", format!("{path}: {format}, {rows} rows of {columns}; no text is empty"))?;
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
        let says = format!("{low} to {high}, on a scale of {scale}");
        let found = if set.scale_detected { " as it seems" } else { "" };
        if low == high {
            let advice = "nothing can be learnt from scores that are all the same";
            return findings.warn("scores", format!("{says}{found}"), advice);
        }
        if set.scale_detected && (low > scale.low || high < scale.high) {
            let advice =
                "they do not reach its ends: say what it is with --score-scale LOW..HIGH";
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
        .map(|(name, count)| format!("{name} {}", grouped(*count)))
        .collect();
    let more = if counts.len() > 10 { " …" } else { "" };
    let says = format!("{}: {}{more}", counts.len(), named.join(", "));
    if counts.len() == 1 {
        let advice = "nothing can be told apart in one class: is it the right column?";
        return findings.warn("classes", says, advice);
    }
    findings.ok("classes", says)
}

/// Examples whose texts are all the same as another's.
fn repeats(findings: &mut Findings, set: &Dataset) -> Result<()> {
    let mut known = HashSet::with_capacity(set.examples.len());
    let repeats = set.examples.iter().filter(|example| !known.insert(&example.texts)).count();
    if repeats == 0 {
        return findings.ok("repeats", "no row's texts come again");
    }
    let share = 100. * repeats as f64 / set.examples.len() as f64;
    let says =
        format!("{} rows ({share:.1} %) have the texts of an earlier one", grouped(repeats));
    let advice = "beside one another they are told to be apart: --batch-sampler no-duplicates";
    findings.warn("repeats", says, advice)
}

/// Tokens of each text, and how many texts are cut.
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
        "{half} tokens at the median, {p95} at 95 %, {longest} at most; {share:.1} % cut at {most}"
    );
    if share > 5. {
        let advice = "what is cut is not seen: raise --max-seq-length, or split long texts";
        return findings.warn("tokens", says, advice);
    }
    findings.ok("tokens", says)
}
