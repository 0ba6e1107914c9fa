//! Data files of every kind are read as pandas reads them: delimiter, quotes, line ends, header,
//! encoding, compression and kind of label, a case each.
//!
//! The files and the rows expected of them were written by `tests/fixtures/data_files.py`, which
//! calls `pandas.read_csv` and `pandas.read_json`. Where the reader differs from pandas' defaults,
//! the script tells pandas to do the same, and this is why:
//!
//! - Fields are trimmed: a space beside a delimiter is no part of a sentence.
//! - In a `.tsv`, `"` is a plain character unless every field is in quotes (pandas:
//!   `quoting=QUOTE_NONE`): corpora hold texts with a quote at their start, as a quotation has.
//! - Words such as `NA`, `None` and `null` are texts; only an empty field, a null and the spellings
//!   of NaN are missing (pandas: `keep_default_na=False`). In a column of labels pandas' list holds.
//! - Missing cells are an error unless asked for otherwise (pandas: `dropna()`).
//! - A row with fewer fields than the header is an error; pandas fills it with NaN.
//! - The delimiter of a `.csv` and whether a `.tsv` has a header are found out; pandas is told.
//! - Pairs whose label says that people did not agree are left out (pandas: a filter).
//! - Only UTF-8 is read, with or without a byte order mark.

use serde::Deserialize;
use serde_json::Value;
use twindrop::data::{Label, ReadOptions, read_from};

/// A file, and what pandas reads of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    file: String,
    hex: String,
    options: Value,
    texts: Vec<Vec<String>>,
    scores: Option<Vec<f64>>,
    classes: Option<Vec<String>>,
    #[serde(default)]
    skipped_rows: u64,
    #[serde(default)]
    blank_lines: u64,
    #[serde(default)]
    without_gold_label: u64,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../fixtures/data_files.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What is wrong with how a case is read, if anything.
fn fault(case: &Case) -> Option<String> {
    let options: ReadOptions = serde_json::from_value(case.options.clone()).unwrap();
    let read = match read_from(&bytes(&case.hex)[..], case.file.as_ref(), &options) {
        Ok(read) => read,
        Err(error) => return Some(error.to_string()),
    };
    let texts: Vec<&Vec<String>> = read.examples.iter().map(|example| &example.texts).collect();
    if texts != case.texts.iter().collect::<Vec<_>>() {
        return Some(format!("texts {texts:?}, pandas has {:?}", case.texts));
    }
    let labels = read.examples.iter().filter_map(|example| example.label);
    let scores: Vec<f64> = labels.clone().filter_map(Label::score).collect();
    if scores != case.scores.clone().unwrap_or_default() {
        return Some(format!("scores {scores:?}, pandas has {:?}", case.scores));
    }
    let classes: Vec<&String> =
        labels.filter_map(Label::class).map(|class| &read.classes[class as usize]).collect();
    if classes != case.classes.iter().flatten().collect::<Vec<_>>() {
        return Some(format!("classes {classes:?}, pandas has {:?}", case.classes));
    }
    let report = &read.report;
    let counts = [report.skipped_rows, report.blank_lines, report.without_gold_label];
    let expected = [case.skipped_rows, case.blank_lines, case.without_gold_label];
    (counts != expected).then(|| format!("counts {counts:?}, expected {expected:?}"))
}

#[test]
fn files_are_read_as_pandas_reads_them() {
    let cases = cases();
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|case| fault(case).map(|fault| format!("{}: {fault}", case.name)))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn what_is_cut_off_or_in_another_encoding_is_refused() {
    for case in cases().iter().filter(|case| case.file.ends_with(".gz")) {
        let whole = bytes(&case.hex);
        let error =
            read_from(&whole[..whole.len() - 12], case.file.as_ref(), &ReadOptions::default());
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("the gzip data are cut off or damaged"),
            "{}: {error}",
            case.name
        );
    }
    let latin = b"text\nna\xefve\n";
    let error = read_from(&latin[..], "f.csv".as_ref(), &ReadOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("f.csv:2: byte 3 of the line is not UTF-8"),
        "{error}"
    );
}
