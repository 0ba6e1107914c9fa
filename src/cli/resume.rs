//! `twindrop train --resume`: the checkpoint and run file to resume from.

use crate::error::{Error, Result};
use crate::train::{ChangeKind, Resume, RunConfig, run_file};
use clap::Args;
use std::path::{Path, PathBuf};

/// Options for resuming a run.
#[derive(Args, Default, PartialEq)]
pub struct ResumeArgs {
    /// Resume the run in --output-dir from its last checkpoint; its configuration is read from
    /// there unless flags override it
    #[arg(long)]
    pub resume: bool,
    /// Resume from this checkpoint directory
    #[arg(long, value_name = "DIR")]
    pub resume_from_checkpoint: Option<PathBuf>,
    /// What may have changed since the run was started, comma-separated: data, model, settings or
    /// log [default: nothing]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub allow_changed: Vec<ChangeKind>,
}

impl ResumeArgs {
    fn is_given(&self) -> bool {
        self.resume || self.resume_from_checkpoint.is_some()
    }

    /// The checkpoint to resume from, if resuming.
    pub fn asked(&self) -> Result<Option<Resume>> {
        if self.is_given() {
            let (from, allow) =
                (self.resume_from_checkpoint.clone(), self.allow_changed.clone());
            return Ok(Some(Resume { from, allow }));
        }
        if self.allow_changed.is_empty() {
            return Ok(None);
        }
        Err(Error::config("--allow-changed needs --resume: give both"))
    }

    /// Whether the run to resume is the only source of the configuration; `given` says whether a
    /// flag is another.
    pub fn is_only_source(&self, given: bool) -> bool {
        self.is_given() && !given
    }

    /// The configuration of the run to resume, with its output directory.
    pub fn run_file(&self, output_dir: Option<&Path>) -> Result<RunConfig> {
        let above = self.resume_from_checkpoint.as_deref().and_then(Path::parent);
        let Some(output) = output_dir.or(above) else {
            return Err(Error::config("nothing to resume: give --output-dir DIR"));
        };
        let config = RunConfig::from_file(&run_file(output)?)?;
        Ok(RunConfig { output_dir: Some(output.into()), ..config })
    }
}
