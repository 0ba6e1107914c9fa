//! Tests of the module's public interface: text in, datasets or error messages out.

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
    for other in [csv.unwrap(), json.unwrap()] {
        let (path, report) = (tsv.path.clone(), tsv.report.clone());
        assert_eq!(tsv, Dataset { path, report, ..other });
    }
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
    let read = from("f.csv", odd).unwrap();
    assert_eq!(read.report.blank_lines, 2);
    assert_eq!(Dataset { report: plain.report.clone(), ..read }, plain);
    let options = ReadOptions { format: Some(Format::Tsv), ..ReadOptions::default() };
    let tabs = odd.replace(',', "\t");
    let tabs = read_from(tabs.as_bytes(), Path::new("f.csv"), &options).unwrap();
    assert_eq!(Dataset { report: plain.report.clone(), ..tabs }, plain);
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
    assert_eq!(
        error.to_string(),
        "f.tsv:1: no column text among the columns a, b (--header false if the first line is data); \
         name them, as --columns a=anchor,b=positive"
    );
}

#[test]
fn errors_say_the_file_the_line_and_what_was_expected() {
    let scored = "bq\t0\ta\tb\n";
    for (text, expected) in [
        ("\n\na\tb", "f.tsv:4: 2 columns, expected 4 (subset, score, sentence1, sentence2)"),
        (
            "bq\t1\t\tb",
            "f.tsv:2: sentence1 is empty; correct it, or give --on-missing skip or --on-missing blank",
        ),
        ("bq\tabc\ta\tb", "f.tsv:2: score \"abc\" is not a number"),
        ("\r\nbq\tnan\ta\tb", "f.tsv:3: score is nan; correct it"),
        ("\r\nbq\tinf\ta\tb", "f.tsv:3: score \"inf\" is not finite"),
    ] {
        let error = complaint("f.tsv", &format!("{scored}{text}"));
        assert!(error.starts_with(expected), "{error}");
    }
    let error = complaint("f.jsonl", "{\"text\": \"a\"}\n\n{\"txt\": \"b\"}");
    assert!(error.starts_with("f.jsonl:3: text is missing; "), "{error}");
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
    assert!(complaint("f.tsv", "a\tb\t?\nc\td\tneutral\n").starts_with("f.tsv:2: "));
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
        "f.data: unknown format; give --data-format tsv, csv, jsonl, json or text"
    );
}

#[test]
fn a_quoted_empty_row_is_a_record_as_pandas_and_csv_write_it() {
    let one = complaint("f.csv", "text\nfirst\n\"\"\nthird\n");
    assert!(one.starts_with("f.csv:3: text is empty; "), "{one}");
    let options = ReadOptions { on_missing: OnMissing::Blank, ..ReadOptions::default() };
    let text = "text\nfirst\n\"\"\n\nthird\n";
    let read = read_from(text.as_bytes(), Path::new("f.csv"), &options).unwrap();
    assert_eq!(read.sentences().collect::<Vec<_>>(), ["first", "", "third"]);
    assert_eq!(read.report.counts(), ["1 blank line skipped", "1 missing text read as empty"]);
}

#[test]
fn pairs_without_a_gold_label_are_left_out_and_counted() {
    let left_out = |name: &str, text: &str| {
        let read = from(name, text).unwrap();
        let labels = if read.is_scored() { read.gold() } else { vec![] };
        (read.classes.join(" "), labels, read.report.without_gold_label)
    };
    let snli = "premise,hypothesis,label\na,b,0\na,c,2\nd,e,1\nf,g,-1\n";
    assert_eq!(left_out("f.csv", snli), ("0 1 2".into(), vec![], 1));
    let named = "premise\thypothesis\tgold_label\na\tb\t-\nc\td\tneutral\n";
    assert_eq!(left_out("f.tsv", named), ("neutral".into(), vec![], 1));
    let bare = "a\tb\t-\nc\td\tneutral\ne\tf\tentailment\n";
    assert_eq!(left_out("f.tsv", bare), ("entailment neutral".into(), vec![], 1));
    let numbers = "sentence1,sentence2,label\na,b,-1\nc,d,0\ne,f,2\n";
    assert_eq!(left_out("f.csv", numbers), ("".into(), vec![0., 2.], 1));
    // scores, the sides of a pair of classes, and classes of single texts are labels
    let scores = "sentence1,sentence2,score\na,b,-1\nc,d,0\ne,f,1\n";
    assert_eq!(left_out("f.csv", scores), ("".into(), vec![-1., 0., 1.], 0));
    let sides = "sentence1,sentence2,label\na,b,-1\nc,d,1\n";
    assert_eq!(left_out("f.csv", sides), ("".into(), vec![-1., 1.], 0));
    let single = "text,label\na,-1\nb,0\nc,1\n";
    assert_eq!(left_out("f.csv", single), ("-1 0 1".into(), vec![], 0));
    let error = complaint("f.csv", "premise,hypothesis,label\na,b,-1\n");
    assert_eq!(error, "f.csv: no examples: no pair has a gold label");
}

#[test]
fn decisions_about_a_file_are_told() {
    let report = |name: &str, text: &str| from(name, text).unwrap().report;
    let semicolons = report("f.csv", "sentence1;sentence2;score\na, b;c;0.4\nd;e;10\n");
    assert_eq!(semicolons.notes, ["fields are separated by `;`"]);
    let scale = semicolons.scale_line().unwrap();
    assert_eq!(scale, "f.csv: scores 0.4 to 10 read as 0..10");
    let quoted = report("f.tsv", "\"text\"\n\"a\tb\"\n");
    assert_eq!(quoted.notes, ["every field is in quotes: read without them"]);
    let data = report("f.tsv", "a b\tc d\n");
    let message = "first line read as data: \"a b, c d\"; --header true if it names columns";
    assert_eq!(data.notes, [message]);
    let query = report("f.tsv", "query\tdocument\na\tb\n");
    assert_eq!(query.notes, ["query read as anchor, document read as positive"]);
    assert!(report("f.csv", "text\na\n").notes.is_empty());
    let lists = "{\"query\":\"q\",\"pos\":[\"a\"],\"neg\":[\"x\",\"y\"]}\n";
    let lists = from("f.jsonl", lists).unwrap();
    assert_eq!(lists.examples[1].texts, ["q", "a", "y"]);
    assert!(
        lists.report.notes[1].starts_with("1 rows with lists of texts read as one example")
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
        ";",
        "\"\"",
        "-1",
        "[{",
        "}]",
        "query",
        "NaN",
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
    let format: &[Format] =
        &[Format::Tsv, Format::Csv, Format::Jsonl, Format::Json, Format::Text][..];
    let format = prop::sample::select(format);
    let columns = prop::option::of(columns);
    let missing = &[OnMissing::Error, OnMissing::Skip, OnMissing::Blank][..];
    let missing = prop::sample::select(missing);
    let chosen = (format, any::<Option<bool>>(), columns, missing);
    chosen.prop_map(|(format, header, columns, on_missing)| ReadOptions {
        format: Some(format),
        header,
        columns: columns.map(|columns| columns.split(',').map(String::from).collect()),
        on_missing,
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
                let empty = example.texts.iter().any(|text| text.is_empty());
                prop_assert!(!empty || options.on_missing == OnMissing::Blank);
                prop_assert_eq!(example.label.is_some(), data.examples[0].label.is_some());
                if let Some(Label::Class(class)) = example.label {
                    prop_assert!((class as usize) < data.classes.len());
                }
            }
            prop_assert!(data.unit_scores().iter().all(|score| (0. ..=1.).contains(score)));
        }
    }
}
