//! Suites through the door: every layout people keep their sets in, figures by hand, and what
//! the program prints of them.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;
use twindrop::data::{ReadOptions, read_scored};
use twindrop::eval::{
    Aggregation, Bootstrap, Correlation, MetricId, PairSet, StsEvaluator, Suite,
};
use twindrop::vectors::Similarity;
use twindrop::vectors::{Embed, Embeddings};

use crate::support::{TestDir, tiny};

/// Saves a small model in the directory `name`.
fn save_model(place: &TestDir, name: &str, seed: u64) {
    let model = tiny(["a b c d e f", "1 2 3 4 5 6 7 8 9"], seed);
    model.save_pretrained(place.path(name)).expect("a model");
}

fn json(place: &TestDir, arguments: &str) -> Value {
    let printed = place.run(&format!("{arguments} --format json")).stdout;
    serde_json::from_str(&printed).expect("JSON")
}

/// A text is the number it spells; remembers how often it was asked.
#[derive(Default)]
struct Number(Mutex<Vec<usize>>);

impl Embed for Number {
    fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
        self.0.lock().unwrap().push(texts.len());
        let number = |text: &&str| text.parse::<f32>().expect("a number");
        Ok(Embeddings::new(1, texts.iter().map(number).collect()))
    }
}

/// Two subsets of STS13 and one pair of a third, in each layout.
const PAIRS: [(&str, f64, &str, &str); 8] = [
    ("FNWN", 1., "1", "0"),
    ("FNWN", 2., "1", "3"),
    ("FNWN", 3., "1", "4"),
    ("headlines", 0.5, "2", "1"),
    ("headlines", 4.5, "2", "2"),
    ("OnWN", 5., "1", "6"),
    ("OnWN", 2.5, "1", "5"),
    ("OnWN", 0., "3", "1"),
];

fn tsv() -> String {
    let row = |(subset, score, a, b): &(&str, f64, &str, &str)| {
        format!("{subset}\t{score}\t{a}\t{b}\n")
    };
    PAIRS.iter().map(row).collect()
}

fn csv() -> String {
    let row = |(subset, score, a, b): &(&str, f64, &str, &str)| {
        format!("\"{a}\",{b},{score},{subset}\n")
    };
    "sentence1,sentence2,score,subset\n".to_string()
        + &PAIRS.iter().map(row).collect::<String>()
}

fn jsonl() -> String {
    let row = |(subset, score, a, b): &(&str, f64, &str, &str)| {
        let row = serde_json::json!({
            "subset": subset, "sentence1": a, "sentence2": b, "score": score,
        });
        format!("{row}\n")
    };
    PAIRS.iter().map(row).collect()
}

/// SentEval's folder, with a pair that nobody scored and a subset that is not evaluated.
fn folder(place: &TestDir, name: &str) {
    for subset in ["FNWN", "headlines", "OnWN"] {
        let (mut input, mut gold) = ("7\t7\n".to_string(), "\n".to_string());
        for (_, score, a, b) in PAIRS.iter().filter(|pair| pair.0 == subset) {
            input += &format!("{a}\t{b}\n");
            gold += &format!("{score}\n");
        }
        let spelled = if subset == "OnWN" { "surprise.OnWN" } else { subset };
        place.write(format!("{name}/STS.input.{spelled}.txt"), &input);
        place.write(format!("{name}/STS.gs.{spelled}.txt"), &gold);
    }
    place.write(format!("{name}/STS.input.SMT.txt"), "8\t8\n");
    place.write(format!("{name}/STS.gs.SMT.txt"), "5\n");
}

fn sts13(directory: &Path) -> PairSet {
    let suite = Suite::open("sts").and_then(|suite| suite.only(&["sts13".into()]));
    let sets = suite.and_then(|suite| suite.read(directory)).expect("the set");
    let set = sets.into_iter().next().expect("one set");
    PairSet { path: PathBuf::new(), report: Default::default(), ..set }
}

