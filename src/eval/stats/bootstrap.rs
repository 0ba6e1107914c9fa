//! How certain a figure is, and whether two models differ.

use crate::eval::metric_id::Correlation;
use crate::eval::stats::resample::Resampler;
use crate::eval::stats::swap::Swapper;
use crate::random::RngKey;

/// How figures are made certain: by drawing pairs again, and by swapping two models' answers.
///
/// All of it is a function of the seed and of gold scores and similarities; threads change no
/// bit. Draws of equally many pairs are the same draws, so intervals of differences are paired.
///
/// ```
/// use twindrop::eval::{Bootstrap, Correlation};
///
/// let gold = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1.5, 3.5];
/// let similarities = [0.1, 0.3, 0.2, 0.6, 0.7, 0.9, 0.4, 0.5];
/// let interval = Bootstrap::default().interval(Correlation::Spearman, &gold, &similarities);
/// assert!(interval.is_some_and(|interval| interval.low > 0.3 && interval.high <= 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// How often pairs are drawn or answers swapped. 10,000.
    pub draws: usize,
    /// The share of draws that an interval holds. 0.95.
    pub level: f64,
    /// What the draws are a function of. 42.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { draws: 10_000, level: 0.95, seed: 42 }
    }
}

/// Both ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Bootstrap {
    /// No draws: metrics without intervals.
    pub const NONE: Self = Self { draws: 0, level: 0.95, seed: 42 };

    /// The percentile interval of a correlation over draws of pairs with replacement; ranks are
    /// those of the pairs drawn. `None` where the correlation is undefined, or more than a
    /// twentieth of the draws have none.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn interval(
        &self,
        correlation: Correlation,
        gold: &[f64],
        similarities: &[f64],
    ) -> Option<Interval> {
        assert_eq!(gold.len(), similarities.len(), "a correlation is over pairs");
        let correlations = [correlation];
        let resampler = Resampler::new(gold, &[similarities], &correlations);
        self.percentiles(&resampler.draws(self.key("resample"), self.draws)[0])
    }

    /// The same of `r(gold, a) − r(gold, b)`, both on the same draws.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn difference(
        &self,
        correlation: Correlation,
        gold: &[f64],
        a: &[f64],
        b: &[f64],
    ) -> Option<Interval> {
        assert!(gold.len() == a.len() && gold.len() == b.len(), "a correlation is over pairs");
        let correlations = [correlation];
        let resampler = Resampler::new(gold, &[a, b], &correlations);
        let drawn = resampler.draws(self.key("resample"), self.draws);
        let differences = drawn[0].iter().zip(&drawn[1]).map(|(a, b)| a - b);
        self.percentiles(&differences.collect::<Vec<_>>())
    }

    /// `p = (1 + |{draws : |d| ≥ |d observed|}|) / (1 + draws)` of the difference of two models:
    /// how often it is as large where each pair's two answers may have come from either. They are
    /// first brought to one unit (ranks for Spearman, variance 1 for Pearson). `None` where one
    /// of the correlations is undefined.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn permutation(
        &self,
        correlation: Correlation,
        gold: &[f64],
        a: &[f64],
        b: &[f64],
    ) -> Option<f64> {
        let swapper = Swapper::new(correlation, gold, a, b)?;
        let differences = swapper.draws(self.key("swap"), self.draws);
        Some(extreme(swapper.observed(), &differences))
    }

    /// Where the draws of a kind begin. Named, so that kinds can be added without a number.
    pub(in crate::eval) fn key(&self, kind: &str) -> RngKey {
        named(RngKey::new(self.seed), kind)
    }

    /// The interval between the percentiles `(1 − level)/2` and `(1 + level)/2`.
    pub(in crate::eval) fn percentiles(&self, draws: &[f64]) -> Option<Interval> {
        let mut defined: Vec<f64> = draws.iter().copied().filter(|r| !r.is_nan()).collect();
        if defined.is_empty() || 20 * (draws.len() - defined.len()) > draws.len() {
            return None;
        }
        defined.sort_unstable_by(f64::total_cmp);
        let at = |share| quantile(&defined, share);
        Some(Interval { low: at(0.5 - self.level / 2.), high: at(0.5 + self.level / 2.) })
    }
}

/// The key of a name within another.
pub(in crate::eval) fn named(key: RngKey, name: &str) -> RngKey {
    name.bytes().fold(key, |key, byte| key.fold_in(byte.into()))
}

/// The share of draws, with what was observed among them, that lie as far from 0.
pub(in crate::eval) fn extreme(observed: f64, draws: &[f64]) -> f64 {
    // a draw that has no value counts against the difference
    let least = observed.abs() * (1. - 1e-12) - 1e-15;
    let far = draws.iter().filter(|d| d.is_nan() || d.abs() >= least).count();
    (1 + far) as f64 / (1 + draws.len()) as f64
}

/// The value at `share` of the way through sorted values, straight between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0., 1.) * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_straight_between_draws() {
        let draws: Vec<f64> = (0..=10).rev().map(f64::from).collect();
        let bootstrap = Bootstrap { level: 0.5, ..Bootstrap::default() };
        let expected = Interval { low: 2.5, high: 7.5 };
        assert_eq!(bootstrap.percentiles(&draws), Some(expected));
    }

    #[test]
    fn draws_without_a_value_are_left_out_while_they_are_few() {
        let bootstrap = Bootstrap::default();
        let draws = |missing| {
            let mut draws = vec![1.; 100];
            draws[..missing].fill(f64::NAN);
            bootstrap.percentiles(&draws)
        };
        assert_eq!(draws(5), Some(Interval { low: 1., high: 1. }));
        assert_eq!(draws(6), None);
        assert_eq!(bootstrap.percentiles(&[]), None);
    }

    #[test]
    fn what_was_observed_is_one_of_the_draws() {
        assert_eq!(extreme(-2., &[0., 1., -1.9, 3., -2.]), 3. / 6.);
        assert_eq!(extreme(0., &[0., 0.1]), 1.);
        assert_eq!(extreme(5., &[0.; 99]), 0.01);
    }

    #[test]
    fn the_difference_of_a_model_from_itself_is_nothing() {
        let mut numbers = RngKey::new(1).rng();
        let mut side = || -> Vec<f64> { (0..60).map(|_| numbers.normal()).collect() };
        let (gold, a) = (side(), side());
        let bootstrap = Bootstrap { draws: 200, ..Bootstrap::default() };
        for correlation in Correlation::ALL {
            let interval = bootstrap.difference(correlation, &gold, &a, &a);
            assert_eq!(interval, Some(Interval { low: 0., high: 0. }));
            assert_eq!(bootstrap.permutation(correlation, &gold, &a, &a), Some(1.));
        }
    }
}
