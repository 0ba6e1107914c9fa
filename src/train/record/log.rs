//! `log.jsonl`: each event of a run as a line of JSON, without gap or duplicate however often
//! the run was stopped.

use super::event::Event;
use super::history::History;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Its name in an output directory.
pub(in crate::train) const NAME: &str = "log.jsonl";

/// A log that is being written.
#[derive(Debug)]
pub(in crate::train) struct EventLog {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    history: History,
}

impl EventLog {
    /// The log of a run that begins in `directory`.
    pub fn begin(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        expect_plain(&path)?;
        let file = File::create(&path).map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file: BufWriter::new(file), bytes: 0, history: History::default() })
    }

    /// The log of a run that goes on where it had `bytes` bytes; what was written after that is
    /// cut off, for it will be written again.
    pub fn go_on(directory: &Path, bytes: u64) -> Result<Self> {
        let path = directory.join(NAME);
        expect_plain(&path)?;
        let attempt = || {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(false).open(&path)?;
            let bytes = file.metadata()?.len().min(bytes);
            file.set_len(bytes)?;
            let mut history = History::default();
            for line in BufReader::new(File::open(&path)?).lines() {
                history.add(&line?);
            }
            file.seek(SeekFrom::Start(bytes))?;
            Ok((file, bytes, history))
        };
        let (file, bytes, history) = attempt().map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, file: BufWriter::new(file), bytes, history })
    }

    /// What it says so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Adds an event, if it is one that every run of these settings has.
    pub fn write(&mut self, event: &Event) -> Result<()> {
        if !event.is_logged() {
            return Ok(());
        }
        let line = serde_json::to_string(event).unwrap_or_default() + "\n";
        self.history.add(&line);
        self.bytes += line.len() as u64;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| match event {
            Event::Step(_) => Ok(()),
            _ => self.file.flush(),
        });
        written.map_err(|error| Error::io(&self.path, error))
    }

    /// How long it is, once all of it is on the disk.
    pub fn sync(&mut self) -> Result<u64> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| Error::io(&self.path, error))?;
        Ok(self.bytes)
    }
}

/// Refuses a log that would be written through a link or into a pipe.
pub(in crate::train) fn expect_plain(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        let message = "is not a regular file; remove it, or choose another --output-dir";
        return Err(Error::config(format!("{} {message}", path.display())));
    }
    Ok(())
}