#[test]
fn every_layout_tells_the_same_set() {
    let of = |file: &str, text: &str| {
        let place = TestDir::new();
        place.write(file, text);
        sts13(place.as_ref())
    };
    let expected = of("sts/sts13.tsv", &tsv());
    let sizes = expected.subsets.iter().map(|subset| (subset.name.as_str(), subset.gold.len()));
    assert_eq!(sizes.collect::<Vec<_>>(), [("FNWN", 3), ("headlines", 2), ("OnWN", 3)]);
    assert_eq!(of("sts13.tsv", &tsv()), expected);
    assert_eq!(of("sts13.csv", &csv()), expected);
    assert_eq!(of("sts13.jsonl", &jsonl()), expected);
    for name in ["STS/STS13-en-test", "STS13-en-test"] {
        let place = TestDir::new();
        folder(&place, name);
        assert_eq!(sts13(place.as_ref()), expected);
    }
}

#[test]
fn the_single_sets_are_read_as_senteval_keeps_them() {
    let place = TestDir::new();
    let benchmark = "main-news\tMSRpar\t2012test\t1\t4.0\t1\t\"2\n";
    place.write("STS/STSBenchmark/sts-test.csv", benchmark.repeat(2));
    let header = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n";
    place.write("SICK/SICK_test_annotated.txt", format!("{header}1\t1\t2\t3.5\tNEUTRAL\n"));
    let suite = Suite::open("sts").unwrap().only(&["stsb".into(), "sickr".into()]).unwrap();
    let sets = suite.read(place.as_ref()).unwrap();
    assert_eq!((sets[0].name.as_str(), sets[0].title.as_str()), ("stsb", "STS-B"));
    assert_eq!(sets[0].subsets[0].pairs[1], ("1".to_string(), "\"2".to_string()));
    assert_eq!((sets[1].gold(), sets[1].len()), (vec![3.5], 1));
    // a set that is one has no subsets, even where its file tells some
    place.write("sts/stsb-test.tsv", "a/b/c\t1\t1\t2\nd/e/f\t2\t1\t3\n");
    let sets = suite.read(place.as_ref()).unwrap();
    assert_eq!((sets[0].subsets.len(), sets[0].len()), (1, 2));
}

#[test]
fn a_file_without_subsets_has_one_figure_only() {
    let place = TestDir::new();
    place.write("sts13.csv", "sentence1,sentence2,score\n1,2,1\n1,3,2\n2,9,4\n");
    let set = sts13(place.as_ref());
    let evaluator = StsEvaluator::of_sets(vec![set]);
    let figures =
        MetricId::product(&Aggregation::ALL, &[Correlation::Spearman], &[Similarity::Dot]);
    let bootstrap = Bootstrap { draws: 0, ..Bootstrap::default() };
    let assessment = evaluator.suite_report(&Number::default(), &figures, &bootstrap).unwrap();
    let values: Vec<_> = assessment.sets[0].iter().map(|one| one.value.clone()).collect();
    assert_eq!(values[0], Ok(1.));
    for value in &values[1..] {
        assert!(value.as_ref().unwrap_err().ends_with("does not tell the subsets"));
    }
}

#[test]
fn what_is_missing_is_named() {
    let place = TestDir::new();
    place.write("sts12.tsv", "MSRpar\t1\ta\tb\n");
    let complaint = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(|name| name.to_string()).collect();
        let suite = Suite::open("sts").and_then(|suite| suite.only(&only)).unwrap();
        let error = suite.read(place.as_ref()).unwrap_err().to_string();
        error.replace(&place.as_ref().display().to_string(), "DIR")
    };
    let error = complaint(&["sts12", "sts13", "stsb"]);
    assert!(
        error.starts_with("DIR has no sts13: looked for sts/sts13.tsv, sts13.tsv"),
        "{error}"
    );
    assert!(error.contains("STS13-en-test, nor stsb; give --data-dir"), "{error}");
    assert_eq!(complaint(&["sts12"]), "DIR/sts12.tsv: no subset `MSRvid`; it has MSRpar");
}

