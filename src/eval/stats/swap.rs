//! Two models' answers, pair by pair swapped or not: what their difference is by chance.

use rayon::prelude::*;

use crate::eval::metric_id::Correlation;
use crate::eval::stats::correlation::{average_ranks, deviations};
use crate::eval::undefined::Undefined;
use crate::random::RngKey;

/// The answers of two models, of mean 0 and square sum 1, as what a swap of a pair changes.
pub(in crate::eval) struct Swapper {
    /// `b − a`, `b² − a²` and `(b − a)·gold` of each pair.
    changes: Vec<[f64; 3]>,
    /// `r(gold, a)` and `r(gold, b)`
    correlations: [f64; 2],
}

impl Swapper {
    /// The answers `a` and `b`; nothing where a correlation is undefined.
    ///
    /// # Panics
    /// If the sides differ in length.
    pub fn new(correlation: Correlation, gold: &[f64], a: &[f64], b: &[f64]) -> Option<Self> {
        assert!(gold.len() == a.len() && gold.len() == b.len(), "a correlation is over pairs");
        if Undefined::of(gold, a).or(Undefined::of(gold, b)).is_some() {
            return None;
        }
        let [gold, a, b] = [gold, a, b].map(|values| unit(correlation, values));
        let product = |side: &[f64]| gold.iter().zip(side).map(|(x, y)| x * y).sum::<f64>();
        let correlations = [product(&a), product(&b)];
        let changes = gold.iter().zip(&a).zip(&b);
        let changes = changes.map(|((g, a), b)| [b - a, b * b - a * a, (b - a) * g]).collect();
        Some(Self { changes, correlations })
    }

    /// `r(gold, a) − r(gold, b)`
    pub fn observed(&self) -> f64 {
        self.correlations[0] - self.correlations[1]
    }

    /// The difference after each of `draws` draws, in which every pair is swapped or not.
    pub fn draws(&self, key: RngKey, draws: usize) -> Vec<f64> {
        let numbers = (0..draws).into_par_iter();
        numbers.map(|number| self.draw(key.fold_in(number as u64))).collect()
    }

    /// With `s`, `q` and `p` the sums of the changes of swapped pairs: `a` then has the sum `s`,
    /// the square sum `1 + q` and the product `r(gold, a) + p`; `b` has the same with the sign
    /// turned.
    fn draw(&self, key: RngKey) -> f64 {
        let mut sequence = key.rng();
        let mut sums = [0.; 3];
        for changes in self.changes.chunks(64) {
            let bits = sequence.bits();
            for (place, change) in changes.iter().enumerate() {
                let swapped = ((bits >> place) & 1) as f64;
                sums.iter_mut().zip(change).for_each(|(sum, change)| *sum += swapped * change);
            }
        }
        let [sum, squares, product] = sums;
        let drift = sum * sum / self.changes.len() as f64;
        let [a, b] = self.correlations;
        (a + product) / (1. + squares - drift).sqrt()
            - (b - product) / (1. - squares - drift).sqrt()
    }
}

/// Values or ranks about their mean, of square sum 1.
fn unit(correlation: Correlation, values: &[f64]) -> Vec<f64> {
    let mut unit = match correlation {
        Correlation::Pearson => deviations(values),
        Correlation::Spearman => deviations(&average_ranks(values)),
    };
    let length = unit.iter().map(|x| x * x).sum::<f64>().sqrt();
    unit.iter_mut().for_each(|x| *x /= length);
    unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::stats::correlation::pearson;

    #[test]
    fn a_draw_is_the_difference_of_answers_that_were_swapped() {
        let mut numbers = RngKey::new(4).rng();
        let mut side = || -> Vec<f64> { (0..70).map(|_| numbers.below(9) as f64).collect() };
        let (gold, a, b) = (side(), side(), side());
        for correlation in Correlation::ALL {
            let swapper = Swapper::new(correlation, &gold, &a, &b).unwrap();
            let r = |side: &[f64]| correlation.of(&gold, side).unwrap();
            assert!((swapper.observed() - (r(&a) - r(&b))).abs() < 1e-14);
            let [gold, a, b] = [&gold, &a, &b].map(|side| unit(correlation, side));
            for number in 0..20 {
                let key = RngKey::new(8).fold_in(number);
                let mut sequence = key.rng();
                let bits = [sequence.bits(), sequence.bits()];
                let swap = |i: usize| (bits[i / 64] >> (i % 64)) & 1 == 1;
                let pick = |one: &[f64], other: &[f64]| -> Vec<f64> {
                    (0..70).map(|i| if swap(i) { other[i] } else { one[i] }).collect()
                };
                let expected = pearson(&gold, &pick(&a, &b)).unwrap()
                    - pearson(&gold, &pick(&b, &a)).unwrap();
                let found = swapper.draw(key);
                assert!((found - expected).abs() < 1e-13, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn what_is_undefined_is_not_swapped() {
        let gold = [1., 2., 3.];
        assert!(Swapper::new(Correlation::Spearman, &gold, &[1., 1., 1.], &gold).is_none());
        assert!(
            Swapper::new(Correlation::Pearson, &gold, &gold, &[1., f64::NAN, 1.]).is_none()
        );
    }
}
