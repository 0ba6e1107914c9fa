//! Classifiers and regressors are evaluated in training by their own head.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

use crate::support::{TestDir, succeed};

const COLOURS: [&str; 4] = ["red", "blue", "green", "white"];
const THINGS: [&str; 6] = ["house", "car", "ball", "hat", "boat", "door"];

/// Texts of two classes, `count` rows: one names a colour twice, the other two things.
fn classified(count: usize, from: usize) -> String {
    let row = |i: usize| {
        let (colour, thing) = (COLOURS[i % 4], THINGS[i / 4 % 6]);
        match i % 2 {
            0 => format!("colour\t{colour} {colour} {thing}\n"),
            _ => format!("thing\t{thing} {thing} {colour}\n"),
        }
    };
    "class\ttext\n".to_string() + &(from..from + count).map(row).collect::<String>()
}

/// Pairs with a score of 1 where both name one thing.
fn scored(count: usize) -> String {
    let row = |i: usize| {
        let (one, two) = (THINGS[i % 6], THINGS[(i + i % 2) % 6]);
        format!("the {one}\ta {two}\t{}\n", 1 - i % 2)
    };
    "sentence1\tsentence2\tscore\n".to_string() + &(0..count).map(row).collect::<String>()
}

fn place() -> TestDir {
    let dir = TestDir::new();
    dir.write("train.tsv", classified(48, 0));
    dir.write("dev.tsv", classified(20, 7));
    dir.write("pairs.tsv", scored(24));
    dir
}

const TRAIN: &str = "train --preset tiny --data train.tsv --objective rdrop-classes \
                     --learning-rate 1e-3 --max-steps 12 --eval-steps 3 --output-dir out";

fn evaluations(dir: &TestDir) -> Vec<Value> {
    let events = dir.read_json_lines("out/log.jsonl").into_iter();
    events.filter(|event| event["event"] == "evaluated").collect()
}

fn names(event: &Value) -> BTreeSet<&str> {
    event["metrics"].as_object().expect("metrics").keys().map(String::as_str).collect()
}

#[test]
fn a_classifier_is_chosen_by_the_accuracy_of_its_own_head() {
    let dir = place();
    let printed = succeed(&mut dir.program(&format!("{TRAIN} --dev dev.tsv --test dev.tsv")));
    for expected in ["accuracy × 100 of dev (dev)", "accuracy × 100 of test (dev)"] {
        assert!(printed.stdout.contains(expected), "{expected} is not in {}", printed.stdout);
    }
    let events = evaluations(&dir);
    assert_eq!(events.len(), 4);
    let expected =
        ["accuracy", "ece", "f1", "f1_macro", "f1_micro", "f1_weighted", "log_loss", "mcc"];
    assert!(events.iter().all(|event| names(event) == BTreeSet::from(expected)));
    assert!(events.iter().all(|event| event["metric"] == "accuracy"));
    let accuracy = |event: &Value| event["metrics"]["accuracy"].as_f64().expect("a number");
    let best = events.iter().map(accuracy).fold(0., f64::max);
    let last_best = events.iter().rfind(|event| event["best"] == true).expect("a best one");
    assert_eq!(accuracy(last_best), best);
    assert!(best > 0.8, "the classes differ by a word: {best}");
    let read = |name: &str| fs::read_to_string(dir.path(name)).expect("a file");
    let state: Value = serde_json::from_str(&read("out/trainer_state.json")).expect("JSON");
    assert_eq!(state["best_metric"].as_f64(), Some(best));
    let table = read("out/eval/classification_evaluation_dev_results.csv");
    assert!(table.starts_with("epoch,steps,accuracy,ece,f1,"), "{table}");
    let card = read("out/README.md");
    assert!(card.contains("| set | accuracy × 100 | after step |"), "{card}");
    assert!(card.contains("type: text-classification"), "{card}");
}

