//! A disk that runs full, and one that may not be written.

use super::*;
use std::fmt::Write;

const TRAIN: &str = "train --preset tiny --data pairs.tsv --dev dev.tsv --objective rdrop \
                     --learning-rate 1e-3 --batch-size 8 --max-steps 8 --eval-steps 3 \
                     --save-steps 2 --quiet --output-dir";

/// Runs `script` where it may mount what only it sees; none where the system forbids that.
fn alone(place: &Place, script: &str) -> Option<String> {
    let mut shell = Command::new("unshare");
    shell.args(["-rm", "sh", "-c", script]).current_dir(&place.0);
    let output = shell.env("T", env!("CARGO_BIN_EXE_twindrop")).output().ok()?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = write!(said, "{}", String::from_utf8_lossy(&output.stderr));
    said.contains("mounted").then_some(said)
}

#[test]
fn a_full_disk_ends_the_run_in_a_sentence_and_costs_no_step() {
    let place = Place::new();
    let whole = place.program(&format!("{TRAIN} whole")).output().expect("the program");
    assert!(whole.status.success());
    for size in ["1m", "2m", "3m", "4m", "9m", "12m", "17m", "20m"] {
        let script = format!(
            "mkdir -p disk && mount -t tmpfs -o size={size} none disk && echo mounted
             $T {TRAIN} disk/out; echo first $?
             mount -o remount,size=200m disk
             if [ -f disk/out/run.toml ]; then how=--resume; else how=--overwrite-output-dir; fi
             $T {TRAIN} disk/out $how; echo second $?
             rm -rf got; cp -r disk/out got"
        );
        let Some(said) = alone(&place, &script) else {
            println!("skipped: no file system of one's own can be mounted here");
            return;
        };
        assert!(said.contains("first 2") && said.contains("second 0"), "{size}: {said}");
        let errors: Vec<&str> =
            said.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{size}: {said}");
        assert!(errors[0].contains("space") || errors[0].contains("MiB are free"), "{said}");
        assert_eq!(differences(&place.path("whole"), &place.path("got")), [""; 0], "{size}");
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_refused() {
    let place = Place::new();
    let script = format!(
        "mkdir -p disk && mount -t tmpfs -o ro none disk && echo mounted
         $T {TRAIN} disk/out; echo first $?"
    );
    let Some(said) = alone(&place, &script) else { return };
    assert!(said.contains("first 2") && said.contains("read-only file system"), "{said}");
}
