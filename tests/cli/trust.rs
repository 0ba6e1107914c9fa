//! What an attacker, a kill and a second process do: nothing of others is lost, nothing hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use twindrop::train::{Run, RunConfig};

use crate::embed_job::sentence;
use crate::support::{TestDir, files, succeed, training_dir};

const TRAIN: &str =
    "train --preset tiny --data pairs.tsv --objective rdrop --batch-size 8 --quiet";

/// How long a program may take that has nothing to do but to refuse.
const SOON: Duration = Duration::from_secs(20);

fn start(place: &TestDir, arguments: &str) -> Child {
    let mut program = place.program(arguments);
    program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program")
}

/// Exit code and standard error of a program that must end within `limit`.
#[track_caller]
fn ends_within(mut child: Child, limit: Duration) -> (Option<i32>, String) {
    let begun = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if begun.elapsed() > limit {
            child.kill().expect("a process to kill");
            child.wait().expect("its end");
            panic!("still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let ended = child.wait_with_output().expect("its end");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

fn fifo(place: &TestDir, name: &str) {
    let _ = fs::remove_file(place.path(name));
    succeed(Command::new("mkfifo").arg(place.path(name)));
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
}

#[test]
fn a_directory_that_was_used_after_it_was_found_free_is_not_touched() {
    let place = training_dir();
    let text = format!(
        "preset = 'tiny'\n[[stage]]\nmax-steps = 2\n[[stage.cycle]]\nobjective = 'rdrop'\ndata = '{}'",
        place.path("pairs.tsv").display()
    );
    let config: RunConfig = toml::from_str(&text).expect("a run file");
    let config = RunConfig { output_dir: Some(place.path("out")), ..config };
    let late = Run::new(&config).expect("a run");
    // meanwhile another run begins and ends
    place.run(&format!("{TRAIN} --max-steps 3 --output-dir out"));
    let before = files(place.path("out"));
    let error = late.run(&mut |_| Ok(())).map(drop).expect_err("the directory is used");
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert!(files(place.path("out")) == before);
}

#[test]
fn overwriting_an_output_directory_removes_nothing_of_others() {
    let place = training_dir();
    place.write("out/film.7.part", "of a downloader");
    place.write("out/notes/clip.1234.part", "of a downloader");
    let train = format!("{TRAIN} --max-steps 2 --overwrite-output-dir --output-dir out");
    place.run(&train);
    assert!(place.path("out/film.7.part").is_file());
    assert!(place.path("out/notes/clip.1234.part").is_file());
    for name in ["config.json", "optimizer.pt", "trainer_state.json"] {
        place.write(format!("out/checkpoint-500/{name}"), "of transformers");
    }
    let before = files(place.path("out/checkpoint-500"));
    let (code, message) = ends_within(start(&place, &train), SOON);
    assert_eq!(code, Some(2), "{message}");
    let expected = "checkpoint-500 is not a checkpoint of twindrop; move it";
    assert!(message.contains(expected), "{message}");
    assert!(files(place.path("out/checkpoint-500")) == before);
    // nor does a run that goes on count it among its own, which it removes
    let resumed = format!("{TRAIN} --max-steps 6 --save-steps 1 --resume --output-dir out");
    place.run(&resumed);
    assert!(files(place.path("out/checkpoint-500")) == before);
}

#[test]
fn a_signal_ends_a_long_step_and_a_long_evaluation_within_seconds() {
    let place = training_dir();
    let rows = |n: usize| format!("{}\t{}\t{}\n", sentence(n), sentence(n + 1), n % 6);
    place.write("big.tsv", (0..150_000).map(rows).collect::<String>());
    let step = "--max-steps 2 --gradient-accumulation-steps 1000000 --output-dir step";
    let chunks = "--max-steps 2 --batch-size 40000 --mini-batch-size 16 --data big.tsv --output-dir chunks";
    let dev = "--max-steps 4 --eval-steps 1 --dev big.tsv --output-dir dev";
    for (arguments, output) in [(step, "step"), (chunks, "chunks"), (dev, "dev")] {
        let own = if output == "chunks" {
            TRAIN.replace("--data pairs.tsv", "")
        } else {
            TRAIN.into()
        };
        let own = if output == "chunks" { own.replace("--batch-size 8", "") } else { own };
        let mut child = start(&place, &format!("{own} {arguments}"));
        let begun = Instant::now();
        let log = place.path(output).join("log.jsonl");
        let is_under_way = || output == "dev" || log.is_file();
        while !is_under_way() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(4));
        assert!(child.try_wait().expect("its state").is_none(), "{output}: it has ended");
        signal(&child, "TERM");
        let (code, message) = ends_within(child, Duration::from_secs(5));
        assert_eq!(code, Some(143), "{output}: {message}");
        assert!(message.contains("interrupted"), "{output}: {message}");
    }
    assert!(place.path("step/checkpoint-0").is_dir());
}

#[test]
fn a_pipe_a_device_and_a_sparse_file_in_place_of_a_file_end_in_one_sentence() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --dev dev.tsv --max-steps 4 --save-steps 2 --output-dir out"));
    let copy = |name: &str| {
        let _ = fs::remove_dir_all(place.path("copy"));
        succeed(Command::new("cp").arg("-r").arg(place.path("out")).arg(place.path("copy")));
        fs::remove_file(place.path("copy").join(name)).expect("a file");
    };
    let model = [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "tokenizer_config.json",
        "1_Pooling/config.json",
    ];
    let mut cases: Vec<(&str, &str)> =
        model.iter().map(|name| (*name, "check-model copy")).collect();
    cases.extend(
        ["log.jsonl", "model.safetensors", "run.toml", "provenance.json"]
            .map(|name| (name, "report copy --no-eval -o page.html")),
    );
    cases.extend(
        ["log.jsonl", "run.toml", "provenance.json"]
            .map(|name| (name, "train --resume --output-dir copy")),
    );
    for (name, command) in cases {
        for kind in ["fifo", "zero", "sparse"] {
            copy(name);
            let path = place.path("copy").join(name);
            match kind {
                "fifo" => fifo(&place, &format!("copy/{name}")),
                "zero" => symlink("/dev/zero", &path).expect("a link"),
                _ => fs::File::create(&path)
                    .and_then(|file| file.set_len(64 << 30))
                    .expect("a file"),
            }
            let (code, message) = ends_within(start(&place, command), SOON);
            assert!(matches!(code, Some(0 | 2)), "{command}, {name}, {kind}: {message}");
        }
    }
}

#[test]
fn training_data_from_a_named_pipe_are_read_once() {
    let place = training_dir();
    fifo(&place, "pipe.tsv");
    let (from, to) = (place.path("pairs.tsv"), place.path("pipe.tsv"));
    let writer = std::thread::spawn(move || fs::copy(from, to));
    let command = format!("{} --max-steps 2 --output-dir out", TRAIN.replace("pairs", "pipe"));
    let (code, message) = ends_within(start(&place, &command), SOON);
    assert_eq!(code, Some(0), "{message}");
    writer.join().expect("the writer").expect("all of it written");
    let data = &place.read_json("out/provenance.json")["data"][0];
    assert!(data["sha256"].is_null(), "{data}");
}

#[test]
fn a_file_outside_a_model_directory_is_not_copied_into_an_output() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir base"));
    place.write("secret", "do not publish");
    symlink("../secret", place.path("base/vocab.txt")).expect("a link");
    symlink(place.path("secret"), place.path("base/merges.txt")).expect("a link");
    let note = "base/vocab.txt links to a file outside its directory";
    let commands = [
        "quantize base --output-dir out",
        "whiten --model base --data text.txt --dim 16 --output-dir out",
        "train --model base --data pairs.tsv --objective rdrop --max-steps 1 --output-dir out",
    ];
    for command in commands {
        let printed = place.run(command);
        assert!(printed.stderr.contains(note), "{command}: {}", printed.stderr);
        for (name, bytes) in files(place.path("out")) {
            let found = bytes.windows(14).any(|part| part == b"do not publish");
            assert!(!found, "{command}: {name}");
        }
        fs::remove_dir_all(place.path("out")).expect("a directory");
    }
}

