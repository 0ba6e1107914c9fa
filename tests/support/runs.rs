//! Training runs: a directory with data for them, and what two of them wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{TestDir, files, sample};

/// A directory with `pairs.tsv`, `dev.tsv` and `text.txt`, the first lines of the sample.
pub fn training_dir() -> TestDir {
    let dir = TestDir::new();
    for (name, from, count) in [
        ("pairs.tsv", "train.tsv", 45),
        ("dev.tsv", "dev.tsv", 30),
        ("text.txt", "unlabelled.txt", 40),
    ] {
        let text = fs::read_to_string(sample(from)).expect("the sample");
        let lines = text.lines().take(count).map(|line| format!("{line}\n"));
        dir.write(name, lines.collect::<String>());
    }
    dir
}

/// The checkpoint of the latest step.
pub fn last_checkpoint(output: &Path) -> Option<PathBuf> {
    let steps = fs::read_dir(output).ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_prefix("checkpoint-")?.parse::<u64>().ok()
    });
    steps.max().map(|step| output.join(format!("checkpoint-{step}")))
}

/// Files that say where and when.
const TIMED: [&str; 5] =
    ["provenance.json", "run.toml", "manifest.json", "results.json", "times.jsonl"];

/// Every file of a model and its log, and those of its last checkpoint under `last/`. Where and
/// when it was made is another matter.
pub fn outputs(output: &Path) -> BTreeMap<String, Vec<u8>> {
    let last = last_checkpoint(output);
    let last = last.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    let compared = |(name, content): (String, Vec<u8>)| {
        let file = name.rsplit('/').next();
        if TIMED.map(Some).contains(&file) {
            return None;
        }
        match name.split_once('/') {
            Some((folder, rest)) if folder.starts_with("checkpoint-") => {
                (Some(folder) == last).then(|| (format!("last/{rest}"), content))
            }
            _ => Some((name, content)),
        }
    };
    files(output).into_iter().filter_map(compared).collect()
}

/// The names of the files that differ between two runs.
pub fn differences(one: &Path, other: &Path) -> Vec<String> {
    let (one, other) = (outputs(one), outputs(other));
    let names = one.keys().chain(other.keys());
    let mut names: Vec<String> =
        names.filter(|&name| one.get(name) != other.get(name)).cloned().collect();
    names.dedup();
    names
}
