//! A run, a setup and a model directory as other programs and people see them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use twindrop::train::{Event, ReportTo, Resume, Run, RunConfig};

use crate::support::{TestDir, succeed, training_dir};

/// A short run of R-Drop in the directory `out`.
fn config(dir: &TestDir, out: &str) -> RunConfig {
    let text = "
        preset = 'tiny'
        learning-rate = 1e-3
        eval-steps = 3
        per-device-train-batch-size = 8
        dev = '@/dev.tsv'
        [[stage]]
        max-steps = 8
        [[stage.cycle]]
        objective = 'rdrop'
        data = '@/pairs.tsv'";
    let text = text.replace('@', dir.as_ref().to_str().expect("a path"));
    RunConfig { output_dir: Some(dir.path(out)), ..toml::from_str(&text).expect("a run") }
}

/// The fields of a protobuf message: number, and what it holds as bytes or as a number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let (mut number, mut length) = (0, 0);
        match tag & 7 {
            0 => number = varint(&mut bytes),
            1 => length = 8,
            2 => length = varint(&mut bytes) as usize,
            5 => length = 4,
            wire => panic!("wire type {wire}"),
        }
        let (own, rest) = bytes.split_at(length);
        found.push((tag >> 3, number, own.to_vec()));
        bytes = rest;
    }
    found
}

