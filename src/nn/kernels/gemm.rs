//! Matrix products: operands are packed, then multiplied tile by tile, in parallel over chunks of
//! rows. One implementation of every product of an encoder, for every CPU.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod bf16;
mod cache;
mod dtype;
mod float;
mod int8;
mod layout;
mod matrix;
mod multiply;
mod pack;
mod self_test;
mod tile;

pub(in crate::nn) use cache::Cache;
pub use dtype::ComputeDtype;
pub(crate) use int8::quantize_weights;
pub(in crate::nn) use layout::{Left, Packed};
pub(in crate::nn) use matrix::{Matrix, Target};
pub(in crate::nn) use multiply::multiply;
use rayon::prelude::*;
pub use self_test::kernel_warnings;
pub(in crate::nn) use self_test::self_test;
use std::cell::Cell;
use std::sync::Arc;

/// Rows a task computes: at most as many as keep a thread's share of the operands in its cache, and
/// so few that every thread has some. Rows are independent, so it changes no bit.
pub(in crate::nn) fn chunk(rows: usize) -> usize {
    rows.div_ceil(rayon::current_num_threads()).next_multiple_of(12).clamp(12, 192)
}

thread_local! {
    /// The packed left-hand rows of this thread's task. Taken while in use, so that a task
    /// stolen in the middle of another starts its own.
    static LEFT: Cell<Left> = Cell::default();
    /// The packed right-hand side of the product this thread runs; taken while in use.
    static RIGHT: Cell<Packed> = Cell::default();
}

/// Runs `with` on a thread's own room for packed rows.
pub(in crate::nn) fn with_left<R>(with: impl FnOnce(&mut Left) -> R) -> R {
    let mut left = LEFT.take();
    let result = with(&mut left);
    LEFT.set(left);
    result
}

/// `target (m × n) = a (m × k) · b (k × n) (+ bias)`, in parallel over rows of the target.
/// `cache` belongs to `b`.
pub(in crate::nn) fn product(
    dtype: ComputeDtype,
    (m, k): (usize, usize),
    target: Target,
    bias: Option<&[f32]>,
    a: Matrix,
    b: Matrix,
    cache: Option<&Cache>,
) {
    let n = target.width;
    if m == 0 || n == 0 {
        return;
    }
    if let Some(cache) = cache {
        return product_packed((m, k), target, bias, a, &cache.packed(dtype, k, n, b));
    }
    let packed = RIGHT.take().pack(dtype, k, n, b);
    product_packed((m, k), target, bias, a, &packed);
    RIGHT.set(packed);
}

fn product_packed(
    (m, k): (usize, usize),
    target: Target,
    bias: Option<&[f32]>,
    a: Matrix,
    b: &Packed,
) {
    let Target { data, stride, width, accumulate } = target;
    let rows = chunk(m);
    data.par_chunks_mut(rows * stride).take(m.div_ceil(rows)).enumerate().for_each(
        |(number, data)| {
            let first = number * rows;
            with_left(|left| {
                left.pack(b.dtype, k, (first, rows.min(m - first)), a);
                multiply(left, b, bias, Target { data, stride, width, accumulate });
            });
        },
    );
}

/// A right-hand side with its bias, and the row-major matrix that their product overwrites.
pub(in crate::nn) type ProductPart<'a> = (Arc<Packed>, Option<&'a [f32]>, &'a mut [f32]);

/// Products of one left-hand side: its rows are packed once.
pub(in crate::nn) fn products((m, k): (usize, usize), a: Matrix, parts: Vec<ProductPart>) {
    let rows = chunk(m);
    let mut tasks: Vec<Vec<ProductPart>> = (0..m.div_ceil(rows)).map(|_| Vec::new()).collect();
    for (packed, bias, data) in parts {
        for (task, data) in tasks.iter_mut().zip(data.chunks_mut((rows * packed.n).max(1))) {
            task.push((packed.clone(), bias, data));
        }
    }
    tasks.into_par_iter().enumerate().for_each(|(number, parts)| {
        let first = number * rows;
        with_left(|left| {
            for (nth, (packed, bias, data)) in parts.into_iter().enumerate() {
                if nth == 0 {
                    left.pack(packed.dtype, k, (first, rows.min(m - first)), a);
                }
                multiply(left, &packed, bias, Target::fresh(data, packed.n, packed.n));
            }
        });
    });
}

