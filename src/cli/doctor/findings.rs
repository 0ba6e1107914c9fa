//! The results of checks, printed as they are found.

use crate::cli::check_model::CheckFormat;
use crate::cli::paint::{Color, paint};
use crate::cli::shared::print::say;
use crate::error::{Error, Result};
use serde::Serialize;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum FindingState {
    Ok,
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Finding {
    state: FindingState,
    about: String,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// The results of all checks, in order.
pub struct Findings {
    form: CheckFormat,
    all: Vec<Finding>,
}

impl Findings {
    /// No results yet.
    pub fn new(form: CheckFormat) -> Self {
        Self { form, all: Vec::new() }
    }

    /// A check that passed.
    pub fn ok(&mut self, about: &str, says: impl Into<String>) -> Result<()> {
        self.push(FindingState::Ok, about, says.into(), None)
    }

    /// A check with a warning.
    pub fn warn(
        &mut self,
        about: &str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) -> Result<()> {
        self.push(FindingState::Warn, about, says.into(), Some(advice.into()))
    }

    /// A check that failed.
    pub fn fail(
        &mut self,
        about: &str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) -> Result<()> {
        self.push(FindingState::Fail, about, says.into(), Some(advice.into()))
    }

    fn push(
        &mut self,
        state: FindingState,
        about: &str,
        says: String,
        advice: Option<String>,
    ) -> Result<()> {
        if self.form == CheckFormat::Text {
            let mark = match state {
                FindingState::Ok => paint("ok  ", Color::Green),
                FindingState::Warn => paint("warn", Color::Yellow),
                FindingState::Fail => paint("fail", Color::Red),
            };
            say(format!("{mark}  {about:<12} {says}"))?;
            if let Some(advice) = &advice {
                say(format!("{:19}→ {advice}", ""))?;
            }
        }
        self.all.push(Finding { state, about: about.into(), says, advice });
        Ok(())
    }

    /// Prints the JSON object, if asked for, and sums up.
    ///
    /// # Errors
    /// If a check failed.
    pub fn finish(self) -> Result<()> {
        if self.form == CheckFormat::Json {
            let worst = self.all.iter().map(|finding| finding.state).max();
            let json = serde_json::json!({
                "twindrop": env!("CARGO_PKG_VERSION"), "state": worst, "findings": self.all,
            });
            say(serde_json::to_string_pretty(&json).unwrap_or_default())?;
        }
        let failed = self.all.iter().filter(|finding| finding.state == FindingState::Fail);
        let failed: Vec<&str> = failed.map(|finding| finding.about.as_str()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::config(format!(
            "{} of {} checks failed: {}",
            failed.len(),
            self.all.len(),
            failed.join(", ")
        )))
    }
}

/// A size in bytes as `3.2 GiB`.
pub fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= (1u64 << 30) as f64 => {
            format!("{:.1} GiB", bytes / (1u64 << 30) as f64)
        }
        bytes => format!("{:.1} MiB", bytes / (1u64 << 20) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_binary_units() {
        assert_eq!(size(3 << 29), "1.5 GiB");
        assert_eq!(size(1 << 19), "0.5 MiB");
    }
}
