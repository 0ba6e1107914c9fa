//! Matrix products over chunks of rows whose size is fixed: our own tile where the machine has
//! AVX-512 and bf16, the `gemm` crate elsewhere and for the small products of attention.

#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(target_arch = "x86_64")]
mod tile;

#[cfg(target_arch = "x86_64")]
use super::{Isa, isa};
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
#[cfg(target_arch = "x86_64")]
use std::sync::{Arc, Mutex, PoisonError};

/// A right-hand side that outlives a product, kept as the tile wants it until it changes, or is
/// asked for turned round: a walk back packs where the way there had packed.
#[derive(Debug, Default)]
pub(in crate::nn) struct Cache {
    #[cfg(target_arch = "x86_64")]
    slot: Mutex<(Option<bool>, Arc<pack::Packed>)>,
}

impl Cache {
    /// The matrix has changed.
    pub fn forget(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            self.slot.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn packed(
        &self,
        arithmetic: Arithmetic,
        k: usize,
        n: usize,
        b: Matrix,
    ) -> Arc<pack::Packed> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let turned = Some(b.row == 1);
        let is = &slot.1;
        if slot.0 != turned || is.arithmetic != arithmetic || (is.k, is.n) != (k, n) {
            let old = Arc::try_unwrap(std::mem::take(&mut slot.1)).unwrap_or_default();
            *slot = (turned, Arc::new(old.pack(arithmetic, k, n, b)));
        }
        slot.1.clone()
    }
}

/// What numbers a product multiplies: the `dtype` of a run. Weights are stored, sums taken and
/// everything else computed in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Arithmetic {
    /// `f32` as they are.
    #[default]
    #[serde(rename = "float32")]
    F32,
    /// Rounded to bf16 (8 bits of mantissa) first: twice as fast.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// Rounded to 8-bit integers first, weights by output channel and activations by token:
    /// four times as fast. For encoding only; a tape that records multiplies in `f32`.
    #[serde(rename = "int8")]
    Int8,
}

impl FromStr for Arithmetic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "float32" | "f32" => Ok(Self::F32),
            "bfloat16" | "bf16" => Ok(Self::Bf16),
            "int8" => Ok(Self::Int8),
            _ => Err(Error::config(format!(
                "dtype `{text}` is unknown: use float32, bfloat16 or int8"
            ))),
        }
    }
}

impl Arithmetic {
    /// Itself where this machine multiplies such numbers, else `f32`.
    #[must_use]
    pub fn available(self) -> Self {
        #[cfg(target_arch = "x86_64")]
        if isa() == Isa::Avx512Dot {
            return self;
        }
        Self::F32
    }

