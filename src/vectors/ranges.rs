//! Ranges of the elements of embeddings, for their quantization.

use super::Embeddings;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The lowest and the highest number that calibration saw in each place of a vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
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

    /// How many places there are.
    pub fn width(&self) -> usize {
        self.low.len()
    }

    /// The lowest and highest number of each place.
    pub fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        self.low.iter().copied().zip(self.high.iter().copied())
    }
}
