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
    file: File,
}

impl Lock {
    /// Takes the lock of `directory`, which exists; or of the `part` of it that a process has, as
    /// `-0-of-2`, where several share it.
    ///
    /// # Errors
    /// Where another process has it, or the file cannot be made.
    pub fn take(directory: &Path, part: &str) -> Result<Self> {
        let path = directory.join(format!(".twindrop{part}.lock"));
        let failed = |error| Error::io(&path, error);
        let mut file = loop {
            let file = open_lock(&path).map_err(failed)?;
            match file.try_lock() {
                // of a process that ended in between: its name is gone, and another file may have
                // it, which a third process holds
                Ok(()) if !is_named(&file, &path) => {}
                Ok(()) => break file,
                Err(TryLockError::WouldBlock) => return Err(in_use(directory, file)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        };
        let named = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(failed)?;
        Ok(Self { path, file })
    }
}

/// The file of a lock, made where there is none; never through a link, which could lead to the
/// file of someone else.
fn open_lock(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    if path.symlink_metadata().is_ok_and(|about| !about.is_file()) {
        return Err(std::io::Error::other("is not a regular file; remove it"));
    }
    options.open(path)
}

/// That another process, whose number is in `file`, holds the lock.
fn in_use(directory: &Path, mut file: File) -> Error {
    let mut owner = String::new();
    let _ = file.read_to_string(&mut owner);
    Error::config(format!(
        "{} is in use by another run (process {}); wait for it, or choose another directory",
        directory.display(),
        owner.trim()
    ))
}

/// Whether `path` is the name of the open `file`.
#[cfg(unix)]
fn is_named(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |about: std::fs::Metadata| (about.dev(), about.ino());
    let there = std::fs::symlink_metadata(path).map(number);
    matches!((file.metadata().map(number), there), (Ok(own), Ok(there)) if own == there)
}

/// Whether `path` is the name of the open `file`: here an open file keeps its name.
#[cfg(not(unix))]
fn is_named(_: &File, _: &Path) -> bool {
    true
}

/// Makes `directory` this process's own before anything is written in it: takes its lock, asks
/// again that it is free, unless it may be overwritten, and removes what a killed process left half
/// written.
///
/// # Errors
/// Where another process has it, or has used it since it was found free.
pub fn claim_directory(directory: &Path, overwrite: bool) -> Result<Lock> {
    super::make_directory(directory)?;
    let lock = Lock::take(directory, "")?;
    super::expect_free(directory, overwrite)?;
    super::sweep(directory);
    Ok(lock)
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
    /// The name goes while the lock is still held: whoever opened the file before finds it
    /// without a name, and takes another.
    fn drop(&mut self) {
        if is_named(&self.file, &self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
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

    #[cfg(unix)]
    #[test]
    fn a_lock_whose_file_was_removed_is_taken_again_under_its_name() {
        let place = tempfile::tempdir().unwrap();
        let begun = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        // each thread takes and gives up the lock again and again; never do two hold it
        std::thread::scope(|threads| {
            for _ in 0..4 {
                let (place, holders) = (place.path(), begun.clone());
                threads.spawn(move || {
                    use std::sync::atomic::Ordering::SeqCst;
                    let until = Instant::now() + Duration::from_millis(400);
                    while Instant::now() < until {
                        let Ok(lock) = Lock::take(place, "") else { continue };
                        assert_eq!(holders.fetch_add(1, SeqCst), 0, "two hold the lock");
                        std::thread::yield_now();
                        holders.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        let link = place.path().join(".twindrop-x.lock");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        assert!(Lock::take(place.path(), "-x").is_err());
        assert!(!place.path().join("elsewhere").exists());
    }
}
