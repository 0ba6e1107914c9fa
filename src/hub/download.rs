//! Downloads into the cache, by hf-hub.

use super::refusal::status;
use super::snapshot::{WantedFile, lacking, wants};
use super::{HubSource, RepoKind};
use crate::error::{Error, Result};
use crate::io;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use std::path::{Path, PathBuf};

/// How often the hub is asked again after it said that it is busy.
const TRIES: u32 = 4;

impl HubSource<'_> {
    fn repo(&self, revision: &str) -> Repo {
        let kind = match self.kind {
            RepoKind::Model => RepoType::Model,
            RepoKind::Dataset => RepoType::Dataset,
        };
        Repo::with_revision(self.id.name.clone(), kind, revision.to_string())
    }

    fn api(&self) -> Result<Api> {
        let builder = ApiBuilder::from_cache(Cache::new(self.settings.cache.clone()))
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(self.settings.progress);
        builder.build().map_err(|error| self.refusal("config.json").because(error))
    }

    /// The snapshot of the cache, completed, or a new one.
    pub(super) fn online(&self) -> Result<PathBuf> {
        match self.cached() {
            Some(snapshot) => self.complete(snapshot),
            None => self.complete(self.begin()?),
        }
    }

    /// One file of the hub.
    pub(super) fn online_file(&self, file: &str) -> Result<PathBuf> {
        let repo = self.api()?.repo(self.repo(&self.id.revision));
        let path =
            self.download(&repo, file).map_err(|error| self.refusal(file).because(error))?;
        self.unname(&self.id.revision);
        self.verified(path, file)
    }

    /// Of a commit hf-hub notes that it stands for itself. Python does not, and keeps what has a
    /// name when it prunes its cache.
    fn unname(&self, commit: &str) {
        let name = self.folder().join("refs").join(commit);
        if std::fs::read_to_string(&name).is_ok_and(|text| text == commit) {
            let _ = std::fs::remove_file(name);
        }
    }

    /// A file of `repo`; a hub that is busy is asked again, after a while that doubles.
    fn download(&self, repo: &ApiRepo, file: &str) -> Result<PathBuf, ApiError> {
        let mut wait = self.settings.patience;
        for _ in 1..TRIES {
            match repo.download(file) {
                Err(error) if matches!(status(&error), Some(429 | 500..=504)) => {
                    std::thread::sleep(wait);
                    wait *= 2;
                }
                other => return other,
            }
        }
        repo.download(file)
    }

    /// What was downloaded, if it is what the hub said it would send: a large file's tag is its
    /// SHA-256, and the cache keeps it under its tag.
    fn verified(&self, path: PathBuf, file: &str) -> Result<PathBuf> {
        let Ok(blob) = path.canonicalize() else { return Ok(path) };
        let tag = blob.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_sha256 = tag.len() == 64 && tag.chars().all(|c| c.is_ascii_hexdigit());
        if !is_sha256 || io::sha256(&blob)? == tag {
            return Ok(path);
        }
        let removed = std::fs::remove_file(&path).and_then(|()| std::fs::remove_file(&blob));
        removed.map_err(|error| Error::io(&blob, error))?;
        Err(self.refusal(file).damaged())
    }

    /// A first file, which tells the commit that all the others must come from.
    fn begin(&self) -> Result<PathBuf> {
        let first = "config.json";
        let file = self.download(&self.api()?.repo(self.repo(&self.id.revision)), first);
        let mut snapshot = file.map_err(|error| self.refusal(first).because(error))?;
        snapshot.pop();
        Ok(snapshot)
    }

    /// The snapshot, once all it should hold is there or known not to exist.
    fn complete(&self, snapshot: PathBuf) -> Result<PathBuf> {
        while let Some(want) = self.unsettled(&snapshot)? {
            if let Err(error) = self.fetch(&snapshot, &want) {
                // Python caches only what it asked for: such a model still works where no
                // hub answers or the cache cannot be written to
                return if lacking(&snapshot)?.is_some() { Err(error) } else { Ok(snapshot) };
            }
        }
        Ok(snapshot)
    }

    /// What the hub must still be asked for.
    fn unsettled(&self, snapshot: &Path) -> Result<Option<WantedFile>> {
        let absent = |file: &String| self.absence(snapshot, file).exists();
        let settled = |want: &WantedFile| {
            want.is_in(snapshot) || (!want.needed && want.files.iter().all(absent))
        };
        Ok(wants(snapshot)?.into_iter().find(|want| !settled(want)))
    }

    fn fetch(&self, snapshot: &Path, want: &WantedFile) -> Result<()> {
        let commit = commit(snapshot);
        let repo = self.api()?.repo(self.repo(&commit));
        for file in &want.files {
            match self.download(&repo, file) {
                Ok(path) if path.starts_with(snapshot) => {
                    self.unname(&commit);
                    return self.verified(path, file).map(drop);
                }
                Ok(_) => return Err(self.refusal(file).other_commit(&commit)),
                Err(error) if status(&error) == Some(404) => {}
                Err(error) => return Err(self.refusal(file).because(error)),
            }
        }
        if want.needed {
            return Err(self.refusal(&want.files.join(" or ")).not_there());
        }
        want.files.iter().try_for_each(|file| touch(&self.absence(snapshot, file)))
    }

    /// The empty file by which Python, too, remembers that a commit has no such file.
    fn absence(&self, snapshot: &Path, file: &str) -> PathBuf {
        self.folder().join(".no_exist").join(commit(snapshot)).join(file)
    }
}

/// A snapshot's directory is named by its commit.
fn commit(snapshot: &Path) -> String {
    snapshot.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn touch(file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(file);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, ""));
    written.map_err(|error| Error::io(file, error))
}
