//! Matrix products: the `gemm` crate's kernels over chunks of rows whose size is fixed.

use rayon::prelude::*;

/// A matrix somewhere in a slice: element (i, j) is at `i·row + j·column`.
#[derive(Clone, Copy)]
pub(in crate::nn) struct Matrix<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `width` numbers between rows.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row: width, column: 1 }
    }

    /// The transpose of a row-major matrix.
    pub fn columns(data: &'a [f32], width: usize) -> Self {
        Self { data, row: 1, column: width }
    }
}

/// Where a product goes: rows of `width` numbers, `stride` apart.
pub(in crate::nn) struct Target<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
    pub width: usize,
    /// Add to what is there (else overwrite).
    pub accumulate: bool,
}

impl<'a> Target<'a> {
    /// A target to overwrite.
    pub fn fresh(data: &'a mut [f32], stride: usize, width: usize) -> Self {
        Self { data, stride, width, accumulate: false }
    }
}

/// Rows a task computes. It packs the right-hand matrix anew, which costs 1/96 of the work.
const CHUNK: usize = 96;

/// `target (m × n) = a (m × k) · b (k × n)`, in parallel over chunks of rows of the target.
pub(in crate::nn) fn product(m: usize, k: usize, target: Target, a: Matrix, b: Matrix) {
    if m == 0 || target.width == 0 {
        return;
    }
    let Target { data, stride, width, accumulate } = target;
    data.par_chunks_mut(CHUNK * stride).take(m.div_ceil(CHUNK)).enumerate().for_each(
        |(chunk, data)| {
            let first = chunk * CHUNK;
            let a = Matrix { data: &a.data[(first * a.row).min(a.data.len())..], ..a };
            let rows = CHUNK.min(m - first);
            product_here(rows, k, Target { data, stride, width, accumulate }, a, b);
        },
    );
}

/// The same on this thread alone.
pub(in crate::nn) fn product_here(m: usize, k: usize, target: Target, a: Matrix, b: Matrix) {
    let n = target.width;
    if m == 0 || n == 0 {
        return;
    }
    assert!(k > 0 && last(m, n, target.stride, 1) < target.data.len());
    assert!(last(m, k, a.row, a.column) < a.data.len());
    assert!(last(k, n, b.row, b.column) < b.data.len());
    // SAFETY: the assertions above keep every element the kernel touches inside its slice, and
    // `target` is borrowed mutably, so it overlaps neither `a` nor `b`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            target.data.as_mut_ptr(),
            1,
            target.stride as isize,
            target.accumulate,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.,
            1.,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The place of the last element of an `m × n` matrix.
fn last(m: usize, n: usize, row: usize, column: usize) -> usize {
    (m - 1) * row + (n - 1) * column
}

/// `sum[j] (+)= Σᵢ x[i, j]` for a row-major (m × n) matrix; partial sums of fixed chunks are
/// added in order.
pub(in crate::nn) fn column_sums(x: &[f32], sum: &mut [f32], accumulate: bool) {
    let n = sum.len();
    let partial: Vec<Vec<f32>> = x
        .par_chunks(256 * n)
        .map(|rows| {
            let mut partial = vec![0f32; n];
            for row in rows.chunks_exact(n) {
                partial.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            partial
        })
        .collect();
    if !accumulate {
        sum.fill(0.);
    }
    for partial in &partial {
        sum.iter_mut().zip(partial).for_each(|(sum, x)| *sum += x);
    }
}
