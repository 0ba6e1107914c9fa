//! Outputs that a user names: standard output (`-`), a device or FIFO, a link, or a file, which
//! is replaced as a whole.

use super::beside;
use crate::error::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What errors call the output `-`.
pub const STANDARD_OUTPUT: &str = "standard output";

/// Links that may lead from one to the next.
const MAX_LINKS: usize = 40;

/// Writes the output `path` through `write`. A file is replaced when all is written, keeping its
/// mode; a link is followed; standard output, a device or a FIFO is written into.
///
/// # Errors
/// Where it is a directory or cannot be written; a file is then untouched.
pub fn write_output(
    path: &Path,
    write: impl FnOnce(&mut PartialFile) -> io::Result<()>,
) -> Result<()> {
    let mut file = PartialFile::output(path)?;
    write(&mut file).map_err(|error| Error::io(file.path(), error))?;
    file.finish()
}

/// [`write_output`] with the content at hand.
///
/// # Errors
/// As [`write_output`].
pub fn write_output_with(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    write_output(path, |file| file.write_all(content.as_ref()))
}

/// Refuses an output, file or directory, that is also an input.
///
/// # Errors
/// Where it is.
pub fn expect_apart<P: AsRef<Path>>(
    output: &Path,
    inputs: impl IntoIterator<Item = P>,
) -> Result<()> {
    // what is not there, and a terminal or pipe at both ends, destroys no input
    let Ok(about) = fs::metadata(output) else { return Ok(()) };
    if !is_file_or_directory(&about) || output.as_os_str() == "-" {
        return Ok(());
    }
    let Ok(output) = output.canonicalize() else { return Ok(()) };
    for input in inputs {
        let Ok(input) = input.as_ref().canonicalize() else { continue };
        if input == output || is_same_file(&input, &about) {
            let message = "is also an input; choose another output";
            return Err(Error::config(format!("{} {message}", output.display())));
        }
    }
    Ok(())
}

/// Removes the parts of `target` that killed processes left: those that no process holds.
fn remove_stale(target: &Path) {
    let Some(name) = target.file_name().and_then(|name| name.to_str()) else { return };
    let entries = fs::read_dir(super::parent(target)).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| super::is_part(path)) {
        let part = path.file_name().and_then(|part| part.to_str()).unwrap_or_default();
        let of_target = part
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|rest| rest.matches('.').count() == 1);
        // one that was made a moment ago may not be locked yet
        let is_old = |about: fs::Metadata| {
            about.is_file()
                && about.modified().is_ok_and(|time| {
                    time.elapsed().is_ok_and(|age| age > Duration::from_secs(60))
                })
        };
        let is_stale = of_target && path.symlink_metadata().is_ok_and(is_old);
        if is_stale && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_file_or_directory(about: &fs::Metadata) -> bool {
    about.is_file() || about.is_dir()
}

