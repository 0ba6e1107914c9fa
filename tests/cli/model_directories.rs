//! What the commands make of the settings of a model directory.

use serde_json::Value;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};

use crate::support::{TestDir, tiny};

const TEXTS: [&str; 4] =
    ["a man plays a flute", "a woman eats an apple", "the cat sleeps", "dogs run in the park"];

/// A directory with the smallest preset in `model` and its texts, the settings changed.
fn place(change: impl FnOnce(&mut Value)) -> TestDir {
    let place = TestDir::new();
    tiny(TEXTS, 1).save_pretrained(place.path("model")).expect("saved");
    place.write("texts.txt", TEXTS.join("\n"));
    let file = "model/config_sentence_transformers.json";
    let mut json = place.read_json(file);
    change(&mut json);
    place.write(file, json.to_string());
    place
}

/// The scores of the first query, of `search --format jsonl`.
fn scores(stdout: &str) -> Vec<f64> {
    let line: Value =
        serde_json::from_str(stdout.lines().next().expect("a line")).expect("JSON");
    let hits = line["hits"].as_array().expect("hits");
    hits.iter().map(|hit| hit["score"].as_f64().expect("a number")).collect()
}

#[test]
fn a_search_uses_the_models_own_similarity_unless_told_otherwise() {
    let place = place(|json| json["similarity_fn_name"] = "dot".into());
    let search =
        "search --model model --corpus texts.txt --query cats --top-k 4 --format jsonl";
    let found = scores(&place.run(search).stdout);
    let model = SentenceEncoder::from_directory(place.path("model")).expect("a model");
    let encode =
        |text: &str| model.encode_one(text, &EncodeOptions::default()).expect("a vector");
    let query = encode("cats");
    let dot = |text: &&str| -> f64 {
        encode(text).iter().zip(&query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let mut expected: Vec<f64> = TEXTS.iter().map(dot).collect();
    expected.sort_unstable_by(|a, b| b.total_cmp(a));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3 * expected.abs(), "{found} {expected}");
    }
    let cosine = scores(&place.run(&format!("{search} --score cosine")).stdout);
    assert!(cosine.iter().all(|score| score.abs() <= 1.) && cosine != found, "{cosine:?}");
    place.write(
        "model/config_sentence_transformers.json",
        r#"{"similarity_fn_name": "manhattan"}"#,
    );
    let distances = scores(&place.run(search).stdout);
    assert!(distances.iter().all(|score| *score < -1.), "{distances:?}");
    place.write(
        "model/config_sentence_transformers.json",
        r#"{"similarity_fn_name": "maxsim"}"#,
    );
    let reported = place.run(search);
    assert_eq!(scores(&reported.stdout), cosine);
    assert!(
        reported.stderr.contains("similarity_fn_name \"maxsim\" is not one of"),
        "{}",
        reported.stderr
    );
}

#[test]
fn retrieval_is_evaluated_by_the_models_own_similarity() {
    let place = place(|json| json["similarity_fn_name"] = "dot".into());
    place.write("queries.tsv", "q\tcats\n");
    place.write("corpus.tsv", "1\tthe cat sleeps\n2\tdogs run\n");
    place.write("qrels.tsv", "q\t1\t1\n");
    let retrieval = "eval retrieval --model model --queries queries.tsv --corpus corpus.tsv \
                     --qrels qrels.tsv --bootstrap 0 --format json";
    let found: Value = serde_json::from_str(&place.run(retrieval).stdout).expect("JSON");
    let keys: Vec<&String> = found.as_object().expect("an object").keys().collect();
    assert!(found["dot_mrr@10"].is_number(), "{keys:?}");
    assert!(found["cosine_mrr@10"].is_null(), "{keys:?}");
}

#[test]
fn every_command_that_saves_writes_the_settings_back() {
    let place = place(|json| {
        json["similarity_fn_name"] = "dot".into();
        json["truncate_dim"] = 24.into();
        json["colour"] = 1.into();
    });
    place.run("quantize model --output-dir quantized");
    place.run("whiten --model model --data texts.txt --dim 2 --output-dir whitened");
    let trained = "train --model model --data texts.txt --objective simcse --max-steps 1 \
                   --per-device-train-batch-size 4 --output-dir trained";
    let reported = place.run(trained).stderr;
    assert!(
        reported.contains("config_sentence_transformers.json: the key \"colour\" is unknown"),
        "{reported}"
    );
    for directory in ["quantized", "whitened", "trained"] {
        let json = place.read_json(format!("{directory}/config_sentence_transformers.json"));
        assert_eq!(json["similarity_fn_name"], "dot", "{directory}");
        assert_eq!(json["truncate_dim"], 24, "{directory}");
    }
    let embedded = place.run("embed --model trained --input texts.txt --output out.npy").stderr;
    assert!(embedded.contains("24 dimensions"), "{embedded}");
}

#[test]
fn a_model_without_modules_is_said_to_be_pooled_by_the_mean() {
    let place = place(|_| ());
    std::fs::remove_file(place.path("model/modules.json")).expect("removed");
    let embed = "embed --model model --input texts.txt --output out.npy";
    let reported = place.run(embed).stderr;
    let notes = reported.matches("has no modules.json").count();
    assert!(
        notes == 1
            && reported.contains("mean pooling is used")
            && reported.contains("--pooling"),
        "{reported}"
    );
    let reported = place.run(&format!("{embed} --pooling cls")).stderr;
    assert!(!reported.contains("modules.json"), "{reported}");
}
