//! SIGKILL at random moments, and whatever else ends a process.

use super::*;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const TRAIN: &str = "train --preset tiny --data pairs.tsv --dev dev.tsv --objective rdrop \
                     --learning-rate 1e-3 --batch-size 8 --max-steps 30 --eval-steps 7 \
                     --save-steps 2 --quiet";

/// How often to kill: `TWINDROP_CRASHES`, or a few times.
fn crashes() -> u32 {
    std::env::var("TWINDROP_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

/// A program that is under way.
fn start(place: &TestDir, arguments: &str) -> Child {
    let mut program = place.program(arguments);
    program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program")
}

/// A number in 0..1 that looks random, the `n`th of them.
fn fraction(n: u32) -> f64 {
    (f64::from(n) * 0.618_033_988_749_895 + 0.137).fract()
}

#[test]
fn a_killed_run_ends_in_the_same_bytes() {
    let place = training_dir();
    let begun = Instant::now();
    assert!(
        start(&place, &format!("{TRAIN} --output-dir whole")).wait().expect("it").success()
    );
    let whole = begun.elapsed();
    let mut resumed = 0;
    for crash in 0..crashes() {
        let output = format!("crash-{crash}");
        let mut child = start(&place, &format!("{TRAIN} --output-dir {output}"));
        std::thread::sleep(whole.mul_f64(fraction(crash)));
        child.kill().expect("a process to kill");
        child.wait().expect("its end");
        let path = place.path(&output);
        resumed += u32::from(last_checkpoint(&path).is_some());
        // before the run file is written there is nothing to resume
        let how =
            if path.join("run.toml").is_file() { "--resume" } else { "--overwrite-output-dir" };
        let rest = start(&place, &format!("{TRAIN} {how} --output-dir {output}")).wait();
        assert!(rest.expect("it").success(), "crash {crash}");
        assert_eq!(differences(&place.path("whole"), &path), [""; 0], "crash {crash}");
        fs::remove_dir_all(path).expect("a directory");
    }
    println!("{resumed} of {} crashes left a checkpoint to go on from", crashes());
}

#[cfg(unix)]
#[test]
fn the_first_signal_keeps_what_was_done_and_says_how_to_go_on() {
    let place = training_dir();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let output = format!("stopped-{signal}");
        let arguments = format!("{TRAIN} --output-dir {output}")
            .replace("--max-steps 30", "--max-steps 100000");
        let mut program = place.program(&arguments.replace("--save-steps 2", ""));
        let child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.expect("the program");
        let begun = Instant::now();
        while fs::metadata(place.path(&output).join("model.safetensors")).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no step was taken");
            std::thread::sleep(Duration::from_millis(20));
        }
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.expect("kill").success());
        let ended = child.wait_with_output().expect("its end");
        let printed = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{printed}");
        assert!(printed.contains("interrupted after step"), "{printed}");
        assert!(
            printed.contains(&format!("twindrop train --resume --output-dir {output}")),
            "{printed}"
        );
        assert!(last_checkpoint(&place.path(&output)).is_some());
    }
}

#[test]
fn two_runs_in_one_directory_are_refused_and_a_dead_one_holds_nothing() {
    let place = training_dir();
    let long =
        format!("{TRAIN} --output-dir out").replace("--max-steps 30", "--max-steps 100000");
    let mut first = start(&place, &long);
    let begun = Instant::now();
    while !place.path("out/log.jsonl").is_file() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the first run did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = place.program("train --resume --output-dir out --quiet").output().expect("it");
    let printed = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{printed}");
    assert!(printed.contains(&format!("process {}", first.id())), "{printed}");
    first.kill().expect("a process to kill");
    first.wait().expect("its end");
    let third = format!("{TRAIN} --overwrite-output-dir --output-dir out");
    assert!(start(&place, &third).wait().expect("it").success());
}