    /// Numbers in the 32 bits of a cell.
    #[cfg(target_arch = "x86_64")]
    fn numbers(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }
}

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

    /// # Panics
    /// Where an element of the m × n matrix lies outside the slice.
    fn check(&self, m: usize, n: usize) {
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

/// Rows a task computes. It packs the right-hand matrix anew, which costs 1/96 of the work.
const CHUNK: usize = 96;

/// `target (m × n) = a (m × k) · b (k × n) (+ bias)`, in parallel over rows of the target.
/// `cache` belongs to `b`.
pub(in crate::nn) fn product(
    arithmetic: Arithmetic,
    (m, k): (usize, usize),
    target: Target,
    bias: Option<&[f32]>,
    a: Matrix,
    b: Matrix,
    cache: Option<&Cache>,
) {
    if m == 0 || target.width == 0 {
        return;
    }
    if k == 0 {
        let Target { data, stride, width, accumulate } = target;
        for row in data.chunks_mut(stride).take(m) {
            match bias {
                Some(bias) => row[..width].copy_from_slice(bias),
                None if accumulate => {}
                None => row[..width].fill(0.),
            }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if isa() == Isa::Avx512Dot {
        if let Some(cache) = cache {
            let packed = cache.packed(arithmetic, k, target.width, b);
            return tile::multiply(m, target, bias, a, &packed);
        }
        let packed = RIGHT.take().pack(arithmetic, k, target.width, b);
        tile::multiply(m, target, bias, a, &packed);
        RIGHT.set(packed);
        return;
    }
    let Target { data, stride, width, accumulate } = target;
    data.par_chunks_mut(CHUNK * stride).take(m.div_ceil(CHUNK)).enumerate().for_each(
        |(chunk, data)| {
            let first = chunk * CHUNK;
            let a = Matrix { data: &a.data[(first * a.row).min(a.data.len())..], ..a };
            let rows = CHUNK.min(m - first);
            if let Some(bias) = bias {
                data.chunks_mut(stride)
                    .take(rows)
                    .for_each(|row| row[..width].copy_from_slice(bias));
            }
            let accumulate = accumulate || bias.is_some();
            product_here(rows, k, Target { data, stride, width, accumulate }, a, b);
        },
    );
}

#[cfg(target_arch = "x86_64")]
thread_local! {
    /// The packed right-hand side of the product this thread runs; taken while in use.
    static RIGHT: std::cell::Cell<pack::Packed> = std::cell::Cell::default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Key;

    fn some(seed: u64, len: usize) -> Vec<f32> {
        let mut draws = Key::new(seed).sequence();
        (0..len).map(|_| draws.normal() as f32).collect()
    }

    /// The nearest bf16, ties to even, for finite numbers.
    fn bf16(x: f32) -> f64 {
        let bits = x.to_bits();
        let even = (bits >> 16) & 1;
        f64::from(f32::from_bits((bits + 0x7fff + even) & 0xffff_0000))
    }

    /// Any of the four orders of a product, with and without bias and accumulation, at sizes
    /// that are no multiple of anything and with targets wider than the product.
    #[test]
    fn products_are_the_sums_of_their_definition() {
        let mut draws = Key::new(3).sequence();
        let mut size = |most| 1 + draws.below(most);
        let mut shapes = vec![(1, 1, 1), (12, 16, 32), (13, 17, 33), (96, 1030, 64), (0, 4, 4)];
        shapes.extend((0..40).map(|_| (size(130), size(90), size(100))));
        shapes.extend((0..4).map(|_| (size(900), size(1200), size(70))));
        for (case, (m, k, n)) in shapes.into_iter().enumerate() {
            let (a, b, bias) = (some(1, m * k), some(2, k * n), some(3, n));
            let stride = n + case % 3;
            let at = |(row, column): (usize, usize), i, j| i * row + j * column;
            for (arithmetic, left, right, accumulate, biased) in [
                (Arithmetic::F32, (k, 1), (n, 1), false, false),
                (Arithmetic::F32, (k, 1), (1, k), false, true),
                (Arithmetic::F32, (1, m), (n, 1), true, false),
                (Arithmetic::F32, (1, m), (1, k), false, false),
                (Arithmetic::Bf16, (k, 1), (n, 1), true, false),
                (Arithmetic::Bf16, (k, 1), (1, k), false, true),
                (Arithmetic::Bf16, (1, m), (n, 1), false, false),
                (Arithmetic::Bf16, (1, m), (1, k), true, false),
            ] {
                let before = some(4, m * stride);
                let mut data = before.clone();
                let target = Target { data: &mut data, stride, width: n, accumulate };
                let matrix = |data, (row, column)| Matrix { data, row, column };
                let (a_matrix, b_matrix) = (matrix(&a, left), matrix(&b, right));
                let bias = biased.then_some(&bias[..]);
                product(arithmetic, (m, k), target, bias, a_matrix, b_matrix, None);
                let rounds = arithmetic == Arithmetic::Bf16 && has_bf16();
                let value = |x: f32| if rounds { bf16(x) } else { f64::from(x) };
                for i in 0..m {
                    for j in 0..stride {
                        let old = f64::from(before[i * stride + j]);
                        let mut expected = if accumulate || j >= n { old } else { 0. };
                        let mut size = expected.abs();
                        if j < n {
                            expected += bias.map_or(0., |bias| f64::from(bias[j]));
                            for p in 0..k {
                                let term = value(a[at(left, i, p)]) * value(b[at(right, p, j)]);
                                expected += term;
                                size += term.abs();
                            }
                        }
                        let got = f64::from(data[i * stride + j]);
                        let bound = 1e-6 * size + if j < n { 1e-6 } else { 0. };
                        assert!(
                            (got - expected).abs() <= bound,
                            "{m}×{k}×{n} {arithmetic:?} {left:?} {right:?} [{i}, {j}]: {got}, expected {expected}"
                        );
                    }
                }
            }
        }
    }

    /// Integers are off by half a unit of either side at most.
    #[test]
    fn products_of_integers_are_within_half_a_unit() {
        if Arithmetic::Int8.available() != Arithmetic::Int8 {
            return;
        }
        let mut draws = Key::new(5).sequence();
        let mut size = |most| 1 + draws.below(most);
        let mut shapes = vec![(1, 1, 1), (13, 64, 32), (12, 65, 33), (3, 1536, 384)];
        shapes.extend((0..30).map(|_| (size(130), size(300), size(100))));
        for (m, k, n) in shapes {
            // a row of zeros, and one far from zero
            let mut a = some(1, m * k);
            a[..k].fill(0.);
            a[(m - 1) * k..].iter_mut().for_each(|x| *x += 3.);
            let (b, bias) = (some(2, k * n), some(3, n));
            let mut data = vec![f32::NAN; m * n];
            let (target, bias) = (Target::fresh(&mut data, n, n), &bias[..]);
            let (left, right) = (Matrix::rows(&a, k), Matrix::columns(&b, k));
            product(Arithmetic::Int8, (m, k), target, Some(bias), left, right, None);
            let most = |x: &[f32]| x.iter().fold(0., |most: f64, x| most.max(x.abs().into()));
            for (i, row) in a.chunks_exact(k).enumerate() {
                let least = row.iter().fold(0., |least: f64, &x| least.min(x.into()));
                let largest = row.iter().fold(0., |most: f64, &x| most.max(x.into()));
                let left_unit = (largest - least) / 255.;
                for (j, column) in b.chunks_exact(k).enumerate() {
                    let right_unit = most(column) / 127.;
                    let (mut expected, mut bound) = (f64::from(bias[j]), 1e-4);
                    for (&x, &y) in row.iter().zip(column) {
                        let (x, y) = (f64::from(x), f64::from(y));
                        expected += x * y;
                        bound +=
                            left_unit / 2. * y.abs() + right_unit / 2. * (x.abs() + left_unit);
                    }
                    let got = f64::from(data[i * n + j]);
                    assert!(
                        (got - expected).abs() <= bound,
                        "{m}×{k}×{n} [{i}, {j}]: {got}, expected {expected} ± {bound}"
                    );
                }
            }
        }
    }

    fn has_bf16() -> bool {
        #[cfg(target_arch = "x86_64")]
        return isa() == Isa::Avx512Dot;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }
}
