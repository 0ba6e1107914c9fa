//! [`Error`]: what went wrong, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; decides the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What the caller asked for cannot be: a flag, a setting, a combination.
    Config,
    /// A data file holds something it should not.
    Data,
    /// A model directory is incomplete, damaged or of an unknown kind.
    Model,
    /// A file could not be read or written.
    Io,
    /// The hub could not be reached or said no.
    Hub,
    /// A loss or gradient is not finite, or a parameter does not learn.
    Numerics,
    /// Someone asked the program to stop; what was done is kept.
    Interrupted,
    /// A tensor operation failed: a defect of this crate.
    Internal,
}

/// What went wrong, where (file, line, tensor, key) and what to do, in one sentence.
///
/// ```
/// use std::path::Path;
/// use twindrop::{Error, ErrorKind};
///
/// let error = Error::line(Path::new("train.tsv"), 3, "no score");
/// assert_eq!(error.to_string(), "train.tsv:3: no score");
/// assert_eq!(error.kind(), ErrorKind::Data);
/// assert_eq!((error.path(), error.position()), (Some(Path::new("train.tsv")), Some(3)));
/// ```
#[derive(thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    position: Option<u64>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = one_line(&message.into());
        Self { kind, message, path: None, position: None, source: None }
    }

    /// Settings that cannot be.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A data file that holds something it should not: `path: message`.
    pub fn data(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Data, format!("{}: {message}", path.display())).at(path)
    }

    /// The same at a line (counted from 1): `path:line: message`.
    pub fn line(path: &Path, line: u64, message: impl fmt::Display) -> Self {
        let error = Self::new(ErrorKind::Data, format!("{}:{line}: {message}", path.display()));
        Self { position: Some(line), ..error.at(path) }
    }

    /// A model file that holds something it should not: `path: message`.
    pub fn model(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Model, format!("{}: {message}", path.display())).at(path)
    }

    /// A file that could not be read or written: `path: message of the operating system`.
    pub fn io(path: &Path, error: std::io::Error) -> Self {
        let message = format!("{}: {}", path.display(), plain_message(&error));
        Self::new(ErrorKind::Io, message).at(path).with_source(error)
    }

    /// The same error, about the file at `path`.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The same error with the error that caused it as its
    /// [`source`](std::error::Error::source).
    #[must_use]
    pub fn with_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// The file or directory the error is about, where it is about one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The line of [`path`](Self::path) the error is about, from 1, where it is about one.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Characters of a message at most: a name quoted from a file may be as long as the file.
const MAX_LENGTH: usize = 2000;

/// The message on one line: control characters, which a quoted file may hold, become spaces.
fn one_line(message: &str) -> String {
    let parts = message.split(char::is_control).filter(|part| !part.is_empty());
    excerpt(&parts.collect::<Vec<_>>().join(" "), MAX_LENGTH)
}

/// The first `most` characters of a text, followed by … if there are more.
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// The message of `std` without its `(os error 2)`.
fn plain_message(error: &std::io::Error) -> String {
    let message = error.to_string();
    message.split(" (os error").next().unwrap_or(&message).to_lowercase()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

/// candle appends a backtrace when `RUST_BACKTRACE` is set; only its first line is a message.
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or("tensor operation failed").to_string();
        Self::new(ErrorKind::Internal, message).with_source(error)
    }
}
