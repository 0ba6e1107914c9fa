//! `twindrop mine`: what a corpus holds that training can use, or should not see twice.

mod duplicates;
mod negatives;
mod paraphrases;
mod table;

use crate::error::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum MineCommand {
    /// Pairs of texts that say the same
    Paraphrases(Box<paraphrases::ParaphraseArgs>),
    /// Triplets: negatives that are hard to tell from the positives of pairs
    Negatives(Box<negatives::NegativeArgs>),
    /// A file without the lines that nearly repeat an earlier one
    Duplicates(Box<duplicates::DuplicateArgs>),
}

pub fn run(command: &MineCommand) -> Result<()> {
    match command {
        MineCommand::Paraphrases(args) => paraphrases::run(args),
        MineCommand::Negatives(args) => negatives::run(args),
        MineCommand::Duplicates(args) => duplicates::run(args),
    }
}
