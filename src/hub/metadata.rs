//! The hub's metadata of a file, read before it is downloaded. Server and mirror are not trusted: a
//! name is checked before it becomes part of a path.

use super::client::{Client, Route, text};
use super::failure::Failure;
use ureq::http::HeaderMap;

/// A file at a revision.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileMetadata {
    /// The commit that the revision stands for: 40 hexadecimal digits.
    pub commit: String,
    /// The name of the blob: the SHA-256 of a large file, the git hash of a small one, or
    /// whatever a mirror makes up.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
}

impl FileMetadata {
    /// Asks for the file at `route`. Redirects are followed as long as they stay at the endpoint:
    /// where large files lie, nothing is known of commits.
    ///
    /// # Errors
    /// Where the hub refuses, or does not give all three in a usable form.
    pub fn of(client: &Client, mut route: Route) -> Result<Self, Failure> {
        let mut headers = HubHeaders::default();
        loop {
            let response = client.head(&route)?;
            let next = client.redirect(&route, &response)?;
            headers.add(response.headers(), next.is_none());
            match next {
                Some(next) if next.at_endpoint => route = next,
                _ => return headers.checked(),
            }
        }
    }
}

/// Headers of a chain of responses.
#[derive(Default)]
struct HubHeaders {
    commit: Option<String>,
    linked_etag: Option<String>,
    etag: Option<String>,
    linked_size: Option<String>,
    size: Option<String>,
}

impl HubHeaders {
    /// A later response says it better than an earlier; the length of a redirect's own body is
    /// not the file's.
    fn add(&mut self, headers: &HeaderMap, is_last: bool) {
        let take = |to: &mut Option<String>, name: &str| {
            if let Some(value) = text(headers, name) {
                *to = Some(value.to_string());
            }
        };
        take(&mut self.commit, "x-repo-commit");
        take(&mut self.linked_etag, "x-linked-etag");
        take(&mut self.etag, "etag");
        take(&mut self.linked_size, "x-linked-size");
        if is_last {
            take(&mut self.size, "content-length");
        }
    }

    fn checked(self) -> Result<FileMetadata, Failure> {
        let missing = |name: &str| Failure::unexpected(format!("no {name} header"));
        let invalid = |name: &str| Failure::unexpected(format!("invalid {name} header"));
        let commit = self.commit.ok_or_else(|| missing("X-Repo-Commit"))?;
        if !is_commit(&commit) {
            return Err(invalid("X-Repo-Commit"));
        }
        let etag = self.linked_etag.or(self.etag).ok_or_else(|| missing("ETag"))?;
        let etag = blob_name(&etag).ok_or_else(|| invalid("ETag"))?.to_string();
        let size = self.linked_size.or(self.size).ok_or_else(|| missing("Content-Length"))?;
        let size = size.trim().parse().map_err(|_| invalid("Content-Length"))?;
        Ok(FileMetadata { commit, etag, size })
    }
}

/// Whether `text` is the hash of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether `text` is of hexadecimal digits in lower case.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An ETag without `W/` and quotes, where it can name a file: no separator, no hidden name.
fn blob_name(etag: &str) -> Option<&str> {
    let name = etag.trim().trim_start_matches("W/").trim_matches('"');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = (1..=128).contains(&name.len()) && name.bytes().all(plain);
    (is_name && !name.starts_with('.')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_etag_names_a_blob() {
        let long = "a".repeat(128);
        for (etag, name) in [("\"abc\"", "abc"), ("W/\"1-b_2.c\"", "1-b_2.c"), ("d", "d")] {
            assert_eq!(blob_name(etag), Some(name));
        }
        assert_eq!(blob_name(&long), Some(&*long));
        let longer = long.clone() + "a";
        let names =
            ["", "\"\"", "..", "../x", "/etc/passwd", "a/b", "a\\b", "a b", "é", &longer];
        for etag in names {
            assert_eq!(blob_name(etag), None, "{etag}");
        }
    }

    #[test]
    fn a_commit_is_forty_hexadecimal_digits() {
        assert!(is_commit(&"0a".repeat(20)));
        for commit in ["main", "", &"0g".repeat(20), &"0a".repeat(21), &"../".repeat(13)] {
            assert!(!is_commit(commit), "{commit}");
        }
    }
}