#[test]
fn a_checkpoint_is_a_model_directory_and_takes_no_copy_more() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 4 --save-steps 2 --output-dir out"));
    place.run("check-model out/checkpoint-4");
    for model in ["out", "out/checkpoint-4"] {
        place.run(&format!("embed --model {model} --input text.txt --output {model}.jsonl"));
    }
    assert!(place.read("out.jsonl") == place.read("out/checkpoint-4.jsonl"));
    // with a development set, of which the last evaluation is the best or not
    place.run(&format!(
        "{TRAIN} --dev dev.tsv --eval-steps 2 --max-steps 4 --save-steps 2 --output-dir dev"
    ));
    let weights = place.read("out/model.safetensors").len();
    for checkpoint in ["out/checkpoint-4", "dev/checkpoint-2", "dev/checkpoint-4"] {
        let found = files(place.path(checkpoint));
        let copies = 3 + usize::from(found.contains_key("best.safetensors"));
        let bytes: usize = found.values().map(Vec::len).sum();
        assert!(bytes < copies * weights + (48 << 10), "{checkpoint}: {bytes} of {weights}");
    }
    assert!(!place.path("dev/checkpoint-2/best.safetensors").exists());
}

#[test]
fn a_run_leaves_its_results_and_the_times_of_its_events() {
    let place = training_dir();
    let train = format!("{TRAIN} --dev dev.tsv --test dev.tsv --eval-steps 2 --max-steps 4");
    let printed =
        place.run(&format!("{} --json --output-dir out", train.replace("--quiet", "")));
    let events: Vec<serde_json::Value> =
        printed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let scored = events.last().expect("an event");
    let results = place.read_json("out/results.json");
    for set in ["dev", "test"] {
        let own = &results[set];
        assert_eq!(own["metric"], "spearman_cosine");
        for when in ["before", "after"] {
            assert!(own[when].is_f64(), "{own}");
            assert_eq!(own[when], scored[when][set]);
            assert_eq!(own[when], own[format!("metrics_{when}")]["spearman_cosine"]);
        }
        assert!(own["metrics_after"].as_object().expect("metrics").len() > 1, "{own}");
    }
    let number =
        |key: &str| results[key].as_f64().unwrap_or_else(|| panic!("{key}: {results}"));
    assert_eq!((number("steps"), number("steps_of_process")), (4., 4.));
    assert!(number("wall_seconds") >= number("step_seconds"));
    assert!((number("steps_per_second") * number("step_seconds") - 4.).abs() < 1e-6);
    assert!(number("peak_memory_bytes") > 1e6);

    let (log, times) =
        (place.read_json_lines("out/log.jsonl"), place.read_json_lines("out/times.jsonl"));
    let name = |event: &serde_json::Value| event["event"].as_str().map(str::to_string);
    let logged: Vec<_> = log.iter().map(name).collect();
    let timed = times.iter().map(name).filter(|name| name.as_deref() != Some("checkpointed"));
    assert_eq!(timed.collect::<Vec<_>>(), logged);
    for event in times.iter().chain(&events) {
        let time = event["time"].as_str().expect("a time");
        humantime::parse_rfc3339(time).expect("RFC 3339");
    }
    assert!(log.iter().all(|event| event.get("time").is_none()));
    let state = place.read_json("out/trainer_state.json");
    let steps = log.iter().filter(|event| event["event"] == "step");
    let entries = state["log_history"].as_array().expect("a list");
    let entries = entries.iter().filter(|entry| entry.get("loss").is_some());
    for (step, entry) in steps.zip(entries) {
        assert!(step["epoch"].as_f64().expect("an epoch") > 0.);
        assert_eq!((&step["epoch"], &step["step"]), (&entry["epoch"], &entry["step"]));
    }
}

