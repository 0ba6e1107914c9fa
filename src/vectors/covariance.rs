//! How vectors spread about their mean.

use super::Embeddings;
use super::spectral::{add_products, eigenvectors};
use super::units::ROWS;
use crate::error::{Error, ErrorKind, Result};
use faer::Mat;

/// A direction counts where the variance along it is more than this share of `mean ‖x‖²`: below,
/// a deviation is a millionth of a vector's length, which is the rounding of `f32`.
const FLOOR: f64 = 1e-12;

/// The mean of vectors, and the variances along their principal directions.
pub(super) struct Covariance {
    pub rows: usize,
    /// (D)
    pub mean: Vec<f64>,
    /// Of the covariance, the largest first, (D).
    pub variances: Vec<f64>,
    /// A column each, (D, D).
    pub directions: Mat<f64>,
    /// How many of them count.
    pub rank: usize,
}

impl Covariance {
    pub fn of(embeddings: &Embeddings) -> Result<Self> {
        let (rows, width) = (embeddings.rows(), embeddings.width());
        let data = |message: String| Error::new(ErrorKind::Data, message);
        if rows < 2 {
            return Err(data(format!(
                "{rows} sentences have no variance: give more sentences"
            )));
        }
        if let Some(at) = embeddings.as_slice().iter().position(|x| !x.is_finite()) {
            let message = format!("embedding {} is not finite", at / width + 1);
            return Err(Error::new(ErrorKind::Numerics, message));
        }
        let mut mean = vec![0.; width];
        for row in embeddings.iter() {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x));
        }
        mean.iter_mut().for_each(|mean| *mean /= rows as f64);
        let mut products = Mat::zeros(width, width);
        for chunk in embeddings.as_slice().chunks(ROWS * width) {
            add_products(&mut products, centred(chunk, &mean).as_ref());
        }
        let covariance =
            Mat::from_fn(width, width, |i, j| products[(i, j)] / (rows - 1) as f64);
        let (variances, directions) = eigenvectors(&covariance).ok_or_else(|| {
            Error::new(ErrorKind::Numerics, "the eigendecomposition of the covariance failed")
        })?;
        let squares = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        let length = variances.iter().sum::<f64>() + squares(&mean); // about mean ‖x‖²
        let rank = variances.iter().filter(|&&variance| variance > FLOOR * length).count();
        if rank == 0 {
            return Err(data(format!(
                "all {rows} sentences have the same embedding: no variance"
            )));
        }
        Ok(Self { rows, mean, variances, directions, rank })
    }
}

/// Rows less their mean, as columns: (D, rows).
pub(super) fn centred(rows: &[f32], mean: &[f64]) -> Mat<f64> {
    let width = mean.len();
    let mut columns = Mat::zeros(width, rows.len() / width);
    for (j, row) in rows.chunks_exact(width).enumerate() {
        let numbers = columns.col_as_slice_mut(j).iter_mut().zip(row).zip(mean);
        numbers.for_each(|((to, &x), mean)| *to = f64::from(x) - mean);
    }
    columns
}