#[test]
fn several_sets_are_followed_and_the_lowest_loss_of_one_chooses() {
    let dir = place();
    let several =
        "--dev one=dev.tsv --dev train.tsv --metric-for-best-model eval_train_log_loss";
    succeed(&mut dir.program(&format!("{TRAIN} {several}")));
    let events = evaluations(&dir);
    let loss = |event: &Value| event["metrics"]["train_log_loss"].as_f64().expect("a number");
    let lowest = events.iter().map(loss).fold(f64::INFINITY, f64::min);
    let best = events.iter().rfind(|event| event["best"] == true).expect("a best one");
    assert_eq!((loss(best), best["metric"].as_str()), (lowest, Some("train_log_loss")));
    assert!(names(best).contains("one_accuracy") && names(best).len() == 16);
    assert!(dir.path("out/eval/sequential_evaluation_results.csv").is_file());
    let run = fs::read_to_string(dir.path("out/run.toml")).expect("the run file");
    assert!(run.contains("metric-for-best-model") && run.contains("name = \"one\""), "{run}");
}

#[test]
fn a_joined_regression_is_measured_by_its_prediction_and_no_collapse_is_seen() {
    let dir = place();
    let printed = succeed(&mut dir.program(
        "train --preset tiny --data pairs.tsv --dev pairs.tsv --objective rdrop-regression \
         --head joined,dense --learning-rate 1e-3 --max-steps 8 --eval-steps 4 --output-dir out",
    ));
    let events = evaluations(&dir);
    assert_eq!(names(&events[0]), BTreeSet::from(["mse", "pearson", "spearman"]));
    assert_eq!(events[0]["metric"], "spearman");
    assert!(!printed.stderr.contains("collapse"), "{}", printed.stderr);
}

#[test]
fn evaluators_are_named_where_the_labels_do_not_say() {
    let dir = place();
    let train = "train --preset tiny --data pairs.tsv --dev pairs.tsv --objective rdrop-scores \
                 --max-steps 2 --output-dir out --overwrite-output-dir";
    for (flags, metric) in [
        ("", "spearman_cosine"),
        ("--dev-evaluator pairs", "max_ap"),
        ("--dev-evaluator sts --metric-for-best-model pearson_cosine", "pearson_cosine"),
    ] {
        succeed(&mut dir.program(&format!("{train} {flags}")));
        assert_eq!(evaluations(&dir)[0]["metric"], metric);
    }
}

#[test]
fn what_a_head_cannot_be_measured_on_is_refused_in_a_sentence() {
    let dir = place();
    dir.write("unseen.tsv", "class\ttext\ncolour\tred red\nshape\tround\n");
    dir.write("one.tsv", "class\ttext\ncolour\tred red\ncolour\tblue blue\n");
    dir.write("empty.tsv", "class\ttext\n");
    dir.write("wide.tsv", "class\tsentence1\tsentence2\ncolour\tred\tred\nthing\tcar\that\n");
    for (flags, expected) in [
        (
            "--dev unseen.tsv",
            "class \"shape\" is not among the classes of the training set: colour",
        ),
        (
            "--dev one.tsv",
            "one.tsv: all examples have the class \"colour\", expected at least two",
        ),
        ("--dev empty.tsv", "empty.tsv"),
        ("--dev wide.tsv", "wide.tsv: has 2 texts per example, but train.tsv has 1"),
        ("--dev dev.tsv --dev-evaluator regression", "needs a regression head"),
        ("--dev dev.tsv --dev-evaluator ranking", "evaluator `ranking` is unknown"),
        (
            "--dev dev.tsv --metric-for-best-model bleu",
            "metric `bleu` is unknown: use one of accuracy",
        ),
        ("--metric-for-best-model accuracy", "need a development set"),
        (
            "--dev dev.tsv --dev-evaluator sts --dev-evaluator sts",
            "2 evaluators for 1 development sets",
        ),
    ] {
        let output = dir.program(&format!("{TRAIN} {flags}")).output().expect("the program");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags}: {message}");
        assert!(message.contains(expected), "{flags}: {expected} is not in {message}");
        let errors = message.lines().filter(|line| !line.starts_with("note: "));
        assert!(errors.count() <= 4, "{flags}: {message}");
        assert!(!dir.path("out").exists(), "{flags}: nothing is written");
    }
}

