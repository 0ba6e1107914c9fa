//! Looking at a run, a setup or a model directory.

use super::*;

#[test]
fn who_is_told_of_a_run() {
    let place = Place::new();
    place.refuses(
        &format!("{TRAIN} --report-to wandb"),
        &["`wandb`", "tensorboard", "log.jsonl"],
    );
    place.refuses(&format!("{TRAIN} --report-to tensorboard,mlflow"), &["`mlflow`"]);
    place.refuses(&format!("{TRAIN} --report-to"), &["--report-to"]);
    let nowhere =
        "train --model model --data pairs.tsv --objective rdrop --report-to tensorboard";
    place.refuses(nowhere, &["tensorboard", "--output-dir"]);
    place.refuses("train --report-to tensorboard", &["nothing to train on"]);
    place.write("run.toml", "report-to = [\"wandb\"]\n");
    place.refuses("train --config run.toml", &["run.toml:1", "wandb", "tensorboard"]);
    place.write("run.toml", "report-to = \"tensorboard\"\n");
    place.refuses("train --config run.toml", &["run.toml:1", "expected a sequence"]);
}

#[test]
fn shells_pages_and_forms_that_do_not_exist() {
    all_refused(
        "",
        &[
            ("completions", &["<SHELL>"]),
            ("completions tcsh", &["tcsh", "bash", "powershell"]),
            ("man pairs.tsv", &["pairs.tsv is a file"]),
            ("man pairs.tsv/pages", &["pairs.tsv", "directory"]),
            ("doctor --format xml", &["xml", "json"]),
            ("doctor --data", &["--data"]),
            ("doctor --model", &["--model"]),
            ("doctor --data pairs.tsv --score-scale 5..1", &["5..1"]),
            ("check-model", &["<MODEL>"]),
            ("check-model nowhere", &["nowhere"]),
            ("check-model pairs.tsv", &["pairs.tsv is a file"]),
            ("check-model model --format yaml", &["yaml", "json"]),
        ],
    );
}

/// A program that reports in lines and fails: what it printed, after the checks that hold for
/// all of them.
fn fails(place: &Place, program: &mut Command) -> String {
    let before = listing(place.as_ref());
    let output = program.output().expect("the program");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{program:?}: {printed}");
    assert!(
        printed.starts_with("error: ") && printed.trim_end().lines().count() == 1,
        "{printed}"
    );
    assert!(!printed.contains("panicked"), "{printed}");
    assert!(before == listing(place.as_ref()), "{program:?} changed something");
    String::from_utf8(output.stdout).expect("words")
}

#[test]
fn a_doctor_goes_on_after_what_fails_and_says_it_in_the_end() {
    let place = Place::new();
    place.write("empty.tsv", "");
    place.write("nan.tsv", "a\tb\tnan\n");
    place.json("model/config.json", |json| json["num_hidden_layers"] = 9.into());
    let cases: [(&[&str], &str); 5] = [
        (&["--model", "nowhere"], "fail  model        no such directory: `nowhere`"),
        (&["--model", "model"], "encoder.layer.2"),
        (&["--data", "nowhere.tsv"], "fail  data         nowhere.tsv"),
        (&["--data", "empty.tsv", "--data", "pairs.tsv"], "empty.tsv: no examples"),
        (&["--data", "nan.tsv"], "nan.tsv:1"),
    ];
    for (arguments, expected) in cases {
        let printed = fails(&place, place.program(&["doctor"]).args(arguments));
        assert!(
            printed.contains(expected) && printed.contains("→"),
            "no {expected:?} in {printed}"
        );
        assert!(printed.starts_with("ok    twindrop"), "{printed}");
    }
    let both = ["doctor", "--data", "empty.tsv", "--data", "pairs.tsv"];
    assert!(fails(&place, &mut place.program(&both)).contains("pairs.tsv: tsv, 3 rows"));
    let hub = fails(&place, place.program(&["doctor"]).env("HF_ENDPOINT", "huggingface.co"));
    assert!(hub.contains("set HF_ENDPOINT"), "{hub}");
    let json =
        fails(&place, &mut place.program(&["doctor", "--model", "no", "--format", "json"]));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["state"], "fail");
}

#[test]
fn a_directory_that_no_program_loads_is_taken_apart() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("a folder");
    let printed = fails(&place, &mut place.program(&["check-model", "empty"]));
    assert_eq!(printed.matches("does not load it").count(), 6, "{printed}");
    let weights = fs::read(place.path("model/model.safetensors")).expect("weights");
    for damaged in
        [&weights[..0], &weights[..5], &weights[..100], &weights[..weights.len() - 1]]
    {
        place.write("model/model.safetensors", damaged);
        let printed = fails(&place, &mut place.program(&["check-model", "model"]));
        assert_eq!(printed.matches("not a complete safetensors file").count(), 6, "{printed}");
    }
    // a header that says it is longer than any
    place.write("model/model.safetensors", [0xff; 64]);
    let printed = fails(&place, &mut place.program(&["check-model", "model"]));
    assert!(printed.contains("longer than the file"), "{printed}");
    place.write("model/modules.json", "[1, null, \"x\", {}]");
    place.write("model/config.json", "[]");
    fails(&place, &mut place.program(&["check-model", "model"]));
}
