//! What the hub's refusals mean, and what to do about each.

#[cfg(feature = "hub")]
use hf_hub::api::sync::ApiError;

use super::settings::HubSettings;
use crate::error::{Error, ErrorKind};

/// A file of a model that could not be had.
pub(super) struct Refusal<'a> {
    pub(super) settings: &'a HubSettings,
    pub(super) name: &'a str,
    pub(super) revision: &'a str,
    pub(super) file: &'a str,
}

#[cfg(feature = "hub")]
/// The HTTP status behind an error. hf-hub hides the type that holds it, not its words.
pub(super) fn status(error: &ApiError) -> Option<u16> {
    let words = error.to_string();
    words.strip_prefix("request error: http status: ")?.parse().ok()
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
    /// What hf-hub's error means here.
    pub(super) fn because(&self, error: ApiError) -> Error {
        match status(&error) {
            Some(401 | 403) => self.no_entry(),
            Some(404) => self.not_there(),
            Some(429) => self.say("too many requests; wait some minutes, or set HF_TOKEN"),
            Some(code) => self.say(&format!("HTTP status {code}; try again later")),
            None => self.no_answer(error),
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

    /// What arrived is not what the hub had.
    pub(super) fn damaged(&self) -> Error {
        self.say("the SHA-256 of the downloaded file does not match; try again")
    }

    /// The hub sent the file of another commit than it was asked for.
    pub(super) fn other_commit(&self, commit: &str) -> Error {
        self.say(&format!("the hub sent another commit than {commit}; check HF_ENDPOINT"))
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

    fn no_answer(&self, error: ApiError) -> Error {
        let cache = self.settings.cache.display();
        match error {
            ApiError::RequestError(error) => self.say(&format!(
                "no response ({}); check the network and HF_ENDPOINT, or give a model directory",
                plain_words(&error.to_string())
            )),
            ApiError::IoError(error) => self.say(&format!(
                "the download was interrupted ({}); try again, and check that {cache} is \
                 writable and has free space",
                plain_words(&error.to_string())
            )),
            ApiError::LockAcquisition(lock) => self.say(&format!(
                "another process is downloading it (lock {}); wait for it to finish",
                lock.display()
            )),
            ApiError::InvalidResume => self.say(&format!(
                "an earlier download left a damaged file; delete the .part files under {cache}"
            )),
            other => self.say(&format!(
                "unexpected response ({}); check HF_ENDPOINT",
                plain_words(&other.to_string())
            )),
        }
    }

    /// `cannot fetch FILE of NAME from ENDPOINT: why; what to do`
    fn say(&self, why: &str) -> Error {
        let Self { name, file, settings, .. } = self;
        self.error(format!("cannot fetch {file} of `{name}` from {}: {why}", settings.endpoint))
    }
}

#[cfg(feature = "hub")]
/// The library's words without `io: ` before and `(os error 111)` behind.
fn plain_words(words: &str) -> String {
    let words = words.strip_prefix("io: ").unwrap_or(words);
    words.split(" (os error").next().unwrap_or(words).to_lowercase()
}
