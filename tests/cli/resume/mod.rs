//! A run that is stopped at any moment comes to the bits of one that was not.

mod bits;
mod kills;
mod messages;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use twindrop::train::{Event, Resume, Run, RunConfig};
use twindrop::{ErrorKind, Result};

use crate::support::{TestDir, differences, last_checkpoint, outputs, training_dir};

/// A run of `text`, in which `@` stands for the directory, into the directory `out`.
fn config(dir: &TestDir, text: &str, out: &str) -> RunConfig {
    let text = text.replace('@', dir.as_ref().to_str().expect("a path"));
    let config: RunConfig = toml::from_str(&text).expect("a run file");
    RunConfig { output_dir: Some(dir.path(out)), preset: Some("tiny".into()), ..config }
}

/// Runs to the end, or is interrupted after `steps` steps.
fn run_until(run: Run, steps: Option<u64>) -> Result<()> {
    let stop = run.stop();
    let ended = run.run(&mut |event| {
        if let Event::Step(step) = event
            && Some(step.step) == steps
        {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    });
    match ended {
        Err(error) if steps.is_some() => {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            Ok(())
        }
        other => other.map(drop),
    }
}

fn resume(config: &RunConfig) -> Run {
    Run::resume(config, &Resume::default()).expect("a run to resume")
}
