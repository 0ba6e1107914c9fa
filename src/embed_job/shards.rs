//! A directory of shards: which are there and whole, and the manifest that says so.

use super::format::OutputFormat;
use super::manifest::NAME;
use super::rank::WorkerRank;
use crate::error::{Error, Result};
use crate::io::{self, Lock};
use crate::vectors::{EmbedManifest, Shard};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The shards of this process.
pub(super) struct Shards {
    directory: PathBuf,
    form: OutputFormat,
    share: WorkerRank,
    manifest: EmbedManifest,
    /// Those that an earlier run finished, by number.
    pub done: BTreeMap<usize, Shard>,
    /// Held once the directory is made and swept.
    lock: Option<Lock>,
    /// Names of those that an earlier run finished and that are no longer whole.
    pub damaged: Vec<String>,
}

impl Shards {
    /// The shards in `directory`, to be made as `manifest` says. To resume is to keep what is
    /// whole; else the directory has to be free.
    pub fn open(
        directory: &Path,
        form: OutputFormat,
        share: WorkerRank,
        manifest: EmbedManifest,
        resume: bool,
    ) -> Result<Self> {
        if directory.exists() && !directory.is_dir() {
            let place = directory.display();
            return Err(Error::config(format!(
                "{place} is a file; with --shard-size, --output must be a directory"
            )));
        }
        if !resume {
            expect_free(directory, &share)?;
        }
        let directory = directory.to_path_buf();
        let (done, damaged) = (BTreeMap::new(), vec![]);
        let mut shards = Self { directory, form, share, manifest, done, lock: None, damaged };
        for earlier in EmbedManifest::all(&shards.directory)? {
            earlier.expect_same(&shards.manifest, &shards.directory)?;
            if shards.manifest.ranges.is_none() {
                shards.manifest.ranges.clone_from(&earlier.ranges);
            } else if earlier.ranges.is_some() && earlier.ranges != shards.manifest.ranges {
                let place = shards.directory.display();
                return Err(Error::config(format!(
                    "{place}: the ranges have changed; resume with the same, or choose another --output"
                )));
            }
            if resume {
                shards.adopt(earlier.shards)?;
            }
        }
        shards.manifest.shards = shards.done.values().cloned().collect();
        Ok(shards)
    }

    /// Keeps of an earlier run's shards those that are this process's and whole.
    fn adopt(&mut self, earlier: Vec<Shard>) -> Result<()> {
        for shard in earlier.into_iter().filter(|shard| self.share.owns(shard.number)) {
            let path = self.path(shard.number);
            let whole = path.file_name().is_some_and(|name| *name == *shard.file)
                && path.is_file()
                && shard.entry.matches(&path)?;
            if whole {
                self.done.insert(shard.number, shard);
            } else if !self.damaged.contains(&shard.file) {
                self.damaged.push(shard.file);
            }
        }
        Ok(())
    }

    /// What is known of the whole.
    pub fn manifest(&mut self) -> &mut EmbedManifest {
        &mut self.manifest
    }

    /// Makes the directory, and this process the one that does its share there, and takes away
    /// what a run that was killed left half written.
    pub fn begin(&mut self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        io::make_directory(&self.directory)?;
        self.lock = Some(Lock::take(&self.directory, &self.share.suffix())?);
        let entries = fs::read_dir(&self.directory);
        let entries = entries.map_err(|error| Error::io(&self.directory, error))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".part") && self.writes(name) {
                fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
        }
        Ok(())
    }

    /// Whether it is this process that writes files whose names begin so.
    fn writes(&self, name: &str) -> bool {
        let number = name.strip_prefix("shard-").and_then(|rest| rest.split('.').next());
        match number.and_then(|number| number.parse().ok()) {
            Some(number) => self.share.owns(number),
            None => {
                name.starts_with(&EmbedManifest::name(&self.share))
                    || (self.share.rank == 0 && name.starts_with(NAME))
            }
        }
    }

    /// Where shard `number` goes.
    pub fn path(&self, number: usize) -> PathBuf {
        self.directory.join(format!("shard-{number:05}.{}", self.form.name()))
    }

    /// Lists a shard that is whole under its name.
    pub fn add(&mut self, shard: Shard) -> Result<()> {
        self.manifest.shards.push(shard);
        self.manifest.write(&self.directory.join(EmbedManifest::name(&self.share)))
    }

    /// After the last row of an input of `count` shards: whether all are there, from whatever
    /// process; one manifest then lists them all.
    pub fn settle(&mut self, count: usize) -> Result<bool> {
        if let Some(beyond) = self.done.values().find(|shard| shard.number >= count) {
            return Err(self.changed(&beyond.file));
        }
        self.begin()?;
        let mut all = BTreeMap::new();
        for manifest in EmbedManifest::all(&self.directory)? {
            all.extend(manifest.shards.into_iter().map(|shard| (shard.number, shard)));
        }
        // its own may not have been written: where nothing was left to do, say
        all.extend(self.manifest.shards.iter().map(|shard| (shard.number, shard.clone())));
        if !(0..count).all(|number| all.contains_key(&number)) {
            return Ok(false);
        }
        self.manifest.complete = true;
        self.manifest.shards = all.into_values().collect();
        self.manifest.write(&self.directory.join(NAME))?;
        for rank in 0..self.share.world {
            let share = WorkerRank { rank, ..self.share.clone() };
            let own = self.directory.join(EmbedManifest::name(&share));
            if self.share.world > 1 && own.exists() {
                // another process may be doing the same
                let _ = fs::remove_file(own);
            }
        }
        Ok(true)
    }

    /// The rows of a finished shard are no longer what they were.
    pub fn changed(&self, file: &str) -> Error {
        Error::config(format!(
            "{}: the input changed: {file} was written from other rows; choose another --output",
            self.directory.display()
        ))
    }
}

/// Refuses a directory that another run has used, or this process.
fn expect_free(directory: &Path, share: &WorkerRank) -> Result<()> {
    let used = match share.world {
        1 => fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()),
        _ => [NAME.into(), EmbedManifest::name(share)]
            .iter()
            .any(|name| directory.join(name).exists()),
    };
    if used {
        let place = directory.display();
        return Err(Error::config(format!(
            "{place} is not empty; pass --resume to continue, or choose another --output"
        )));
    }
    Ok(())
}

/// Where files go.
pub(super) enum OutputPaths {
    One(PathBuf),
    Many(Box<Shards>),
}
