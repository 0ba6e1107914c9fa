//! A directory of shards: which are there and whole, and the manifest that says so.

use super::format::OutputFormat;
use super::manifest::NAME;
use super::rank::WorkerRank;
use crate::error::{Error, Result};
use crate::io::{self, Lock};
use crate::vectors::{EmbedManifest, InputRead, Shard};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long another process may take to compare and write its manifest.
const START: Duration = Duration::from_secs(10);

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
    /// Whether an earlier run has finished, and nothing of it is damaged.
    is_finished: bool,
    /// Whether an earlier run is continued.
    resumes: bool,
    /// Numbers of the shards that this run wrote.
    written: BTreeSet<usize>,
    /// What is there only because this run began, and goes if it fails before its first shard.
    begun: Begun,
    /// Names of those that an earlier run finished and that are no longer whole.
    pub damaged: Vec<String>,
}

/// What [`Shards::begin`] has made.
#[derive(Default)]
struct Begun {
    directory: bool,
    manifest: bool,
}

impl Drop for Shards {
    fn drop(&mut self) {
        if self.begun.manifest && self.written.is_empty() {
            let _ = fs::remove_file(self.directory.join(EmbedManifest::name(&self.share)));
        }
        self.lock = None;
        if self.begun.directory {
            // it stays if anything is in it
            let _ = fs::remove_dir(&self.directory);
        }
    }
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
        let mut shards = Self {
            directory,
            form,
            share,
            manifest,
            done: BTreeMap::new(),
            lock: None,
            is_finished: false,
            resumes: resume,
            written: BTreeSet::new(),
            begun: Begun::default(),
            damaged: vec![],
        };
        for earlier in EmbedManifest::all(&shards.directory, None)? {
            earlier.expect_same(&shards.manifest, &shards.directory)?;
            // an input may be repaired while rows of it are still to be written
            let may_differ = resume
                && !earlier.complete
                && earlier.input.len() == shards.manifest.input.len();
            if !may_differ {
                earlier.expect_same_input(&shards.manifest, &shards.directory)?;
            }
            if shards.manifest.ranges.is_none() {
                shards.manifest.ranges.clone_from(&earlier.ranges);
            }
            shards.is_finished |= earlier.complete;
            if resume {
                shards.adopt(earlier.shards)?;
            }
        }
        shards.is_finished &= resume && shards.damaged.is_empty();
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

    /// Before the first row: makes the directory, and this process the one that does its share
    /// there; takes away what a run that was killed left half written; and writes this process's
    /// manifest, so that others can compare theirs.
    ///
    /// # Errors
    /// Where another process does this share, or one that began before has other settings, input
    /// or ranges.
    pub fn begin(&mut self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.begun.directory = !self.directory.exists();
        io::make_directory(&self.directory)?;
        self.lock = Some(Lock::take(&self.directory, &self.share.suffix())?);
        if !self.resumes {
            expect_free(&self.directory, &self.share)?; // another may have written meanwhile
        }
        // of two that begin together the second sees the manifest of the first
        let _one_at_a_time = io::lock_directory(&self.directory, START);
        for other in self.others()? {
            other.expect_same(&self.manifest, &self.directory)?;
            if !self.resumes {
                other.expect_same_input(&self.manifest, &self.directory)?;
            }
        }
        self.sweep()?;
        if self.is_finished {
            return Ok(());
        }
        let own = self.directory.join(EmbedManifest::name(&self.share));
        self.begun.manifest = !own.exists();
        self.write_own()
    }

    /// The manifests of other processes, and that of all shards.
    fn others(&self) -> Result<Vec<EmbedManifest>> {
        EmbedManifest::all(&self.directory, Some(&EmbedManifest::name(&self.share)))
    }

    fn write_own(&mut self) -> Result<()> {
        self.manifest.write(&self.directory.join(EmbedManifest::name(&self.share)))
    }

    fn sweep(&self) -> Result<()> {
        let entries = fs::read_dir(&self.directory);
        let entries = entries.map_err(|error| Error::io(&self.directory, error))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if io::is_part(&path) && self.writes(name) {
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
        self.written.insert(shard.number);
        self.manifest.shards.push(shard);
        self.write_own()
    }

    /// After the last row: whether all shards are there, from whatever process; one manifest then
    /// lists them all.
    ///
    /// # Errors
    /// Where another process has read other rows, or a shard is not as its manifest says.
    pub fn settle(&mut self, read: InputRead, shard_size: u64) -> Result<bool> {
        let count = usize::try_from(read.rows.div_ceil(shard_size)).unwrap_or(usize::MAX);
        if let Some(beyond) = self.done.values().find(|shard| shard.number >= count) {
            return Err(self.changed(&beyond.file));
        }
        self.begin()?;
        self.begun.manifest = false; // it stays, even of a process that had nothing to do
        self.manifest.read = Some(read.clone());
        if !self.is_finished {
            // that it has read all and made its share: whoever is last finds it so of all others
            self.write_own()?;
        }
        let own = self.manifest.shards.iter().map(|shard| (shard.number, shard.clone()));
        let mut all: BTreeMap<usize, Shard> = own.collect();
        for other in self.others()? {
            other.expect_same(&self.manifest, &self.directory)?;
            match &other.read {
                Some(theirs) if *theirs != read => {
                    return Err(self.read_otherwise(theirs, &read));
                }
                Some(_) => {
                    for shard in other.shards {
                        all.entry(shard.number).or_insert(shard);
                    }
                }
                // its process has more to do
                None => {}
            }
        }
        if !(0..count).all(|number| all.contains_key(&number)) {
            return Ok(false);
        }
        for (&number, shard) in &all {
            let rows = shard_size.min(read.rows.saturating_sub(number as u64 * shard_size));
            self.expect_whole(shard, rows)?;
        }
        self.manifest.complete = true;
        self.manifest.shards = all.into_values().collect();
        self.manifest.write(&self.directory.join(NAME))?;
        // those of earlier numbers of processes too; another process may be doing the same
        for path in EmbedManifest::of_ranks(&self.directory) {
            let _ = fs::remove_file(path);
        }
        Ok(true)
    }

    /// Refuses a shard that is not there, or not what its manifest says. What this run wrote or
    /// adopted it has hashed.
    fn expect_whole(&self, shard: &Shard, rows: u64) -> Result<()> {
        let path = self.path(shard.number);
        let is_named = path.file_name().is_some_and(|name| *name == *shard.file);
        let bytes = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        let is_known =
            self.written.contains(&shard.number) || self.done.contains_key(&shard.number);
        let is_whole = is_named
            && rows > 0
            && shard.rows == rows
            && bytes.is_some_and(|about| about.len() == shard.entry.bytes)
            && (is_known || shard.entry.matches(&path)?);
        if is_whole {
            return Ok(());
        }
        let message = "is missing, damaged or of other rows; run its rank again with --resume";
        Err(Error::data(&path, message))
    }

    fn read_otherwise(&self, theirs: &InputRead, own: &InputRead) -> Error {
        let InputRead { rows, .. } = theirs;
        Error::config(format!(
            "{}: another process read {rows} rows and this one {} rows, or other texts: the \
             input differs or has changed; choose another --output and start all again",
            self.directory.display(),
            own.rows
        ))
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
        1 => io::is_used(directory),
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
