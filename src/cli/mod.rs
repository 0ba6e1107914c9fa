//! The command line program: parses arguments, calls the library, prints the results. The only
//! part of the crate that prints.

mod args;
mod check_model;
mod completions;
mod default_run;
mod distill_static;
mod doctor;
mod embed;
mod eval;
mod man;
mod mine;
mod output;
mod paint;
mod predict;
mod progress;
mod quantize;
mod recipes;
mod report;
mod rerank;
mod resume;
mod search;
mod shared;
mod signals;
mod train;
mod whiten;

use crate::error::{Error, ErrorKind, Result};
use args::{Cli, Command};
use clap::{CommandFactory, Parser};
use shared::print::{is_closed_output, note};
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Runs the program on the process's arguments. The exit code is 0 on success, 2 on invalid input,
/// 1 on an internal error or diverged training (numbers of another command that are not finite are
/// invalid input), and 128 plus the signal's number after a signal
/// (130 after Ctrl-C).
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    hide_caught_panics();
    let trains = matches!(cli.command, Command::Train(_));
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_output(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note(format!("error: {error}"));
            match error.kind() {
                ErrorKind::Numerics if trains => ExitCode::from(1),
                ErrorKind::Internal => ExitCode::from(1),
                ErrorKind::Interrupted => ExitCode::from(signals::exit_code()),
                _ => ExitCode::from(2),
            }
        }
    }
}

/// Panics that become errors are not printed as well.
fn hide_caught_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !crate::tokens::is_panic_caught() {
            default(panic);
        }
    }));
}

/// Starts the threads that compute: here, where a system that grants fewer is an error, and not at
/// their first use, where it would be a panic.
fn start_threads(asked: Option<NonZeroUsize>) -> Result<()> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = asked {
        if threads.get() > 1024 {
            return Err(Error::config(format!("--threads {threads}: expected at most 1024")));
        }
        pool = pool.num_threads(threads.get());
    }
    pool.build_global().map_err(|error| {
        Error::config(format!(
            "cannot start the threads: {error}; give --threads N with a smaller N, or raise the \
             limits of processes and memory (ulimit -u, ulimit -v)"
        ))
    })
}

fn dispatch(cli: Cli) -> Result<()> {
    crate::nn::check_isa()?;
    start_threads(cli.threads)?;
    match cli.command {
        Command::Train(args) => train::run(*args),
        Command::Eval(args) => eval::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Search(args) => search::run(&args),
        Command::Rerank(args) => rerank::run(&args),
        Command::Mine(command) => mine::run(&command),
        Command::Quantize(args) => quantize::run(&args),
        Command::Whiten(args) => whiten::run(&args),
        Command::DistillStatic(args) => distill_static::run(&args),
        Command::Recipes => recipes::run(),
        Command::Report(args) => report::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::CheckModel(args) => check_model::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}
