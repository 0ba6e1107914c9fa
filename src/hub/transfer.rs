//! A file of the hub → the cache, in the layout of Python's `huggingface_hub`: bytes gather in
//! `blobs/ETAG.incomplete`, are checked, and only then become `blobs/ETAG`, to which a link in
//! `snapshots/COMMIT` leads.

use super::cache::{cache, make_parent};
use super::client::{Client, Route, text};
use super::failure::Failure;
use super::metadata::{FileMetadata, is_hex};
use crate::io;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha1::{Digest as _, Sha1};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Bytes that must arrive within one time-out: below that, a server only holds us.
const LEAST: u64 = 1 << 10;

/// Where a file comes from and goes.
pub(super) struct Transfer<'a> {
    pub client: &'a Client,
    /// The file at the hub.
    pub route: Route,
    pub about: &'a FileMetadata,
    /// The repository's directory in the cache.
    pub folder: &'a Path,
    /// How long nothing may arrive, or another process may make no progress.
    pub timeout: Duration,
    /// What a bar on standard error calls it, if there is one.
    pub shown: Option<&'a str>,
}

impl Transfer<'_> {
    /// The blob, downloaded unless the cache has it.
    ///
    /// # Errors
    /// Where it cannot be had whole, or the cache cannot be written.
    pub fn run(&self) -> Result<PathBuf, Failure> {
        let blob = self.folder.join("blobs").join(&self.about.etag);
        if self.is_whole(&blob) {
            return Ok(blob);
        }
        make_parent(&blob)?;
        let _lock = self.lock()?;
        if !self.is_whole(&blob) {
            let part = self.part();
            self.client.retry(|| self.fill(&part))?;
            let placed = File::open(&part).and_then(|file| file.sync_all());
            placed.and_then(|()| fs::rename(&part, &blob)).map_err(cache(&blob))?;
        }
        Ok(blob)
    }

    /// Only what was checked has the name of a blob, so its size is enough to know.
    fn is_whole(&self, blob: &Path) -> bool {
        fs::metadata(blob).is_ok_and(|data| data.is_file() && data.len() == self.about.size)
    }

    fn part(&self) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.incomplete", self.about.etag))
    }

    /// The lock that `huggingface_hub` takes for the same blob; waited for as long as the process
    /// that has it makes progress.
    fn lock(&self) -> Result<File, Failure> {
        let name = self.folder.file_name().unwrap_or_default();
        let locks = self.folder.with_file_name(".locks").join(name);
        let path = locks.join(format!("{}.lock", self.about.etag));
        make_parent(&path)?;
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(cache(&path))?;
        let size = || fs::metadata(self.part()).map_or(0, |data| data.len());
        let (mut since, mut last) = (Instant::now(), size());
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(cache(&path)(error)),
                Err(TryLockError::WouldBlock) if since.elapsed() > self.timeout => {
                    return Err(Failure::Locked(path));
                }
                Err(TryLockError::WouldBlock) => {
                    sleep(Duration::from_millis(100).min(self.timeout))
                }
            }
            let now = size();
            if now != last {
                (since, last) = (Instant::now(), now);
            }
        }
    }

    /// Makes `part` the whole file, checked. What an earlier attempt left is continued; if the
    /// result is wrong, it is made again from the start.
    fn fill(&self, part: &Path) -> Result<(), Failure> {
        let size = fs::metadata(part).map_or(0, |data| data.len());
        // a part that is larger than the file is none of it
        let resumed = if size > self.about.size { 0 } else { size };
        if self.receive(part, resumed)? > 0 {
            match self.check(part) {
                Err(Failure::Damaged(_)) => {}
                done => return done,
            }
            self.receive(part, 0)?;
        }
        self.check(part)
    }

    /// Appends to the first `start` bytes of `part` what is missing; says how many were kept.
    fn receive(&self, part: &Path, mut start: u64) -> Result<u64, Failure> {
        let size = self.about.size;
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(part);
        let mut file = file.map_err(cache(part))?;
        self.expect_room(part, size - start)?;
        if start == size && size > 0 {
            return Ok(start);
        }
        let mut response = match self.client.get(self.route.clone(), start) {
            // what is there is not what the server can continue
            Err(Failure::Status { code: 416, .. }) if start > 0 => {
                start = 0;
                self.client.get(self.route.clone(), 0)?
            }
            response => response?,
        };
        let headers = response.headers();
        match response.status().as_u16() {
            206 => expect_range(text(headers, "content-range"), start, size)?,
            // without Range the server sends the file from its beginning
            200 => start = 0,
            code => return Err(Failure::unexpected(format!("HTTP status {code}"))),
        }
        if let Some(length) = text(headers, "content-length")
            && length.trim().parse() != Ok(size - start)
        {
            let message = format!("Content-Length {length}, expected {}", size - start);
            return Err(Failure::Unexpected(message));
        }
        file.set_len(start).map_err(cache(part))?;
        file.seek(SeekFrom::Start(start)).map_err(cache(part))?;
        let body = response.body_mut().as_reader();
        self.copy(body, &mut file, part, start)?;
        Ok(start)
    }

    fn expect_room(&self, part: &Path, needed: u64) -> Result<(), Failure> {
        match io::available(part.parent().unwrap_or(part)) {
            Some(free) if free < needed => Err(Failure::DiskFull { needed, free }),
            _ => Ok(()),
        }
    }

    /// Copies up to the size that the hub gave, and expects the end there.
    fn copy(
        &self,
        mut body: impl Read,
        file: &mut File,
        part: &Path,
        start: u64,
    ) -> Result<(), Failure> {
        let size = self.about.size;
        let bar = self.bar(start);
        let mut buffer = vec![0; 1 << 16];
        let (mut at, mut window, mut since) = (start, start, Instant::now());
        loop {
            let read = body.read(&mut buffer).map_err(|error| interrupted(&error))?;
            if read == 0 && at < size {
                let message = format!("the connection was closed after {at} of {size} bytes");
                return Err(Failure::Interrupted(message));
            }
            at += read as u64;
            if at > size {
                return Err(Failure::unexpected(format!(
                    "more than the {size} bytes announced"
                )));
            }
            if read == 0 {
                bar.finish_and_clear();
                return Ok(());
            }
            file.write_all(&buffer[..read]).map_err(cache(part))?;
            bar.set_position(at);
            if since.elapsed() > self.timeout {
                if at - window < LEAST {
                    return Err(Failure::Interrupted("timeout: almost nothing arrives".into()));
                }
                (window, since) = (at, Instant::now());
            }
        }
    }

    fn bar(&self, start: u64) -> ProgressBar {
        let Some(file) = self.shown else { return ProgressBar::hidden() };
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(self.about.size), target);
        let style = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(style);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.with_style(style.progress_chars("=> "))
            .with_message(file.to_string())
            .with_position(start)
    }

    /// Compares `part` with the hash that is its name; removes it where it is another file.
    fn check(&self, part: &Path) -> Result<(), Failure> {
        let etag = &*self.about.etag;
        let (kind, found) = match etag.len() {
            64 if is_hex(etag) => {
                let hash = io::sha256(part);
                ("SHA-256", hash.map_err(|error| Failure::Cache(error.to_string()))?)
            }
            40 if is_hex(etag) => ("git hash", git_hash(part).map_err(cache(part))?),
            // a mirror's own tag says nothing of the bytes
            _ => return Ok(()),
        };
        if found == etag {
            return Ok(());
        }
        fs::remove_file(part).map_err(cache(part))?;
        Err(Failure::Damaged(kind))
    }
}

/// `bytes START-END/SIZE`, as asked for.
fn expect_range(content_range: Option<&str>, start: u64, size: u64) -> Result<(), Failure> {
    let expected = format!("bytes {start}-{}/{size}", size.saturating_sub(1));
    match content_range {
        Some(content_range) if content_range.trim() == expected => Ok(()),
        content_range => Err(Failure::unexpected(format!(
            "Content-Range `{}`, expected `{expected}`",
            content_range.unwrap_or_default()
        ))),
    }
}

/// The SHA-1 of a file as git computes it for a blob: after `blob SIZE` and a zero byte.
fn git_hash(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut state = Sha1::new();
    state.update(format!("blob {}\0", file.metadata()?.len()));
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => state.update(&buffer[..read]),
        }
    }
    Ok(state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn interrupted(error: &std::io::Error) -> Failure {
    Failure::Interrupted(match error.kind() {
        std::io::ErrorKind::TimedOut => "timeout".into(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_hash_is_what_git_hash_object_prints() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("f");
        fs::write(&path, "hello\n").unwrap();
        // printf 'hello\n' | git hash-object --stdin
        assert_eq!(git_hash(&path).unwrap(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
