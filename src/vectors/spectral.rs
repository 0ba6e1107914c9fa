//! Sums of products and their eigenvectors, in an order that does not depend on the number of
//! threads.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Columns of a matrix that one task sums.
const COLUMNS: usize = 64;

/// `gram += side·sideᵀ` on and below the diagonal: `(S, K) → (S, S)`.
pub(crate) fn add_products(gram: &mut Mat<f64>, side: MatRef<f64>) {
    gram.par_col_chunks_mut(COLUMNS).enumerate().for_each(|(number, columns)| {
        let (start, count) = (number * COLUMNS, columns.ncols());
        let rows = side.nrows() - start;
        let others = side.subrows(start, count).transpose();
        let below = columns.subrows_mut(start, rows);
        matmul(below, Accum::Add, side.subrows(start, rows), others, 1., Par::Seq);
    });
}

/// The eigenvalues of a symmetric matrix given on and below its diagonal. On one thread: faer
/// sums in another order for each number of them.
pub(crate) fn eigenvalues(matrix: &Mat<f64>) -> Option<Vec<f64>> {
    solve(matrix, None)
}

/// `(S, U)` with `C = U·diag(S)·Uᵀ` of a symmetric matrix given on and below its diagonal, the
/// largest first. A vector's sign is free: its number furthest from zero is positive.
pub(crate) fn eigenvectors(matrix: &Mat<f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let size = matrix.nrows();
    let mut vectors = Mat::zeros(size, size);
    let values = solve(matrix, Some(vectors.as_mut()))?;
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let mut sorted = Mat::zeros(size, size);
    for (to, &from) in order.iter().enumerate() {
        let vector = vectors.col_as_slice(from);
        let furthest =
            vector.iter().fold(0f64, |far, x| if x.abs() > far.abs() { *x } else { far });
        let sign = furthest.signum();
        sorted.col_as_slice_mut(to).iter_mut().zip(vector).for_each(|(u, x)| *u = sign * x);
    }
    Some((order.into_iter().map(|from| values[from]).collect(), sorted))
}

/// The eigenvalues of `matrix` as faer orders them, and its vectors where there is room for them.
fn solve(matrix: &Mat<f64>, vectors: Option<MatMut<'_, f64>>) -> Option<Vec<f64>> {
    let size = matrix.nrows();
    let compute =
        if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let scratch = self_adjoint_evd_scratch::<f64>(size, compute, Par::Seq, Default::default());
    let (mut values, mut buffer) = (Diag::zeros(size), MemBuffer::new(scratch));
    let (stack, seq) = (MemStack::new(&mut buffer), Par::Seq);
    let solved = self_adjoint_evd(
        matrix.as_ref(),
        values.as_mut(),
        vectors,
        seq,
        stack,
        Default::default(),
    );
    solved.ok().map(|()| values.column_vector().iter().copied().collect())
}
