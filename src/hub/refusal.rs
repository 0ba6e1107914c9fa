//! What the hub's refusals mean, and what to do about each.

#[cfg(feature = "hub")]
use super::failure::Failure;
use super::settings::HubSettings;
use crate::error::{Error, ErrorKind};
#[cfg(feature = "hub")]
use std::time::Duration;

/// A file of a model that could not be had.
pub(super) struct Refusal<'a> {
    pub(super) settings: &'a HubSettings,
    pub(super) name: &'a str,
    pub(super) revision: &'a str,
    pub(super) file: &'a str,
}

impl Refusal<'_> {
    /// The cache lacks the file, and nothing else may be asked.
    pub(super) fn offline(&self) -> Error {
        let Self { name, revision, file, settings } = self;
        let what = if file.is_empty() { String::new() } else { format!("{file} of ") };
        let reason = if cfg!(feature = "hub") {
            "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set; unset it to download, or give a model \
             directory"
        } else {
            "this build has no downloads; build it with the feature `hub`, or give a model directory"
        };
        self.error(format!(
            "{what}`{name}` (revision {revision}) is not in the cache {} and {reason}",
            settings.cache.display()
        ))
    }

    fn error(&self, message: String) -> Error {
        Error::new(ErrorKind::Hub, message)
    }
}

#[cfg(feature = "hub")]
impl Refusal<'_> {
    /// What a failure means here.
    pub(super) fn because(&self, failure: Failure) -> Error {
        let cache = self.settings.cache.display();
        let message = match failure {
            Failure::Status { code, retry_after } => return self.status(code, retry_after),
            Failure::Unreachable(why) => format!(
                "no response ({}); check the network and HF_ENDPOINT, or give a model directory",
                plain_message(&why)
            ),
            Failure::Interrupted(why) => {
                format!("the download was interrupted ({}); try again", plain_message(&why))
            }
            Failure::Unexpected(what) => {
                format!("unexpected response ({what}); check HF_ENDPOINT")
            }
            Failure::Damaged(hash) => {
                format!("the {hash} of the downloaded file does not match; try again")
            }
            Failure::OtherCommit => {
                "the hub sent the file of another commit; check HF_ENDPOINT".to_string()
            }
            Failure::Locked(lock) => format!(
                "another process is downloading it (lock {}); wait for it to finish",
                lock.display()
            ),
            Failure::Cache(why) => {
                format!("{why}; check that the cache {cache} is readable and writable")
            }
            Failure::DiskFull { needed, free } => format!(
                "it needs {needed} bytes more and {free} are free under {cache}; free space, or \
                 set HF_HUB_CACHE"
            ),
        };
        self.say(&message)
    }

    fn status(&self, code: u16, retry_after: Option<Duration>) -> Error {
        let wait = retry_after.map(|wait| format!("try again in {} seconds", wait.as_secs()));
        match code {
            401 | 403 => self.no_entry(),
            404 => self.not_there(),
            429 => {
                let wait = wait.unwrap_or_else(|| "wait some minutes".into());
                self.say(&format!("too many requests; {wait}, or set HF_TOKEN"))
            }
            code => {
                let wait = wait.unwrap_or_else(|| "try again later".into());
                self.say(&format!("HTTP status {code}; {wait}"))
            }
        }
    }

    /// The hub answered, and has no such file.
    pub(super) fn not_there(&self) -> Error {
        let Self { name, revision, file, settings } = self;
        self.error(format!(
            "no local directory `{name}`, and {} has no {file} in `{name}` at revision \
             {revision}; check the path, or the id and revision",
            settings.endpoint
        ))
    }

    fn no_entry(&self) -> Error {
        // the hub says the same of what does not exist and what may not be seen
        self.say(match self.settings.token {
            None => {
                "the model does not exist or is not public; check the id, or set HF_TOKEN to \
                 a token that may read it"
            }
            Some(_) => {
                "the model does not exist or the token in use may not read it; check the id, \
                 HF_TOKEN, and on the model's page whether access must be requested"
            }
        })
    }

    /// `cannot fetch FILE of NAME from ENDPOINT: why; what to do`
    fn say(&self, why: &str) -> Error {
        let Self { name, file, settings, .. } = self;
        self.error(format!("cannot fetch {file} of `{name}` from {}: {why}", settings.endpoint))
    }
}

#[cfg(feature = "hub")]
/// The library's words without `io: ` before and `(os error 111)` behind.
fn plain_message(message: &str) -> String {
    let message = message.strip_prefix("io: ").unwrap_or(message);
    message.split(" (os error").next().unwrap_or(message).to_lowercase()
}
