//! Model directories with one key at its default or at another value: the vectors are those of
//! sentence-transformers 6.2, or the key is refused by name. `eval/peers/model_directories.py`
//! wrote the directories, the vectors, and the ids that transformers gives pairs of texts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::{Sequence, Tokenizer, Tokens};

use crate::support::fixture;

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    cases: Vec<Case>,
    contents: BTreeMap<String, String>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Case {
    key: String,
    value: String,
    /// The hash of each file's content.
    files: BTreeMap<String, String>,
    /// `null` where sentence-transformers does not load it.
    vectors: Option<Vec<Vec<f32>>>,
    /// `equal`, `refused` or `loads` (where there are no vectors).
    outcome: String,
}

#[derive(Deserialize)]
struct Pair {
    side: String,
    length: usize,
    texts: [String; 2],
    ids: Vec<u32>,
    types: Vec<u32>,
}

impl Fixture {
    fn read() -> Self {
        let text =
            fs::read_to_string(fixture("model_directories/cases.json")).expect("a fixture");
        serde_json::from_str(&text).expect("JSON")
    }

    fn directory(&self, case: &Case) -> TempDir {
        let place = tempfile::tempdir().expect("a place");
        for (path, hash) in &case.files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            match self.contents.get(hash) {
                Some(text) => fs::write(&path, text).expect("written"),
                None => {
                    let from = fixture(&format!("model_directories/{hash}.safetensors"));
                    fs::copy(from, &path).map(|_| ()).expect("copied");
                }
            }
        }
        place
    }

    fn case(&self, key: &str, value: &str) -> TempDir {
        let found = self.cases.iter().find(|case| case.key == key && case.value == value);
        self.directory(found.unwrap_or_else(|| panic!("no case {key}, {value}")))
    }
}

