use super::*;
use crate::pooling::Pooling;
use crate::sentence_encoder::Preset;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const TEXTS: [&str; 3] = ["a man plays a flute", "the cat sleeps", "dogs run in the park"];

fn fresh() -> SentenceEncoder {
    SentenceEncoder::fresh(Preset::Tiny, TEXTS.into_iter(), 1).expect("a model")
}

fn saved(encoder: &SentenceEncoder) -> TempDir {
    let place = tempfile::tempdir().expect("a place");
    encoder.save_pretrained(&place).expect("a directory");
    place
}

fn change(place: &TempDir, name: &str, change: impl Fn(&mut Value)) {
    let path = place.path().join(name);
    let mut json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

/// Of each reader `.`, `~` where vectors differ, or `x` where it refuses, and all that was said.
fn verdicts(place: &TempDir) -> (String, String) {
    let verdicts = check_compatibility(place).expect("a directory");
    let mark = |verdict: &Compatibility| match (verdict.loads(), verdict.faults.is_empty()) {
        (false, _) => 'x',
        (true, false) => '~',
        (true, true) => '.',
    };
    let marks = verdicts.iter().map(mark).collect();
    (marks, serde_json::to_string_pretty(&verdicts).expect("JSON"))
}

#[test]
fn every_reader_loads_what_is_saved_here() {
    let mut encoders = vec![fresh()];
    for dense in ["64", "out=32,activation=identity"] {
        let dense = dense.parse().expect("a layer");
        encoders.push(fresh().with_heads(|model| model.with_dense(dense, 1)).expect("a layer"));
    }
    encoders.push(fresh().with_pooling(Pooling::Cls));
    encoders.push(fresh().with_pooling(Pooling::LastToken));
    for encoder in encoders {
        let (marks, printed) = verdicts(&saved(&encoder));
        assert_eq!(marks, "......", "{printed}");
    }
}

#[test]
fn a_pooling_of_our_own_loads_everywhere_and_comes_back_here() {
    let place = saved(&fresh().with_pooling("first-last".parse().expect("a pooling")));
    let (marks, printed) = verdicts(&place);
    assert_eq!(marks, "~~~~..", "{printed}");
    let again = SentenceEncoder::from_directory(&place).expect("a model");
    assert_eq!(again.model().pooling().to_string(), "first-last");
    // as it was written before
    change(&place, "modules.json", |json| {
        drop(json[1].as_object_mut().unwrap().remove("twindrop_pooling"))
    });
    change(&place, "1_Pooling/config.json", |json| {
        json["twindrop_pooling"] = "last-two".into()
    });
    let again = SentenceEncoder::from_directory(&place).expect("a model");
    assert_eq!(again.model().pooling().to_string(), "last-two");
    assert_eq!(verdicts(&place).0, "xxx...");
}

#[test]
fn what_only_some_readers_take_is_refused_for_the_others() {
    let drop = |json: &mut Value, key: &str| drop(json.as_object_mut().unwrap().remove(key));
    type Change<'a> = &'a dyn Fn(&mut Value);
    let pooling = "1_Pooling/config.json";
    let settings = "config_sentence_transformers.json";
    let cases: [(&str, Change, &str, &str); 18] = [
        (
            pooling,
            &|json| *json = json!({"embedding_dimension": 128, "pooling_mode": "mean", "include_prompt": true}),
            "xx.x..",
            "word_embedding_dimension is missing",
        ),
        (
            pooling,
            &|json| json["embedding_dimension"] = 128.into(),
            "xx....",
            "is not an argument of this version's Pooling",
        ),
        (
            pooling,
            &|json| drop(json, "pooling_mode_cls_token"),
            "...x..",
            "pooling_mode_mean_tokens is missing",
        ),
        (
            pooling,
            &|json| {
                json["pooling_mode_mean_tokens"] = false.into();
                json["pooling_mode_max_tokens"] = true.into();
                json["pooling_mode"] = "max".into();
            },
            "...x..",
            "max_tokens pooling is not supported",
        ),
        (
            "modules.json",
            &|json| {
                json[0]["type"] =
                    "sentence_transformers.base.modules.transformer.Transformer".into()
            },
            "xx....",
            "this version has no class sentence_transformers.base",
        ),
        (
            "modules.json",
            &|json| json[1]["type"] = "mine.Pooling".into(),
            "xxx...",
            "this version has no class mine.Pooling",
        ),
        (
            "modules.json",
            &|json| json[1]["type"] = "sentence_transformers.models.LayerNorm".into(),
            "...~.x",
            "module \\\"LayerNorm\\\" is not supported",
        ),
        (
            "modules.json",
            &|json| drop(&mut json[1], "name"),
            "xxx...",
            "lacks name, path or type",
        ),
        (
            "sentence_bert_config.json",
            &|json| json["modality_config"] = json!({}),
            "xx....",
            "not an argument of this version's Transformer",
        ),
        (
            "sentence_bert_config.json",
            &|json| drop(json, "max_seq_length"),
            "...x..",
            "max_seq_length is missing",
        ),
        (
            settings,
            &|json| json["prompts"] = json!({"query": null}),
            ".x.x..",
            "prompt `query` is null",
        ),
        (
            settings,
            &|json| json["default_prompt_name"] = "other".into(),
            "xxx..x",
            "`other` is not in prompts",
        ),
        (
            settings,
            &|json| json["similarity_fn_name"] = "near".into(),
            "xx....",
            "similarity_fn_name `near`",
        ),
        (
            "config.json",
            &|json| drop(json, "initializer_range"),
            "...xx.",
            "initializer_range is missing",
        ),
        (
            "config.json",
            &|json| drop(json, "architectures"),
            "...x..",
            "architectures is missing",
        ),
        ("config.json", &|json| drop(json, "model_type"), "xxxxxx", "model_type is missing"),
        (
            "config.json",
            &|json| json["architectures"] = json!(["BertForSequenceClassification"]),
            "...x..",
            "classifier",
        ),
        (
            "config.json",
            &|json| json["num_hidden_layers"] = 3.into(),
            "~~~xxx",
            "encoder.layer.2.",
        ),
    ];
    for (file, edit, expected, expected_text) in cases {
        let place = saved(&fresh());
        change(&place, file, edit);
        let (marks, printed) = verdicts(&place);
        // one marked case: without Pooling a module of its own is also no pooling
        assert_eq!(
            marks.replace('~', "."),
            expected.replace('~', "."),
            "{file} {expected_text}\n{printed}"
        );
        assert!(printed.contains(expected_text), "{file}: no {expected_text:?} in\n{printed}");
    }
}

#[test]
fn a_dense_layer_is_taken_as_each_reader_takes_it() {
    let file = "2_Dense/config.json";
    type Change<'a> = &'a dyn Fn(&mut Value);
    let cases: [(Change, &str, &str); 5] = [
        (
            &|json| json["module_input_name"] = "sentence_embedding".into(),
            "xx....",
            "not an argument of this version's Dense",
        ),
        (
            &|json| json["activation_function"] = "torch.nn.modules.activation.GELU".into(),
            "...x..",
            "is not supported",
        ),
        (
            &|json| json["activation_function"] = "mine.Act".into(),
            "xx~x.x",
            "not a PyTorch class",
        ),
        (
            &|json| drop(json.as_object_mut().unwrap().remove("activation_function")),
            "xx....",
            "activation_function is missing",
        ),
        (
            &|json| json["in_features"] = 64.into(),
            "xxx..x",
            "but its inputs have 128 dimensions",
        ),
    ];
    for (edit, expected, expected_text) in cases {
        let encoder = fresh().with_heads(|model| model.with_dense("32".parse()?, 1));
        let place = saved(&encoder.expect("a layer"));
        change(&place, file, edit);
        let (marks, printed) = verdicts(&place);
        assert_eq!(marks, expected, "{expected_text}\n{printed}");
        assert!(printed.contains(expected_text), "no {expected_text:?} in\n{printed}");
    }
}

#[test]
fn files_that_are_missing_or_broken_are_named() {
    for (file, expected) in [
        ("config.json", "xxxxxx"),
        ("tokenizer.json", "xxxxxx"),
        ("model.safetensors", "xxxxxx"),
        ("1_Pooling/config.json", "xxx~.x"),
        ("modules.json", "......"),
        ("sentence_bert_config.json", "......"),
    ] {
        let place = saved(&fresh());
        fs::remove_file(place.path().join(file)).unwrap();
        assert_eq!(verdicts(&place).0, expected, "without {file}");
        fs::write(place.path().join(file), "{\"a\":").unwrap();
        let (marks, printed) = verdicts(&place);
        assert!(marks.starts_with("xxx"), "{file} broken: {marks}");
        assert!(printed.contains(file), "{printed}");
    }
}

#[test]
fn weights_are_known_by_their_header() {
    let place = saved(&fresh());
    let path = place.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let file = crate::io::tensors::TensorFile::open(&path).unwrap();
    assert_eq!((file.format(), file.dtypes()), (Some("pt"), vec![safetensors::Dtype::F32]));
    let text = String::from_utf8_lossy(&whole[8..200]).into_owned();
    assert!(text.contains("\"format\":\"pt\""), "{text}");
    let at = whole.windows(6).position(|six| six == b"format").unwrap();
    let mut other = whole.clone();
    other[at..at + 6].copy_from_slice(b"former");
    fs::write(&path, &other).unwrap();
    let (marks, printed) = verdicts(&place);
    assert_eq!(marks, "xx....", "{printed}");
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (marks, printed) = verdicts(&place);
    assert!(marks == "xxxxxx" && printed.contains("it is truncated"), "{printed}");
}

#[test]
fn an_encoder_in_a_folder_is_looked_for_where_modules_json_says() {
    let place = saved(&fresh());
    let folder = place.path().join("0_Transformer");
    fs::create_dir(&folder).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    {
        fs::rename(place.path().join(name), folder.join(name)).unwrap();
    }
    fs::write(place.path().join("config.json"), r#"{"__version__": "0.3.8"}"#).unwrap();
    change(&place, "modules.json", |json| json[0]["path"] = "0_Transformer".into());
    let (marks, printed) = verdicts(&place);
    assert_eq!(marks, "...xx.", "{printed}");
    assert!(!printed.contains("model_type"), "{printed}");
    // what is wrong with the encoder is said of its own file
    fs::write(folder.join("config.json"), "{}").unwrap();
    let (marks, printed) = verdicts(&place);
    assert_eq!(marks, "xxxxxx", "{printed}");
    assert!(printed.contains("0_Transformer/config.json"), "{printed}");
}

#[test]
fn a_classifier_loads_where_there_is_a_head_for_its_architecture() {
    for (name, expected) in [
        ("bert", "......"),
        ("roberta", "......"),
        ("distilbert", "...xx."),
        ("mpnet", "...xx."),
        ("electra", "...xx."),
    ] {
        let place = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/classifiers");
        for entry in fs::read_dir(from.join(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), place.path().join(entry.file_name())).unwrap();
        }
        let (marks, printed) = verdicts(&place);
        assert_eq!(marks, expected, "{name}: {printed}");
        assert_eq!(
            printed.contains("classifiers of model_type"),
            ["distilbert", "mpnet"].contains(&name)
        );
    }
}

#[test]
fn a_static_embedding_loads_in_sentence_transformers_that_have_it() {
    let place = tempfile::tempdir().unwrap();
    let module = json!([{"idx": 0, "name": "0", "path": "",
                         "type": "sentence_transformers.models.StaticEmbedding"}]);
    fs::write(place.path().join("modules.json"), module.to_string()).unwrap();
    for name in ["tokenizer.json", "model.safetensors"] {
        fs::copy(saved(&fresh()).path().join(name), place.path().join(name)).unwrap();
    }
    let (marks, printed) = verdicts(&place);
    assert_eq!(&marks[..5], "x..xx", "{printed}"); // version 3.0 has no such class
    fs::remove_file(place.path().join("tokenizer.json")).unwrap();
    assert_eq!(&verdicts(&place).0[..3], "xxx");
}
