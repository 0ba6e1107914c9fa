//! Standard output and standard error. A result that cannot be printed is an error; a note is
//! not worth one.

use crate::error::{Error, Result};
use crate::eval::shown;
use crate::io::STANDARD_OUTPUT;
use crate::report::format;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes a line to standard output.
///
/// # Errors
/// Where it cannot be written; [`is_closed_output`] tells that nobody reads it any more.
pub fn say(text: impl AsRef<str>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    output(writeln!(out, "{}", text.as_ref()))
}

/// A text of a file as a terminal may be given it: a control character, which could begin a command
/// to the terminal, is a space.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What became of writing to standard output.
///
/// # Errors
/// Where it failed.
pub fn output(result: std::io::Result<()>) -> Result<()> {
    result.map_err(|error| Error::io(Path::new(STANDARD_OUTPUT), error))
}

/// Whether an error is that the reader of standard output has ended, as `head` does.
pub fn is_closed_output(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    error.path() == Some(Path::new(STANDARD_OUTPUT))
        && source.is_some_and(|source| source.kind() == ErrorKind::BrokenPipe)
}

/// Writes a line to standard error. Where that is closed or full, the line is lost: no run ends
/// for want of a note.
pub fn note(text: impl AsRef<str>) {
    // a note may quote a file: of its control characters, only those of layout are passed on
    let is_command = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    let text = text.as_ref().replace(is_command, " ");
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The value of a metric: in percent, unless it is an error without a highest value.
pub fn figure(metric: &str, value: Option<f64>) -> String {
    match (shown(metric).1 > 1., value) {
        (true, _) => percent(value),
        (false, Some(value)) => format!("{value:.4}"),
        (false, None) => percent(None),
    }
}

/// A correlation as papers print it, × 100; with the minus of ASCII, for a table that is parsed.
pub fn percent(figure: Option<f64>) -> String {
    let ascii = |figure| format::percent(figure).replace('−', "-");
    figure.map_or_else(|| "undefined".into(), ascii)
}
