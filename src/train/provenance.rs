//! `provenance.json`: by what, from what and when a model was made.

use super::RunConfig;
use crate::error::Result;
use crate::io;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const NAME: &str = "provenance.json";

/// What a result can be traced back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version that trained.
    pub twindrop: String,
    /// The command line.
    pub command: Vec<String>,
    /// The seed of everything drawn.
    pub seed: u64,
    /// Threads, which change no bit.
    pub threads: usize,
    /// The processor, as it calls itself.
    pub cpu: String,
    /// When, in UTC.
    pub started: String,
    /// When it went on after a stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<String>,
    /// Where it started from.
    pub model: ModelOrigin,
    /// The files it read.
    pub data: Vec<DataOrigin>,
}

/// A model by name, and the SHA-256 of its weights where it is a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOrigin {
    /// A path, hub id or preset.
    pub name: String,
    /// Of `model.safetensors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataOrigin {
    /// Where it was.
    pub path: PathBuf,
    /// Of its bytes, where it can be read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Provenance {
    /// Of a run that begins now.
    pub fn of(config: &RunConfig) -> Self {
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
        Self {
            twindrop: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().collect(),
            seed: config.seed,
            threads: rayon::current_num_threads(),
            cpu: cpu(),
            started: now(),
            resumed: Vec::new(),
            model: ModelOrigin { sha256: io::sha256(&weights).ok(), name },
            data,
        }
    }

    /// Writes it to a run's directory; of a run that goes on, adds when to what is there.
    pub(super) fn write(self, output: &Path, resumes: bool) -> Result<()> {
        let path = output.join(NAME);
        let known = fs::read_to_string(&path).ok().filter(|_| resumes);
        let known = known.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let whole = match known {
            Some(mut known) => {
                known.resumed.push(self.started);
                known
            }
            None => self,
        };
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n";
        io::replace_with(&path, text)
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
