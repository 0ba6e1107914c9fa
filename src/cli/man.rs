//! `twindrop man`.

use crate::cli::shared::print::say;
use crate::error::{Error, Result};
use crate::io;
use clap::{Args, Command};
use clap_mangen::Man;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop man | man -l -
  twindrop man ~/.local/share/man/man1";

/// Output of manual pages.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Output directory for one page per command [default: print the program's page]
    pub dir: Option<PathBuf>,
}

pub fn run(args: &ManArgs, mut program: Command) -> Result<()> {
    program.build(); // fills in the names of subcommands
    let Some(dir) = &args.dir else {
        return say(String::from_utf8_lossy(&page(&program)?).trim_end());
    };
    if dir.exists() && !dir.is_dir() {
        return Err(Error::config(format!(
            "{} is a file; expected a directory",
            dir.display()
        )));
    }
    io::make_directory(dir)?;
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(&program).chain(commands) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        io::replace_with(&dir.join(format!("{name}.1")), page(command)?)?;
    }
    Ok(())
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    let rendered = Man::new(command.clone()).render(&mut page);
    rendered.map_err(|error| Error::io(Path::new("manual page"), error))?;
    Ok(page)
}
