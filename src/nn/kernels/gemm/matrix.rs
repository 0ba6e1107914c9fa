//! Operands and results of a product as views of slices.

/// A matrix somewhere in a slice: element (i, j) is at `i·row + j·column`, and one of the two is 1.
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

    /// # Panics
    /// Where an element of the m × n matrix lies outside the slice.
    pub(super) fn check(&self, m: usize, n: usize) {
        assert!(m == 0 || n == 0 || last(m, n, self.row, self.column) < self.data.len());
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

/// The place of the last element of an `m × n` matrix.
fn last(m: usize, n: usize, row: usize, column: usize) -> usize {
    (m - 1) * row + (n - 1) * column
}
