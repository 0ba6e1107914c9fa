//! `provenance.json`: by what, from what and when a model was made.

use crate::error::{Error, Result};
use crate::io;
use crate::train::RunConfig;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const NAME: &str = "provenance.json";

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 * io::CONFIGURATION;

/// How a model was made. What a file leaves out is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The version that trained.
    pub twindrop: Option<String>,
    /// The command line; empty where a program of another name trained. Like all paths here,
    /// those in it are relative to the directory of the process, or a name alone: the file is
    /// published with the model, and `run.toml` has them as they were given.
    pub command: Vec<String>,
    /// The random seed.
    pub seed: Option<u64>,
    /// Threads, which change no bit.
    pub threads: Option<usize>,
    /// The processor, as it calls itself.
    pub cpu: Option<String>,
    /// When the run began, in UTC.
    pub started: Option<String>,
    /// When it was resumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<String>,
    /// The model it started from.
    pub model: Option<ModelOrigin>,
    /// The files it read.
    pub data: Vec<DataOrigin>,
}

/// A model by name, and the SHA-256 of its weights where it is a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelOrigin {
    /// A path, hub id or preset.
    pub name: Option<String>,
    /// Of `model.safetensors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DataOrigin {
    /// Its path: below the directory of the process, or the last part.
    pub path: PathBuf,
    /// Of its bytes, where it can be read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Provenance {
    /// Of a run that begins now, by this command line.
    pub(in crate::train) fn of(config: &RunConfig, command: &[String]) -> Self {
        let model = config.model.as_ref().or(config.preset.as_ref());
        let name = model.cloned().unwrap_or_default();
        let weights = Path::new(&name).join("model.safetensors");
        let phases = config.stage.iter().flat_map(|stage| &stage.cycle);
        let files = phases.map(|phase| &phase.data).chain(&config.dev).chain(&config.test);
        let mut data: Vec<DataOrigin> = Vec::new();
        for path in files.map(|data| &data.path) {
            if data.iter().all(|known| known.path != *path) {
                data.push(DataOrigin { path: path.clone(), sha256: io::sha256(path).ok() });
            }
        }
        for origin in &mut data {
            if let Some(path) = origin.path.to_str() {
                origin.path = published(path).into();
            }
        }
        Self {
            twindrop: Some(env!("CARGO_PKG_VERSION").into()),
            command: command.iter().map(|word| published_word(word)).collect(),
            seed: Some(config.seed),
            threads: Some(rayon::current_num_threads()),
            cpu: Some(cpu()),
            started: Some(now()),
            resumed: Vec::new(),
            model: Some(ModelOrigin {
                sha256: io::sha256(&weights).ok(),
                name: Some(published(&name)),
            }),
            data,
        }
    }

    /// The `provenance.json` of a run directory, if there is one.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let path = run.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let text = io::read_text(&path, LARGEST)?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::data(&path, error.to_string()))
    }

    /// The command as it can be typed again in a POSIX shell.
    pub fn command_line(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
        let quoted = |word: &String| {
            if !word.is_empty() && word.chars().all(plain) {
                return word.clone();
            }
            format!("'{}'", word.replace('\'', r"'\''"))
        };
        self.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// Writes it to a run's directory; of a run that is resumed, adds the time to the file.
    pub(in crate::train) fn write(self, output: &Path, resumes: bool) -> Result<()> {
        let path = output.join(NAME);
        let known = if resumes { Self::read(output).ok().flatten() } else { None };
        let whole = match known {
            Some(mut known) => {
                known.resumed.extend(self.started);
                known
            }
            None => self,
        };
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n";
        io::replace_with(&path, text)
    }
}

/// A path as it may be published: below the current directory, or its last part alone.
fn published(path: &str) -> String {
    let path = Path::new(path);
    if !path.is_absolute() {
        return path.to_string_lossy().into_owned();
    }
    let here = std::env::current_dir().ok();
    let below = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    let below = below.filter(|below| !below.as_os_str().is_empty());
    let last = || path.file_name().map_or(path, Path::new);
    below.unwrap_or_else(last).to_string_lossy().into_owned()
}

/// A word of a command line: a path, or one after an equals sign.
fn published_word(word: &str) -> String {
    match word.split_once('=') {
        Some((name, path)) if !name.contains('/') => format!("{name}={}", published(path)),
        _ => published(word),
    }
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The processor, as it calls itself; of what kind it is, where it does not.
pub fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
    name.unwrap_or(std::env::consts::ARCH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let command = ["twindrop", "--data", "a b.tsv", "it's", "", "rdrop+0.15*consert"];
        let command = command.map(String::from).to_vec();
        let typed = Provenance { command, ..Provenance::default() }.command_line();
        assert_eq!(typed, r"twindrop --data 'a b.tsv' 'it'\''s' '' 'rdrop+0.15*consert'");
    }

    #[test]
    fn no_absolute_path_is_published() {
        let here = std::env::current_dir().unwrap();
        let path = |name: &str| here.join(name).to_str().unwrap().to_string();
        let command = [
            "/usr/bin/twindrop",
            "train",
            "--data",
            &path("a/b.tsv"),
            "--dev",
            &format!("x={}", path("dev.tsv")),
            "--test=/home/someone/t.tsv",
            "out/run",
            "3..4",
        ];
        let text = "model = '/home/someone/model'\n[[stage]]\n[[stage.cycle]]\n\
                    objective = 'rdrop'\ndata = '/home/someone/data/train.tsv'";
        let config: RunConfig = toml::from_str(text).unwrap();
        let found = Provenance::of(&config, &command.map(String::from));
        let expected = [
            "twindrop",
            "train",
            "--data",
            "a/b.tsv",
            "--dev",
            "x=dev.tsv",
            "--test=t.tsv",
            "out/run",
            "3..4",
        ];
        assert_eq!(found.command, expected);
        assert_eq!(found.model.unwrap().name.as_deref(), Some("model"));
        assert_eq!(found.data[0].path, Path::new("train.tsv"));
    }

    #[test]
    fn what_is_left_out_is_unknown_and_what_is_new_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Provenance::read(folder.path()).unwrap(), None);
        let path = folder.path().join("provenance.json");
        std::fs::write(&path, r#"{"seed": 7, "weather": "fair", "model": {"name": "m"}}"#)
            .unwrap();
        let found = Provenance::read(folder.path()).unwrap().unwrap();
        assert_eq!((found.seed, found.threads), (Some(7), None));
        assert_eq!(found.model.unwrap().name.as_deref(), Some("m"));
        std::fs::write(&path, r#"{"seed": "x""#).unwrap();
        let error = Provenance::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("provenance.json: "), "{error}");
    }
}