/// `target (m × n) = a (m × k) · b (k × n)` in `f32` on this thread alone.
pub(in crate::nn) fn product_here(m: usize, k: usize, target: Target, a: Matrix, b: Matrix) {
    if m == 0 || target.width == 0 {
        return;
    }
    let mut right = RIGHT.take();
    right.pack_here(ComputeDtype::F32, k, target.width, b);
    with_left(|left| {
        left.pack(ComputeDtype::F32, k, (0, m), a);
        multiply(left, &right, None, target);
    });
    RIGHT.set(right);
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
    use crate::random::RngKey;

    fn some(seed: u64, len: usize) -> Vec<f32> {
        let mut draws = RngKey::new(seed).rng();
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
        let mut draws = RngKey::new(3).rng();
        let mut size = |most| 1 + draws.below(most);
        let mut shapes = vec![(1, 1, 1), (12, 16, 32), (13, 17, 33), (96, 1030, 64), (0, 4, 4)];
        shapes.extend((0..40).map(|_| (size(130), size(90), size(100))));
        shapes.extend((0..4).map(|_| (size(900), size(1200), size(70))));
        for (case, (m, k, n)) in shapes.into_iter().enumerate() {
            let (a, b, bias) = (some(1, m * k), some(2, k * n), some(3, n));
            let stride = n + case % 3;
            let at = |(row, column): (usize, usize), i, j| i * row + j * column;
            for (dtype, left, right, accumulate, biased) in [
                (ComputeDtype::F32, (k, 1), (n, 1), false, false),
                (ComputeDtype::F32, (k, 1), (1, k), false, true),
                (ComputeDtype::F32, (1, m), (n, 1), true, false),
                (ComputeDtype::F32, (1, m), (1, k), false, false),
                (ComputeDtype::Bf16, (k, 1), (n, 1), true, false),
                (ComputeDtype::Bf16, (k, 1), (1, k), false, true),
                (ComputeDtype::Bf16, (1, m), (n, 1), false, false),
                (ComputeDtype::Bf16, (1, m), (1, k), true, false),
            ] {
                let before = some(4, m * stride);
                let mut data = before.clone();
                let target = Target { data: &mut data, stride, width: n, accumulate };
                let matrix = |data, (row, column)| Matrix { data, row, column };
                let (a_matrix, b_matrix) = (matrix(&a, left), matrix(&b, right));
                let bias = biased.then_some(&bias[..]);
                let dtype = dtype.available();
                product(dtype, (m, k), target, bias, a_matrix, b_matrix, None);
                let rounds = dtype == ComputeDtype::Bf16;
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
                            "{m}×{k}×{n} {dtype:?} {left:?} {right:?} [{i}, {j}]: {got}, expected {expected}"
                        );
                    }
                }
            }
        }
    }

    /// Integers are off by half a unit of either side at most.
    #[test]
    fn products_of_integers_are_within_half_a_unit() {
        let mut draws = RngKey::new(5).rng();
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
            product(ComputeDtype::Int8, (m, k), target, Some(bias), left, right, None);
            let most = |x: &[f32]| x.iter().fold(0., |most: f64, x| most.max(x.abs().into()));
            for (i, row) in a.chunks_exact(k).enumerate() {
                let least = row.iter().fold(0., |least: f64, &x| least.min(x.into()));
                let largest = row.iter().fold(0., |most: f64, &x| most.max(x.into()));
                let left_unit = (largest - least) / 254.;
                for (j, column) in b.chunks_exact(k).enumerate() {
                    let right_unit = 3. * most(column) / 127.;
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
}
