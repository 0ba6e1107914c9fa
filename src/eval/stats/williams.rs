//! Williams' test: two correlations with the same third variable.

use crate::eval::stats::special::incomplete_beta;

/// What Williams' test says of `r(gold, a) − r(gold, b)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Williams {
    /// Student's t.
    pub t: f64,
    /// Its degrees of freedom, `n − 3`.
    pub degrees: f64,
    /// The probability of a t as far from 0 where both correlations are the same.
    pub p: f64,
}

/// `t = (r₁ − r₂) √((n−1)(1+r₁₂) / (2 (n−1)/(n−3) |R| + r̄² (1−r₁₂)³))`, with
/// `|R| = 1 − r₁² − r₂² − r₁₂² + 2r₁r₂r₁₂` and `r̄ = (r₁ + r₂)/2` (Williams 1959, as Steiger 1980
/// writes it).
///
/// `first` and `second` are the correlations of n gold scores with two models, `between` that of
/// the models. For ranks it is an approximation. `None` below four pairs, and where one model is
/// a function of the other.
pub fn williams(first: f64, second: f64, between: f64, n: usize) -> Option<Williams> {
    if n < 4 {
        return None;
    }
    let degrees = n as f64 - 3.;
    let difference = first - second;
    if difference == 0. {
        return Some(Williams { t: 0., degrees, p: 1. });
    }
    let n = n as f64;
    let determinant = 1. - first * first - second * second - between * between
        + 2. * first * second * between;
    let mean = (first + second) / 2.;
    let scale = 2. * (n - 1.) / degrees * determinant.max(0.)
        + mean * mean * (1. - between).max(0.).powi(3);
    let t = difference * ((n - 1.) * (1. + between) / scale).sqrt();
    t.is_finite().then(|| Williams { t, degrees, p: both_tails(t, degrees) })
}

/// `P(|T| ≥ |t|) = I_x(ν/2, 1/2)` at `x = ν/(ν + t²)`, of Student's T with ν degrees of freedom.
fn both_tails(t: f64, degrees: f64) -> f64 {
    let ratio = t * t / degrees; // may be infinite
    let (far, near) = (1. / (1. + ratio), 1. / (1. + 1. / ratio));
    incomplete_beta(far, near, degrees / 2., 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    #[test]
    fn williams_is_the_published_example() {
        // Steiger 1980, case A, as the psych package's r.test prints it: t −0.89, p 0.37.
        // By hand: |R| = 0.62, r̄ = 0.45, so
        // t = −0.1 √(102 · 1.1 / (2 · 1.02 · 0.62 + 0.2025 · 0.729))
        let test = williams(0.4, 0.5, 0.1, 103).unwrap();
        close(test.t, -0.1 * (112.2_f64 / (1.2648 + 0.1476225)).sqrt(), 1e-13);
        close(test.t, -0.89, 0.005);
        close(test.p, 0.37, 0.006);
        assert_eq!(test.degrees, 100.);
    }

    #[test]
    fn tails_are_those_of_the_known_distributions() {
        // ν = 1 is Cauchy: 1 − 2 atan(t)/π; ν = 2: 1 − t/√(2 + t²)
        for t in [1e-3_f64, 0.3, 1., 2.5, 40.] {
            close(both_tails(t, 1.), 1. - 2. * t.atan() / std::f64::consts::PI, 1e-14);
            close(both_tails(-t, 2.), 1. - t / (2. + t * t).sqrt(), 1e-14);
        }
        // the table's values: 5 % lies beyond 2.228139 at 10, 2.042272 at 30, 1.959964 at ∞
        for (t, degrees, within) in [
            (2.228_138_851_986_274, 10., 1e-13),
            (2.042_272_456_301_24, 30., 1e-13),
            (1.959_963_985, 1e9, 1e-6),
        ] {
            close(both_tails(t, degrees), 0.05, within);
        }
        // SciPy's 2·t.sf
        for (t, degrees, p) in [
            (5., 5., 0.004_104_715_980_053_323),
            (1.7, 47., 0.095_740_540_967_934_62),
            (5., 1376., 6.470_846_405_705_47e-7),
            (30., 1376., 1.474_027_210_830_169_8e-152),
            (1.7, 20_000., 0.089_146_474_151_620_43),
        ] {
            close(both_tails(t, degrees) / p, 1., 1e-10);
        }
        assert_eq!(both_tails(0., 7.), 1.);
        close(both_tails(1e200, 5.), 0., 1e-300);
    }

    #[test]
    fn models_that_are_the_same_do_not_differ() {
        assert_eq!(williams(0.7, 0.7, 1., 50), Some(Williams { t: 0., degrees: 47., p: 1. }));
        assert_eq!(williams(0.7, 0.6, 0.5, 3), None);
        assert_eq!(williams(1., -1., -1., 9), None);
    }
}
