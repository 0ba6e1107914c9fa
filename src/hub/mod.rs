//! Model id or path → a local directory, and a dataset's file → a local file: the cache shared
//! with Python first, then the hub. Without the feature `hub` there is only the cache.

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod failure;
#[cfg(feature = "hub")]
mod metadata;
mod refusal;
mod settings;
mod snapshot;
#[cfg(feature = "hub")]
mod transfer;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use refusal::Refusal;
pub use settings::{HubSettings, disable_progress_bars};
use snapshot::lacking;

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
    let source = HubSource { settings, id: Id::parse(model)?, kind: RepoKind::Model };
    if settings.offline || cfg!(not(feature = "hub")) {
        source.offline()
    } else {
        source.online()
    }
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
/// comes back as it is: what opens it reports best what is wrong.
///
/// # Errors
/// `Hub` where the hub cannot be reached, refuses, or lacks the file.
pub fn data_with(settings: &HubSettings, path: &Path) -> Result<PathBuf> {
    let typed = path.to_str().filter(|_| !path.exists());
    let Some((id, file)) = typed.and_then(|typed| typed.split_once(':')) else {
        return Ok(path.to_path_buf());
    };
    match Id::parse(id) {
        Ok(id) if plain(file) => HubSource { settings, id, kind: RepoKind::Dataset }.file(file),
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
fn plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.split('/').all(|word| {
        !word.is_empty() && !word.starts_with(['.', '-']) && word.chars().all(allowed)
    })
}

/// What a repository of the hub holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RepoKind {
    Model,
    Dataset,
}

/// One model or dataset of one hub.
struct HubSource<'a> {
    settings: &'a HubSettings,
    id: Id,
    kind: RepoKind,
}

impl HubSource<'_> {
    /// The repository's directory in the cache, named as `huggingface_hub` names it.
    fn folder(&self) -> PathBuf {
        let kind = match self.kind {
            RepoKind::Model => "models",
            RepoKind::Dataset => "datasets",
        };
        self.settings.cache.join(format!("{kind}--{}", self.id.name.replace('/', "--")))
    }

    fn refusal<'b>(&'b self, file: &'b str) -> Refusal<'b> {
        Refusal {
            settings: self.settings,
            name: &self.id.name,
            revision: &self.id.revision,
            file,
        }
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

    /// One file of the cache, or of the hub.
    fn file(&self, file: &str) -> Result<PathBuf> {
        let cached = self.cached().map(|snapshot| snapshot.join(file));
        match cached.filter(|path| path.exists()) {
            Some(path) => Ok(path),
            None if self.settings.offline || cfg!(not(feature = "hub")) => {
                Err(self.refusal(file).offline())
            }
            None => self.online_file(file),
        }
    }
}

/// What stands for [`download`] in a build without the feature `hub`.
#[cfg(not(feature = "hub"))]
impl HubSource<'_> {
    fn online(&self) -> Result<PathBuf> {
        self.offline()
    }

    fn online_file(&self, file: &str) -> Result<PathBuf> {
        Err(self.refusal(file).offline())
    }
}
