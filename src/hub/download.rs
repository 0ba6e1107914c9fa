//! Downloads into the cache.

use super::cache::link;
use super::client::{Client, Route};
use super::failure::Failure;
use super::metadata::FileMetadata;
use super::snapshot::{WantedFile, lacking, wants};
use super::transfer::Transfer;
use super::{HubSource, RepoKind};
use crate::error::{Error, Result};
use crate::io;
use std::path::{Path, PathBuf};

/// Files that a model's own lists may name.
const MAX_FILES: usize = 1000;

impl HubSource<'_> {
    /// The snapshot of the cache, completed, or a new one.
    pub(super) fn online(&self) -> Result<PathBuf> {
        match self.cached() {
            Some(snapshot) => self.complete(snapshot),
            None => self.complete(self.begin()?),
        }
    }

    /// One file of the hub.
    pub(super) fn online_file(&self, file: &str) -> Result<PathBuf> {
        self.download(&self.id.revision, None, file)
            .map_err(|failure| self.refusal(file).because(failure))
    }

    /// A first file, which tells the commit that all the others must come from.
    fn begin(&self) -> Result<PathBuf> {
        let file = |name| self.download(&self.id.revision, None, name);
        let first = file("config.json").or_else(|failure| match failure.status() {
            // a static embedding model has no config.json, but a list of modules
            Some(404) => file("modules.json").map_err(|_| failure),
            _ => Err(failure),
        });
        let refusal = |failure| self.refusal("config.json").because(failure);
        let mut snapshot = first.map_err(refusal)?;
        snapshot.pop();
        Ok(snapshot)
    }

    /// `file` at `revision`, which must stand for `commit` where that is known → its path in the
    /// snapshot.
    fn download(
        &self,
        revision: &str,
        commit: Option<&str>,
        file: &str,
    ) -> Result<PathBuf, Failure> {
        let client = Client::new(self.settings)?;
        let route = self.route(&client, revision, file);
        let about = client.retry(|| FileMetadata::of(&client, route.clone()))?;
        if commit.is_some_and(|commit| commit != about.commit) {
            return Err(Failure::OtherCommit);
        }
        let folder = self.folder();
        let transfer = Transfer {
            client: &client,
            route,
            about: &about,
            folder: &folder,
            timeout: self.settings.timeout,
            shown: self.settings.progress.then_some(file),
        };
        let blob = transfer.run()?;
        let path = folder.join("snapshots").join(&about.commit).join(file);
        link(&blob, &path, &folder)?;
        self.write_ref(revision, &about.commit)?;
        Ok(path)
    }

    fn route(&self, client: &Client, revision: &str, file: &str) -> Route {
        let kind = match self.kind {
            RepoKind::Model => None,
            RepoKind::Dataset => Some("datasets"),
        };
        let repository = kind.into_iter().chain(self.id.name.split('/'));
        client.route(repository.chain(["resolve", revision]).chain(file.split('/')))
    }

    /// Notes which commit a branch or tag stands for. A commit stands for itself.
    fn write_ref(&self, revision: &str, commit: &str) -> Result<(), Failure> {
        if revision == commit {
            return Ok(());
        }
        let name = self.folder().join("refs").join(revision);
        if std::fs::read_to_string(&name).is_ok_and(|text| text == commit) {
            return Ok(());
        }
        let folder = name.parent().unwrap_or(&name);
        let written = io::make_directory(folder).and_then(|()| io::replace_with(&name, commit));
        written.map_err(|error| Failure::Cache(error.to_string()))
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
        let wants = wants(snapshot)?;
        if wants.len() > MAX_FILES {
            let message = format!("lists {} files; expected at most {MAX_FILES}", wants.len());
            return Err(Error::model(snapshot, message));
        }
        Ok(wants.into_iter().find(|want| !settled(want)))
    }

    fn fetch(&self, snapshot: &Path, want: &WantedFile) -> Result<()> {
        let commit = commit(snapshot);
        for file in &want.files {
            match self.download(&commit, Some(&commit), file) {
                Ok(_) => return Ok(()),
                Err(failure) if failure.status() == Some(404) => {}
                Err(failure) => return Err(self.refusal(file).because(failure)),
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
