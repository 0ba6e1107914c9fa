//! `twindrop completions`.

use crate::cli::shared::print::say;
use crate::error::Result;
use clap::{Args, Command};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  source <(twindrop completions bash)
  twindrop completions bash > ~/.local/share/bash-completion/completions/twindrop
  twindrop completions zsh > ~/.zfunc/_twindrop
  twindrop completions fish > ~/.config/fish/completions/twindrop.fish";

/// The shell to complete for.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// Shell to generate completions for
    pub shell: Shell,
}

pub fn run(args: &CompletionsArgs, mut program: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "twindrop", &mut script);
    say(String::from_utf8_lossy(&script).trim_end())
}
