//! Prompts in evaluation: `query` before queries and `document` before documents, as
//! sentence-transformers' `encode_query` and `encode_document` put them there.

use std::fs;
use std::path::Path;
use twindrop::data::read_collection;
use twindrop::eval::{Bootstrap, Evaluator, RetrievalEvaluator};
use twindrop::sentence_encoder::{EncodeOptions, PromptedEncoder, SentenceEncoder};
use twindrop::vectors::Embed;

use crate::support::{fixture, tiny};

const TEXTS: [&str; 6] = [
    "who sleeps",
    "what fell",
    "the cat sleeps",
    "the apple fell",
    "query who",
    "passage of text",
];

/// A model with prompts called `query` and `passage`.
fn prompted(directory: &Path) -> SentenceEncoder {
    tiny(TEXTS, 3).save_pretrained(directory).expect("written");
    let path = directory.join("config_sentence_transformers.json");
    let text = fs::read_to_string(&path).expect("a file");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["prompts"] = serde_json::json!({"query": "query: ", "passage": "passage: "});
    fs::write(&path, config.to_string()).expect("written");
    SentenceEncoder::from_directory(directory).expect("a model")
}

#[test]
fn queries_and_documents_have_the_prompts_of_their_names() {
    let place = tempfile::tempdir().expect("a place for files");
    let model = prompted(place.path());
    let plain = |text: &str| {
        model.encode(&[text], &EncodeOptions::default()).expect("embeddings").into_data()
    };
    let query = model.embed_queries(&["who sleeps"]).expect("embeddings");
    assert_eq!(query.as_slice(), plain("query: who sleeps"));
    let document = model.embed_documents(&["the cat sleeps"]).expect("embeddings");
    assert_eq!(document.as_slice(), plain("passage: the cat sleeps"));
    let text = model.embed(&["the cat sleeps"]).expect("embeddings");
    assert_eq!(text.as_slice(), plain("the cat sleeps"));
    // prompts of one's own, and one for all
    let own = PromptedEncoder::new(&model, EncodeOptions::default().with_prompt("of "))
        .with_prompts(Some("what ".into()), None);
    assert_eq!(own.embed_queries(&["fell"]).expect("it").as_slice(), plain("what fell"));
    assert_eq!(own.embed_documents(&["text"]).expect("it").as_slice(), plain("of text"));
    assert_eq!(own.embed(&["text"]).expect("it").as_slice(), plain("of text"));
}

#[test]
fn retrieval_is_evaluated_with_prompts_as_with_texts_that_begin_with_them() {
    let place = tempfile::tempdir().expect("a place for files");
    let model = prompted(&place.path().join("model"));
    let collection = |query: &str, document: &str| {
        let path = |name: &str| place.path().join(name);
        let queries = format!("id\ttext\nq1\t{query}who sleeps\nq2\t{query}what fell\n");
        fs::write(path("queries.tsv"), queries).expect("written");
        let corpus =
            format!("id\ttext\nd1\t{document}the cat sleeps\nd2\t{document}the apple fell\n");
        fs::write(path("corpus.tsv"), corpus).expect("written");
        fs::write(path("qrels.tsv"), "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
            .expect("written");
        read_collection(&path("queries.tsv"), &path("corpus.tsv"), &path("qrels.tsv"))
            .expect("a collection")
    };
    let metrics = |collection, model: &dyn Embed| {
        let evaluator = RetrievalEvaluator::new("toy", &collection);
        evaluator.evaluate(model, &Bootstrap::NONE).expect("metrics").figures
    };
    let without = PromptedEncoder::new(&model, EncodeOptions::default().with_prompt(""));
    let by_prompts = metrics(collection("", ""), &model);
    assert_eq!(by_prompts, metrics(collection("query: ", "passage: "), &without));
}

#[test]
fn where_a_prompt_is_not_pooled_its_tokens_are_left_out_as_in_sentence_transformers() {
    // of sentence-transformers 6.2: tests/fixtures/include_prompt.py
    let text = fs::read_to_string(fixture("include_prompt.json")).expect("a fixture");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let texts = expected["texts"].as_array().expect("texts").iter();
    let texts: Vec<&str> = texts.map(|text| text.as_str().expect("a text")).collect();
    let prompt = expected["prompt"].as_str().expect("a prompt");
    let place = tempfile::tempdir().expect("a place for files");
    let from = fixture("golden/tiny_bert");
    fs::create_dir(place.path().join("1_Pooling")).expect("a folder");
    for entry in fs::read_dir(&from).expect("a model").flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), place.path().join(entry.file_name())).expect("copied");
        }
    }
    let pooled = |mode: &str| {
        let config = serde_json::json!({"pooling_mode": mode, "include_prompt": false});
        fs::write(place.path().join("1_Pooling/config.json"), config.to_string()).expect("it");
        SentenceEncoder::from_directory(place.path()).expect("a model")
    };
    let options = EncodeOptions::default().with_prompt(prompt);
    for (mode, vectors) in expected["vectors"].as_object().expect("vectors") {
        let found = pooled(mode).encode(&texts, &options).expect("embeddings");
        let numbers = vectors.as_array().expect("rows").iter().flat_map(|row| row.as_array());
        let numbers = numbers.flatten().map(|x| x.as_f64().expect("a number") as f32);
        let far = found.as_slice().iter().zip(numbers).map(|(a, b)| (a - b).abs());
        let far = far.fold(0., f32::max);
        assert!(far <= 1e-5, "{mode}: {far} apart");
    }
    let weighted = pooled("weightedmean");
    let error = weighted.encode(&texts, &options).expect_err("refused").to_string();
    assert!(
        error.contains("include_prompt is false") && error.contains("weightedmean"),
        "{error}"
    );
    let plain = weighted.encode(&texts, &EncodeOptions::default().with_prompt(""));
    assert_eq!(plain.expect("embeddings").rows(), texts.len());
}
