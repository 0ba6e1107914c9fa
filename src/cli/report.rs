//! `twindrop report`.

use crate::cli::shared::args::ColumnArgs;
use crate::cli::shared::print::note;
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

The page is one HTML file without scripts. The runs' dev and test sets are evaluated with
the model before and after training; where data or a model is missing, the page states the
reason.";

/// Pixel density of PNG plots: sharp in print at a third of a page.
#[cfg(feature = "png")]
const SCALE: f32 = 3.;

#[derive(Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub struct ReportArgs {
    /// Output directories of `train`; further runs are compared with the first
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Output file (.html), or - for standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Directory to save each plot to, as SVG, and as PNG if built with the feature png
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Scored pairs to evaluate instead of the runs' own dev set
    #[arg(long, value_name = "FILE", help_heading = "Evaluation")]
    pub dev: Option<PathBuf>,
    /// Scored pairs to evaluate instead of the runs' own test set
    #[arg(long, value_name = "FILE", help_heading = "Evaluation")]
    pub test: Option<PathBuf>,
    /// Model before training, if it has moved since the run
    #[arg(
        long,
        visible_alias = "model-name-or-path",
        value_name = "MODEL",
        conflicts_with = "no_eval",
        help_heading = "Evaluation"
    )]
    pub model: Option<String>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
    /// Number of bootstrap resamples for confidence intervals, and of permutations for p; 0 disables
    /// both
    #[arg(long, value_name = "N", default_value = "10000", help_heading = "Evaluation")]
    pub bootstrap: usize,
    /// Random seed of the bootstrap and the permutation test
    #[arg(long, value_name = "N", default_value = "42", help_heading = "Evaluation")]
    pub seed: u64,
    /// Skip evaluation: only training curves and settings, for a run in progress
    #[arg(long, conflicts_with_all = ["dev", "test"], help_heading = "Evaluation")]
    pub no_eval: bool,
}

pub fn run(args: &ReportArgs) -> Result<()> {
    place(&args.output)?;
    let inputs = [&args.dev, &args.test].into_iter().flatten();
    io::expect_apart(&args.output, inputs)?;
    if let Some(directory) = args.plots.as_ref().filter(|path| path.exists() && !path.is_dir())
    {
        let message = format!("{} is a file; --plots expects a directory", directory.display());
        return Err(Error::config(message));
    }
    let report = Report::of(&args.runs, &options(args)?)?;
    let page = report.html();
    io::write_output_with(&args.output, &page)?;
    let runs = match report.runs.len() {
        1 => "1 run".into(),
        runs => format!("{runs} runs"),
    };
    let (path, size) = (args.output.display(), page.len().div_ceil(1024));
    note(format!("report of {runs} saved to {path} ({size} KiB)"));
    match &args.plots {
        Some(directory) => plots(&report, directory),
        None => Ok(()),
    }
}

fn options(args: &ReportArgs) -> Result<ReportOptions> {
    if args.columns != ColumnArgs::default() && args.dev.is_none() && args.test.is_none() {
        let message =
            "--columns, --score-scale, --data-format and --header apply to --dev and --test";
        return Err(Error::config(format!(
            "{message}; a run's own data have them in run.toml"
        )));
    }
    let file = |path: &Option<PathBuf>| path.clone().map(|path| args.columns.of(path));
    Ok(ReportOptions {
        dev: file(&args.dev),
        test: file(&args.test),
        model: args.model.clone(),
        bootstrap: Bootstrap {
            draws: super::eval::intervals::draws(args.bootstrap)?,
            seed: args.seed,
            ..Bootstrap::default()
        },
        evaluate: !args.no_eval,
    })
}

/// Checks the output path before any work is done.
fn place(path: &Path) -> Result<()> {
    if path.as_os_str() == "-" {
        return Ok(());
    }
    let name = path.extension().and_then(|end| end.to_str());
    if !matches!(name, Some("html" | "htm")) {
        let message = "expected a file name with the extension .html";
        return Err(Error::config(format!("{}: {message}", path.display())));
    }
    if path.is_dir() {
        return Err(Error::config(format!("{} is a directory; give a file", path.display())));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match parent.filter(|parent| !parent.is_dir()) {
        Some(_) => Err(Error::config(format!("{}: no such directory", path.display()))),
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
    note(format!("{} plots saved as {forms} to {}", plots.len(), directory.display()));
    Ok(())
}
