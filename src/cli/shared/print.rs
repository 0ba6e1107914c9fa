//! Standard output.

use crate::error::{Error, Result};
use crate::report::words;

/// Writes a line to standard output; a closed pipe ends the program quietly.
pub fn say(text: impl AsRef<str>) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.as_ref()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Error::io("standard output".as_ref(), error)),
    }
}

/// A correlation as papers print it, × 100; with the minus of ASCII, for a table that is parsed.
pub fn percent(figure: Option<f64>) -> String {
    let ascii = |figure| words::percent(figure).replace('−', "-");
    figure.map_or_else(|| "undefined".into(), ascii)
}