/// A shell that runs `twindrop ARGUMENTS` under a limit.
fn limited(place: &TestDir, limit: &str, arguments: &str) -> (Option<i32>, String) {
    let mut shell = place.command("sh");
    let program = crate::support::TWINDROP;
    shell.args(["-c", &format!("ulimit {limit}; exec {program} {arguments}")]);
    let ended = shell.output().expect("a shell");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[test]
fn a_limit_of_threads_or_of_file_sizes_is_one_sentence_and_leaves_nothing() {
    let place = training_dir();
    let (code, message) = limited(&place, "-v 1500000", "--threads 1000 recipes");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("cannot start the threads"), "{message}");
    place.run(&format!("{TRAIN} --max-steps 2 --output-dir base"));
    let commands = [
        "quantize base --output-dir out",
        "train --model base --data pairs.tsv --objective rdrop --max-steps 2 --output-dir out",
    ];
    for command in commands {
        let (code, message) = limited(&place, "-f 200", command);
        assert_eq!(code, Some(2), "{command}: {message}");
        assert!(message.to_lowercase().contains("file too large"), "{command}: {message}");
        let parts = files(place.path("out")).into_keys().filter(|name| name.contains(".part"));
        assert_eq!(parts.collect::<Vec<_>>(), [""; 0], "{command}");
        fs::remove_dir_all(place.path("out")).expect("a directory");
    }
}

