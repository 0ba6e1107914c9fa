//! Every published recipe runs: twenty steps on real text, whole in the log.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use twindrop::train::Recipe;

use crate::support::{TestDir, succeed};

const STEPS: usize = 20;

/// The directory that `TWINDROP_TEST_DATA` names, with sts-raw, nli, cls-zh, sts-zh and unlabelled.
pub fn data() -> Result<PathBuf, String> {
    let Some(directory) = std::env::var_os("TWINDROP_TEST_DATA") else {
        return Err("TWINDROP_TEST_DATA names no directory of real text".into());
    };
    Ok(directory.into())
}

/// The first lines of a file of the data, as a file of its own.
fn head(data: &Path, name: &str, lines: usize, into: &Path) -> PathBuf {
    let text = fs::read_to_string(data.join(name)).unwrap();
    let text: Vec<&str> = text.lines().take(lines).collect();
    let path = into.join(name.replace('/', "-"));
    fs::write(&path, text.join("\n") + "\n").unwrap();
    path
}

/// The sentences of the pairs of a file.
fn sentences(data: &Path, name: &str, lines: usize, into: &Path) -> PathBuf {
    let pairs = fs::read_to_string(head(data, name, lines, into)).unwrap();
    let sentences = pairs.lines().flat_map(|line| line.split('\t').skip(2).take(2));
    let path = into.join(name.replace('/', "-") + ".txt");
    fs::write(&path, sentences.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    path
}

/// The class and the text of a file of CLUE's, under a header.
fn labelled(data: &Path, name: &str, lines: usize, into: &Path) -> PathBuf {
    let text = fs::read_to_string(data.join(name)).unwrap();
    let rows = text.lines().take(lines).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        format!("{}\t{}", fields[0], fields[2])
    });
    let path = into.join("labelled.tsv");
    let rows: Vec<String> = std::iter::once("class\ttext".into()).chain(rows).collect();
    fs::write(&path, rows.join("\n")).unwrap();
    path
}

/// The first lines of a task of GLUE, or of another with as many texts where the data lack its
/// train split, under a header.
fn under_header(data: &Path, task: &str, lines: usize, into: PathBuf) -> PathBuf {
    let file = match task {
        "mnli" => "nli/snli-dev.tsv".to_string(),
        "qnli" => "cls-en/qnli-dev.tsv".to_string(),
        task => format!("cls-en/{task}-train.tsv"),
    };
    let text = fs::read_to_string(data.join(file)).unwrap();
    let header = match text.lines().next().unwrap().split('\t').count() {
        2 => "class\ttext",
        _ if task == "mnli" => "sentence1\tsentence2\tclass",
        _ => "class\tsentence1\tsentence2",
    };
    let rows: Vec<&str> = std::iter::once(header).chain(text.lines().take(lines)).collect();
    let path = into.with_extension("tsv");
    fs::write(&path, rows.join("\n")).unwrap();
    path
}

/// Files for the slots of a recipe, and what must be said of them.
fn bring(recipe: Recipe, data: &Path, into: &Path) -> Vec<String> {
    let mut flags = Vec::new();
    let chinese = recipe.name.strip_prefix("consert-unsup-base-");
    let set = chinese.map(|name| match name {
        "atec-ccks" => "atec_ccks-dev",
        "stsb-zh" => "stsb-dev",
        "bq" => "bq-dev",
        "lcqmc" => "lcqmc-dev",
        other => {
            assert_eq!(other, "pawsx");
            "pawsx-dev"
        }
    });
    let classes = match recipe.name {
        "rdrop-iflytek" => "cls-zh/iflytek-train.tsv",
        _ => "cls-zh/tnews-train.tsv",
    };
    let glue = recipe.name.strip_prefix("rdrop-").and_then(|name| name.strip_suffix("-base"));
    let glue = glue.filter(|name| *name != "stsb");
    for (slot, _) in recipe.slots() {
        let file = match (slot, set) {
            ("labelled" | "dev", None) if glue.is_some() => {
                let rows = if slot == "dev" { 60 } else { 600 };
                under_header(data, glue.unwrap_or_default(), rows, into.join(slot))
            }
            ("dev", None) if recipe.slots().any(|(slot, _)| slot == "labelled") => {
                let file = labelled(data, classes, 2000, into);
                let dev = into.join("labelled-dev.tsv");
                let text = fs::read_to_string(file).unwrap();
                let rows: Vec<&str> = text.lines().take(200).collect();
                fs::write(&dev, rows.join("\n")).unwrap();
                dev
            }
            ("dev", Some(set)) => head(data, &format!("sts-zh/{set}.tsv"), 60, into),
            ("dev", None) => head(data, "sts-raw/stsb-dev.tsv", 60, into),
            ("unlabelled", Some(set)) => {
                sentences(data, &format!("sts-zh/{set}.tsv"), 1400, into)
            }
            ("unlabelled", None) if recipe.name.starts_with("rdrop") => {
                let text = fs::read_to_string(data.join("cls-zh/tnews-dev.tsv")).unwrap();
                let texts = text.lines().take(1000).filter_map(|line| line.split('\t').nth(2));
                let path = into.join("unlabelled.txt");
                fs::write(&path, texts.collect::<Vec<_>>().join("\n")).unwrap();
                path
            }
            ("unlabelled", None) => head(data, "unlabelled/consert-sts.txt", 3000, into),
            ("nli", _) => head(data, "nli/snli-train.tsv", 3000, into),
            ("pairs", _) => head(data, "sts-raw/stsb-train.tsv", 2000, into),
            ("labelled", _) => labelled(data, classes, 2000, into),
            ("triplets", _) => {
                flags.push("--nli-triplets".to_string());
                head(data, "nli/snli-dev.tsv", 9000, into)
            }
            (slot, _) => panic!("{}: nothing for <{slot}>", recipe.name),
        };
        let file = file.to_str().unwrap().to_string();
        match slot {
            "dev" => flags.extend(["--dev".into(), file]),
            slot => flags.extend(["--data".into(), format!("{slot}={file}")]),
        }
    }
    flags
}

