//! Writing files and directories whole or not at all: beside, fsynced, renamed; reading them
//! within bounds; and knowing one again.

mod fault;
mod lock;
mod manifest;
mod output;
mod reading;
mod replace_files;
pub mod tensors;

#[cfg(test)]
pub(crate) use fault::failing;
pub use lock::{Lock, claim_directory, lock_directory};
pub use manifest::{FileEntry, read_manifest, write_manifest};
pub use output::{
    PartialFile, STANDARD_OUTPUT, expect_apart, is_regular, is_stream, write_output,
    write_output_with,
};
pub use reading::{
    CONFIGURATION, HELD, HELD_PER_BYTE, expect_at_most, inside, read_bytes, read_exact_at,
    read_text,
};

pub use replace_files::replace_files;

use crate::error::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Numbers as files hold them, little end first. Of one size from the start: a list that grows
/// leaves holes behind that a process keeps.
pub fn bytes(list: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * list.len());
    bytes.extend(list.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// Writes `path` through `write`; a reader sees the old file or the new one, never a part. The new
/// one has the mode of the old one; a link is replaced, not followed ([`write_output`] follows).
///
/// # Errors
/// Where the directory cannot be written or the disk is full; the old file is then untouched.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let beside = beside(path);
    let attempt = || {
        let file = fill(&beside, write)?;
        keep_mode(&file, path)?;
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
    fill(path, write).map(drop).map_err(|error| Error::io(path, error))
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
) -> io::Result<File> {
    fault::point()?;
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    fault::point()?;
    file.flush()?;
    fault::point()?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file)
}

/// Gives `file`, which will take the place of `path`, the mode of a file that is there.
fn keep_mode(file: &File, path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() => file.set_permissions(about.permissions()),
        _ => Ok(()),
    }
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
        if is_part(&path) {
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Bytes that can still be written where `path` is, where the system says.
#[cfg(unix)]
pub fn available(path: &Path) -> Option<u64> {
    let stats = rustix::fs::statvfs(path).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
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

/// Makes a directory and its parents.
///
/// # Errors
/// Where it cannot be made.
pub fn make_directory(path: &Path) -> Result<()> {
    let is_new = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made: Vec<&Path> = path.ancestors().take_while(is_new).collect();
    let attempt = || {
        fs::create_dir_all(path)?;
        // a new name lasts once the directory it is in is synced
        made.iter().try_for_each(|path| sync(parent(path)))
    };
    attempt().map_err(|error| Error::io(path, error))
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
    if is_used(directory) && !overwrite {
        let message =
            "is not empty; choose another --output-dir or pass --overwrite-output-dir";
        return Err(Error::config(format!("{} {message}", directory.display())));
    }
    Ok(())
}

/// Whether anything lies in a directory but locks and what a killed process left half written.
pub fn is_used(directory: &Path) -> bool {
    let is_own = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        is_part(&path) || (name.starts_with(".twindrop") && name.ends_with(".lock"))
    };
    let mut entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.any(|entry| !is_own(entry.path()))
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// Where it cannot be read, or is no file: a pipe can be read once only, and a device has no end.
pub fn sha256(path: &Path) -> Result<String> {
    expect_at_most(path, u64::MAX)?;
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

/// A number of this process alone. Its id is not: in a container it is often 1, and containers
/// share volumes.
static TOKEN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));

/// A name that no other process picks: `NAME.ID-TOKEN.part`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{:016x}.part", std::process::id(), *TOKEN));
    path.with_file_name(name)
}

/// Whether a path is that of a file, or directory, that this program has half written: no other
/// program picks such a name.
pub fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_suffix(".part").and_then(|name| name.rsplit_once('.'));
    let Some((id, token)) = number.and_then(|(_, number)| number.split_once('-')) else {
        return false;
    };
    let is_token = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    id.parse::<u32>().is_ok() && token.len() == 16 && token.chars().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_after_a_number_of_the_process_alone() {
        let name = beside(Path::new("a/shard")).file_name().unwrap().to_owned();
        let name = name.to_str().unwrap();
        let id = format!("shard.{}-", std::process::id());
        let token = name.strip_prefix(&id).and_then(|rest| rest.strip_suffix(".part")).unwrap();
        assert_eq!(u64::from_str_radix(token, 16), Ok(*TOKEN));
        // another process would have drawn another
        let drawn = || RandomState::new().hash_one(std::process::id());
        assert_ne!(drawn(), drawn());
    }

    #[test]
    fn what_a_killed_process_left_goes_and_nothing_else() {
        let dir = std::env::temp_dir().join(format!("twindrop-sweep-{}", std::process::id()));
        let inner = dir.join("eval");
        make_directory(&inner).unwrap();
        for name in ["a.csv", "b.part", "c.x.part", "d.1-2.part", "film.7.part"]
            .map(|name| inner.join(name))
        {
            fs::write(&name, "whole").unwrap();
            fs::write(beside(&name), "half").unwrap();
        }
        fs::create_dir(beside(&dir.join("checkpoint-8"))).unwrap();
        sweep(&dir);
        let names = |dir: &Path| {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
            entries.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&dir), ["eval"].map(Into::into).into());
        assert_eq!(
            names(&inner),
            ["a.csv", "b.part", "c.x.part", "d.1-2.part", "film.7.part"].map(Into::into).into()
        );
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