/// How far apart `model` and the vectors of a case are.
fn apart(model: &SentenceEncoder, texts: &[String], vectors: &[Vec<f32>]) -> f32 {
    let found = model.encode(texts, &EncodeOptions::default()).expect("vectors");
    if found.width() != vectors[0].len() {
        return f32::INFINITY;
    }
    let pairs = found.as_slice().iter().zip(vectors.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

#[test]
fn every_key_gives_the_vectors_of_sentence_transformers_or_is_refused_by_name() {
    let fixture = Fixture::read();
    assert!(fixture.cases.len() >= 60);
    let mut wrong = Vec::new();
    for case in &fixture.cases {
        let place = fixture.directory(case);
        let name = format!("{}, {}", case.key, case.value);
        let loaded = SentenceEncoder::from_directory(place.path()).and_then(|model| {
            model.encode(&fixture.texts, &EncodeOptions::default()).map(|_| model)
        });
        match (loaded, &case.vectors, case.outcome.as_str()) {
            (Ok(model), Some(vectors), "equal") => {
                let apart = apart(&model, &fixture.texts, vectors);
                let notes = model.notes().join("\n");
                if apart > 1e-5 {
                    wrong.push(format!("{name}: {apart} apart"));
                }
                if case.value == "an unknown key" && !notes.contains(&case.key) {
                    wrong.push(format!("{name}: not in {notes:?}"));
                }
            }
            (Ok(_), None, "loads") => {}
            (Err(error), _, "refused") if error.to_string().contains(&case.key) => {}
            (Ok(_), _, expected) => wrong.push(format!("{name}: loads, expected {expected}")),
            (Err(error), _, expected) => wrong.push(format!("{name}: {error}, not {expected}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_read_is_written_back() {
    let fixture = Fixture::read();
    for case in fixture.cases.iter().filter(|case| case.outcome == "equal") {
        let (place, saved) = (fixture.directory(case), tempfile::tempdir().expect("a place"));
        let model = SentenceEncoder::from_directory(place.path()).expect("a model");
        model.save_pretrained(saved.path()).expect("saved");
        let again = SentenceEncoder::from_directory(saved.path()).expect("a model");
        let vectors = case.vectors.as_ref().expect("vectors");
        let apart = apart(&again, &fixture.texts, vectors);
        assert!(apart <= 1e-5, "{}, {}: {apart} apart", case.key, case.value);
        assert_eq!(again.similarity_function(), model.similarity_function(), "{}", case.value);
        let unexplained: Vec<String> =
            again.notes().into_iter().filter(|note| !model.notes().contains(note)).collect();
        // a key that is unknown to us, and kept in config.json, is named by its new path
        let news = unexplained.iter().filter(|note| !note.contains("config.json"));
        assert_eq!(news.count(), 0, "{}, {}: {unexplained:?}", case.key, case.value);
    }
}

#[test]
fn the_keys_that_were_read_are_in_the_files_that_are_written() {
    let fixture = Fixture::read();
    for (key, value, file, expected) in [
        ("similarity_fn_name", "dot", "config_sentence_transformers.json", "\"dot\""),
        ("truncate_dim", "8", "config_sentence_transformers.json", "\"truncate_dim\": 8"),
        ("use_residual", "true", "2_Dense/config.json", "\"use_residual\": true"),
        ("bias", "false", "2_Dense/config.json", "\"bias\": false"),
        ("truncation_side", "left", "tokenizer_config.json", "\"truncation_side\": \"left\""),
        (
            "truncation",
            "left, of tokenizer.json",
            "tokenizer_config.json",
            "\"truncation_side\": \"left\"",
        ),
        (
            "do_lower_case",
            "true over a cased tokenizer",
            "sentence_bert_config.json",
            "\"do_lower_case\": true",
        ),
    ] {
        let (place, saved) = (fixture.case(key, value), tempfile::tempdir().expect("a place"));
        let model = SentenceEncoder::from_directory(place.path()).expect("a model");
        for quantized in [false, true] {
            match quantized {
                false => model.save_pretrained(saved.path()).expect("saved"),
                true => model.save_quantized(saved.path()).expect("saved"),
            }
            let text = fs::read_to_string(saved.path().join(file)).expect("a file");
            assert!(text.contains(expected), "{key}: {text}");
        }
    }
}

fn types(sequence: &Sequence) -> Vec<u32> {
    Tokens::pack([sequence], vec![0]).types
}

#[test]
fn a_pair_is_cut_longest_first_as_transformers_does() {
    let fixture = Fixture::read();
    assert!(fixture.pairs.len() >= 40);
    for Pair { side, length, texts: [a, b], ids, types: expected } in &fixture.pairs {
        let place = fixture.case("truncation_side", side);
        let tokenizer = Tokenizer::from_dir(place.path(), *length).expect("a tokenizer");
        let found = tokenizer.encode_pairs(&[(a, b)]).expect("a sequence");
        assert_eq!(found[0].ids(), ids, "{side}, {length}: {a:?}, {b:?}");
        assert_eq!(&types(&found[0]), expected, "{side}, {length}: {a:?}, {b:?}");
    }
}

/// The error of a directory with more `files`, or without its `config.json` and with them.
fn refusal(place: &Path, files: &[(&str, &str)]) -> String {
    for (name, text) in files {
        fs::write(place.join(name), text).expect("written");
    }
    match SentenceEncoder::from_directory(place) {
        Ok(model) => format!("loads: {:?}", model.notes()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn models_of_another_kind_are_named_as_such() {
    let fixture = Fixture::read();
    let plain = || fixture.case("nothing", "every default");
    let cross = r#"{"model_type": "CrossEncoder"}"#;
    let printed = refusal(plain().path(), &[("config_sentence_transformers.json", cross)]);
    assert!(
        printed.contains("model_type is \"CrossEncoder\": only SentenceTransformer"),
        "{printed}"
    );
    let place = plain();
    let path = place.path().join("config.json");
    let text = fs::read_to_string(&path).expect("a file");
    let cross = text.replacen('{', r#"{"sentence_transformers": {"version": "5.1.2"},"#, 1);
    let printed = refusal(place.path(), &[("config.json", &cross)]);
    assert!(printed.contains("this is a CrossEncoder"), "{printed}");
    let setfit = refusal(plain().path(), &[("config_setfit.json", "{}")]);
    assert!(setfit.contains("this is a SetFit model"), "{setfit}");
    let place = tempfile::tempdir().expect("a place");
    let adapter = r#"{"peft_type": "LORA", "base_model_name_or_path": "no/such-base-model-here", "r": 8}"#;
    let printed = refusal(place.path(), &[("adapter_config.json", adapter)]);
    let expected = "this is a LoRA adapter of \"no/such-base-model-here\", which was not found";
    assert!(printed.contains(expected) && printed.contains("merge_and_unload"), "{printed}");
    let other = r#"{"peft_type": "IA3", "base_model_name_or_path": "b"}"#;
    let printed = refusal(place.path(), &[("adapter_config.json", other)]);
    assert!(printed.contains("a PEFT adapter of type IA3"), "{printed}");
}

#[test]
fn a_pooling_that_no_file_names_is_said_until_one_is_chosen() {
    let fixture = Fixture::read();
    let place = fixture.case("modules.json", "missing");
    let model = SentenceEncoder::from_directory(place.path()).expect("a model");
    let notes = model.notes().join("\n");
    assert!(notes.contains("no modules.json") && notes.contains("mean pooling"), "{notes}");
    assert!(notes.contains("--pooling"), "{notes}");
    assert_eq!(model.with_pooling("cls".parse().expect("a pooling")).notes().len(), 0);
    let config = place.path().join("config.json");
    let text = fs::read_to_string(&config).expect("a file");
    let classifier = text.replace("\"BertModel\"", "\"BertForSequenceClassification\"");
    fs::write(&config, classifier).expect("written");
    let model = SentenceEncoder::from_directory(place.path()).expect("a model");
    let notes = model.notes().join("\n");
    assert!(
        notes.contains("BertForSequenceClassification, a classifier or CrossEncoder"),
        "{notes}"
    );
}

#[test]
fn a_tokenizer_with_dropout_gives_the_same_tokens_every_time() {
    let fixture = Fixture::read();
    let place = fixture.case("dropout", "0.3, of tokenizer.json");
    let model = SentenceEncoder::from_directory(place.path()).expect("a model");
    assert!(model.notes().iter().any(|note| note.contains("model.dropout is not applied")));
    let texts: Vec<&str> = fixture.texts.iter().map(String::as_str).collect();
    let first = model.tokenizer().encode(&texts).expect("tokens");
    for _ in 0..5 {
        assert_eq!(model.tokenizer().encode(&texts).expect("tokens"), first);
    }
}