#[test]
fn a_damaged_model_is_invalid_input_and_a_last_step_that_diverged_is_no_success() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir out"));
    let mut weights = place.read("out/model.safetensors");
    let end = weights.len();
    weights[end - 400_000..].fill(0xff);
    place.write("out/model.safetensors", weights);
    let embed = start(&place, "embed --model out --input text.txt --output out.jsonl");
    let (code, message) = ends_within(embed, SOON);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("is not finite"), "{message}");
    assert!(!place.path("out.jsonl").exists());

    let diverges =
        "--learning-rate 1e30 --lr-scheduler-type constant --max-steps 3 --output-dir far";
    let (code, message) = ends_within(start(&place, &format!("{TRAIN} {diverges}")), SOON);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("the last step, 3, was skipped"), "{message}");
}

#[test]
fn what_a_corpus_says_to_the_terminal_is_not_passed_on() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir out"));
    let evil = "\u{1b}]0;owned\u{7}a \u{9b}31mcat";
    place.write("corpus.txt", format!("{evil}\nit rains\n"));
    let printed = place.run("search --model out --corpus corpus.txt --queries corpus.txt");
    assert!(printed.stdout.contains("owned"), "{}", printed.stdout);
    place.write(
        "classes.tsv",
        (0..60)
            .map(|n| format!("text {n}\t{}\n", if n == 0 { evil } else { "b" }))
            .collect::<String>(),
    );
    let noted = place.run(
        "train --model out --data classes.tsv --columns text,label --objective \
                           softmax --max-steps 1 --output-dir classes",
    );
    for text in [printed.stdout, printed.stderr, noted.stdout, noted.stderr] {
        let found = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(found, None, "{text:?}");
    }
}

#[test]
fn a_path_that_is_not_utf8_is_refused_by_name_or_works() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = training_dir();
    let odd = OsStr::from_bytes(b"odd\xff.tsv");
    fs::copy(place.path("pairs.tsv"), place.path(odd)).expect("a file");
    let mut train =
        place.program("train --preset tiny --objective rdrop --max-steps 1 --output-dir out");
    train.arg("--data").arg(odd).stderr(Stdio::piped());
    let (code, message) = ends_within(train.spawn().expect("the program"), SOON);
    assert_eq!(code, Some(2), "{message}");
    assert!(
        message.contains("odd\u{fffd}.tsv: is not UTF-8, so run.toml cannot name it"),
        "{message}"
    );
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir base"));
    let mut embed =
        place.program("embed --model base --output out.jsonl --columns text,_,_ --input");
    succeed(embed.arg(odd));
}

