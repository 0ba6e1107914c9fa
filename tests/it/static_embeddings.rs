//! Static embedding models: the vectors are those of sentence-transformers 6.2 and model2vec 0.10,
//! which `tests/fixtures/static_embedding.py` wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use tempfile::TempDir;
use twindrop::sentence_encoder::{
    Consumer, EncodeOptions, SentenceEncoder, StaticFormat, check_compatibility,
};

use crate::support::fixture;

#[derive(Deserialize)]
struct Fixture {
    texts: Vec<String>,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    by: String,
    vectors: Vec<Vec<f32>>,
}

fn read() -> Fixture {
    let text =
        fs::read_to_string(fixture("static_embedding/expected.json")).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn open(directory: &Path) -> SentenceEncoder {
    SentenceEncoder::from_directory(directory).expect("a model")
}

fn of(name: &str) -> SentenceEncoder {
    open(&fixture(&format!("static_embedding/{name}")))
}

/// How far apart the embeddings of a model and the expected ones are.
fn apart(model: &SentenceEncoder, texts: &[String], expected: &[Vec<f32>]) -> f32 {
    let found = model.encode(texts, &EncodeOptions::default()).expect("vectors");
    assert_eq!(found.width(), expected[0].len());
    let pairs = found.as_slice().iter().zip(expected.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

/// A copy of a fixture whose files may be changed.
fn copy_of(name: &str) -> TempDir {
    let (from, place) = (fixture(&format!("static_embedding/{name}")), TempDir::new().unwrap());
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    place
}

#[test]
fn the_vectors_are_those_of_the_program_that_wrote_the_model() {
    let Fixture { texts, models } = read();
    assert_eq!(models.len(), 6);
    for (name, Model { by, vectors }) in &models {
        let model = of(name);
        let apart = apart(&model, &texts, vectors);
        assert!(apart <= 1e-5, "{name} of {by}: {apart} apart");
        assert_eq!(model.notes(), Vec::<String>::new(), "{name}");
        let format = model.static_format().expect("a format").to_string();
        assert_eq!(&format, by, "{name}");
    }
}

#[test]
fn a_model_is_saved_in_the_format_it_came_in() {
    let Fixture { texts, models } = read();
    for (name, Model { vectors, .. }) in &models {
        let (model, place) = (of(name), TempDir::new().unwrap());
        model.save_pretrained(place.path()).expect("saved");
        let again = open(place.path());
        assert!(apart(&again, &texts, vectors) <= 1e-5, "{name}");
        assert_eq!(again.static_format(), model.static_format());
        assert_eq!(again.notes(), Vec::<String>::new(), "{name}");
        let config = place.path().join("config.json");
        let own = model.static_format() == Some(StaticFormat::Model2Vec);
        assert_eq!(config.is_file(), own, "{name}");
        assert_eq!(again.fingerprint().unwrap(), model.fingerprint().unwrap(), "{name}");
    }
}

#[test]
fn a_text_without_tokens_is_the_zero_vector() {
    let model = of("plain");
    let options = EncodeOptions::default();
    let found = model.encode(&["", " ", "cat"], &options).unwrap();
    assert!(found.row(0).iter().chain(found.row(1)).all(|&x| x == 0.));
    assert!(found.row(2).iter().any(|&x| x != 0.));
}

#[test]
fn a_text_is_cut_where_it_is_said_and_counted() {
    let Fixture { texts, .. } = read();
    for (name, length) in [("plain", usize::MAX), ("folder-truncated", 4), ("model2vec", 512)] {
        assert_eq!(of(name).max_seq_length(), length, "{name}");
    }
    let model = of("folder-truncated");
    model.encode(&texts, &EncodeOptions::default()).unwrap();
    // the second, third and last text: 7, 9 and 5 tokens
    assert_eq!(model.tokenizer().truncated_texts(), 3);
    let whole = EncodeOptions::default().with_truncate_text(false);
    let error = model.encode(&texts, &whole).unwrap_err().to_string();
    assert!(error.contains("more than max_seq_length 4"), "{error}");
}

#[test]
fn sentence_transformers_table_may_have_model2vecs_tensors() {
    // without its config.json, the directory is one of sentence-transformers, whose version 6.2
    // applies mapping and weights to the table; then unknown tokens count
    let place = copy_of("model2vec-mapping");
    fs::remove_file(place.path().join("config.json")).unwrap();
    let (folded, own) = (open(place.path()), of("model2vec-mapping"));
    let options = EncodeOptions::default();
    let known = ["the cat", "one two"];
    let [a, b] = [&folded, &own].map(|model| model.encode(&known, &options).unwrap());
    let far = a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs());
    assert!(far.fold(0., f32::max) <= 1e-6);
    let unknown = ["字 cat"];
    let [a, b] = [&folded, &own].map(|model| model.encode(&unknown, &options).unwrap());
    assert!(a != b);
}

#[test]
fn what_the_files_contradict_or_lack_is_named() {
    let refusal = |place: &TempDir| match SentenceEncoder::from_directory(place.path()) {
        Ok(model) => format!("loads: {}", model.notes().join("; ")),
        Err(error) => error.to_string(),
    };
    let write = |place: &TempDir, name: &str, text: &str| {
        fs::write(place.path().join(name), text).unwrap();
    };
    let place = copy_of("model2vec");
    write(&place, "config.json", r#"{"model_type": "model2vec", "normalize": 1}"#);
    assert!(refusal(&place).contains("config.json: normalize is 1, expected true or false"));
    write(&place, "config.json", r#"{"model_type": "model2vec", "max_length": -1}"#);
    assert!(refusal(&place).contains("max_length is -1, expected a number of tokens"));
    write(&place, "config.json", r#"{"model_type": "model2vec", "colour": 1}"#);
    let printed = refusal(&place);
    assert!(printed.contains("the key \"colour\" is unknown and ignored"), "{printed}");
    assert!(
        printed.contains("normalize is false, and modules.json says otherwise"),
        "{printed}"
    );
    let place = copy_of("plain");
    write(&place, "config.json", "{}");
    assert!(
        refusal(&place).contains("config.json: not read, because a StaticEmbedding has no")
    );
    let place = copy_of("plain");
    fs::remove_file(place.path().join("tokenizer.json")).unwrap();
    assert!(
        refusal(&place).contains("tokenizer.json is missing; a static embedding model has no")
    );
    let list = r#"[{"type": "sentence_transformers.models.StaticEmbedding", "path": ""},
                   {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]"#;
    write(&place, "modules.json", list);
    assert!(refusal(&place).contains("a Pooling module cannot stand beside a StaticEmbedding"));
}

#[test]
fn check_model_says_which_programs_read_a_static_embedding_model_and_how() {
    // what sentence-transformers 6.2 and 5.1.2 and model2vec 0.10 did with these directories
    let verdicts = |name: &str| {
        let verdicts =
            check_compatibility(fixture(&format!("static_embedding/{name}"))).unwrap();
        let mark = |reader: Consumer| {
            let verdict = verdicts.iter().find(|verdict| verdict.reader == reader).unwrap();
            match (verdict.loads(), verdict.faults.is_empty()) {
                (false, _) => 'x',
                (true, false) => '~',
                (true, true) => '.',
            }
        };
        let readers = [
            Consumer::SentenceTransformers3,
            Consumer::SentenceTransformers5,
            Consumer::SentenceTransformers6,
            Consumer::Model2Vec,
            Consumer::Twindrop,
        ];
        let marks: String = readers.map(mark).iter().collect();
        (marks, serde_json::to_string(&verdicts).unwrap())
    };
    for (name, expected) in [
        ("plain", "xx.~."),
        ("dense-normalize", "xx.~."),
        ("folder-truncated", "x..~."),
        ("model2vec", "x~~.."),
        ("model2vec-mapping", "xx~.."),
        ("model2vec-alone", "xxx.."),
    ] {
        let (marks, printed) = verdicts(name);
        assert_eq!(marks, expected, "{name}: {printed}");
    }
}

/// The bytes of a tensor and how they are read.
type Stored = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn floats(name: &'static str, shape: &[usize], value: f32) -> Stored {
    let count: usize = shape.iter().product();
    (name, Dtype::F32, shape.into(), value.to_le_bytes().repeat(count))
}

fn indices(name: &'static str, indices: &[i64]) -> Stored {
    let bytes = indices.iter().flat_map(|index| index.to_le_bytes()).collect();
    (name, Dtype::I64, vec![indices.len()], bytes)
}

/// A copy of model2vec's fixture with these tensors.
fn with_tensors(tensors: &[Stored]) -> TempDir {
    let place = copy_of("model2vec");
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).expect("a tensor"))
    });
    let bytes = safetensors::serialize(views, None).expect("a file");
    fs::write(place.path().join("model.safetensors"), bytes).expect("written");
    place
}

#[test]
fn tensors_that_do_not_fit_each_other_are_refused() {
    let tokens = of("model2vec").tokenizer().vocabulary_size();
    let mapping: Vec<i64> = vec![1; tokens];
    let table = || floats("embeddings", &[4, 3], 1.);
    let weights = |count: usize| floats("weights", &[count], 0.5);
    for (tensors, expected) in [
        (vec![table()], "the tokenizer has"),
        (vec![floats("vectors", &[4, 3], 1.)], "tensor embedding.weight is missing, and so is"),
        (vec![floats("embeddings", &[12], 1.)], "has shape [12], expected two numbers"),
        (vec![floats("embeddings", &[tokens, 3], f32::NAN)], "not finite"),
        (vec![table(), indices("mapping", &[1, 4])], "mapping has row 4, but embeddings has 4"),
        (vec![table(), indices("mapping", &[1, -1])], "an element that is not an index"),
        (vec![table(), indices("mapping", &[1 << 40])], "an element that is not an index"),
        (vec![table(), floats("mapping", &[2], 1.)], "mapping is F32, expected I64"),
        (vec![table(), indices("mapping", &mapping), weights(7)], "there are 7 weights for"),
    ] {
        let place = with_tensors(&tensors);
        let error = SentenceEncoder::from_directory(place.path()).err().expect(expected);
        let error = error.to_string();
        assert!(error.contains("model.safetensors: ") && error.contains(expected), "{error}");
    }
    let more = vec![
        table(),
        indices("mapping", &mapping),
        weights(tokens),
        floats("another", &[2], 1.),
    ];
    let model = open(with_tensors(&more).path());
    assert_eq!(model.notes().len(), 1, "{:?}", model.notes());
    assert!(model.notes()[0].contains("not used, and not saved again: another"));
    let one = model.encode(&["cat"], &EncodeOptions::default()).expect("an embedding");
    let expected = 1. / 3f32.sqrt();
    assert!(one.as_slice().iter().all(|x| (x - expected).abs() < 1e-6), "{one:?}");
}

#[test]
fn a_table_in_8_bits_is_read_here_and_in_model2vec_only() {
    let tokens = of("model2vec").tokenizer().vocabulary_size();
    let bytes = vec![0x81; tokens * 2]; // -127 each
    let place = with_tensors(&[("embeddings", Dtype::I8, vec![tokens, 2], bytes)]);
    let one = open(place.path()).encode(&["cat"], &EncodeOptions::default()).unwrap();
    assert!(one.as_slice().iter().all(|x| (x + 0.5f32.sqrt()).abs() < 1e-6), "{one:?}");
    for verdict in check_compatibility(place.path()).unwrap() {
        let reads = [Consumer::Model2Vec, Consumer::Twindrop].contains(&verdict.reader);
        assert_eq!(verdict.loads(), reads, "{verdict:?}");
    }
}