/// Whether `path` is another name of the file that `about` describes.
#[cfg(unix)]
fn is_same_file(path: &Path, about: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|own| (own.dev(), own.ino()) == (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &fs::Metadata) -> bool {
    false
}

/// Whether `path` is a file that can be read twice: not `-`, a pipe or a device.
pub fn is_regular(path: &Path) -> bool {
    path.as_os_str() != "-" && fs::metadata(path).is_ok_and(|about| about.is_file())
}

/// Whether the output `path` is written into rather than replaced: `-`, a device or a FIFO.
pub fn is_stream(path: &Path) -> bool {
    let is_special =
        |about: fs::Metadata| !about.is_dir() && (!about.is_file() || is_of_system(path));
    path.as_os_str() == "-" || fs::metadata(path).is_ok_and(is_special)
}

/// Where an output goes.
enum Destination {
    /// Written into.
    Stream(File),
    /// A file to be replaced, which may not exist yet.
    File(PathBuf),
}

impl Destination {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return standard_output().map(Self::Stream);
        }
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            // /dev/stdout may lead to a file that others write to as well
            Ok(about) if !about.is_file() || is_of_system(path) => {
                OpenOptions::new().append(true).open(path).map(Self::Stream)
            }
            Ok(_) => path.canonicalize().map(Self::File),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                followed(path).map(Self::File)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_of_system(path: &Path) -> bool {
    cfg!(unix) && (path.starts_with("/dev") || path.starts_with("/proc"))
}

/// Where a link leads whose end does not exist; any other path itself.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

#[cfg(unix)]
fn standard_output() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

#[cfg(not(any(unix, windows)))]
fn standard_output() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file written little by little, which appears under its name when it is finished; given up
/// before, it leaves nothing. Or an output that is written into.
#[derive(Debug)]
pub struct PartialFile {
    /// What errors call it.
    path: PathBuf,
    /// What is renamed when it is finished, and to what.
    rename: Option<(PathBuf, PathBuf)>,
    /// None once it is finished.
    file: Option<BufWriter<File>>,
}

impl PartialFile {
    /// Begins the file that will be `path`; a link there is replaced.
    ///
    /// # Errors
    /// Where the directory cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::replacing(path, path.into()).map_err(|error| Error::io(path, error))
    }

    /// Begins the output that a user named, as [`write_output`] has it.
    ///
    /// # Errors
    /// Where it is a directory or cannot be opened.
    pub fn output(path: &Path) -> Result<Self> {
        let shown = if path.as_os_str() == "-" { Path::new(STANDARD_OUTPUT) } else { path };
        let begun = Destination::of(path).and_then(|destination| match destination {
            Destination::Stream(file) => {
                Ok(Self { path: shown.into(), rename: None, file: Some(BufWriter::new(file)) })
            }
            Destination::File(target) => Self::replacing(path, target),
        });
        begun.map_err(|error| Error::io(shown, error))
    }

    fn replacing(path: &Path, target: PathBuf) -> io::Result<Self> {
        remove_stale(&target);
        let beside = beside(&target);
        let file = File::create(&beside)?;
        let _ = file.try_lock(); // a file system without locks has parts that stay
        let file = BufWriter::new(file);
        Ok(Self { path: path.into(), rename: Some((beside, target)), file: Some(file) })
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
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            let Some((beside, target)) = &self.rename else { return Ok(()) };
            super::keep_mode(&file, target)?;
            file.sync_all()?;
            fs::rename(beside, target)?;
            super::sync(super::parent(target))
        };
        attempt().map_err(|error| {
            self.remove();
            Error::io(&self.path, error)
        })
    }

    /// Whether its beginning can be written again: not of a pipe, nor of a file that others write
    /// to as well.
    pub fn can_rewind(&mut self) -> bool {
        if self.rename.is_some() {
            return true;
        }
        let is_file = |file: &File| file.metadata().is_ok_and(|about| about.is_file());
        let open = self.file.as_mut();
        open.is_some_and(|file| {
            !is_file(file.get_ref()) && file.seek(SeekFrom::Start(0)).is_ok()
        })
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&self) {
        if let Some((beside, _)) = &self.rename {
            let _ = fs::remove_file(beside);
        }
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
            self.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_given_up_leaves_nothing_and_a_finished_one_itself() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("slow");
        let mut part = PartialFile::create(&path).unwrap();
        part.write_all(b"half").unwrap();
        drop(part);
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        let mut part = PartialFile::create(&path).unwrap();
        part.write_all(b"....whole").unwrap();
        part.seek(SeekFrom::Start(0)).unwrap();
        part.write_all(b"here").unwrap();
        assert!(!path.exists());
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"herewhole");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    }

    #[test]
    fn the_next_output_removes_what_a_killed_one_left_and_no_other_part() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out.npy");
        let token = "0123456789abcdef";
        let part = |name: &str| place.path().join(format!("{name}.77-{token}.part"));
        let old = std::time::SystemTime::now() - Duration::from_secs(120);
        let left = |name: &str| {
            let file = File::create(part(name)).unwrap();
            file.set_modified(old).unwrap();
            file
        };
        left("out.npy");
        left("out.npy.gz"); // of another output
        let held = left("other");
        held.try_lock().unwrap();
        left("out");
        File::create(part("out.npy").with_file_name("out.npy.7.part")).unwrap();
        write_output_with(&path, "whole").unwrap();
        let names = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        let of = |name: &str| format!("{name}.77-{token}.part");
        let mut kept = [
            of("other"),
            of("out"),
            "out.npy".into(),
            "out.npy.7.part".into(),
            of("out.npy.gz"),
        ];
        kept.sort();
        assert_eq!(names, kept);
        // while a process holds it, its part stays
        let held = left("out.npy");
        held.try_lock().unwrap();
        write_output_with(&path, "whole").unwrap();
        assert!(part("out.npy").exists());
    }

    #[test]
    fn an_output_that_fails_leaves_the_old_file_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("kept");
        fs::write(&path, "old").unwrap();
        let failed = write_output(&path, |file| {
            file.write_all(b"new")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("no more"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
        assert!(write_output_with(place.path(), "x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_a_mode_is_kept_and_a_device_stays_one() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("inner/real"), place.path().join("link"));
        fs::create_dir(place.path().join("inner")).unwrap();
        symlink("inner/real", &link).unwrap();
        for text in ["not there before", "there"] {
            write_output_with(&link, text).unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&real).unwrap(), text);
            fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        }
        write_output_with(&real, "again").unwrap();
        assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        symlink("loop", place.path().join("loop")).unwrap();
        assert!(write_output_with(&place.path().join("loop"), "").is_err());

        write_output_with(Path::new("/dev/null"), "nothing").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn an_output_is_no_input_under_any_name() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir(path("model")).unwrap();
        for name in ["in", "other", "model/config.json"] {
            fs::write(path(name), "").unwrap();
        }
        let (input, model) = (path("in"), path("model"));
        let apart = |output: &Path| expect_apart(output, [&*input, &*model]);
        for output in ["other", "new", "model/config.json"] {
            assert!(apart(&path(output)).is_ok(), "{output}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("in", path("link")).unwrap();
            fs::hard_link(&input, path("hard")).unwrap();
            assert!(apart(&path("link")).is_err() && apart(&path("hard")).is_err());
        }
        for output in ["in", "model/../in", "model"] {
            assert!(apart(&path(output)).is_err(), "{output}");
        }
        assert!(apart(Path::new("-")).is_ok());
    }
}