#[test]
fn figures_over_subsets_are_those_by_hand() {
    let place = TestDir::new();
    place.write("sts13.tsv", tsv());
    place.write("own.tsv", "s\t1\t1\t3\ns\t0\t2\t4\n");
    let own = read_scored(&place.path("own.tsv"), &ReadOptions::default()).unwrap();
    let sets = vec![sts13(place.as_ref()), PairSet::new("own", own)];
    let evaluator = StsEvaluator::of_sets(sets);
    assert_eq!((evaluator.sentences(), evaluator.sentences_of(0)), (7, 7));
    assert_eq!(evaluator.sentences_of(1), 4);
    let figures =
        MetricId::product(&Aggregation::ALL, &[Correlation::Pearson], &[Similarity::Dot]);
    let model = Number::default();
    let bootstrap = Bootstrap { draws: 500, ..Bootstrap::default() };
    let assessment = evaluator.suite_report(&model, &figures, &bootstrap).unwrap();
    assert_eq!(
        *model.0.lock().unwrap(),
        [7],
        "each distinct sentence once, for all sets and figures"
    );
    let value = |place: usize, nth: usize| assessment.sets[place][nth].value.clone().unwrap();
    // dot products (0, 3, 4), (2, 4), (6, 5, 3)
    // FNWN: deviations (−1, 0, 1), (−7, 2, 5)/3: 4/√(2 · 26/3)
    // headlines: 1; OnWN: (2.5, 0, −2.5), (4, 1, −5)/3: 7.5/√(12.5 · 14/3)
    let (fnwn, onwn) = (4. / (52_f64 / 3.).sqrt(), 7.5 / (12.5 * 14. / 3_f64).sqrt());
    assert!((value(0, 1) - (fnwn + 1. + onwn) / 3.).abs() < 1e-15);
    assert!((value(0, 2) - (3. * fnwn + 2. + 3. * onwn) / 8.).abs() < 1e-15);
    assert_eq!(value(1, 1), -1.);
    let average = assessment.average[2].value.clone().unwrap();
    assert!((average - (value(0, 2) - 1.) / 2.).abs() < 1e-15);
    // half of the draws of two pairs have no correlation, so there is no interval
    assert!(assessment.sets[1][0].interval.is_none());
    assert!(assessment.sets[0][0].interval.is_some_and(|one| one.low < value(0, 0)));
}

#[test]
fn the_interval_of_a_set_does_not_depend_on_its_company() {
    let place = TestDir::new();
    place.write("sts13.tsv", tsv());
    place.write("other.tsv", tsv());
    let own = read_scored(&place.path("other.tsv"), &ReadOptions::default()).unwrap();
    let (set, own) = (sts13(place.as_ref()), PairSet::new("own", own));
    let figures = [MetricId { similarity: Similarity::Dot, ..MetricId::default() }];
    let intervals = |sets: Vec<PairSet>| {
        let evaluator = StsEvaluator::of_sets(sets);
        let bootstrap = Bootstrap { draws: 300, ..Bootstrap::default() };
        let assessment =
            evaluator.suite_report(&Number::default(), &figures, &bootstrap).unwrap();
        let intervals = assessment.sets.iter().map(|set| set[0].interval.expect("defined"));
        intervals.collect::<Vec<_>>()
    };
    let both = intervals(vec![own.clone(), set.clone()]);
    assert_eq!(both[1..], intervals(vec![set]));
    assert_eq!(both[..1], intervals(vec![own]));
}

/// A suite of one's own beside its files, and two models.
fn own() -> TestDir {
    let place = TestDir::new();
    let suite = "[[set]]\nname = \"one\"\ntitle = \"Set one\"\nfiles = [\"x.tsv\", \"one.tsv\"]\n\
                 [[set]]\nname = \"two\"\nfiles = [\"two.csv\"]\nsubsets = [\"OnWN\", \"FNWN\"]\n";
    place.write("suite/own.toml", suite);
    place.write("suite/one.tsv", tsv());
    place.write("suite/two.csv", csv());
    save_model(&place, "a", 1);
    save_model(&place, "b", 2);
    place
}

