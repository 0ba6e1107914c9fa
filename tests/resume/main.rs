//! A run that is stopped at any moment comes to the bits of one that was not.

mod bits;
#[cfg(target_os = "linux")]
mod full_disk;
mod kills;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use tempfile::TempDir;
use twindrop::train::{Event, Resume, Run, RunConfig};
use twindrop::{ErrorKind, Result};

/// Data, and room for output directories.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a place"));
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample");
        let lines = |name: &str, count: usize| {
            let text = fs::read_to_string(sample.join(name)).expect("the sample");
            text.lines().take(count).map(|line| format!("{line}\n")).collect::<String>()
        };
        fs::write(place.path("pairs.tsv"), lines("train.tsv", 45)).expect("a file");
        fs::write(place.path("dev.tsv"), lines("dev.tsv", 30)).expect("a file");
        fs::write(place.path("text.txt"), lines("unlabelled.txt", 40)).expect("a file");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A run of `text`, which calls the place `@`, into the directory `out`.
    fn config(&self, text: &str, out: &str) -> RunConfig {
        let text = text.replace('@', self.0.path().to_str().expect("a path"));
        let config: RunConfig = toml::from_str(&text).expect("a run file");
        RunConfig { output_dir: Some(self.path(out)), preset: Some("tiny".into()), ..config }
    }

    /// The program in the place.
    fn program(&self, arguments: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_twindrop"));
        program.current_dir(&self.0).args(arguments.split_whitespace());
        program
    }
}

/// Every file of a model and its log, and those of its last checkpoint under one name. Where it
/// was made, and when, is another matter.
fn files(output: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) =
        (BTreeMap::new(), vec![(String::new(), output.to_path_buf())]);
    let last = last_checkpoint(output);
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_str().expect("text").to_string();
            if path.is_dir() {
                let is_last = last.as_ref() == Some(&path);
                if is_last || !name.starts_with("checkpoint-") {
                    let name = if is_last { "last".into() } else { name };
                    folders.push((format!("{prefix}{name}/"), path));
                }
            } else if !["provenance.json", "run.toml", "manifest.json"].contains(&name.as_str())
            {
                found.insert(prefix.clone() + &name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn last_checkpoint(output: &Path) -> Option<PathBuf> {
    let steps = fs::read_dir(output).ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_prefix("checkpoint-")?.parse::<u64>().ok()
    });
    steps.max().map(|step| output.join(format!("checkpoint-{step}")))
}

/// The names of files that differ.
fn differences(one: &Path, other: &Path) -> Vec<String> {
    let (one, other) = (files(one), files(other));
    let names = one.keys().chain(other.keys());
    let mut names: Vec<String> =
        names.filter(|&name| one.get(name) != other.get(name)).cloned().collect();
    names.dedup();
    names
}

/// Runs to the end, or is interrupted after `steps` steps.
fn run_until(run: Run, steps: Option<u64>) -> Result<()> {
    let stop = run.stop();
    let ended = run.run(&mut |event| {
        if let Event::Step(step) = event
            && Some(step.step) == steps
        {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    });
    match ended {
        Err(error) if steps.is_some() => {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            Ok(())
        }
        other => other.map(drop),
    }
}

fn resume(config: &RunConfig) -> Run {
    Run::resume(config, &Resume::default()).expect("a run to resume")
}
