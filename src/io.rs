//! Writing files and directories whole or not at all: beside, fsynced, renamed; reading them
//! within bounds; and knowing one again.

mod fault;
mod lock;
mod manifest;
mod reading;
pub mod tensors;

#[cfg(test)]
pub(crate) use fault::failing;
pub use lock::Lock;
pub use manifest::{FileEntry, read_manifest, write_manifest};
pub use reading::{
    CONFIGURATION, HELD, HELD_PER_BYTE, expect_at_most, inside, read_bytes, read_exact_at,
    read_text,
};

use crate::error::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Numbers as files hold them, little end first. Of one size from the start: a list that grows
/// leaves holes behind that a process keeps.
pub fn bytes(list: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * list.len());
    bytes.extend(list.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// Writes `path` through `write`; a reader sees the old file or the new one, never a part.
///
/// # Errors
/// Where the directory cannot be written or the disk is full; the old file is then untouched.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let beside = beside(path);
    let attempt = || {
        fill(&beside, write)?;
        fault::point()?;
        fs::rename(&beside, path)?;
        sync(parent(path))
    };
    attempt().map_err(|error| {
        let _ = fs::remove_file(&beside);
        Error::io(path, error)
    })
}

/// [`replace`] with the content at hand.
///
/// # Errors
/// As [`replace`].
pub fn replace_with(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    replace(path, |file| file.write_all(content.as_ref()))
}

/// Writes a file and makes it last: for one in a directory that is put in place as a whole.
///
/// # Errors
/// Where it cannot be written.
pub fn write(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    fill(path, write).map_err(|error| Error::io(path, error))
}

/// [`write()`] with the content at hand.
///
/// # Errors
/// As [`write()`].
pub fn write_with(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    write(path, |file| file.write_all(content.as_ref()))
}

fn fill(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    fault::point()?;
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    fault::point()?;
    file.flush()?;
    fault::point()?;
    file.get_ref().sync_all()
}

/// Puts a directory that `write` fills, at the path it is given, in the place of `path`: a reader
/// sees the old one or the new one. Killed between two renames, the old one is left as
/// `PATH.old`.
///
/// # Errors
/// Where anything of it cannot be written; the old directory is then untouched.
pub fn replace_directory(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (beside, old) = (beside(path), old(path));
    let attempt = || {
        let _ = fs::remove_dir_all(&beside);
        make_directory(&beside)?;
        write(&beside)?;
        let place = || {
            fault::point()?;
            sync(&beside)?;
            if path.exists() {
                let _ = fs::remove_dir_all(&old);
                fault::point()?;
                fs::rename(path, &old)?;
            }
            fault::point()?;
            if let Err(error) = fs::rename(&beside, path) {
                let _ = fs::rename(&old, path);
                return Err(error);
            }
            sync(parent(path))?;
            let _ = fs::remove_dir_all(&old);
            Ok(())
        };
        place().map_err(|error| Error::io(path, error))
    };
    attempt().inspect_err(|_| drop(fs::remove_dir_all(&beside)))
}

/// Where [`replace_directory`] leaves the old directory for a moment.
pub fn old(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".old");
    path.with_file_name(name)
}

