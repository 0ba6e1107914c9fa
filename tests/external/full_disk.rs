//! A disk that runs full, and one that may not be written.

use std::process::Command;

use crate::support::{TWINDROP, TestDir, differences, training_dir};

const TRAIN: &str = "train --preset tiny --data pairs.tsv --dev dev.tsv --objective rdrop \
                     --learning-rate 1e-3 --batch-size 8 --max-steps 8 --eval-steps 3 \
                     --save-steps 2 --quiet --output-dir";

/// A shell that may mount file systems that only it sees.
fn shell(place: &TestDir, script: &str) -> Command {
    let mut shell = place.command("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c", script]).env("T", TWINDROP);
    shell
}

/// Whether the system permits such a shell.
pub fn own_mounts() -> Result<(), String> {
    let place = TestDir::new();
    let mounted = shell(&place, "mkdir disk && mount -t tmpfs none disk").output();
    match mounted {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "the system permits no mounts of one's own: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("there is no `unshare`: {error}")),
    }
}

/// What a script writes to both of its streams.
fn printed(place: &TestDir, script: &str) -> String {
    let output = shell(place, script).output().expect("a shell");
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

pub fn a_full_disk_ends_the_run_in_a_sentence_and_costs_no_step((): ()) {
    let place = training_dir();
    let whole = place.program(&format!("{TRAIN} whole")).output().expect("the program");
    assert!(whole.status.success());
    for size in ["1m", "2m", "3m", "4m", "9m", "12m", "17m", "20m"] {
        let script = format!(
            "mkdir -p disk && mount -t tmpfs -o size={size} none disk
             $T {TRAIN} disk/out; echo first $?
             mount -o remount,size=200m disk
             if [ -f disk/out/run.toml ]; then how=--resume; else how=--overwrite-output-dir; fi
             $T {TRAIN} disk/out $how; echo second $?
             rm -rf got; cp -r disk/out got"
        );
        let printed = printed(&place, &script);
        assert!(
            printed.contains("first 2") && printed.contains("second 0"),
            "{size}: {printed}"
        );
        let errors: Vec<&str> =
            printed.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{size}: {printed}");
        assert!(errors[0].contains("space") || errors[0].contains("MiB are free"), "{printed}");
        assert_eq!(differences(&place.path("whole"), &place.path("got")), [""; 0], "{size}");
    }
}

pub fn a_directory_that_may_not_be_written_is_refused((): ()) {
    let place = training_dir();
    let script = format!(
        "mkdir -p disk && mount -t tmpfs -o ro none disk
         $T {TRAIN} disk/out; echo first $?"
    );
    let printed = printed(&place, &script);
    assert!(
        printed.contains("first 2") && printed.contains("read-only file system"),
        "{printed}"
    );
}
