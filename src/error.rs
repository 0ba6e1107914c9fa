//! One opaque error: what went wrong, where, and what to do about it.

use std::fmt;
use std::path::Path;

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
#[derive(thiserror::Error)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: one_line(&message.into()), source: None }
    }

    /// Settings that cannot be.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A data file that holds something it should not: `path: message`.
    pub fn data(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Data, format!("{}: {message}", path.display()))
    }

    /// The same at a line (counted from 1): `path:line: message`.
    pub fn line(path: &Path, line: u64, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Data, format!("{}:{line}: {message}", path.display()))
    }

    /// A model file that holds something it should not: `path: message`.
    pub fn model(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Model, format!("{}: {message}", path.display()))
    }

    /// A file that could not be read or written: `path: what the system said`.
    pub fn io(path: &Path, error: std::io::Error) -> Self {
        let message = format!("{}: {}", path.display(), plain_words(&error));
        Self { source: Some(Box::new(error)), ..Self::new(ErrorKind::Io, message) }
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// The most of a message, in characters: a name may be as long as a file.
const MOST: usize = 2000;

/// A message is one line, and a sentence rather than a page, whatever the file it quotes holds.
fn one_line(message: &str) -> String {
    let parts = message.split(char::is_control).filter(|part| !part.is_empty());
    let line = parts.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// `std`'s words without the `(os error 2)`, which helps nobody.
fn plain_words(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or(&words).to_lowercase()
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
        let words = error.to_string();
        let message = words.lines().next().unwrap_or("tensor operation failed").to_string();
        Self::new(ErrorKind::Internal, message)
    }
}
