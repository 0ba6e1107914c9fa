//! The rows of a set of embeddings, normalized to length 1.

use std::ops::Range;

use faer::Mat;

use super::Embeddings;
use super::similarity::inverse_norm;

/// Vectors widened to `f64` at once: 256 × 768 numbers are 1.5 MiB.
pub(crate) const ROWS: usize = 256;

/// Rows of length one, widened when they are needed.
pub(crate) struct Units<'a> {
    pub embeddings: &'a Embeddings,
    /// `1/‖x‖` of each row, 0 of a zero row.
    pub scales: Vec<f64>,
}

impl<'a> Units<'a> {
    /// The rows of `embeddings`, if there are any and they are finite.
    pub fn of(embeddings: &'a Embeddings) -> Option<Self> {
        let numbers = embeddings.as_slice();
        let sound = !numbers.is_empty() && numbers.iter().all(|x| x.is_finite());
        sound
            .then(|| Self { embeddings, scales: embeddings.iter().map(inverse_norm).collect() })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    /// How many chunks of rows.
    pub fn chunks(&self) -> usize {
        self.rows().div_ceil(ROWS)
    }

    /// How many pairs of different rows there are, if any.
    pub fn pairs(&self) -> Option<f64> {
        let rows = self.scales.len() as f64;
        (rows > 1.).then_some(rows * (rows - 1.) / 2.)
    }

    /// `u` of row `i`, (D).
    pub fn row(&self, i: usize) -> impl Iterator<Item = f64> {
        let scale = self.scales[i];
        self.embeddings.row(i).iter().map(move |&x| f64::from(x) * scale)
    }

    /// The rows as columns `(D, rows)`.
    pub fn columns(&self, rows: Range<usize>) -> Mat<f64> {
        let mut columns = Mat::zeros(self.embeddings.width(), rows.len());
        for (j, row) in rows.enumerate() {
            columns.col_as_slice_mut(j).iter_mut().zip(self.row(row)).for_each(|(u, x)| *u = x);
        }
        columns
    }

    /// A chunk of rows as columns `(D, ≤ ROWS)`.
    pub fn chunk(&self, number: usize) -> Mat<f64> {
        self.columns(number * ROWS..self.scales.len().min((number + 1) * ROWS))
    }

    /// `‖u‖²` of each row of a chunk: 1, or 0 of a zero row.
    pub fn squares(&self, number: usize) -> Vec<f64> {
        let rows = self.scales.iter().skip(number * ROWS).take(ROWS);
        rows.map(|&scale| if scale > 0. { 1. } else { 0. }).collect()
    }
}
