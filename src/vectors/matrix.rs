//! Similarities on faer's matrices: row with row, and every row with every row.

use faer::linalg::matmul::matmul;
use faer::{Accum, ColRef, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::Embeddings;
use super::similarity::{self, Similarity};

impl Similarity {
    /// Row i of `a` `(N, D)` with row i of `b` `(N, D)`: `(N)`.
    ///
    /// # Panics
    /// If rows or widths differ.
    pub fn paired(self, a: &Embeddings, b: &Embeddings) -> Vec<f64> {
        assert_eq!(a.rows(), b.rows(), "both sides must have the same number of rows");
        assert_eq!(a.width(), b.width(), "vectors must have the same dimension");
        paired(self, a, b)
    }

    /// Every row of `a` `(N, D)` with every row of `b` `(M, D)`: `(N, M)`.
    ///
    /// # Panics
    /// If widths differ.
    pub fn matrix(self, a: &Embeddings, b: &Embeddings) -> Mat<f64> {
        assert_eq!(a.width(), b.width(), "vectors must have the same dimension");
        match self {
            Self::Cosine => cosine(a, b),
            Self::Dot => dot(a, b),
            Self::Euclidean => euclidean(a, b),
            Self::Manhattan => manhattan(a, b),
        }
    }
}

/// Rows of each side that a Manhattan task holds in cache at once: 64 × 768 `f32` are 192 KiB.
const TILE: usize = 64;

/// Below this share of `‖a‖² + ‖b‖²` a squared distance is taken from the differences: there
/// the Gram form has lost four of its sixteen digits.
const CANCELLED: f64 = 1e-4;

/// A vector `(D)` and its `‖v‖²`.
#[derive(Clone, Copy)]
struct NormedRow<'a> {
    vector: &'a [f32],
    square: f64,
}

/// Pairs whose vectors are widened to `f64` at once: 2 × 256 × 768 numbers are 3 MiB.
const PAIRS: usize = 256;

/// Row i of `a` `(N, D)` with row i of `b` `(N, D)`: `(N)`.
pub(super) fn paired(similarity: Similarity, a: &Embeddings, b: &Embeddings) -> Vec<f64> {
    let width = a.width();
    let numbers = PAIRS * width;
    let chunks = a.as_slice().par_chunks(numbers).zip(b.as_slice().par_chunks(numbers));
    let scores = chunks.flat_map_iter(|(a, b)| {
        let (a, b) = (wide(a, width), wide(b, width)); // (D, chunk): a vector is a column
        (0..a.ncols()).map(move |i| columns(similarity, a.col(i), b.col(i)))
    });
    scores.collect()
}

/// The similarity of two columns `(D)`.
fn columns(similarity: Similarity, a: ColRef<f64>, b: ColRef<f64>) -> f64 {
    match similarity {
        Similarity::Cosine => {
            similarity::cosine(a.transpose() * b, a.transpose() * a, b.transpose() * b)
        }
        Similarity::Dot => a.transpose() * b,
        Similarity::Euclidean => -(a - b).norm_l2(),
        Similarity::Manhattan => -(a - b).norm_l1(),
    }
}

/// `aᵢ·bⱼ`: `(N, D) × (M, D) → (N, M)`
pub(super) fn dot(a: &Embeddings, b: &Embeddings) -> Mat<f64> {
    let (a, b) = (wide(a.as_slice(), a.width()), wide(b.as_slice(), b.width()));
    let mut products = Mat::zeros(a.ncols(), b.ncols()); // (N, M)
    matmul(&mut products, Accum::Replace, a.transpose(), &b, 1., Par::rayon(0));
    products
}

/// `aᵢ·bⱼ / √(‖aᵢ‖²‖bⱼ‖²)`: `(N, M)`
pub(super) fn cosine(a: &Embeddings, b: &Embeddings) -> Mat<f64> {
    from_products(a, b, |product, a, b| similarity::cosine(product, a.square, b.square))
}

/// `−√(‖aᵢ‖² + ‖bⱼ‖² − 2aᵢ·bⱼ)`: `(N, M)`
pub(super) fn euclidean(a: &Embeddings, b: &Embeddings) -> Mat<f64> {
    from_products(a, b, |product, a, b| {
        let both = a.square + b.square;
        let squared = both - 2. * product;
        if squared > CANCELLED * both {
            return -squared.sqrt();
        }
        similarity::euclidean(a.vector, b.vector)
    })
}

/// `−Σ|aᵢ − bⱼ|`, tile by tile: `(N, M)`
pub(super) fn manhattan(a: &Embeddings, b: &Embeddings) -> Mat<f64> {
    let mut values = Mat::zeros(a.rows(), b.rows());
    values.par_col_chunks_mut(TILE).enumerate().for_each(|(right, columns)| {
        columns.par_row_chunks_mut(TILE).enumerate().for_each(|(left, tile)| {
            fill(tile, |i, j| {
                similarity::manhattan(a.row(left * TILE + i), b.row(right * TILE + j))
            });
        });
    });
    values
}

/// `f(aᵢ·bⱼ, aᵢ, bⱼ)`: `(N, M)`
fn from_products(
    a: &Embeddings,
    b: &Embeddings,
    f: impl Fn(f64, NormedRow, NormedRow) -> f64 + Sync,
) -> Mat<f64> {
    let (a_rows, b_rows) = (with_squares(a), with_squares(b));
    let mut values = dot(a, b);
    values.par_col_chunks_mut(1).zip(&b_rows).for_each(|(mut column, &b)| {
        for (i, &a) in a_rows.iter().enumerate() {
            column[(i, 0)] = f(column[(i, 0)], a, b);
        }
    });
    values
}

/// `tileᵢⱼ = f(i, j)`
fn fill(mut tile: MatMut<f64>, f: impl Fn(usize, usize) -> f64) {
    for j in 0..tile.ncols() {
        for i in 0..tile.nrows() {
            tile[(i, j)] = f(i, j);
        }
    }
}

/// Vectors of `width` as the columns of a matrix `(D, N)` in `f64`, where a product of two `f32`
/// is exact.
fn wide(vectors: &[f32], width: usize) -> Mat<f64> {
    let view = MatRef::from_column_major_slice(vectors, width, vectors.len() / width);
    Mat::from_fn(view.nrows(), view.ncols(), |i, j| f64::from(view[(i, j)]))
}

fn with_squares(embeddings: &Embeddings) -> Vec<NormedRow<'_>> {
    let row = |vector| NormedRow { vector, square: similarity::dot(vector, vector) };
    embeddings.iter().map(row).collect()
}
