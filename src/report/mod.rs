//! What runs did, for a person to read: one page with tables and plots, and plots on their own.
//!
//! [`Report::of`] reads run directories, embeds their development and test sets anew with the
//! model before and after, and holds what it found; [`Report::html`] is the page,
//! [`Report::plots`] its pictures. What cannot be had (data moved away, no model before) is said
//! in its place; only a directory that is no run is an error.
//!
//! ```no_run
//! use twindrop::report::{Report, ReportOptions};
//!
//! let report = Report::of(&["out", "out-simcse"], &ReportOptions::default())?;
//! std::fs::write("report.html", report.html()).expect("a place for the page");
//! for plot in report.plots() {
//!     std::fs::write(format!("{}.svg", plot.name), plot.svg()).expect("a place for a plot");
//! }
//! # Ok::<(), twindrop::Error>(())
//! ```

mod chart;
pub(crate) mod format;
mod gather;
mod log;
mod model;
mod page;
mod pairs;
pub mod plot;

pub use log::RunLog;
pub use model::{Report, ReportOptions, RunReport, SetReport};
pub use pairs::{PairScores, Pairs};

use crate::error::{Error, Result};
use plot::Plot;
use std::path::Path;

impl Report {
    /// Reads runs, and evaluates them.
    ///
    /// # Errors
    /// Where a directory is no run, or `options` names data or a model that cannot be had.
    pub fn of(runs: &[impl AsRef<Path>], options: &ReportOptions) -> Result<Self> {
        if runs.is_empty() {
            return Err(Error::config("no run to report: give an output directory of train"));
        }
        let runs = gather::runs(runs, options)?;
        Ok(Self { runs, bootstrap: options.bootstrap })
    }

    /// The page: one file that refers to nothing else. A function of the runs, their data and the
    /// options alone.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// The page's pictures in order, each under a name of its own.
    pub fn plots(&self) -> Vec<Plot> {
        page::plots(self)
    }
}
