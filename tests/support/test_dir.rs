//! A directory for the files of one test, and programs that run in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// A directory that is removed with its files.
pub struct TestDir(TempDir);

impl AsRef<Path> for TestDir {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

impl TestDir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the directories that lead to it.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, content).expect("a file");
    }

    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn read_to_string(&self, name: impl AsRef<Path>) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    pub fn read_json(&self, name: impl AsRef<Path>) -> Value {
        serde_json::from_slice(&self.read(name)).expect("JSON")
    }

    /// The events of a log, one a line.
    pub fn read_json_lines(&self, name: impl AsRef<Path>) -> Vec<Value> {
        let text = self.read_to_string(name);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[cfg(feature = "cli")]
pub use program::{Printed, TWINDROP, succeed};

#[cfg(feature = "cli")]
mod program {
    use super::TestDir;
    use std::ffi::OsStr;
    use std::process::{Command, Output, Stdio};

    /// Where the program lies.
    pub const TWINDROP: &str = env!("CARGO_BIN_EXE_twindrop");

    /// By these a launcher tells a process which part of the work is its own.
    const RANKS: [&str; 5] = ["RANK", "WORLD_SIZE", "SLURM_PROCID", "SLURM_NTASKS", "PMI_RANK"];

    impl TestDir {
        /// A command that runs in this directory, without standard input, network or launcher.
        pub fn command(&self, executable: impl AsRef<OsStr>) -> Command {
            let mut command = Command::new(executable);
            command.current_dir(self).stdin(Stdio::null());
            command.env("HF_HOME", self.path("hub")).env("HF_HUB_OFFLINE", "1");
            for name in RANKS {
                command.env_remove(name);
            }
            command
        }

        /// `twindrop` with arguments that white space separates.
        pub fn program(&self, arguments: &str) -> Command {
            let mut program = self.command(TWINDROP);
            program.args(arguments.split_whitespace());
            program
        }

        /// Runs `twindrop`, which must succeed.
        pub fn run(&self, arguments: &str) -> Printed {
            succeed(&mut self.program(arguments))
        }
    }

    /// What a program wrote.
    pub struct Printed {
        pub stdout: String,
        pub stderr: String,
    }

    /// Runs a command to its end; fails with what it wrote to standard error.
    #[track_caller]
    pub fn succeed(command: &mut Command) -> Printed {
        let Output { status, stdout, stderr } = command.output().expect("the program");
        let [stdout, stderr] =
            [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        assert!(status.success(), "{command:?}: {stderr}");
        Printed { stdout, stderr }
    }
}
