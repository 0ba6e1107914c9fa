//! Principal component analysis.

use super::Embeddings;
use super::covariance::{Covariance, centred};
use super::units::ROWS;
use crate::error::{Error, Result};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

/// Vectors in the coordinates of their principal directions.
#[derive(Debug, Clone)]
pub struct PrincipalComponents {
    /// `(x − μ)·U` for the first K directions U of the covariance, the largest variances first,
    /// (N, K). The number of a column that is furthest from zero is positive.
    pub scores: Embeddings,
    /// The share of the variance along those directions, 0 to 1.
    pub explained: f64,
}

impl PrincipalComponents {
    /// The first `dim` components of the rows of `embeddings`. Bits do not depend on the number of
    /// threads.
    ///
    /// ```
    /// use twindrop::vectors::{Embeddings, PrincipalComponents};
    ///
    /// let rows = Embeddings::new(2, vec![0., 0., 2., 2., 4., 4.]);
    /// let line = PrincipalComponents::fit(&rows, 1)?;
    /// assert!((line.scores.as_slice()[0] + line.scores.as_slice()[2]).abs() < 1e-6);
    /// assert!((line.explained - 1.).abs() < 1e-12);
    /// # Ok::<(), twindrop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where a vector is not finite, all are the same, or they have fewer than `dim` numbers.
    pub fn fit(embeddings: &Embeddings, dim: usize) -> Result<Self> {
        let width = embeddings.width();
        if dim == 0 || dim > width {
            let message = format!("{dim} components: expected 1 to {width}, the dimension");
            return Err(Error::config(message));
        }
        let spread = Covariance::of(embeddings)?;
        let directions = spread.directions.subcols(0, dim); // (D, K)
        let chunks: Vec<&[f32]> = embeddings.as_slice().chunks(ROWS * width).collect();
        let scored = chunks.into_par_iter().map(|chunk| {
            let x = centred(chunk, &spread.mean); // (D, ≤ ROWS)
            let mut y = Mat::<f64>::zeros(dim, x.ncols()); // (K, ≤ ROWS)
            matmul(&mut y, Accum::Replace, directions.transpose(), &x, 1., Par::Seq);
            (0..y.ncols()).flat_map(|j| y.col_as_slice(j)).copied().collect()
        });
        let scored: Vec<Vec<f64>> = scored.collect();
        let scores = signed(scored.concat(), dim);
        // rounding leaves negative variances where there are none
        let variance = |count: usize| -> f64 {
            spread.variances[..count].iter().map(|variance| variance.max(0.)).sum()
        };
        let explained = variance(dim) / variance(width);
        Ok(Self { scores: Embeddings::new(dim, scores), explained })
    }
}

/// Columns of `width` numbers a row, each with the sign that makes its furthest number positive.
fn signed(scores: Vec<f64>, width: usize) -> Vec<f32> {
    let mut furthest = vec![0f64; width];
    for row in scores.chunks_exact(width) {
        for (far, &x) in furthest.iter_mut().zip(row) {
            *far = if x.abs() > far.abs() { x } else { *far };
        }
    }
    let rows = scores.chunks_exact(width);
    let signed =
        rows.flat_map(|row| row.iter().zip(&furthest).map(|(x, far)| x * far.signum()));
    signed.map(|x| x as f32).collect()
}
