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
         --head joined --learning-rate 1e-3 --max-steps 8 --eval-steps 4 --output-dir out",
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
    let text = dir.read_to_string("out/config.json");
    let text = text.replace("\"1\": \"thing\"", "\"1\": \"thing\", \"2\": \"more\"");
    // a temperature has a limit only where some examples are classified wrongly
    dir.write("noisy.tsv", classified(20, 7).replacen("colour\t", "thing\t", 2));
    succeed(
        &mut dir.program(
            "predict --model out --input dev.tsv --calibrate noisy.tsv --output a.csv",
        ),
    );
    for (program, expected) in [
        ("predict --model plain --input dev.tsv", "has no classification or regression head"),
        ("predict --model out --input pairs.tsv", "has 2 texts per example, but the model"),
        ("predict --model out --input dev.tsv --output dev.txt", "expected .csv or .jsonl"),
        ("predict --model out --input dev.tsv --output dev.tsv --format csv", "dev.tsv"),
        ("predict --model out --input missing.tsv", "missing.tsv"),
        ("eval classify --model out --data pairs.tsv", "pairs.tsv"),
        ("eval classify --model out --data train.tsv --prompt x", "--prompt"),
        ("eval classify --model out --data train.tsv --prompt-name x", "--prompt-name"),
        ("predict --model out --input dev.tsv --pooling mean", "--pooling: a head reads"),
        (
            "predict --model wrong --input dev.tsv",
            "tensor classifier.bias is missing, or not [3]",
        ),
    ] {
        if program.contains("wrong") {
            fs::write(dir.path("out/config.json"), &text).unwrap();
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

/// What transformers and CrossEncoder make of such directories: eval/peers/classifiers.py.
#[test]
fn a_head_on_one_sequence_is_saved_as_transformers_has_it() {
    let dir = place();
    let pairs = "--data pairs.tsv --objective regression --head joined --score-scale 0..1";
    let base = "train --preset tiny --max-steps 2 --output-dir";
    let one =
        succeed(&mut dir.program(&format!("{base} one --data train.tsv --objective softmax")));
    succeed(&mut dir.program(&format!("{base} two {pairs}")));
    let note = "the head is that of BertForSequenceClassification, which reads the first token";
    assert!(one.stderr.contains(note), "{}", one.stderr);
    for (out, texts) in [("one", 1), ("two", 2)] {
        let config: Value =
            serde_json::from_str(&dir.read_to_string(format!("{out}/config.json"))).unwrap();
        assert_eq!(
            config["architectures"],
            serde_json::json!(["BertForSequenceClassification"])
        );
        assert_eq!(config["twindrop"]["texts_per_example"], texts);
        let is_cross_encoder = config["sentence_transformers"].is_object();
        assert_eq!(is_cross_encoder, texts == 2);
        for name in ["modules.json", "heads.json", "heads.safetensors", "1_Pooling"] {
            assert!(!dir.path(format!("{out}/{name}")).exists(), "{out}/{name}");
        }
        succeed(&mut dir.program(&format!("check-model {out}")));
    }
    let card = dir.read_to_string("two/README.md");
    assert!(
        card.contains("pipeline_tag: text-ranking") && card.contains("CrossEncoder("),
        "{card}"
    );
    succeed(&mut dir.program("doctor --model two"));
    dir.write("texts.txt", "red house\n");
    let output =
        dir.program("embed --model two --input texts.txt --output x.npy").output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && message.contains("this is a CrossEncoder"));
    // logits, and the raw output of a regression
    let printed = dir.run("predict --model one --input dev.tsv --logits").stdout;
    assert!(printed.starts_with("label,colour,thing\n"), "{printed}");
    let printed = dir.run("predict --model two --input pairs.tsv --logits").stdout;
    assert!(printed.starts_with("logit\n"), "{printed}");
    // a quantized copy is a classifier as well
    succeed(&mut dir.program("quantize one --output-dir small"));
    let printed = dir.run("predict --model small --input dev.tsv").stdout;
    assert_eq!(printed.lines().count(), 21);
}

#[test]
fn training_goes_on_from_a_classifier_and_its_head() {
    let dir = place();
    succeed(&mut dir.program(&format!("{TRAIN} --quiet")));
    let next = "train --model out --objective softmax --max-steps 1 --learning-rate 1e-9 --output-dir next \
                --overwrite-output-dir";
    let printed = succeed(&mut dir.program(&format!("{next} --data train.tsv")));
    assert!(
        printed.stderr.contains("training goes on with the heads of out"),
        "{}",
        printed.stderr
    );
    let accuracy = |model: &str| -> f64 {
        let program = format!("eval classify --model {model} --data dev.tsv --format json");
        let report: Value = serde_json::from_str(&dir.run(&program).stdout).expect("JSON");
        report["accuracy"].as_f64().unwrap()
    };
    assert_eq!(accuracy("next"), accuracy("out"));
    dir.write("others.tsv", classified(48, 0).replace("thing\t", "object\t"));
    let printed = succeed(&mut dir.program(&format!("{next} --data others.tsv")));
    assert!(printed.stderr.contains("so the output layer starts anew"), "{}", printed.stderr);
}

#[test]
fn a_head_that_reads_another_pooling_is_refused() {
    let dir = place();
    for (flags, expected) in [
        (
            "--data pairs.tsv --objective regression --head joined --pooling mean",
            "the head of BertForSequenceClassification reads cls pooling",
        ),
        ("--data pairs.tsv --objective regression --head sequence", "choose --head joined"),
        ("--data train.tsv --objective softmax --head joined", "pairs"),
        ("--data train.tsv --objective softmax --head joined,dense", "omit dense"),
        (
            "--data pairs.tsv --objective regression --head joined --dense 8",
            "has a module behind its encoder",
        ),
    ] {
        let program = format!("train --preset tiny --max-steps 1 --output-dir out {flags}");
        let output = dir.program(&program).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{flags}: {message}");
        assert!(message.contains(expected), "{flags}: {message}");
    }
    // a pooling that is chosen keeps the head of embeddings
    succeed(&mut dir.program(&format!("{TRAIN} --pooling mean --quiet")));
    assert!(dir.path("out/heads.json").is_file() && dir.path("out/modules.json").is_file());
}

#[test]
fn class_weights_are_balanced_or_of_a_file() {
    let dir = place();
    let rows = "colour\tred red\n".repeat(9) + &"thing\tcar car\n".repeat(3);
    dir.write("train.tsv", "class\ttext\n".to_string() + &rows);
    dir.write("weights.tsv", "thing\t2\ncolour\t0.6666666666666666\n");
    dir.write("wrong.tsv", "thing\t2\nshape\t1\n");
    dir.write("few.tsv", "thing\t2\n");
    let train = "train --preset tiny --data train.tsv --objective softmax --max-steps 2 --quiet \
                 --output-dir";
    for (out, flags) in [
        ("plain", ""),
        ("balanced", "--class-weights balanced"),
        ("file", "--class-weights weights.tsv"),
    ] {
        succeed(&mut dir.program(&format!("{train} {out} {flags}")));
    }
    let weights = |out: &str| fs::read(dir.path(format!("{out}/model.safetensors"))).unwrap();
    assert_eq!(weights("balanced"), weights("file"), "12/(2·9) and 12/(2·3)");
    assert_ne!(weights("balanced"), weights("plain"));
    for (flags, expected) in [
        ("--class-weights wrong.tsv", "class \"shape\" is not among those of the data"),
        ("--class-weights few.tsv", "no weight for class \"colour\""),
        ("--class-weights train.tsv", "train.tsv:1: expected a class, a tab and a weight"),
    ] {
        let output = dir.program(&format!("{train} other {flags}")).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{flags}: {message}");
        assert!(message.contains(expected), "{flags}: {message}");
    }
}

#[test]
fn a_suite_of_classifiers_has_a_model_for_each_set() {
    let dir = place();
    let suite = "name = \"own\"\ntask = \"classification\"\n\n\
                 [[set]]\nname = \"words\"\nfiles = [\"dev.tsv\"]\nmetric = \"mcc\"\n\n\
                 [[set]]\nname = \"pairs\"\nfiles = [\"pairs.tsv\"]\nmetric = \"spearman\"\nscore-scale = \"0..1\"\n";
    dir.write("own.toml", suite);
    let train = TRAIN.replace("-dir out", "-dir runs/words");
    succeed(&mut dir.program(&format!("{train} --quiet")));
    succeed(&mut dir.program(
        "train --preset tiny --data pairs.tsv --objective regression --head joined --score-scale 0..1 \
         --max-steps 4 --output-dir runs/pairs --quiet",
    ));
    let suite = "eval --suite own.toml --data-dir . --model runs/{set}";
    let report: Value =
        serde_json::from_str(&dir.run(&format!("{suite} --format json")).stdout).expect("JSON");
    let sets = &report["models"][0]["sets"];
    let program = "eval classify --model runs/words --data dev.tsv --format json";
    let words: Value = serde_json::from_str(&dir.run(program).stdout).expect("JSON");
    assert_eq!(sets["words"]["mcc"], words["mcc"]);
    let mean = report["models"][0]["mean"].as_f64().unwrap();
    let both = ["mcc", "spearman"].iter().zip(["words", "pairs"]);
    let both = both.map(|(metric, set)| sets[set][metric].as_f64().unwrap());
    assert!((mean - both.sum::<f64>() / 2.).abs() < 1e-12);
    let table = dir.run(suite).stdout;
    assert!(table.contains("mcc × 100") && table.contains("mean"), "{table}");
    let output = dir.program(&suite.replace("runs/{set}", "runs/words")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("give a path with {set}"), "{message}");
    assert_eq!(output.status.code(), Some(2));
}
