//! Model id or path → a local directory, and a dataset's file → a local file: the cache shared
//! with Python first, then the hub.

mod refusal;
mod settings;
mod snapshot;

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use crate::error::{Error, Result};
use crate::io;
use refusal::{Refusal, status};
pub use settings::{HubSettings, disable_progress_bars};
use snapshot::{WantedFile, lacking, wants};

/// A directory that holds `model`: itself where it is one, else a snapshot of the hub's
/// `org/name` or `org/name@revision`, settings from the environment.
///
/// # Errors
/// As [`resolve_with`].
pub fn resolve(model: &str) -> Result<PathBuf> {
    resolve_with(&HubSettings::from_env(), model)
}

/// [`resolve`] with settings of one's own. A snapshot that is whole is used without network.
///
/// # Errors
/// `Config` where `model` is neither a directory nor shaped like an id; `Hub` where the hub
/// cannot be reached, refuses, or lacks a file; `Model` where a snapshot's lists are damaged.
pub fn resolve_with(settings: &HubSettings, model: &str) -> Result<PathBuf> {
    let path = Path::new(model);
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if path.exists() {
        let message = format!("{model} is a file; give the model directory");
        return Err(Error::config(message));
    }
    let source = HubSource { settings, id: Id::parse(model)?, kind: RepoType::Model };
    if settings.offline { source.offline() } else { source.online() }
}

/// The file at `path`: itself where it is one, else a file of a dataset of the hub,
/// `org/name:path/in/it` or `org/name@revision:path/in/it`, settings from the environment.
///
/// # Errors
/// As [`data_with`].
pub fn data(path: &Path) -> Result<PathBuf> {
    data_with(&HubSettings::from_env(), path)
}

/// [`data`] with settings of one's own. What is neither there nor shaped like a file of the hub
/// comes back as it is: whoever opens it says best what is wrong.
///
/// # Errors
/// `Hub` where the hub cannot be reached, refuses, or lacks the file.
pub fn data_with(settings: &HubSettings, path: &Path) -> Result<PathBuf> {
    let typed = path.to_str().filter(|_| !path.exists());
    let Some((id, file)) = typed.and_then(|typed| typed.split_once(':')) else {
        return Ok(path.to_path_buf());
    };
    match Id::parse(id) {
        Ok(id) if plain(file) => HubSource { settings, id, kind: RepoType::Dataset }.file(file),
        _ => Ok(path.to_path_buf()),
    }
}

/// `org/name` at a branch, tag or commit.
struct Id {
    name: String,
    revision: String,
}

impl Id {
    /// Only what can be neither a path out of the cache nor a query.
    fn parse(model: &str) -> Result<Self> {
        let (name, revision) = model.split_once('@').unwrap_or((model, "main"));
        if name.split('/').count() == 2 && plain(name) && plain(revision) {
            return Ok(Self { name: name.to_string(), revision: revision.to_string() });
        }
        Err(Error::config(format!(
            "no such directory: `{model}`; a hub id looks like google-bert/bert-base-uncased or \
             org/name@revision; check the path, or give the full id"
        )))
    }
}

/// Whether `text` is shaped like the name of a model or dataset, `org/name`, and is no path here.
pub fn is_name(text: &str) -> bool {
    text.split('/').count() == 2 && plain(text) && !Path::new(text).exists()
}

/// Words of letters, digits, `-`, `_` and `.` between slashes, none hidden or empty.
fn plain(words: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    words.split('/').all(|word| {
        !word.is_empty() && !word.starts_with(['.', '-']) && word.chars().all(allowed)
    })
}

/// One model or dataset of one hub.
struct HubSource<'a> {
    settings: &'a HubSettings,
    id: Id,
    kind: RepoType,
}

/// How often the hub is asked again after it said that it is busy.
const TRIES: u32 = 4;

impl HubSource<'_> {
    fn folder(&self) -> PathBuf {
        self.settings.cache.join(self.repo(&self.id.revision).folder_name())
    }

    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(self.id.name.clone(), self.kind, revision.to_string())
    }

    fn refusal<'b>(&'b self, file: &'b str) -> Refusal<'b> {
        Refusal {
            settings: self.settings,
            name: &self.id.name,
            revision: &self.id.revision,
            file,
        }
    }

    fn api(&self) -> Result<Api> {
        let builder = ApiBuilder::from_cache(Cache::new(self.settings.cache.clone()))
            .with_endpoint(self.settings.endpoint.clone())
            .with_token(self.settings.token.clone())
            .with_progress(self.settings.progress);
        builder.build().map_err(|error| self.refusal("config.json").because(error))
    }

    /// The snapshot the revision stands for: by its name in `refs`, or a commit itself.
    fn cached(&self) -> Option<PathBuf> {
        let name = self.folder().join("refs").join(&self.id.revision);
        let commit = std::fs::read_to_string(name).unwrap_or_else(|_| self.id.revision.clone());
        let snapshot = self.folder().join("snapshots").join(commit.trim());
        snapshot.is_dir().then_some(snapshot)
    }

    /// The snapshot of the cache, if it has all it needs.
    fn offline(&self) -> Result<PathBuf> {
        let Some(snapshot) = self.cached() else {
            return Err(self.refusal("").offline());
        };
        match lacking(&snapshot)? {
            Some(want) => Err(self.refusal(&want.files.join(" or ")).offline()),
            None => Ok(snapshot),
        }
    }

    /// The snapshot of the cache, completed, or a new one.
    fn online(&self) -> Result<PathBuf> {
        match self.cached() {
            Some(snapshot) => self.complete(snapshot),
            None => self.complete(self.begin()?),
        }
    }

    /// One file of the cache, or of the hub.
    fn file(&self, file: &str) -> Result<PathBuf> {
        let cached = self.cached().map(|snapshot| snapshot.join(file));
        if let Some(path) = cached.filter(|path| path.exists()) {
            return Ok(path);
        }
        if self.settings.offline {
            return Err(self.refusal(file).offline());
        }
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
