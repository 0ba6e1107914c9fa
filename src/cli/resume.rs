//! `twindrop train --resume`: which checkpoint, and which run file.

use super::train::TrainArgs;
use crate::error::{Error, Result};
use crate::train::{ChangeKind, Resume, RunConfig, run_file};
use clap::Args;
use std::path::{Path, PathBuf};

/// How to go on with a run that was stopped.
#[derive(Args, Default, PartialEq)]
pub struct ResumeArgs {
    /// Go on with the run in --output-dir from its last checkpoint; what it was started with is
    /// read from there where no other flag says
    #[arg(long)]
    pub resume: bool,
    /// Go on from this checkpoint
    #[arg(long, value_name = "DIR")]
    pub resume_from_checkpoint: Option<PathBuf>,
    /// What may differ from when the run was started: data, model, settings or log; joined by
    /// commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub allow_changed: Vec<ChangeKind>,
}

impl ResumeArgs {
    fn is_given(&self) -> bool {
        self.resume || self.resume_from_checkpoint.is_some()
    }

    /// What is to be resumed, if anything.
    pub fn asked(&self) -> Result<Option<Resume>> {
        if self.is_given() {
            let (from, allow) =
                (self.resume_from_checkpoint.clone(), self.allow_changed.clone());
            return Ok(Some(Resume { from, allow }));
        }
        if self.allow_changed.is_empty() {
            return Ok(None);
        }
        Err(Error::config("--allow-changed goes with --resume: give both"))
    }

    /// Whether the run file is that of the run to go on with.
    pub fn speaks_for(&self, args: &TrainArgs) -> bool {
        let own = args.config.is_some() || args.recipe.is_some();
        self.is_given() && !own && args.data.is_empty() && args.objective.is_empty()
    }

    /// The run file of the run to go on with, its directory in place.
    pub fn run_file(&self, args: &TrainArgs) -> Result<RunConfig> {
        let above = self.resume_from_checkpoint.as_deref().and_then(Path::parent);
        let Some(output) = args.output_dir.as_deref().or(above) else {
            return Err(Error::config("nothing to resume: give --output-dir DIR"));
        };
        let config = RunConfig::from_file(&run_file(output)?)?;
        Ok(RunConfig { output_dir: Some(output.into()), ..config })
    }
}
