//! Pearson and Spearman correlation, undefined where they are undefined.

/// `r = Σ(xᵢ−x̄)(yᵢ−ȳ) / √(Σ(xᵢ−x̄)² · Σ(yᵢ−ȳ)²)`, clamped to `[-1, 1]`.
///
/// `None` where it has no value: fewer than two points, all values of a side equal, or any
/// value NaN or infinite.
///
/// # Panics
/// If the sides differ in length.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "a correlation is over pairs");
    if !varies(x) || !varies(y) {
        return None;
    }
    let (x, y) = (deviations(x), deviations(y));
    let r = product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt();
    Some(r.clamp(-1., 1.))
}

/// `ρ = r(rank x, rank y)`, ties sharing their average rank, clamped to `[-1, 1]`.
///
/// `None` where [`pearson`] has none: fewer than two points, all values of a side equal, or
/// any value NaN or infinite.
///
/// # Panics
/// If the sides differ in length.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "a correlation is over pairs");
    if !varies(x) || !varies(y) {
        return None;
    }
    pearson(&average_ranks(x), &average_ranks(y))
}

/// `rankᵢ = |{j : xⱼ < xᵢ}| + (|{j : xⱼ = xᵢ}| + 1) / 2`: from 1, ties share their average.
///
/// `-0.0` ties with `0.0`. A NaN has no rank; here it is placed beyond the infinities and
/// ties with nothing, so that the result keeps its length.
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.;
        tied.iter().for_each(|&i| ranks[i] = rank);
        before += tied.len();
    }
    ranks
}

/// Whether all values are finite and two of them differ. Compared exactly: the variance of a
/// constant about its rounded mean need not be 0.
fn varies(values: &[f64]) -> bool {
    values.iter().all(|v| v.is_finite()) && values.windows(2).any(|pair| pair[0] != pair[1])
}

/// `(xᵢ − x̄) / max|xⱼ − x̄|`: a correlation has no unit, and in this one no square overflows
/// or vanishes. The values must vary.
pub(in crate::eval) fn deviations(values: &[f64]) -> Vec<f64> {
    let largest = values.iter().fold(0_f64, |m, v| m.max(v.abs()));
    let n = values.len().next_power_of_two() as f64;
    // a power of two, so exact; only values near the end of the range need it for their sum
    let room = if largest > f64::MAX / (4. * n) { 0.25 / n } else { 1. };
    let mut deviations: Vec<f64> = values.iter().map(|v| v * room).collect();
    // the second pass takes off what rounding left of a large offset
    for _ in 0..2 {
        let mean = mean(&deviations);
        deviations.iter_mut().for_each(|d| *d -= mean);
    }
    let widest = deviations.iter().fold(0_f64, |m, d| m.max(d.abs()));
    deviations.iter_mut().for_each(|d| *d /= widest);
    deviations
}

/// `Σ xᵢ / n`, exact for ranks
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `Σ xᵢyᵢ`
fn product(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(value: Option<f64>, expected: f64) {
        let value = value.expect("a defined correlation");
        assert!((value - expected).abs() < 1e-15, "{value} is not {expected}");
    }

    #[test]
    fn ties_share_their_average_rank() {
        let ranks = average_ranks(&[3., 1., 3., 3., -2., 1.]);
        assert_eq!(ranks, [5., 2.5, 5., 5., 1., 2.5]);
    }

    #[test]
    fn negative_zero_ties_with_zero() {
        assert_eq!(average_ranks(&[0., 1., -0., -1.]), [2.5, 4., 2.5, 1.]);
    }

    #[test]
    fn pearson_is_the_hand_computed_one() {
        // deviations (-1.5, -0.5, 0.5, 1.5) and (-2, 1, -1, 2): 3 − 0.5 − 0.5 + 3 = 5,
        // squares 5 and 10
        close(pearson(&[1., 2., 3., 4.], &[1., 4., 2., 5.]), 5. / 50_f64.sqrt());
    }

    #[test]
    fn spearman_with_ties_is_the_hand_computed_one() {
        // ranks (1, 2.5, 2.5, 4) and (2, 1, 3, 4): products of deviations 0.75 + 0 + 0 + 2.25,
        // squares 4.5 and 5
        close(spearman(&[0., 7., 7., 9.], &[20., 10., 30., 1000.]), 3. / 22.5_f64.sqrt());
    }

    #[test]
    fn a_constant_side_has_no_correlation() {
        // three times 0.1 has a mean that is not 0.1
        for constant in [0.1, 0., 1e300] {
            assert_eq!(pearson(&[constant; 3], &[1., 2., 3.]), None);
            assert_eq!(spearman(&[1., 2., 3.], &[constant; 3]), None);
        }
        assert_eq!(pearson(&[0., -0.], &[1., 2.]), None);
    }

    #[test]
    fn what_is_not_finite_has_no_correlation() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(pearson(&[1., odd, 3.], &[1., 2., 3.]), None);
            assert_eq!(spearman(&[1., 2., 3.], &[1., odd, 3.]), None);
        }
    }

    #[test]
    fn two_points_are_the_least() {
        assert_eq!(pearson(&[], &[]), None);
        assert_eq!(spearman(&[1.], &[1.]), None);
        assert_eq!(spearman(&[0.1, 0.7], &[4., 3.]), Some(-1.));
        assert_eq!(pearson(&[0.1, 0.7], &[3., 4.]), Some(1.));
    }

    #[test]
    fn neither_offset_nor_scale_changes_pearson() {
        let (x, y) = ([1., 2., 4., 8.], [3., 1., 2., 5.]);
        let expected = pearson(&x, &y).expect("defined");
        // there numbers are 1 apart, so the first mean is rounded from 3.75 to 4
        close(pearson(&x.map(|v| v + 2_f64.powi(52)), &y), expected);
        for scale in [1e-300, 1e-160, 1e160, 2e307] {
            let r = pearson(&x.map(|v| v * scale), &y).expect("defined");
            assert!((r - expected).abs() < 1e-14, "{r} is not {expected} at scale {scale}");
        }
        close(pearson(&[f64::MAX, f64::MIN, 0.], &[1., -1., 0.]), 1.);
    }

    fn pairs() -> impl Strategy<Value = Vec<(i32, i32)>> {
        prop::collection::vec((-20..20, -1000..1000), 0..60)
    }

    proptest! {
        #[test]
        fn spearman_sees_order_only(pairs in pairs()) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            let cubed: Vec<f64> = x.iter().map(|v| v.powi(3) + 7.).collect();
            let mirrored: Vec<f64> = y.iter().map(|v| -v).collect();
            let rho = spearman(&x, &y);
            prop_assert_eq!(spearman(&cubed, &y), rho);
            prop_assert_eq!(spearman(&x, &mirrored), rho.map(|rho| -rho));
        }

        #[test]
        fn correlation_is_symmetric_and_bounded(
            pairs in prop::collection::vec((-1e3..1e3, -1e-3..1e-3), 2..60),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            for correlation in [pearson, spearman] {
                let r = correlation(&x, &y);
                prop_assert_eq!(correlation(&y, &x), r);
                prop_assert!(r.is_none_or(|r| r.abs() <= 1.));
            }
            prop_assert!(!varies(&x) || pearson(&x, &x) == Some(1.));
        }

        #[test]
        fn ranks_add_up_to_one_to_n(values in prop::collection::vec(-9..9, 0..60)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let n = values.len();
            prop_assert_eq!(average_ranks(&values).iter().sum::<f64>(), (n * (n + 1)) as f64 / 2.);
        }
    }
}