#[test]
fn one_class_alone_is_not_trained() {
    let dir = place();
    dir.write("one.tsv", "class\ttext\ncolour\tred red\ncolour\tblue blue\n");
    let arguments = TRAIN.replace("train.tsv", "one.tsv");
    let output = dir.program(&arguments).output().expect("the program");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("one.tsv: all examples have the class \"colour\""), "{message}");
}

#[test]
fn rare_classes_are_told() {
    let dir = place();
    let rows = "colour\tred red\n".repeat(11) + "thing\tcar car\n";
    dir.write("train.tsv", "class\ttext\n".to_string() + &rows);
    let printed = succeed(&mut dir.program(&format!("{TRAIN} --dev dev.tsv")));
    let expected = "class imbalance: \"colour\" has 11 of 12 examples, \"thing\" has 1; ";
    assert!(printed.stderr.contains(expected), "{}", printed.stderr);
}

/// Labels of the rows of a file of class and text.
fn labels(text: &str) -> Vec<&str> {
    text.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect()
}

#[test]
fn a_trained_classifier_predicts_and_is_evaluated_alike() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} --dev dev.tsv --quiet")));
    let printed = dir.run("eval classify --model out --data dev.tsv --format json").stdout;
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(report["labels"], serde_json::json!(["colour", "thing"]));
    let dev = classified(20, 7);
    for (flags, file) in [("--format csv", "-"), ("", "predicted.csv")] {
        let program = format!("predict --model out --input dev.tsv --output {file} {flags}");
        let printed = succeed(&mut dir.program(&program)).stdout;
        let table = if file == "-" { printed } else { dir.read_to_string("predicted.csv") };
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(rows[0], ["label", "probability", "colour", "thing"]);
        let right = rows[1..].iter().zip(labels(&dev)).filter(|(row, gold)| row[0] == *gold);
        let accuracy = right.count() as f64 / 20.;
        assert_eq!(report["accuracy"].as_f64().unwrap(), accuracy, "{flags}");
        for row in &rows[1..] {
            let numbers: Vec<f64> = row[1..].iter().map(|cell| cell.parse().unwrap()).collect();
            assert!((numbers[1] + numbers[2] - 1.).abs() < 1e-9);
            assert_eq!(numbers[0], numbers[1].max(numbers[2]));
        }
    }
    let matrix = &report["confusion_matrix"];
    let diagonal = matrix[0][0].as_f64().unwrap() + matrix[1][1].as_f64().unwrap();
    assert_eq!(diagonal / 20., report["accuracy"].as_f64().unwrap());
}

#[test]
fn predictions_are_the_same_from_standard_input_in_any_number_of_threads() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} --quiet")));
    let texts: String = classified(20, 7)
        .lines()
        .skip(1)
        .map(|line| line.split('\t').nth(1).unwrap().to_string() + "\n")
        .collect();
    dir.write("texts.txt", &texts);
    let run = |more: &str| {
        succeed(&mut dir.program(&format!("predict --model out --format jsonl {more}"))).stdout
    };
    let expected = run("--input texts.txt");
    assert_eq!(expected.lines().count(), 20);
    for threads in ["1", "3"] {
        assert_eq!(run(&format!("--input texts.txt --threads {threads}")), expected);
    }
    let mut program = dir.program("predict --model out --format jsonl --input -");
    program.stdin(fs::File::open(dir.path("texts.txt")).unwrap());
    assert_eq!(succeed(&mut program).stdout, expected);
}

