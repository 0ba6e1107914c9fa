//! What cannot be resumed is said in a sentence, and what is damaged is passed over.

use super::*;

const TRAIN: &str = "train --preset tiny --data pairs.tsv --objective rdrop --learning-rate 1e-3 \
                     --batch-size 8 --max-steps 6 --save-steps 2 --quiet --output-dir out";

/// A place with a run that was finished.
fn finished() -> TestDir {
    let place = training_dir();
    let ended = place.program(TRAIN).output().expect("the program");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    place
}

/// Runs the program; its exit code and what it said.
fn say(place: &TestDir, arguments: &str) -> (Option<i32>, String) {
    let ended = place.program(arguments).output().expect("the program");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    // the file of another checkpoint may be the same one
    fs::remove_file(path).expect("a file");
    fs::write(path, bytes).expect("a file");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_word() {
    let place = finished();
    let model = fs::read(place.path("out/model.safetensors")).expect("a model");
    for file in ["model.safetensors", "moments.safetensors", "state.json", "manifest.json"] {
        let last = place.path("out/checkpoint-6").join(file);
        damage(&last, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let (code, printed) = say(&place, "train --resume --output-dir out");
        assert_eq!(code, Some(0), "{file}: {printed}");
        assert!(
            printed.contains("checkpoint-6") && printed.contains("checkpoint skipped"),
            "{file}: {printed}"
        );
        assert!(printed.contains("resuming from out/checkpoint-4"), "{file}: {printed}");
        assert!(model == fs::read(place.path("out/model.safetensors")).expect("a model"));
        // it was written again, and whole
        let (code, printed) = say(&place, "train --resume --output-dir out");
        assert_eq!(code, Some(0), "{file}: {printed}");
        assert!(printed.contains("resuming from out/checkpoint-6"), "{file}: {printed}");
    }
    for step in [4, 6] {
        let path = place.path(format!("out/checkpoint-{step}/model.safetensors"));
        damage(&path, |bytes| bytes.truncate(100));
    }
    let (code, printed) = say(&place, "train --resume --output-dir out --quiet");
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("no intact checkpoint in out"), "{printed}");
}

#[test]
fn what_has_changed_is_refused_until_it_is_named() {
    let place = finished();
    let text = fs::read_to_string(place.path("pairs.tsv")).expect("a file");
    let cases: [(&str, &str, &dyn Fn()); 4] = [
        ("settings", "the run has 5 steps, but had 6 before", &|| ()),
        ("data", "the data of phase 1 have changed", &|| {
            let (rest, _) = text.trim_end().rsplit_once('\t').expect("a score");
            fs::write(place.path("pairs.tsv"), format!("{rest}\t0.125\n")).expect("a file");
        }),
        ("log", "log.jsonl is truncated or missing", &|| {
            fs::write(place.path("out/log.jsonl"), "").expect("a file");
        }),
        ("settings", "learning-rate is 0.5, but was 0.001", &|| ()),
    ];
    let flags = ["--max-steps 5", "", "", "--learning-rate 0.5"];
    for ((what, expected, change), flag) in cases.into_iter().zip(flags) {
        change();
        let resume = format!("train --resume --output-dir out --quiet {flag}");
        let (code, printed) = say(&place, &resume);
        assert_eq!(code, Some(2), "{what}: {printed}");
        assert!(
            printed.contains(expected) && printed.contains(&format!("--allow-changed {what}")),
            "{printed}"
        );
        if flag != "--max-steps 5" {
            let (code, printed) = say(&place, &format!("{resume} --allow-changed {what},log"));
            assert_eq!(code, Some(0), "{printed}");
        }
        fs::write(place.path("pairs.tsv"), &text).expect("a file");
    }
}

#[test]
fn an_objective_may_join_once_it_is_allowed() {
    let place = finished();
    let joined =
        TRAIN.replace("--max-steps 6", "--objective simcse --data pairs.tsv --max-steps 9");
    let arguments = format!("{joined} --resume --allow-changed settings,data");
    let (code, printed) = say(&place, &arguments);
    assert_eq!(code, Some(0), "{printed}");
    let log = fs::read_to_string(place.path("out/log.jsonl")).expect("a log");
    assert!(log.contains("\"step\":9") && log.contains("SimCSE"), "{log}");
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let place = finished();
    fs::create_dir(place.path("empty")).expect("a directory");
    for (arguments, expected) in [
        ("train --resume", "--output-dir"),
        ("train --resume --output-dir empty", "no run to resume"),
        ("train --resume --output-dir nowhere", "no run to resume"),
        ("train --resume-from-checkpoint out/checkpoint-5", "checkpoint-5"),
        ("train --resume-from-checkpoint empty", "no run to resume"),
        ("train --resume --output-dir out --allow-changed weather", "`weather`"),
        ("train --resume --output-dir out --save-steps 0", "save_steps 0"),
        ("train --resume --output-dir out --save-minutes nan", "save_minutes NaN"),
        ("train --resume --output-dir out --save-total-limit 0", "save_total_limit 0"),
        ("train --resume --output-dir out --save-strategy sometimes", "`sometimes`"),
        ("train --resume --output-dir out --max-memory 1MiB", "MiB of memory"),
        ("train --resume --output-dir out --max-memory much", "`much`"),
        (
            "train --output-dir out --preset tiny --data pairs.tsv --objective rdrop",
            "not empty",
        ),
    ] {
        let before = outputs(&place.path("out"));
        let (code, printed) = say(&place, arguments);
        assert_eq!(code, Some(2), "{arguments}: {printed}");
        assert!(printed.contains(expected), "{arguments}: {printed}");
        assert!(before == outputs(&place.path("out")), "{arguments} changed something");
    }
}

#[test]
fn the_last_ones_are_kept_and_an_earlier_one_can_be_taken() {
    let place = finished();
    let names = |place: &TestDir| {
        let entries = fs::read_dir(place.path("out")).expect("a directory").flatten();
        let names = entries.map(|entry| entry.file_name().into_string().expect("text"));
        let mut names: Vec<_> = names.filter(|name| name.starts_with("checkpoint-")).collect();
        names.sort();
        names
    };
    assert_eq!(names(&place), ["checkpoint-4", "checkpoint-6"]);
    let whole = outputs(&place.path("out"));
    let (code, printed) = say(&place, "train --resume-from-checkpoint out/checkpoint-4");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("resuming from out/checkpoint-4"), "{printed}");
    assert!(whole == outputs(&place.path("out")));
    let no = TRAIN.replace("--save-steps 2", "--save-strategy no --overwrite-output-dir");
    assert_eq!(say(&place, &no).0, Some(0));
    assert_eq!(names(&place), [""; 0]);
    assert!(whole["model.safetensors"] == outputs(&place.path("out"))["model.safetensors"]);
}

#[test]
fn steps_that_are_not_finite_are_skipped_and_then_name_their_examples() {
    let place = training_dir();
    // of a rate that throws weights out of all bounds
    let wild = "train --preset tiny --data text.txt --objective simcse --learning-rate 1e38 \
                --warmup-steps 0 --batch-size 8 --max-steps 20 --max-grad-norm 0 --quiet";
    let (code, printed) = say(&place, &format!("{wild} --max-bad-steps 3 --output-dir out"));
    assert_eq!(code, Some(1), "{printed}");
    assert_eq!(printed.matches("step skipped").count(), 3, "{printed}");
    assert!(printed.contains("skipped steps: 4"), "{printed}");
    assert!(printed.contains("examples ") && printed.contains("of text.txt"), "{printed}");
    let log = fs::read_to_string(place.path("out/log.jsonl")).expect("a log");
    assert_eq!(log.matches("\"skipped\":true").count(), 3, "{log}");
}
