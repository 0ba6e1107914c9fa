//! The room through its own door: text in, datasets or words of complaint out.

use proptest::prelude::*;

use std::path::Path;

use super::*;
use crate::error::Result;

fn from(name: &str, text: &str) -> Result<Dataset> {
    read_from(text.as_bytes(), Path::new(name), &ReadOptions::default())
}

fn with(columns: &[&str], name: &str, text: &str) -> Result<Dataset> {
    let columns = Some(columns.iter().map(|column| column.to_string()).collect());
    let options = ReadOptions { columns, ..ReadOptions::default() };
    read_from(text.as_bytes(), Path::new(name), &options)
}

fn complaint(name: &str, text: &str) -> String {
    from(name, text).unwrap_err().to_string()
}

#[test]
fn every_format_tells_the_same_examples() {
    let tsv = from("f.tsv", "sentence1\tsentence2\tscore\na\tb \"c\"\t2.50\nd, e\tf\t0\n");
    let csv = from("f.csv", "sentence1,sentence2,score\na,\"b \"\"c\"\"\",2.50\n\"d, e\",f,0");
    let json = from(
        "f.jsonl",
        "{\"sentence1\": \"a\", \"sentence2\": \"b \\\"c\\\"\", \"score\": 2.50}\n\
         {\"sentence1\": \"d, e\", \"sentence2\": \"f\", \"score\": 0}\n",
    );
    let tsv = tsv.unwrap();
    assert_eq!(tsv.examples[0].texts, ["a", "b \"c\""]);
    assert_eq!(tsv.gold(), [2.5, 0.]);
    assert_eq!((tsv.scale, tsv.scale_detected), (Some(Scale::FIVE), true));
    assert_eq!(tsv, Dataset { path: "f.tsv".into(), ..csv.unwrap() });
    assert_eq!(tsv, Dataset { path: "f.tsv".into(), ..json.unwrap() });
}

#[test]
fn a_text_file_has_a_sentence_on_every_line_and_no_header() {
    let data = from("f.txt", "text\n a\tb \n\nc,d").unwrap();
    assert_eq!(data.sentences().collect::<Vec<_>>(), ["text", "a\tb", "c,d"]);
    assert_eq!((data.width(), data.is_scored(), data.columns.len()), (1, false, 1));
}

#[test]
fn a_byte_order_mark_windows_line_ends_and_a_missing_last_one_change_nothing() {
    let plain = from("f.csv", "text1,text2,score\na,b,1\nc,d,0\n").unwrap();
    let odd = "\u{feff}text1,text2,score\r\n\r\na,b,1\r\n  \r\nc , d,0";
    assert_eq!(from("f.csv", odd).unwrap(), plain);
    let options = ReadOptions { format: Some(Format::Tsv), ..ReadOptions::default() };
    let tabs = odd.replace(',', "\t");
    let tabs = read_from(tabs.as_bytes(), Path::new("f.csv"), &options).unwrap();
    assert_eq!(tabs, plain);
}

#[test]
fn inference_labels_are_classes() {
    let data = from("f.tsv", "a\tb\tneutral\nc\td\tentailment\n").unwrap();
    assert_eq!(data.classes, ["entailment", "neutral"]);
    assert_eq!(data.class_labels(), [1, 0]);
    let coded = "{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": 2}";
    assert_eq!(from("f.jsonl", coded).unwrap().classes, ["2"]);
}

#[test]
fn classes_given_for_a_file_without_any_are_not_its_classes() {
    let options = ReadOptions { classes: Some(vec!["a".into()]), ..ReadOptions::default() };
    let data = read_from(&b"b\n"[..], Path::new("f.tsv"), &options).unwrap();
    assert!(data.classes.is_empty() && data.class_labels().is_empty());
}

#[test]
fn a_label_beside_sentences_is_a_score_if_it_is_a_number() {
    let data = from("f.csv", "label,sentence1,sentence2\n1,a,b\n0,c,d\n").unwrap();
    assert_eq!((data.gold(), data.scale), (vec![1., 0.], Some(Scale::UNIT)));
    let data = from("f.csv", "label,sentence1,sentence2\nsame,a,b\nother,c,d\n").unwrap();
    assert_eq!((data.class_labels(), data.scale), (vec![1, 0], None));
}

#[test]
fn columns_may_be_named_by_position_or_by_name() {
    let clue = "102\tnews\ta b\n101\tculture\tc d\n";
    let data = with(&["label", "_", "text"], "f.tsv", clue).unwrap();
    assert_eq!((data.classes.join(" ").as_str(), data.class_labels()), ("101 102", vec![1, 0]));
    assert_eq!(data.columns, ["label", "_", "text"]);

    let data = with(&["s1=sentence1", "b = sentence2"], "f.csv", "b,s1\nx,y\n").unwrap();
    assert_eq!(data.examples[0].texts, ["y", "x"]);
    let data = with(&["q=text"], "f.jsonl", "{\"id\": 1, \"q\": \"x\"}").unwrap();
    assert_eq!(data.examples[0], Example { texts: vec!["x".into()], label: None });
    let error = with(&["q"], "f.tsv", "x").unwrap_err().to_string();
    assert!(error.starts_with("f.tsv: --columns: \"q\" is not a role; "), "{error}");
}

#[test]
fn a_header_can_be_asserted_and_denied() {
    let read = |header, text: &str| {
        let options = ReadOptions { header: Some(header), ..ReadOptions::default() };
        read_from(text.as_bytes(), Path::new("f.tsv"), &options)
    };
    assert_eq!(read(false, "text\na\n").unwrap().examples.len(), 2);
    let error = read(true, "a\tb\nc\td\n").unwrap_err();
    assert_eq!(error.to_string(), "f.tsv:1: no column text among the columns a, b");
}

