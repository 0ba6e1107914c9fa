//! Correlations against SciPy's on 10,000 pairs of random vectors, which are drawn here again.

use std::path::Path;

use twindrop::eval::{pearson, spearman};
use twindrop::noise::Key;

/// The two sides of a case, as `eval/peers/scipy_fixture.py` draws them; half have ties.
fn vectors(case: u64) -> (Vec<f64>, Vec<f64>) {
    let mut draws = Key::new(case).sequence();
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

/// The numbers of a little-endian f64 `.npy` of format 1.0.
fn npy(name: &str) -> Vec<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = std::fs::read(path).expect("the fixture");
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let numbers = bytes[10 + header..].as_chunks::<8>().0;
    numbers.iter().map(|&eight| f64::from_le_bytes(eight)).collect()
}

/// Not in the published package.
fn has_fixtures() -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").is_dir()
}

#[test]
fn correlations_of_random_vectors_are_those_of_scipy() {
    if !has_fixtures() {
        println!("skipped: the package has no tests/fixtures");
        return;
    }
    let expected = npy("scipy_correlations.npy");
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
