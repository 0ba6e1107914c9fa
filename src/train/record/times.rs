//! `times.jsonl`: when each event of a run happened. Beside `log.jsonl`, which is the same byte for
//! byte however often a run was stopped and on any number of threads: times are not, so they have a
//! file of their own, which is never read back.

use super::event::Event;
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Its name in an output directory.
pub(in crate::train) const NAME: &str = "times.jsonl";

/// The times of a run, as they are written.
#[derive(Debug)]
pub(in crate::train) struct EventTimes {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventTimes {
    /// Of a run in `directory`; one that goes on adds to what is there.
    pub fn open(directory: &Path, goes_on: bool) -> Result<Self> {
        let path = directory.join(NAME);
        super::log::expect_plain(&path)?;
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(goes_on).truncate(!goes_on);
        let file = options.open(&path).map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file: BufWriter::new(file) })
    }

    /// Adds an event: its name, the time in UTC, the step and the seconds it took, where it has them.
    pub fn write(&mut self, event: &Event) -> Result<()> {
        let line = Value::Object(line(event)).to_string() + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| match event {
            Event::Step(_) => Ok(()),
            _ => self.file.flush(),
        });
        written.map_err(|error| Error::io(&self.path, error))
    }
}

fn line(event: &Event) -> Map<String, Value> {
    let whole = serde_json::to_value(event).unwrap_or_default();
    let mut line = Map::from_iter([("time".to_string(), Value::from(now()))]);
    for key in ["event", "step"] {
        line.extend(whole.get(key).map(|value| (key.to_string(), value.clone())));
    }
    if let Event::Step(step) = event {
        line.insert("seconds".into(), step.seconds.into());
    }
    line
}

/// The time in UTC, to the millisecond, as RFC 3339 has it.
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
