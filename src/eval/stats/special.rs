//! Special functions that p-values are made of.

/// `I_x(a, b)`, the regularised incomplete beta function, with `y = 1 − x` to full precision.
pub(in crate::eval) fn incomplete_beta(x: f64, y: f64, a: f64, b: f64) -> f64 {
    // the fraction converges fast below the mean; beyond it, I_x(a, b) = 1 − I_y(b, a)
    if x > (a + 1.) / (a + b + 2.) {
        return 1. - incomplete_beta(y, x, b, a);
    }
    if x <= 0. {
        return 0.;
    }
    let beta = log_gamma(a) + log_gamma(b) - log_gamma(a + b);
    (a * x.ln() + b * y.ln() - beta).exp() / a / fraction(x, a, b)
}

/// `1 + d₁/(1 + d₂/(1 + …))`, the continued fraction of `I_x` (DLMF 8.17.22), from the left by
/// Lentz's rule: `d₂ₘ = m(b−m)x / ((a+2m−1)(a+2m))`,
/// `d₂ₘ₊₁ = −(a+m)(a+b+m)x / ((a+2m)(a+2m+1))`.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let (mut value, mut upper, mut lower) = (1., 1., 0.);
    for step in 1..10_000 {
        let m = f64::from(step / 2);
        let term = match step % 2 {
            0 => m * (b - m) * x / ((a + 2. * m - 1.) * (a + 2. * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2. * m) * (a + 2. * m + 1.)),
        };
        lower = 1. / (1. + term * lower);
        upper = 1. + term / upper;
        value *= upper * lower;
        if (upper * lower - 1.).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// `ln Γ(x)` for x > 0: Stirling's series beyond 20, `Γ(x) = Γ(x + 1)/x` below.
fn log_gamma(x: f64) -> f64 {
    let (mut x, mut below) = (x, 0.);
    while x < 20. {
        below += x.ln();
        x += 1.;
    }
    let square = x * x;
    let series =
        (1. / 12. - (1. / 360. - (1. / 1260. - 1. / (1680. * square)) / square) / square) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

/// `P(|Z| ≥ z) = erfc(z/√2)` of a standard normal Z, for z ≥ 0; the upper tail of χ² with one
/// degree of freedom at z².
pub(in crate::eval) fn normal_tails(z: f64) -> f64 {
    let x = z * z / 2.;
    if x > 700. {
        return 0.;
    }
    let scale = (x.sqrt().ln() - x - log_gamma(0.5)).exp();
    if x < 2. {
        // 1 − P(½, x), by P's series (DLMF 8.11.4)
        let (mut term, mut sum, mut n) = (2., 2., 0.5);
        while term > sum * 1e-17 {
            n += 1.;
            term *= x / n;
            sum += term;
        }
        return 1. - scale * sum;
    }
    // Q(½, x) = scale / (x + ½ − ½·1/(x + 2½ − 1½·2/(x + 4½ − …))), from the far end (DLMF 8.9.2)
    let fraction = (1..200)
        .rev()
        .map(f64::from)
        .fold(0., |below, n| n * (n - 0.5) / (x + 2. * n + 0.5 - below));
    scale / (x + 0.5 - fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    #[test]
    fn log_gamma_is_that_of_factorials_and_halves() {
        close(log_gamma(1.), 0., 1e-14);
        close(log_gamma(6.), 120_f64.ln(), 1e-14);
        close(log_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-14);
        close(log_gamma(101.), 363.739_375_555_563_5, 1e-12);
    }

    #[test]
    fn normal_tails_are_those_of_scipy() {
        // scipy.stats.chi2(1).sf(z²)
        for (z, p) in [
            (0.1, 0.920344325445942),
            (0.5, 0.6170750774519739),
            (1.0, 0.31731050786291115),
            (1.5, 0.13361440253771584),
            (1.9, 0.05743311963200335),
            (1.96, 0.0499957902964409),
            (2.0, 0.04550026389635857),
            (2.1, 0.03572884112563301),
            (3.0, 0.0026997960632601883),
            (8.0, 1.2441921148543578e-15),
            (30.0, 9.813427854296455e-198),
        ] {
            close(normal_tails(z) / p, 1., 1e-12);
        }
        assert_eq!(normal_tails(0.), 1.);
        assert_eq!(normal_tails(1e9), 0.);
    }
}
