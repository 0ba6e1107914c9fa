//! Whitening.

use serde::Deserialize;
use twindrop::vectors::Embeddings;
use twindrop::vectors::Whitening;

use super::fixture::{Array, open};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    x: Array,
    k: usize,
    mean: Array,
    covariance: Array,
    singular_values: Array,
    w: Array,
    whitened_first_k: Array,
    gram_of_whitened_first_k: Array,
    gram_of_l2_normalised_first_k: Array,
}

/// Every `(i, j)` of a matrix.
fn close(what: &str, shape: &[usize], expected: &[f64], found: impl Fn(usize, usize) -> f64) {
    for (at, expected) in expected.iter().enumerate() {
        let (i, j) = (at / shape[1], at % shape[1]);
        let error = (found(i, j) - expected).abs();
        assert!(error < 1e-6, "{what} at {i}, {j} is off by {error:.1e}");
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[test]
fn whitening_is_that_of_the_reference() {
    let golden = open::<Golden>("whitening");
    assert!(!golden.cases.is_empty());
    for case in golden.cases {
        let width = case.x.shape[1];
        let rows = Embeddings::new(width, case.x.single());
        let all = Whitening::fit(&rows, Some(width)).expect("a spread");
        let what = |name: &str| format!("{}: {name}", case.name);
        let (mean, s) = (all.mean(), all.variances());
        close(&what("mean"), &[1, width], &case.mean.data, |_, j| mean[j]);
        close(&what("singular values"), &[1, width], &case.singular_values.data, |_, j| s[j]);
        let w = all.weight();
        // C = U·S·Uᵀ and W = U/√S
        close(&what("covariance"), &case.covariance.shape, &case.covariance.data, |i, j| {
            (0..width).map(|k| w[(i, k)] * s[k] * s[k] * w[(j, k)]).sum()
        });
        // a column's sign is free
        let (shape, reference) = (&case.w.shape, &case.w.data);
        let sign = |j: usize| {
            let along = (0..shape[0]).map(|i| w[(i, j)] * reference[i * shape[1] + j]);
            along.sum::<f64>().signum()
        };
        close(&what("w"), shape, reference, |i, j| sign(j) * w[(i, j)]);
        let kept = Whitening::fit(&rows, Some(case.k)).expect("a spread").apply(&rows);
        let whitened = &case.whitened_first_k;
        close(&what("whitened"), &whitened.shape, &whitened.data, |i, j| {
            sign(j) * f64::from(kept.row(i)[j])
        });
        let gram = &case.gram_of_whitened_first_k;
        close(&what("gram"), &gram.shape, &gram.data, |i, j| dot(kept.row(i), kept.row(j)));
        let gram = &case.gram_of_l2_normalised_first_k;
        close(&what("cosines"), &gram.shape, &gram.data, |i, j| {
            let (a, b) = (kept.row(i), kept.row(j));
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        });
    }
}
