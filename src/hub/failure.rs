//! Why a request or a transfer failed, before [`Refusal`](super::refusal::Refusal) makes a
//! sentence of it.

use std::path::PathBuf;
use std::time::Duration;

/// The longest `Retry-After` that is waited for.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Why a file could not be had.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server's refusal, and how long it asks to wait.
    Status { code: u16, retry_after: Option<Duration> },
    /// No connection could be made.
    Unreachable(String),
    /// The connection broke, or nothing came for too long.
    Interrupted(String),
    /// A response that no hub gives.
    Unexpected(String),
    /// The bytes do not have the hash (named here) that the hub gave.
    Damaged(&'static str),
    /// The hub's file belongs to another commit than was asked for.
    OtherCommit,
    /// Another process has this lock.
    Locked(PathBuf),
    /// The cache cannot be read or written: which file, and why.
    Cache(String),
    /// Bytes that the file needs, and bytes that are free.
    DiskFull { needed: u64, free: u64 },
}

impl Failure {
    /// How long to wait before the same is asked again, where that can help; `backoff` unless the
    /// server says otherwise.
    pub fn pause(&self, backoff: Duration) -> Option<Duration> {
        match self {
            Self::Status { code: 429 | 500..=504, retry_after } => {
                let wait = retry_after.unwrap_or(backoff);
                (wait <= MAX_WAIT).then_some(wait)
            }
            Self::Interrupted(_) => Some(backoff),
            _ => None,
        }
    }

    /// The HTTP status, where it is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub fn unexpected(what: impl Into<String>) -> Self {
        Self::Unexpected(what.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_is_asked_again_after_the_wait_it_names_unless_that_is_too_long() {
        let (backoff, second) = (Duration::from_secs(2), Duration::from_secs(1));
        let status = |code, retry_after| Failure::Status { code, retry_after }.pause(backoff);
        assert_eq!(status(429, None), Some(backoff));
        assert_eq!(status(503, Some(second)), Some(second));
        assert_eq!(status(503, Some(Duration::from_secs(3600))), None);
        assert_eq!(status(404, Some(second)), None);
        assert_eq!(Failure::Unreachable(String::new()).pause(backoff), None);
    }
}