#[test]
fn two_classifiers_are_compared_on_the_same_examples() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} --quiet")));
    let other = TRAIN.replace("rdrop-classes", "softmax").replace("-dir out", "-dir other");
    succeed(&mut dir.program(&format!("{other} --quiet --seed 9")));
    let printed = dir.run("eval classify --model out --model other --data dev.tsv").stdout;
    assert!(printed.contains("out − other: accuracy × 100"), "{printed}");
    assert!(printed.contains("McNemar: only the first right"), "{printed}");
    let printed =
        dir.run("eval classify --model out --model other --data dev.tsv --format json").stdout;
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let [one, other] = [0, 1].map(|at| report["models"][at]["accuracy"].as_f64().unwrap());
    let found = &report["comparisons"][0];
    let difference = found["accuracy"]["difference"].as_f64().unwrap();
    assert!((difference - (one - other)).abs() < 1e-12);
    let count = |key: &str| found["mcnemar"][key].as_f64().unwrap();
    assert!((count("first_only") - count("second_only") - 20. * difference).abs() < 1e-9);
}

#[test]
fn a_regressor_predicts_scores_on_the_scale_of_its_data() {
    let dir = place();
    let pairs = scored(24).replace("\t1\n", "\t5\n");
    dir.write("five.tsv", &pairs);
    succeed(&mut dir.program(
        "train --preset tiny --data five.tsv --score-scale 0..5 --objective regression \
         --head joined --learning-rate 1e-3 --max-steps 6 --output-dir out --quiet",
    ));
    let program = "predict --model out --input five.tsv --score-scale 0..5";
    let printed = succeed(&mut dir.program(program)).stdout;
    let scores: Vec<f64> =
        printed.lines().skip(1).map(|line| line.parse().expect("a score")).collect();
    assert_eq!(scores.len(), 24);
    assert!(scores.iter().any(|score| *score > 1.), "not on 0..5: {scores:?}");
    let program = "eval classify --model out --data five.tsv --score-scale 0..5 --format json";
    let report: Value = serde_json::from_str(&dir.run(program).stdout).expect("JSON");
    assert!(report["spearman"].is_number() && report["mse"].is_number(), "{report}");
}

#[test]
fn what_cannot_be_predicted_is_refused_in_one_sentence() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} --quiet")));
    crate::support::tiny(["a b"], 1).save_pretrained(dir.path("plain")).unwrap();
    let text = dir.read_to_string("out/heads.json").replace("\"thing\"", "\"thing\", \"more\"");
    succeed(
        &mut dir
            .program("predict --model out --input dev.tsv --calibrate dev.tsv --output a.csv"),
    );
    for (program, expected) in [
        ("predict --model plain --input dev.tsv", "has no heads.json"),
        ("predict --model out --input pairs.tsv", "has 2 texts per example, but the model"),
        ("predict --model out --input dev.tsv --output dev.txt", "expected .csv or .jsonl"),
        ("predict --model out --input dev.tsv --output dev.tsv --format csv", "dev.tsv"),
        ("predict --model out --input missing.tsv", "missing.tsv"),
        ("eval classify --model out --data pairs.tsv", "pairs.tsv"),
        ("eval classify --model out --data train.tsv --prompt x", "--prompt"),
        ("predict --model wrong --input dev.tsv", "tensor head.bias is missing, or not [3]"),
    ] {
        if program.contains("wrong") {
            fs::write(dir.path("out/heads.json"), &text).unwrap();
        }
        let program = program.replace("wrong", "out");
        let output = dir.program(&program).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{program}: {printed}");
        let errors = printed.lines().filter(|line| !line.starts_with("note: "));
        let errors: Vec<&str> = errors.collect();
        assert_eq!(errors.len(), 1, "{program}: {printed}");
        assert!(errors[0].starts_with("error: ") && errors[0].contains(expected), "{printed}");
    }
    assert_eq!(dir.read_to_string("dev.tsv"), classified(20, 7), "an input is untouched");
}