pub fn every_recipe_takes_twenty_steps_on_real_text(data: PathBuf) {
    for recipe in Recipe::all() {
        let dir = TestDir::new();
        let mut train = dir.program("train --quiet --preset mini --eval-steps 10");
        train.args(["--recipe", recipe.name, "--max-steps", &STEPS.to_string()]);
        train.args(bring(recipe, &data, dir.as_ref()));
        train.args(["--warmup-steps", "0.1", "--mini-batch-size", "64"]);
        train.args(["--dtype", "bfloat16", "--max-seq-length", "32", "--output-dir", "out"]);
        succeed(&mut train);
        let events = dir.read_json_lines("out/log.jsonl");
        let of = |kind: &str| -> Vec<&Value> {
            events.iter().filter(|event| event["event"] == kind).collect()
        };
        let steps = of("step");
        assert_eq!(steps.len(), STEPS, "{}", recipe.name);
        for (number, step) in steps.iter().enumerate() {
            assert_eq!(step["step"], number + 1, "{}", recipe.name);
            let loss = step["loss"].as_f64().unwrap();
            assert!(loss.is_finite() && loss >= 0., "{}: loss {loss}", recipe.name);
        }
        let dev = recipe.slots().any(|(slot, _)| slot == "dev");
        assert_eq!(of("evaluated").len(), if dev { 2 } else { 0 }, "{}", recipe.name);
        assert_eq!(of("finished").len(), 1, "{}", recipe.name);
        assert!(dir.path("out/model.safetensors").is_file(), "{}", recipe.name);
    }
}

#[test]
fn recipes_are_listed_with_their_sources_and_slots() {
    let listed = program().arg("recipes").assert().success();
    let listed = String::from_utf8_lossy(&listed.get_output().stdout).to_string();
    for recipe in Recipe::all() {
        assert!(listed.contains(recipe.name) && listed.contains(recipe.source()));
        assert!(recipe.slots().all(|(slot, _)| listed.contains(&format!("{slot}: "))));
    }
}

#[test]
fn a_recipe_without_its_data_says_what_it_reads() {
    let printed = program().args(["train", "--recipe", "simcse-unsup-base"]).assert().code(2);
    let printed = String::from_utf8_lossy(&printed.get_output().stderr).to_string();
    assert!(
        printed.contains("the recipe needs the data <unlabelled>: give --data unlabelled=FILE"),
        "{printed}"
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let into = tempfile::tempdir().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample/unlabelled.txt");
    let mut train = program();
    train.args(["train", "--recipe", "consert-unsup-base", "--preset", "tiny", "--dry-run"]);
    train.arg("--data").arg(sample).arg("--output-dir").arg(into.path().join("out"));
    let printed = train.assert().success();
    let printed = String::from_utf8_lossy(&printed.get_output().stdout).to_string();
    for expected in
        ["learning-rate = 0.0000005", "220 steps", "2 forward passes", "estimated memory"]
    {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
    assert!(!into.path().join("out").exists());
}