#[test]
fn a_suite_of_ones_own_is_evaluated_beside_its_file() {
    let place = own();
    let report = json(&place, "eval --model a --suite suite/own.toml --bootstrap 200");
    assert_eq!((&report["suite"], &report["protocol"]), (&"own".into(), &"simcse".into()));
    assert_eq!(report["sets"]["one"]["pairs"], 8);
    assert_eq!(report["sets"]["two"]["subsets"], serde_json::json!({ "OnWN": 3, "FNWN": 3 }));
    let model = &report["models"][0];
    let value = |set: &str| model["sets"][set]["figures"]["spearman_cosine"]["value"].as_f64();
    let average = model["average"]["spearman_cosine"]["value"].as_f64();
    let (one, two) = (value("one").expect("defined"), value("two").expect("defined"));
    assert!((average.expect("defined") - (one + two) / 2.).abs() < 1e-15);
    let table =
        place.run("eval --model a --suite suite/own.toml --only two --bootstrap 0").stdout;
    assert!(table.contains("suite own, protocol simcse, a (mean)"), "{table}");
    assert!(
        table.contains(&format!("{:.2}", 100. * two)) && !table.contains("average"),
        "{table}"
    );
    let table = place.run("eval --model a --suite suite/own.toml --protocol senteval").stdout;
    assert!(table.contains("Pearson cosine, wmean") && table.contains("Set one"), "{table}");
    assert!(table.contains("95 % intervals of 10000 resamples"), "{table}");
}

#[test]
fn one_file_is_told_under_the_names_people_know() {
    let place = own();
    let report = json(&place, "eval --model a --data suite/one.tsv --bootstrap 300");
    assert_eq!((&report["pairs"], &report["sentences"]), (&8.into(), &7.into()));
    let value = report["spearman_cosine"].as_f64().expect("a figure");
    let interval = report["intervals"]["spearman_cosine"].as_array().expect("an interval");
    let ends: Vec<f64> = interval.iter().filter_map(Value::as_f64).collect();
    assert!(ends[0] <= value && value <= ends[1]);
    assert!(report.get("undefined").is_none() && report.get("models").is_none());
    let report = json(&place, "eval --model a --data suite/one.tsv --bootstrap 0");
    assert!(report.get("intervals").is_none());
    place.write("pair.tsv", "1\t2\t3\n");
    let report = json(&place, "eval --model a --data pair.tsv --correlation pearson");
    assert!(report["pearson_dot"].is_null() && report.get("spearman_dot").is_none());
    assert_eq!(report["undefined"]["pearson_dot"], "1 pair; a correlation needs at least 2");
    let table = place.run("eval --model a --data pair.tsv").stdout;
    assert!(table.contains("undefined"), "{table}");
}

#[test]
fn several_models_are_told_with_mean_and_deviation() {
    let place = own();
    let arguments = "eval --model a --model b --suite suite/own.toml --bootstrap 200";
    let report = json(&place, arguments);
    let values: Vec<f64> = (0..2)
        .filter_map(|nth| {
            report["models"][nth]["sets"]["one"]["figures"]["spearman_cosine"]["value"].as_f64()
        })
        .collect();
    let spread = &report["summary"]["sets"]["one"]["spearman_cosine"];
    let mean = (values[0] + values[1]) / 2.;
    let deviation = (values[0] - values[1]).abs() / 2_f64.sqrt();
    assert!((spread["mean"].as_f64().expect("a mean") - mean).abs() < 1e-12);
    let found = spread["standard_deviation"].as_f64().expect("a deviation");
    assert!((found - deviation).abs() < 1e-12);
    let table = place.run(arguments).stdout;
    assert!(table.contains("standard deviation") && table.contains("Set one"), "{table}");
    let arguments = "eval --model a --pooling mean,cls --data suite/one.tsv --bootstrap 0";
    let table = place.run(arguments).stdout;
    assert!(table.contains("a (mean)") && table.contains("a (cls)"), "{table}");
}

