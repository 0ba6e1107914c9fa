//! `twindrop mine`: mines training data from a corpus, or removes its near duplicates.

mod duplicates;
mod negatives;
mod paraphrases;
mod table;

use crate::error::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum MineCommand {
    /// Mine pairs of paraphrases
    Paraphrases(Box<paraphrases::ParaphraseArgs>),
    /// Mine hard negatives for pairs of anchor and positive
    Negatives(Box<negatives::NegativeArgs>),
    /// Remove near duplicates from a file
    Duplicates(Box<duplicates::DuplicateArgs>),
}

pub fn run(command: &MineCommand) -> Result<()> {
    match command {
        MineCommand::Paraphrases(args) => paraphrases::run(args),
        MineCommand::Negatives(args) => negatives::run(args),
        MineCommand::Duplicates(args) => duplicates::run(args),
    }
}
