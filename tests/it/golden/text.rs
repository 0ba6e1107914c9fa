//! Texts to ids.

use std::path::Path;

use serde::Deserialize;
use twindrop::Result;
use twindrop::tokens::{Tokenizer, Tokens};

use super::fixture;

/// Its vocabulary is the one the cases are written in.
const MODEL: &str = "tiny_bert";

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    #[serde(default)]
    pair_cases: Vec<PairCase>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    max_length: Option<usize>,
}

#[derive(Deserialize)]
struct PairCase {
    text_a: String,
    text_b: String,
    ids: Vec<u32>,
    type_ids: Vec<u32>,
}

fn assert_ids(golden: &Golden, directory: &Path) -> Result<()> {
    assert!(!golden.cases.is_empty());
    let whole = Tokenizer::from_dir(directory, usize::MAX)?;
    for Case { text, ids, max_length } in &golden.cases {
        let cutting = max_length.map(|length| whole.clone().with_max_len(length));
        let sequences = cutting.as_ref().unwrap_or(&whole).encode(&[text])?;
        assert_eq!(sequences[0].ids(), ids, "{text:?} cut at {max_length:?}");
    }
    for PairCase { text_a, text_b, ids, type_ids } in &golden.pair_cases {
        let sequences = whole.encode_pairs(&[(text_a, text_b)])?;
        let Tokens { ids: found, types, .. } = Tokens::pack(&sequences, vec![0]);
        assert_eq!((&found, &types), (ids, type_ids), "{text_a:?} with {text_b:?}");
    }
    println!(
        "tokenizer, {}: {} texts and {} pairs, ids equal",
        if directory.join("tokenizer.json").is_file() { "tokenizer.json" } else { "vocab.txt" },
        golden.cases.len(),
        golden.pair_cases.len()
    );
    Ok(())
}

#[test]
fn ids_through_tokenizer_json_are_those_of_transformers() -> Result<()> {
    let golden = fixture::open::<Golden>("tokenizer");
    let directory = fixture::model(MODEL);
    assert!(directory.join("tokenizer.json").is_file());
    assert_ids(&golden, &directory)
}

#[test]
fn ids_through_vocab_txt_alone_are_the_same() -> Result<()> {
    let golden = fixture::open::<Golden>("tokenizer");
    let copy = tempfile::tempdir().expect("a place for files");
    for file in std::fs::read_dir(fixture::model(MODEL)).expect("the model's directory") {
        let file = file.expect("an entry").path();
        let name = file.file_name().expect("a file has a name");
        if file.is_file() && name != "tokenizer.json" {
            std::fs::copy(&file, copy.path().join(name)).expect("a copy");
        }
    }
    assert_ids(&golden, copy.path())
}
