//! Examples in their formats, read as options of all kinds say.

use super::Target;
use crate::scratch::{Scratch, choice};
use std::path::Path;
use twindrop::data::{Format, ReadOptions, Scale, read_from};

const COLUMNS: [Option<&str>; 8] = [
    None,
    None,
    None,
    Some("text"),
    Some("label,text,.."),
    Some("sentence1,sentence2,score"),
    Some("a=sentence1,b=sentence2"),
    Some("_,text"),
];

fn prepare(scratch: &mut Scratch, data: &[u8]) {
    let (choice, data) = choice(data);
    scratch.choice = choice;
    scratch.bytes.extend(data);
}

/// The bits of the first byte choose columns, header and scale.
fn read(scratch: &Scratch, format: Format) {
    let choice = scratch.choice;
    let columns = COLUMNS[usize::from(choice % 8)];
    let options = ReadOptions {
        format: Some(format),
        columns: columns.map(|columns| columns.split(',').map(String::from).collect()),
        header: [None, None, Some(true), Some(false)][usize::from(choice >> 3 & 3)],
        scale: (choice >> 5 & 3 == 3).then_some(Scale::FIVE),
        ..ReadOptions::default()
    };
    let Ok(data) = read_from(&scratch.bytes[..], Path::new("x"), &options) else { return };
    assert!(!data.examples.is_empty());
    for example in &data.examples {
        assert_eq!(example.texts.len(), data.width());
        assert!(example.texts.iter().all(|text| !text.is_empty()));
    }
    assert!(data.unit_scores().iter().all(|score| (0. ..=1.).contains(score)));
}

/// Fields between tabs.
pub const TSV: Target = Target { name: "tsv", prepare, read: |s| read(s, Format::Tsv) };
/// Fields between commas, some in quotes.
pub const CSV: Target = Target { name: "csv", prepare, read: |s| read(s, Format::Csv) };
/// An object a line.
pub const JSONL: Target = Target { name: "jsonl", prepare, read: |s| read(s, Format::Jsonl) };
/// An array of objects.
pub const JSON: Target = Target { name: "json", prepare, read: |s| read(s, Format::Json) };
/// A sentence a line.
pub const TEXT: Target = Target { name: "text", prepare, read: |s| read(s, Format::Text) };