#[test]
fn errors_say_the_file_the_line_and_what_was_expected() {
    let scored = "bq\t0\ta\tb\n";
    for (text, expected) in [
        ("\n\na\tb", "f.tsv:4: 2 columns, expected 4 (subset, score, sentence1, sentence2)"),
        ("bq\t1\t\tb", "f.tsv:2: sentence1 is empty"),
        ("bq\tabc\ta\tb", "f.tsv:2: score \"abc\" is not a number"),
        ("\r\nbq\tnan\ta\tb", "f.tsv:3: score \"nan\" is not finite"),
        ("bq\t7\ta\tb", "f.tsv:2: score 7 is outside the detected scale 0..5; "),
    ] {
        let error = complaint("f.tsv", &format!("{scored}{text}"));
        assert!(error.starts_with(expected), "{error}");
    }
    let error = complaint("f.jsonl", "{\"text\": \"a\"}\n\n{\"txt\": \"b\"}");
    assert_eq!(error, "f.jsonl:3: text is missing");
    let error = complaint("f.tsv", "SICK\t3\ta\tb\tneutral\nSICK\t3\tc\td");
    assert!(error.starts_with("f.tsv:2: 4 columns, expected 5 (subset, score, "), "{error}");
    let error = complaint("f.csv", "text1,text2\n\"a\n\nb\",c\n\nd\n");
    assert_eq!(error, "f.csv:6: 1 column, expected 2 (text1, text2)");
}

#[test]
fn a_broken_first_score_does_not_make_triplets_of_pairs() {
    let error = complaint("f.tsv", "a\tb\tn/a\nc\td\te\nf\tg\t2.5\n");
    let expected = "f.tsv:3: \"2.5\" does not look like a text, but by the first line the columns are \
                    anchor, positive, negative; set them with --columns";
    assert_eq!(error, expected);
    assert!(complaint("f.tsv", "a\tb\t-\nc\td\tneutral\n").starts_with("f.tsv:2: "));
    assert!(complaint("f.tsv", "bq\t?\ta\tb\n").starts_with("f.tsv:1: cannot infer "));
    let triplets = "anchor\tpositive\tnegative\nhow many\tforty-two\t41\n";
    assert!(from("f.tsv", triplets).is_ok());
}

#[test]
fn a_file_without_examples_is_an_error() {
    for text in ["", "\u{feff}", "\n \n", "sentence1\tsentence2\n\n"] {
        assert!(complaint("f.tsv", text).starts_with("f.tsv: no examples"), "{text:?}");
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |name: &str| {
        let path = folder.path().join(name);
        let error = read(&path, &ReadOptions::default()).unwrap_err().to_string();
        error.replace(&path.display().to_string(), name)
    };
    std::fs::create_dir(folder.path().join("d.tsv")).unwrap();
    std::fs::write(folder.path().join("f.data"), "a").unwrap();
    assert_eq!(error("none.tsv"), "none.tsv: no such file or directory");
    assert_eq!(error("d.tsv"), "d.tsv: is a directory");
    assert_eq!(error("."), ".: is a directory");
    assert_eq!(
        error("f.data"),
        "f.data: unknown format; give --data-format tsv, csv, jsonl or text"
    );
}

/// Bytes that get further than noise does: pieces of real files in any order.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    const SCRAPS: &[&str] = &[
        "a",
        "\t",
        "\t",
        ",",
        ",",
        "\n",
        "\n",
        "\r\n",
        "\"",
        "3.5",
        "nan",
        "1e999",
        "neutral",
        "sentence1",
        "sentence2",
        "label",
        "text",
        "{\"text\":",
        "{\"a\":1}",
        "}",
        "[",
        "\u{feff}",
        "漢",
        "\0",
    ];
    let scrap = prop_oneof![
        30 => prop::sample::select(SCRAPS).prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(scrap, 0..40).prop_map(|scraps| scraps.concat())
}

fn any_options() -> impl Strategy<Value = ReadOptions> {
    let columns =
        prop::sample::select(&["text", "label,text", "_,..", "a=text", "text,..", "="][..]);
    let format =
        prop::sample::select(&[Format::Tsv, Format::Csv, Format::Jsonl, Format::Text][..]);
    let columns = prop::option::of(columns);
    (format, any::<Option<bool>>(), columns).prop_map(|(format, header, columns)| ReadOptions {
        format: Some(format),
        header,
        columns: columns.map(|columns| columns.split(',').map(String::from).collect()),
        ..ReadOptions::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_it_panic_or_give_a_crooked_dataset(
        bytes in prop_oneof![scraps(), prop::collection::vec(any::<u8>(), 0..80)],
        options in any_options(),
    ) {
        if let Ok(data) = read_from(&bytes[..], Path::new("f"), &options) {
            prop_assert!(!data.examples.is_empty());
            for example in &data.examples {
                prop_assert_eq!(example.texts.len(), data.width());
                prop_assert!(example.texts.iter().all(|text| !text.is_empty()));
                prop_assert_eq!(example.label.is_some(), data.examples[0].label.is_some());
                if let Some(Label::Class(class)) = example.label {
                    prop_assert!((class as usize) < data.classes.len());
                }
            }
            prop_assert!(data.unit_scores().iter().all(|score| (0. ..=1.).contains(score)));
        }
    }
}