#[test]
fn a_batch_of_any_size_has_the_memory_of_all_examples() {
    let place = training_dir();
    let estimate = |batch: &str| {
        let train = TRAIN.replace("--batch-size 8", &format!("--batch-size {batch}"));
        let printed = place.run(&format!("{train} --max-steps 1 --output-dir out --dry-run"));
        let line = printed.stdout.lines().find(|line| line.starts_with("estimated memory"));
        line.expect("an estimate").to_string()
    };
    let all = estimate("44");
    for batch in ["9446744073709551615", "18446744073709551615"] {
        assert_eq!(estimate(batch), all);
    }
}

#[test]
fn an_input_that_shrinks_while_it_is_read_is_not_called_complete() {
    use twindrop::embed_job::{Calibration, EmbedJob, Input, OutputFormat, WorkerRank};
    use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir base"));
    let rows = (0..60_000).map(|n| sentence(n) + "\n").collect::<String>();
    place.write("in.txt", &rows);
    let model = SentenceEncoder::from_pretrained(place.path("base").to_str().expect("a path"));
    let job = EmbedJob {
        model: &model.expect("a model"),
        input: Input::Files(vec![place.path("in.txt")]),
        read: Default::default(),
        keep_columns: vec![],
        encode: EncodeOptions::default(),
        precision: Default::default(),
        calibration: Calibration::First(1),
        form: OutputFormat::Npy,
        output: place.path("out.npy"),
        shard_size: None,
        share: WorkerRank::alone(),
        resume: false,
    };
    let mut cut = false;
    let error = job.run(&mut |_| {
        if !std::mem::replace(&mut cut, true) {
            let file = fs::OpenOptions::new().write(true).open(place.path("in.txt"));
            file.and_then(|file| file.set_len(1_000)).expect("a shorter file");
        }
    });
    let error = error.map(drop).expect_err("an input that changed").to_string();
    assert!(error.contains("the input changed while it was read"), "{error}");
    assert!(!place.path("out.npy").exists());
}

#[test]
fn what_a_kill_leaves_before_the_run_file_is_no_obstacle() {
    let place = training_dir();
    place.write("out/.twindrop.lock", "1\n");
    place.write("out/run.toml.7-0123456789abcdef.part", "half");
    let (code, message) = ends_within(start(&place, "train --resume --output-dir out"), SOON);
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("omit --resume to start a new one"), "{message}");
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir out"));
    let parts = files(place.path("out")).into_keys().filter(|name| name.ends_with(".part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_complete_output_has_no_manifest_of_a_rank_of_any_earlier_number() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir base"));
    let embed = "embed --model base --input text.txt --output out --shard-size 10";
    place.run(&format!("{embed} --rank 0 --world-size 3"));
    assert!(place.path("out/manifest-0-of-3.json").is_file());
    place.run(&format!("{embed} --resume"));
    let manifests = files(place.path("out")).into_keys().filter(|name| name.ends_with(".json"));
    assert_eq!(manifests.collect::<Vec<_>>(), ["manifest.json"]);
}

#[test]
fn a_doctor_says_what_it_has_asked_and_what_a_diverged_model_needs() {
    let place = training_dir();
    place.run(&format!("{TRAIN} --max-steps 1 --output-dir out"));
    let mut doctor = place.program("doctor");
    let printed = succeed(doctor.env_remove("HF_HUB_OFFLINE"));
    assert!(printed.stdout.contains("not asked whether it answers"), "{}", printed.stdout);
    let mut weights = place.read("out/model.safetensors");
    let end = weights.len();
    weights[end - 400_000..].fill(0x7f); // finite, 3.4e38 each: what is computed from them is not
    place.write("out/model.safetensors", weights);
    let ended = place.program("doctor --model out").output().expect("the program");
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{printed}");
    assert!(printed.contains("take an earlier checkpoint"), "{printed}");
    assert!(!printed.contains("please report"), "{printed}");
}
