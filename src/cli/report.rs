//! `twindrop report`.

use super::args::ColumnArgs;
use crate::error::{Error, Result};
use crate::eval::Bootstrap;
use crate::io;
use crate::report::{Report, ReportOptions};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  twindrop report out -o report.html
  twindrop report out-rdrop out-simcse -o report.html --test stsb-test.tsv
  twindrop report out -o report.html --plots figures

The page is one file without scripts. It embeds the run's dev and test sets with the model before
and after; what cannot be had (data moved away, no model before) it says in its place.";

/// Dots of a pixel in a bitmap: sharp in print at a third of a page.
#[cfg(feature = "png")]
const SCALE: f32 = 3.;

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct ReportArgs {
    /// Directories that `train --output-dir` wrote; the others are compared with the first
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Where the page goes (.html)
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Also write each plot as SVG and PNG into this directory
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Scored pairs instead of the runs' own dev set
    #[arg(long, value_name = "FILE")]
    pub dev: Option<PathBuf>,
    /// Scored pairs instead of the runs' own test set
    #[arg(long, value_name = "FILE")]
    pub test: Option<PathBuf>,
    /// The model before training, where it is not where the run found it
    #[arg(
        long,
        alias = "model-name-or-path",
        value_name = "MODEL",
        conflicts_with = "no_eval"
    )]
    pub model: Option<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
    /// Draws behind an interval (pairs, with replacement) and behind p (answers of two models
    /// swapped); 0 for neither
    #[arg(long, value_name = "N", default_value = "10000")]
    pub bootstrap: usize,
    /// What draws are a function of
    #[arg(long, value_name = "N", default_value = "42")]
    pub seed: u64,
    /// Embed nothing: curves and settings alone, while a run goes on
    #[arg(long, conflicts_with_all = ["dev", "test"])]
    pub no_eval: bool,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    place(&args.output)?;
    if let Some(directory) = args.plots.as_ref().filter(|path| path.exists() && !path.is_dir())
    {
        let words = format!("{} is a file; --plots needs a directory", directory.display());
        return Err(Error::config(words));
    }
    let report = Report::of(&args.runs, &options(args)?)?;
    let page = report.html();
    io::replace_with(&args.output, &page)?;
    let runs = match report.runs.len() {
        1 => "1 run".into(),
        runs => format!("{runs} runs"),
    };
    let (path, size) = (args.output.display(), page.len().div_ceil(1024));
    eprintln!("a report of {runs} is in {path} ({size} KiB)");
    match &args.plots {
        Some(directory) => plots(&report, directory),
        None => Ok(()),
    }
}

fn options(args: &ReportArgs) -> Result<ReportOptions> {
    if args.columns != ColumnArgs::default() && args.dev.is_none() && args.test.is_none() {
        let words =
            "--columns, --score-scale, --data-format and --header belong to --dev and --test";
        return Err(Error::config(format!("{words}; a run file says them of its own data")));
    }
    let file = |path: &Option<PathBuf>| path.clone().map(|path| args.columns.of(path));
    Ok(ReportOptions {
        dev: file(&args.dev),
        test: file(&args.test),
        model: args.model.clone(),
        bootstrap: Bootstrap {
            draws: super::eval::draws(args.bootstrap)?,
            seed: args.seed,
            ..Bootstrap::default()
        },
        evaluate: !args.no_eval,
    })
}

/// Refuses an output that cannot be, before any work is done for it.
fn place(path: &Path) -> Result<()> {
    let name = path.extension().and_then(|end| end.to_str());
    if !matches!(name, Some("html" | "htm")) {
        let words = "expected a name in .html";
        return Err(Error::config(format!("{}: {words}", path.display())));
    }
    if path.is_dir() {
        return Err(Error::config(format!("{} is a directory; give a file", path.display())));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent.filter(|parent| !parent.is_dir()) {
        Some(_) => {
            Err(Error::config(format!("{}: there is no such directory", path.display())))
        }
        None => Ok(()),
    }
}

fn plots(report: &Report, directory: &Path) -> Result<()> {
    io::make_directory(directory)?;
    let plots = report.plots();
    for plot in &plots {
        let file = |end: &str| directory.join(format!("{}.{end}", plot.name));
        io::replace_with(&file("svg"), plot.svg())?;
        #[cfg(feature = "png")]
        io::replace_with(&file("png"), plot.png(SCALE)?)?;
    }
    let forms = if cfg!(feature = "png") { "SVG and PNG" } else { "SVG" };
    eprintln!("{} plots saved as {forms} to {}", plots.len(), directory.display());
    Ok(())
}
