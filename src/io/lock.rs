//! One process in a directory at a time.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held by the one process that may write in a directory. The system lets go of it when the
/// process ends, however it ends: no lock is ever stale.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock of `directory`, which exists; or of the `part` of it that a process has, as
    /// `-0-of-2`, where several share it.
    ///
    /// # Errors
    /// Where another process has it, or the file cannot be made.
    pub fn take(directory: &Path, part: &str) -> Result<Self> {
        let path = directory.join(format!(".twindrop{part}.lock"));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| Error::io(&path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                return Err(Error::config(format!(
                    "{} is in use by another run (process {}); wait for it, or choose another \
                     directory",
                    directory.display(),
                    owner.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
        }
        let named = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(|error| Error::io(&path, error))?;
        Ok(Self { path, _file: file })
    }
}

/// Held for a moment by one of the processes that share `directory`; given up when it is dropped.
/// None where the system locks no directories, or another process keeps it for `wait`.
pub fn lock_directory(directory: &Path, wait: Duration) -> Option<File> {
    let file = File::open(directory).ok()?;
    let begun = Instant::now();
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if begun.elapsed() > wait {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Some(file)
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_process_s_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let lock = Lock::take(place.path(), "").unwrap();
        let message = Lock::take(place.path(), "").unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        let other = Lock::take(place.path(), "-1-of-2");
        assert!(other.is_ok());
        drop(lock);
        assert!(Lock::take(place.path(), "").is_ok());
    }
}