/// Removes what a killed process left half written in `directory` and in the folders in it.
pub fn sweep(directory: &Path) {
    let entries = |directory: &Path| fs::read_dir(directory).into_iter().flatten().flatten();
    let folders =
        entries(directory).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let all = folders.map(|entry| entry.path()).chain([directory.to_path_buf()]);
    for path in all.flat_map(|directory| entries(&directory)).map(|entry| entry.path()) {
        if is_beside(&path) {
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Bytes that can still be written where `path` is, where the system says.
#[cfg(unix)]
pub fn available(path: &Path) -> Option<u64> {
    let said = rustix::fs::statvfs(path).ok()?;
    Some(said.f_bavail.saturating_mul(said.f_frsize))
}

/// Bytes that can still be written where `path` is, where the system says.
#[cfg(not(unix))]
pub fn available(_: &Path) -> Option<u64> {
    None
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory last.
fn sync(directory: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// A file written little by little, which appears under its name when it is finished; given up
/// before, it leaves nothing.
#[derive(Debug)]
pub struct PartialFile {
    path: PathBuf,
    beside: PathBuf,
    /// None once it is finished.
    file: Option<BufWriter<File>>,
}

impl PartialFile {
    /// Begins the file that will be `path`.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let beside = beside(path);
        let file = File::create(&beside).map_err(|error| Error::io(path, error))?;
        Ok(Self { path: path.into(), beside, file: Some(BufWriter::new(file)) })
    }

    /// What the file will be called.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, synced.
    ///
    /// # Errors
    /// Where the disk is full; an older file is then untouched.
    pub fn finish(mut self) -> Result<()> {
        let mut attempt = || {
            let file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&self.beside, &self.path)
        };
        attempt().map_err(|error| {
            let _ = fs::remove_file(&self.beside);
            Error::io(&self.path, error)
        })
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Write for PartialFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.open()?.flush()
    }
}

impl Seek for PartialFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.open()?.seek(to)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Makes a directory and its parents.
///
/// # Errors
/// Where it cannot be made.
pub fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io(path, error))
}

/// Refuses an output directory that is not empty, unless it may be overwritten.
///
/// # Errors
/// Where it is used, or a file.
pub fn expect_free(directory: &Path, overwrite: bool) -> Result<()> {
    if directory.exists() && !directory.is_dir() {
        return Err(Error::config(format!(
            "{} is a file; --output-dir needs a directory",
            directory.display()
        )));
    }
    let used = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if used && !overwrite {
        let words = "is not empty; choose another --output-dir or pass --overwrite-output-dir";
        return Err(Error::config(format!("{} {words}", directory.display())));
    }
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// Where it cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let (mut state, mut buffer) = (Digest::default(), vec![0; 1 << 16]);
    let mut attempt = || {
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => state.update(&buffer[..read]),
            }
        }
    };
    attempt().map_err(|error| Error::io(path, error))?;
    Ok(state.hex())
}

/// A SHA-256 of bytes as they come.
#[derive(Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes a text, after its length: no two lists of texts are one.
    pub fn text(&mut self, text: &str) {
        self.update(&(text.len() as u64).to_le_bytes());
        self.update(text.as_bytes());
    }

    /// Takes numbers bit by bit.
    pub fn numbers(&mut self, numbers: &[f32]) {
        for part in numbers.chunks(1 << 14) {
            let bytes = bytes(part);
            self.update(&bytes);
        }
    }

    /// What it comes to, in hexadecimal digits.
    pub fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A name that no other process picks.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Whether a path is one that [`beside`] names.
fn is_beside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_suffix(".part").and_then(|name| name.rsplit_once('.'));
    number.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_given_up_leaves_nothing_and_a_finished_one_itself() {
        let dir = std::env::temp_dir().join(format!("twindrop-part-{}", std::process::id()));
        make_directory(&dir).unwrap();
        let path = dir.join("slow");
        let mut part = PartialFile::create(&path).unwrap();
        part.write_all(b"half").unwrap();
        drop(part);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        let mut part = PartialFile::create(&path).unwrap();
        part.write_all(b"....whole").unwrap();
        part.seek(SeekFrom::Start(0)).unwrap();
        part.write_all(b"here").unwrap();
        assert!(!path.exists());
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"herewhole");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_goes_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("twindrop-sweep-{}", std::process::id()));
        let inner = dir.join("eval");
        make_directory(&inner).unwrap();
        for name in ["a.csv", "b.part", "c.x.part"].map(|name| inner.join(name)) {
            fs::write(&name, "whole").unwrap();
            fs::write(beside(&name), "half").unwrap();
        }
        fs::write(dir.join("model.7.part"), "half").unwrap();
        fs::create_dir(dir.join("checkpoint-8.7.part")).unwrap();
        sweep(&dir);
        let names = |dir: &Path| {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&dir), ["eval"].map(Into::into).into());
        assert_eq!(names(&inner), ["a.csv", "b.part", "c.x.part"].map(Into::into).into());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("twindrop-disk-{}", std::process::id()));
        make_directory(&dir).unwrap();
        let path = dir.join("kept");
        replace_with(&path, "old").unwrap();
        let failed = replace(&path, |file| {
            file.write_all(b"new")?;
            Err(std::io::Error::other("no more"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        let known = "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4";
        assert_eq!(sha256(&path).unwrap(), known);
        fs::remove_dir_all(&dir).unwrap();
    }
}
