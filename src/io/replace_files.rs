//! Several files of a directory put in place as one set.

use super::{beside, fault, keep_mode, make_directory, parent, sync};
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Puts the files and folders that `write` makes, below the path it is given, in the place of those of
/// `directory`; other files there stay, but for those of `optional` that are not written. Where
/// more than one file changes, `last` is taken away first and put in place last: a process that is
/// killed leaves the old set, the new one, or one without `last`, which no reader takes for a set.
///
/// # Errors
/// Where a file cannot be written: the old set is then untouched. Or where one cannot be put in
/// place: then `last` is missing.
pub fn replace_files(
    directory: &Path,
    last: &str,
    optional: &[&str],
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    make_directory(directory)?;
    let staged = beside(&directory.join("model"));
    let _ = fs::remove_dir_all(&staged);
    let attempt = || {
        make_directory(&staged)?;
        write(&staged)?;
        place(directory, &staged, last, optional).map_err(|error| Error::io(directory, error))
    };
    let placed = attempt();
    let _ = fs::remove_dir_all(&staged);
    placed
}

fn place(directory: &Path, staged: &Path, last: &str, optional: &[&str]) -> io::Result<()> {
    let (folders, files) = entries(staged)?;
    folders.iter().try_for_each(|name| fs::create_dir_all(directory.join(name)))?;
    let mut changed = Vec::new();
    for name in &files {
        if !is_same(&staged.join(name), &directory.join(name))? {
            changed.push(name.clone());
        }
    }
    let is_stale = |name: &&str| {
        !files.iter().any(|file| file == Path::new(name)) && directory.join(name).is_file()
    };
    let stale: Vec<&str> = optional.iter().copied().filter(is_stale).collect();
    if changed.len() + stale.len() > 1 {
        fault::point()?;
        remove(&directory.join(last))?;
        sync(directory)?;
        let last_one = [PathBuf::from(last)];
        changed.retain(|name| *name != last_one[0]);
        for name in stale {
            fault::point()?;
            remove(&directory.join(name))?;
        }
        move_all(directory, staged, &changed)?;
        let is_written = files.contains(&last_one[0]);
        move_all(directory, staged, if is_written { &last_one } else { &[] })
    } else {
        stale.into_iter().try_for_each(|name| remove(&directory.join(name)))?;
        move_all(directory, staged, &changed)
    }
}

/// Renames files into the directory and makes their names last.
fn move_all(directory: &Path, staged: &Path, names: &[PathBuf]) -> io::Result<()> {
    for name in names {
        let (from, to) = (staged.join(name), directory.join(name));
        keep_mode(&File::open(&from)?, &to)?;
        fault::point()?;
        fs::rename(from, &to)?;
    }
    let mut folders: Vec<PathBuf> =
        names.iter().map(|name| parent(&directory.join(name)).to_path_buf()).collect();
    folders.sort();
    folders.dedup();
    // the name of a new folder lies in the directory
    folders.iter().try_for_each(|folder| sync(folder)).and_then(|()| sync(directory))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Every folder and every file below a directory, relative to it, in the order of their names.
fn entries(directory: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut folders, mut files) = (vec![PathBuf::new()], Vec::new());
    let mut read = 0;
    while let Some(folder) = folders.get(read).cloned() {
        read += 1;
        for entry in fs::read_dir(directory.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            let is_folder = entry.file_type()?.is_dir();
            if is_folder { &mut folders } else { &mut files }.push(name);
        }
    }
    files.sort();
    Ok((folders, files))
}

/// Whether two files have the same bytes; false where the second is no file.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let about = match fs::symlink_metadata(other) {
        Ok(about) if about.is_file() => about,
        _ => return Ok(false),
    };
    if about.len() != fs::metadata(one)?.len() {
        return Ok(false);
    }
    let open =
        |path: &Path| File::open(path).map(|file| BufReader::with_capacity(1 << 16, file));
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let shared = a.len().min(b.len());
        if a[..shared] != b[..shared] || (shared == 0 && a.len() != b.len()) {
            return Ok(false);
        }
        if shared == 0 {
            return Ok(true);
        }
        one.consume(shared);
        other.consume(shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{failing, replace_with};

    const NAMES: [&str; 4] = ["1/config.json", "config.json", "heads.json", "weights"];

    /// Writes a set whose files all hold `text`, without `heads.json` where it is `new`.
    fn write(text: &str, directory: &Path) -> Result<()> {
        for name in NAMES.iter().filter(|name| text != "new" || **name != "heads.json") {
            make_directory(parent(&directory.join(name)))?;
            replace_with(&directory.join(name), text)?;
        }
        Ok(())
    }

    fn replace(directory: &Path, text: &str) -> Result<()> {
        replace_files(directory, "config.json", &["heads.json"], |staged| write(text, staged))
    }

    fn read(directory: &Path) -> [Option<String>; 4] {
        NAMES.map(|name| fs::read_to_string(directory.join(name)).ok())
    }

    #[test]
    fn a_set_is_the_old_one_the_new_one_or_without_its_last_file_at_any_point() {
        let set = |text: &str| NAMES.map(|_| Some(text.to_string()));
        let mut new = set("new");
        new[2] = None;
        let mut without = 0;
        for point in 0.. {
            let place = tempfile::tempdir().unwrap();
            fs::write(place.path().join("other"), "stays").unwrap();
            replace(place.path(), "old").unwrap();
            let (ended, failed) = failing(point, || replace(place.path(), "new"));
            assert_eq!(ended.is_err(), failed, "point {point}");
            let found = read(place.path());
            without += u32::from(found[1].is_none());
            assert!(
                found[1].is_none() || found == set("old") || found == new,
                "point {point}: {found:?}"
            );
            assert_eq!(fs::read_to_string(place.path().join("other")).unwrap(), "stays");
            assert_eq!(
                fs::read_dir(place.path())
                    .unwrap()
                    .flatten()
                    .filter(|entry| {
                        entry.path().extension().is_some_and(|end| end == "part")
                    })
                    .count(),
                0
            );
            if !failed {
                assert_eq!(found, new);
                break;
            }
        }
        assert!(without > 2, "{without} points without config.json");
    }

    #[test]
    fn a_set_that_has_not_changed_is_left_alone_and_one_file_is_simply_replaced() {
        let place = tempfile::tempdir().unwrap();
        replace(place.path(), "old").unwrap();
        let time =
            |name: &str| fs::metadata(place.path().join(name)).unwrap().modified().unwrap();
        let before = NAMES.map(time);
        replace(place.path(), "old").unwrap();
        assert_eq!(NAMES.map(time), before);
        for point in 0.. {
            let one = |staged: &Path| replace_with(&staged.join("weights"), "new");
            let change = || replace_files(place.path(), "config.json", &[], one);
            let (_, failed) = failing(point, change);
            assert_eq!(read(place.path())[1].as_deref(), Some("old"), "point {point}");
            if !failed {
                break;
            }
        }
        assert_eq!(read(place.path())[3].as_deref(), Some("new"));
    }
}