/// The curves in a directory of event files, read as TensorBoard reads them: file by file, where
/// the start of a session voids what came for its step and later.
fn curves(runs: &Path) -> BTreeMap<String, Vec<(u64, f32)>> {
    let mut files: Vec<PathBuf> = fs::read_dir(runs)
        .expect("runs")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut curves: BTreeMap<String, Vec<(u64, f32)>> = BTreeMap::new();
    for file in files {
        let whole = fs::read(file).expect("a file");
        let mut rest = &whole[..];
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().expect("8")) as usize;
            let event = fields(&rest[12..12 + length]);
            rest = &rest[16 + length..];
            let step = event.iter().find(|field| field.0 == 2).map_or(0, |field| field.1);
            for (field, _, bytes) in &event {
                match field {
                    7 => curves.values_mut().for_each(|curve| curve.retain(|(s, _)| *s < step)),
                    5 => {
                        for (_, _, value) in fields(bytes) {
                            let value = fields(&value);
                            let tag = String::from_utf8(value[0].2.clone()).expect("a tag");
                            let number: [u8; 4] = value[1].2.clone().try_into().expect("4");
                            curves
                                .entry(tag)
                                .or_default()
                                .push((step, f32::from_le_bytes(number)));
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    curves
}

#[test]
fn tensorboard_has_each_step_once_however_often_a_run_was_stopped() {
    let place = training_dir();
    let config = RunConfig {
        report_to: vec![ReportTo::TensorBoard],
        save_steps: Some(2),
        ..config(&place, "out")
    };
    for stop_at in [Some(5), Some(6), None] {
        let run = match stop_at {
            Some(5) => Run::new(&config).expect("a run"),
            _ => Run::resume(&config, &Resume::default()).expect("a run"),
        };
        let stop = run.stop();
        let ended = run.run(&mut |event| {
            if let Event::Step(step) = event
                && Some(step.step) == stop_at
            {
                stop.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        assert_eq!(ended.is_ok(), stop_at.is_none());
        // as after a kill: the last checkpoint is earlier than the last step that was told
        if let Some(step) = stop_at.filter(|step| step % 2 == 1) {
            fs::remove_dir_all(place.path(format!("out/checkpoint-{step}"))).expect("it");
        }
    }
    let runs = place.path("out/runs");
    assert_eq!(fs::read_dir(&runs).expect("runs").count(), 3);
    let (curves, log) = (curves(&runs), place.read_json_lines("out/log.jsonl"));
    let of = |event: &str, key: &str| -> Vec<(u64, f32)> {
        let events = log.iter().filter(|line| line["event"] == event);
        let point =
            |line: &Value| (line["step"].as_u64().unwrap(), line[key].as_f64().unwrap() as f32);
        events.map(point).collect()
    };
    assert_eq!(curves["train/loss"], of("step", "loss"));
    assert_eq!(curves["train/learning_rate"], of("step", "learning_rate"));
    assert_eq!(curves["train/grad_norm"], of("step", "grad_norm"));
    assert_eq!(curves["eval/spearman_cosine"], of("evaluated", "score"));
    let steps: Vec<u64> = curves["train/agreement"].iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (1..=8).collect::<Vec<_>>());
}

#[test]
fn trainer_state_and_table_say_what_the_log_says() {
    let place = training_dir();
    let (_, best) =
        Run::new(&config(&place, "out")).expect("a run").run(&mut |_| Ok(())).expect("its end");
    let state = place.read_json("out/trainer_state.json");
    let (score, step) = best.best.expect("an evaluation");
    assert_eq!(state["best_metric"], score);
    assert_eq!((&state["global_step"], &state["max_steps"]), (&8.into(), &8.into()));
    // 44 pairs behind a header, 8 a batch
    assert!((state["epoch"].as_f64().expect("a number") - 8. / 5.5).abs() < 0.2, "{state}");
    let log = place.read_json_lines("out/log.jsonl");
    let history = state["log_history"].as_array().expect("a list");
    let of = |key: &str| history.iter().filter_map(|e| e[key].as_f64()).collect::<Vec<_>>();
    let printed = |event: &str, key: &str| -> Vec<f64> {
        let events = log.iter().filter(|line| line["event"] == event);
        events.map(|line| line[key].as_f64().expect("a number")).collect()
    };
    assert_eq!(of("loss"), printed("step", "loss"));
    assert_eq!(of("eval_spearman_cosine"), printed("evaluated", "score"));
    assert_eq!(of("step").len(), 8 + 3);
    let table = place.read_to_string("out/eval/similarity_evaluation_dev_results.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("epoch,steps,cosine_pearson,cosine_spearman"));
    let row = lines.find(|line| line.split(',').nth(1) == Some(&step.to_string()));
    assert!(row.expect("the best").ends_with(&format!(",{score}")), "{table}");
}

const TRAIN: &str = "train --preset tiny --data pairs.tsv --dev dev.tsv --objective rdrop \
                     --batch-size 8 --max-steps 4 --output-dir";

#[test]
fn events_are_lines_of_json_where_a_program_reads() {
    let place = training_dir();
    for flags in ["--json", "--report-to json", "--report-to json,tensorboard --quiet"] {
        let out = format!("out-{}", flags.len());
        let output = place.program(&format!("{TRAIN} {out} {flags}")).output().expect("it");
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).expect("words");
        let events: Vec<Value> =
            printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let names: Vec<&str> =
            events.iter().filter_map(|event| event["event"].as_str()).collect();
        assert_eq!((names[0], names.last()), ("started", Some(&"scored")));
        assert_eq!(names.iter().filter(|name| **name == "step").count(), 4);
        assert!(events.last().expect("one")["after"]["dev"].is_number());
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            printed.lines().last(),
            Some(&*format!("model saved to {out}")),
            "{printed}"
        );
        assert_eq!(place.path(&out).join("runs").is_dir(), flags.contains("tensorboard"));
    }
    let printed = place.run(&format!("{TRAIN} out --quiet")).stdout;
    assert!(printed.contains("Spearman") && !printed.contains("step 4"), "{printed}");
}

#[test]
fn a_sound_setup_is_told_line_by_line_without_colour_or_token() {
    let place = training_dir();
    place.run(&format!("{TRAIN} out --quiet"));
    let mut program = place.program("doctor --model out --data pairs.tsv --data dev.tsv");
    program.env("HF_TOKEN", "hf_secret").env("HF_ENDPOINT", "https://me:pass@hub");
    let printed = succeed(&mut program).stdout;
    for line in printed.lines().filter(|line| !line.contains("→")) {
        assert!(line.starts_with("ok  ") || line.starts_with("warn"), "{line}");
    }
    for expected in [
        "bert, 2 layers, hidden size 128",
        "mean pooling",
        "truncated to 64 of 64 positions",
        "model.safetensors, ",
        "F32",
        "loaded by sentence-transformers 3",
        "pairs.tsv: tsv, 44 rows, columns sentence1, sentence2, score",
        "tokens per text: median",
        "finite and nonzero for every parameter",
        "sentences/s",
        "a token, offline",
        "https://…@hub",
    ] {
        assert!(printed.contains(expected), "no {expected:?} in\n{printed}");
    }
    assert!(
        !printed.contains("secret") && !printed.contains("pass@") && !printed.contains('\x1b'),
        "{printed}"
    );
    let printed = place.run("doctor --format json").stdout;
    let json: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(json["findings"].as_array().expect("a list").len() > 10, "{printed}");
    assert_ne!(json["state"], "fail");
}

#[test]
fn a_doctor_warns_of_data_that_teach_little() {
    let place = training_dir();
    let long = "word ".repeat(80);
    place.write("odd.tsv", format!("a b\tc d\t3\na b\tc d\t3\n{long}\t{long}\t3\n"));
    place.run(&format!("{TRAIN} out --quiet"));
    let printed = place.run("doctor --model out --data odd.tsv").stdout;
    for expected in ["3 to 3", "1 rows (33.3 %)", "33.3 % truncated to 64"] {
        let line = printed.lines().find(|line| line.contains(expected));
        assert!(
            line.is_some_and(|line| line.starts_with("warn")),
            "no {expected:?} in\n{printed}"
        );
    }
}

#[test]
fn what_is_trained_is_loaded_by_every_reader() {
    let place = training_dir();
    place.run(&format!("{TRAIN} out --dense 32 --quiet"));
    let printed = place.run("check-model out").stdout;
    assert_eq!(printed.matches("loads it\n").count(), 6, "{printed}");
    let printed = place.run("check-model out --format json").stdout;
    let json: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(json["readers"].as_array().map(Vec::len), Some(6));
}

#[test]
fn completions_and_pages_know_every_command() {
    let place = training_dir();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&format!("completions {shell}")).stdout;
        for command in ["train", "eval", "doctor", "check-model"] {
            assert!(script.contains(command), "{shell}: no {command}");
        }
    }
    let page = place.run("man").stdout;
    assert!(page.contains(".TH twindrop 1") && page.contains("check\\-model"), "{page}");
    place.run("man pages");
    let train = place.read_to_string("pages/twindrop-train.1");
    assert!(train.contains("learning\\-rate") && train.contains(".SH"), "{train}");
    assert!(place.path("pages/twindrop.1").is_file());
}
