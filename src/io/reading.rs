//! Files read within bounds: none larger than it should be, none that leads elsewhere.
//!
//! **The bound.** However hostile a file is, reading it holds at most
//! [`HELD`] + [`HELD_PER_BYTE`] × its size in memory at once, and ends in a value or in one
//! sentence: sizes, offsets and shapes are compared with what the file holds before anything is
//! allocated for them. `fuzz/` counts.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// What reading a file may hold whatever its size: 64 MiB.
pub const HELD: usize = 64 << 20;

/// And what for each of its bytes: a line of one letter becomes an example, `0,` a JSON value.
pub const HELD_PER_BYTE: usize = 128;

/// The most of a configuration in JSON or TOML: 1 MiB.
pub const CONFIGURATION: u64 = 1 << 20;

/// The whole of a file of at most `most` bytes.
///
/// # Errors
/// Where it is larger, cannot be read, or is no file (a pipe would never end).
pub fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, error);
    let mut bytes = Vec::new();
    expect_at_most(path, most)?;
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > most { Err(too_large(path, most)) } else { Ok(bytes) }
}

/// The same as text.
///
/// # Errors
/// As [`read_bytes`], and where it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_bytes(path, most)?)
        .map_err(|_| Error::io(path, std::io::Error::other("is not UTF-8 text")))
}

/// The size of a file in bytes; refuses one of more than `most`, and what is no file.
///
/// # Errors
/// Where it is either, or not there.
pub fn expect_at_most(path: &Path, most: u64) -> Result<u64> {
    let failed = |error| Error::io(path, error);
    let about = fs::metadata(path).map_err(failed)?;
    if about.is_dir() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    if !about.is_file() {
        return Err(failed(std::io::Error::other("is not a regular file")));
    }
    if about.len() > most { Err(too_large(path, most)) } else { Ok(about.len()) }
}

/// Fills `bytes` from `offset` of a file on, whatever its position is.
///
/// # Errors
/// Where the file ends before.
#[cfg(unix)]
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Fills `bytes` from `offset` of a file on, whatever its position is.
///
/// # Errors
/// Where the file ends before.
#[cfg(not(unix))]
pub fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    // a handle of its own, as the position of a cloned one is shared
    let mut file = file;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

fn too_large(path: &Path, most: u64) -> Error {
    let most = most >> 20;
    Error::data(path, format!("is larger than {most} MiB, the limit for this kind of file"))
}

/// What `list`, a file in a directory, calls `name`: a path below that directory.
///
/// # Errors
/// Where the name leads out of the directory: by `..`, from the root, or through a link. The
/// blobs of a hub cache, to which each file of a snapshot links, count as within.
pub fn inside(list: &Path, name: impl AsRef<Path>) -> Result<PathBuf> {
    let name = name.as_ref();
    let message = || format!("`{}` points outside its directory; refused", name.display());
    let directory = list.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let mut parts = name.components();
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::model(list, message()));
    }
    let path = directory.join(name);
    // what is not there is told by whoever opens it
    let (Ok(real), Ok(home)) = (path.canonicalize(), directory.canonicalize()) else {
        return Ok(path);
    };
    let snapshots = home.ancestors().find(|folder| folder.ends_with("snapshots"));
    let blobs = snapshots.and_then(Path::parent).map(|model| model.join("blobs"));
    let within = real.starts_with(&home) || blobs.is_some_and(|blobs| real.starts_with(blobs));
    if within { Ok(path) } else { Err(Error::model(list, message())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("f");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        assert!(read_text(&path, 3).unwrap_err().to_string().contains("larger than"));
        let folder = read_bytes(place.path(), 9).unwrap_err().to_string();
        assert!(folder.ends_with("is a directory"), "{folder}");
        #[cfg(unix)]
        {
            let device = read_bytes(Path::new("/dev/zero"), 9).unwrap_err().to_string();
            assert_eq!(device, "/dev/zero: is not a regular file");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_stays_below_its_list() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let model = place.path().join("org/snapshots/1");
        fs::create_dir_all(model.join("1_Pooling")).unwrap();
        fs::create_dir_all(place.path().join("org/blobs")).unwrap();
        fs::write(place.path().join("org/blobs/b"), "blob").unwrap();
        fs::write(place.path().join("secret"), "x").unwrap();
        symlink("../../blobs/b", model.join("blob")).unwrap();
        symlink("../../../secret", model.join("out")).unwrap();
        symlink("1_Pooling", model.join("within")).unwrap();
        let list = model.join("modules.json");
        for name in ["", "1_Pooling", "blob", "within", "not/there"] {
            assert!(inside(&list, name).is_ok(), "{name}");
        }
        for name in ["..", "1_Pooling/../../2", "/etc/passwd", "out", "./a/../.."] {
            assert!(inside(&list, name).is_err(), "{name}");
        }
    }
}
