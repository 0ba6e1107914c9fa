//! Run files and suites.

use super::Target;
use std::path::Path;
use twindrop::eval::Suite;
use twindrop::train::RunConfig;

/// A run file.
pub const RUN: Target = Target {
    name: "run",
    prepare: |scratch, data| scratch.write("run.toml", data),
    read: |scratch| drop(RunConfig::from_file(&scratch.path("run.toml"))),
};

/// A suite, and its sets where none of their files is.
pub const SUITE: Target = Target {
    name: "suite",
    prepare: |scratch, data| scratch.bytes.extend(data),
    read: |scratch| {
        let Ok(text) = str::from_utf8(&scratch.bytes) else { return };
        let Ok(suite) = Suite::parse(text, Path::new("x.toml")) else { return };
        // a name that leads elsewhere would read what is there
        if suite.sets.iter().flat_map(|set| &set.files).all(|file| !file.contains(['.', '/'])) {
            drop(suite.read(Path::new("/nowhere")));
        }
    },
};
