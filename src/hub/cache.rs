//! Files of the cache.

use super::failure::Failure;
use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes `link` lead to `blob`, both in one repository's directory; where links cannot be made,
/// a copy.
pub(super) fn link(blob: &Path, link: &Path, folder: &Path) -> Result<(), Failure> {
    if link.exists() && link.canonicalize().ok() == blob.canonicalize().ok() {
        return Ok(());
    }
    make_parent(link)?;
    // an older link, or one to a blob that is gone
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).map_err(cache(link))?;
    }
    let inner = link.strip_prefix(folder).unwrap_or(link);
    let up = inner.components().skip(1).map(|_| "..").collect::<PathBuf>();
    let target = up.join(blob.strip_prefix(folder).unwrap_or(blob));
    symlink(&target, link).or_else(|_| fs::copy(blob, link).map(drop)).map_err(cache(link))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Makes the directory that `path` is in.
pub(super) fn make_parent(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(cache(folder))
}

/// An error about a file of the cache.
pub(super) fn cache(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::Cache(Error::io(path, error).to_string())
}