#[test]
fn two_models_are_compared_on_the_same_draws() {
    let place = own();
    let start = "eval --model a --suite suite/own.toml --bootstrap 200 --compare";
    let report = json(&place, &format!("{start} b"));
    let comparison = &report["comparisons"][0];
    assert_eq!(
        (&comparison["model"]["model"], &comparison["with"]["model"]),
        (&"a".into(), &"b".into())
    );
    let one = &comparison["sets"]["one"]["spearman_cosine"];
    let value = |models: &str| {
        report[models][0]["sets"]["one"]["figures"]["spearman_cosine"]["value"].as_f64()
    };
    let expected = value("models").expect("a") - value("compared_with").expect("b");
    assert!((one["difference"].as_f64().expect("a number") - expected).abs() < 1e-15);
    for p in [&one["p_permutation"], &one["williams"]["p"]] {
        assert!(p.as_f64().is_some_and(|p| 0. < p && p <= 1.), "{one}");
    }
    assert_eq!(one["williams"]["degrees_of_freedom"], 5.);
    let average = &comparison["average"]["spearman_cosine"];
    assert!(average["p_permutation"].is_number() && average["williams"].is_null());
    // a model does not differ from itself
    let report = json(&place, &format!("{start} a"));
    let one = &report["comparisons"][0]["average"]["spearman_cosine"];
    assert_eq!((&one["difference"], &one["p_permutation"]), (&0.0.into(), &1.0.into()));
    assert_eq!(one["interval"], serde_json::json!([0.0, 0.0]));
    let table = place.run(&format!("{start} b")).stdout;
    assert!(table.contains("first: a; second: b") && table.contains("p (Williams)"), "{table}");
}

#[test]
fn consert_reads_the_last_two_layers_unless_told_otherwise() {
    let place = own();
    let pooling = |arguments: &str| {
        let start = "eval --model a --suite suite/own.toml --bootstrap 0 --protocol consert";
        json(&place, &format!("{start} {arguments}"))["models"][0]["pooling"].clone()
    };
    assert_eq!(pooling(""), "last-two");
    assert_eq!(pooling("--pooling avg_first_last"), "first-last");
}

/// TREC as SentEval downloads it: a question of one class has one word, of the other another.
fn questions(place: &TestDir) {
    let text: String = (0..20).map(|i| ["NUM:dist a b\n", "LOC:city 1 2\n"][i % 2]).collect();
    place.write("downstream/TREC/train_5500.label", &text);
    place.write("downstream/TREC/TREC_10.label", "NUM:dist a b\nLOC:city 1 2\nNUM:dist 1\n");
}

#[test]
fn a_transfer_task_is_read_and_evaluated_as_senteval_keeps_it() {
    let place = TestDir::new();
    save_model(&place, "model", 1);
    questions(&place);
    let suite = "eval --model model --suite senteval-transfer --data-dir . --only trec";
    let reported = json(&place, suite);
    assert_eq!(reported["task"], "probe");
    let trec = &reported["models"][0]["sets"]["trec"];
    assert_eq!(
        (&trec["train"], &trec["test"], &trec["classes"]),
        (&20.into(), &3.into(), &2.into())
    );
    // the classes have texts of their own, but one test question has the wrong words
    assert_eq!(trec["dev_accuracy"], 1.);
    assert_eq!(trec["test_accuracy"], 2. / 3.);
    assert_eq!(reported["models"][0]["mean_test_accuracy"], 2. / 3.);
    let table = place.run(suite).stdout;
    assert!(table.contains("TREC") && table.contains("test accuracy"), "{table}");
}
