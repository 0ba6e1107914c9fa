//! Every row with every row, on faer: products by its matrix multiplication, the rest beside.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::similarity;
use crate::embed::Embeddings;

/// Rows of each side that a Manhattan task holds in cache at once: 64 × 768 `f32` are 192 KiB.
const TILE: usize = 64;

/// Below this share of `‖a‖² + ‖b‖²` a squared distance is taken from the differences: there
/// the Gram form has lost four of its sixteen digits.
const CANCELLED: f64 = 1e-4;

/// A vector `(D)` and its `‖v‖²`.
#[derive(Clone, Copy)]
struct Row<'a> {
    vector: &'a [f32],
    square: f64,
}

/// `aᵢ·bⱼ`: `(N, D) × (M, D) → (N, M)`
pub(super) fn dot(a: &Embeddings, b: &Embeddings) -> Mat<f64> {
    let (a, b) = (wide(a), wide(b));
    let mut products = Mat::zeros(a.nrows(), b.nrows()); // (N, M)
    matmul(&mut products, Accum::Replace, &a, b.transpose(), 1., Par::rayon(0));
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
    f: impl Fn(f64, Row, Row) -> f64 + Sync,
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

/// The rows `(N, D)` in `f64`, where a product of two `f32` is exact.
fn wide(embeddings: &Embeddings) -> Mat<f64> {
    let (rows, width) = (embeddings.rows(), embeddings.width());
    let view = MatRef::from_row_major_slice(embeddings.as_slice(), rows, width);
    Mat::from_fn(rows, width, |i, j| f64::from(view[(i, j)]))
}

fn with_squares(embeddings: &Embeddings) -> Vec<Row<'_>> {
    let row = |vector| Row { vector, square: similarity::dot(vector, vector) };
    embeddings.iter().map(row).collect()
}
