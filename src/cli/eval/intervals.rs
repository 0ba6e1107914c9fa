//! Options of bootstrap intervals.

use crate::error::{Error, Result};
use crate::eval::Bootstrap;

/// Maximum number of resamples: each metric of a set keeps one value for each.
const MOST_DRAWS: usize = 1_000_000;

/// The bootstrap of the options.
pub fn bootstrap(asked: usize, seed: u64) -> Result<Bootstrap> {
    Ok(Bootstrap { draws: draws(asked)?, seed, ..Bootstrap::default() })
}

/// What a title says of intervals, after a semicolon; nothing where there are none.
pub fn title(bootstrap: &Bootstrap) -> String {
    match bootstrap.draws {
        0 => String::new(),
        draws => format!("; {} % intervals of {draws} resamples", 100. * bootstrap.level),
    }
}

/// The number of bootstrap resamples, if valid.
pub fn draws(draws: usize) -> Result<usize> {
    if draws == 0 || (100..=MOST_DRAWS).contains(&draws) {
        return Ok(draws);
    }
    Err(Error::config(format!(
        "--bootstrap {draws}: expected 0 (no intervals), or 100 to {MOST_DRAWS} resamples"
    )))
}
