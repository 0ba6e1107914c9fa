//! Between which numbers the numbers of vectors lie, place by place.

use super::{Embeddings, StoredEmbeddings};
use crate::error::{Error, Result};
use crate::io::read_manifest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The lowest and the highest number that calibration saw in each place of a vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Ranges {
    /// The ranges of the numbers of `embeddings`.
    ///
    /// # Errors
    /// Where there are fewer than two rows, of which nothing can be learnt.
    pub fn of(embeddings: &Embeddings) -> Result<Self> {
        if embeddings.rows() < 2 {
            return Err(Error::config(format!(
                "ranges cannot be calibrated on {} embeddings; give at least 2",
                embeddings.rows()
            )));
        }
        let mut rows = embeddings.iter();
        let first = rows.next().expect("two rows or more").to_vec();
        let mut ranges = Self { low: first.clone(), high: first };
        for row in rows {
            let places = ranges.low.iter_mut().zip(&mut ranges.high).zip(row);
            places.for_each(|((low, high), &x)| (*low, *high) = (low.min(x), high.max(x)));
        }
        Ok(ranges)
    }

    /// The ranges in a manifest (`.json`) that an earlier run wrote, or in a `.npy` of two rows,
    /// the lowest numbers and the highest.
    ///
    /// # Errors
    /// Where the file is of another form or holds no ranges.
    pub fn read(path: &Path) -> Result<Self> {
        let ranges = if path.extension().is_some_and(|extension| extension == "json") {
            let json: Value = read_manifest(path, "`embed`")?;
            let ranges = json.get("ranges").unwrap_or(&json).clone();
            serde_json::from_value(ranges).map_err(|_| {
                let words = "holds no ranges: expected {\"low\": [numbers], \"high\": [numbers]}, or a manifest of an int8 or uint8 run";
                Error::data(path, words)
            })?
        } else {
            let stored = StoredEmbeddings::open(path)?;
            if stored.rows() != 2 {
                let words = format!(
                    "has {} rows, expected a row of minima and a row of maxima",
                    stored.rows()
                );
                return Err(Error::data(path, words));
            }
            let rows = stored.read(0..2)?;
            Self { low: rows.row(0).to_vec(), high: rows.row(1).to_vec() }
        };
        let sound = ranges.low.len() == ranges.high.len()
            && ranges.pairs().all(|(low, high)| low <= high && (high - low).is_finite());
        if ranges.low.is_empty() || !sound {
            return Err(Error::data(path, "holds a range whose high is below its low"));
        }
        Ok(ranges)
    }

    /// How many places there are.
    pub fn width(&self) -> usize {
        self.low.len()
    }

    /// The lowest and highest number of each place.
    pub fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        self.low.iter().copied().zip(self.high.iter().copied())
    }
}
