//! Correlations against SciPy's on 10,000 pairs of random vectors, which are drawn here again.

use twindrop::eval::{pearson, spearman};
use twindrop::random::RngKey;

use crate::support::npy;

/// The two sides of a case, as `eval/peers/scipy_fixture.py` draws them; half have ties.
fn vectors(case: u64) -> (Vec<f64>, Vec<f64>) {
    let mut draws = RngKey::new(case).rng();
    let pairs = 2 + draws.below(199);
    let share = (case / 2 % 5) as f64 / 4.;
    if case.is_multiple_of(2) {
        let offset = 1000. * (case % 3) as f64;
        let x: Vec<f64> = (0..pairs).map(|_| offset + draws.uniform()).collect();
        let y = x.iter().map(|value| share * value + draws.uniform()).collect();
        return (x, y);
    }
    let levels = 1 + draws.below(20);
    let x: Vec<f64> = (0..pairs).map(|_| draws.below(levels) as f64).collect();
    let y = x.iter().map(|value| (share * value).floor() + draws.below(levels) as f64);
    let y = y.collect();
    (x, y)
}

#[test]
fn correlations_of_random_vectors_are_those_of_scipy() {
    let bytes = npy("scipy_correlations.npy");
    let numbers = bytes.as_chunks::<8>().0;
    let expected: Vec<f64> = numbers.iter().map(|&eight| f64::from_le_bytes(eight)).collect();
    assert_eq!(expected.len(), 20_000);
    let (mut undefined, mut worst) = (0, 0_f64);
    for (case, expected) in expected.chunks_exact(2).enumerate() {
        let (x, y) = vectors(case as u64);
        for (found, expected) in [pearson(&x, &y), spearman(&x, &y)].into_iter().zip(expected) {
            assert_eq!(found.is_none(), expected.is_nan(), "case {case}: {found:?}");
            undefined += usize::from(found.is_none());
            worst = worst.max(found.map_or(0., |found| (found - expected).abs()));
        }
    }
    assert!(worst < 1e-12, "the largest difference is {worst}");
    assert!((100..2000).contains(&undefined), "{undefined} of them constant");
}
