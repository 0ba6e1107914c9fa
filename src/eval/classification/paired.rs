//! Two classifiers of the same examples: does one get more of them right than by chance?

use rayon::prelude::*;

use super::{ClassificationMetric, ClassificationMetrics, ConfusionMatrix, drawn};
use crate::error::{Error, Result};
use crate::eval::compare::Difference;
use crate::eval::stats::bootstrap::{Bootstrap, extreme};
use crate::eval::stats::redraw::redraw;
use crate::eval::stats::special::{incomplete_beta, normal_tails};
use crate::random::RngKey;

/// McNemar's (1947) test of which examples two classifiers get right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Examples that only the first gets right.
    pub first_only: usize,
    /// Examples that only the second gets right.
    pub second_only: usize,
    /// `min(1, 2 P(X ≤ min))` of X, binomial over those examples with probability ½.
    pub exact: f64,
    /// `max(|b − c| − 1, 0)² / (b + c)`, with Edwards' continuity correction; none where both get the
    /// same examples right.
    pub chi_squared: Option<f64>,
    /// The probability of a χ² of one degree of freedom as large.
    pub p: Option<f64>,
}

impl McNemar {
    /// Of the numbers of examples that only one of two classifiers gets right.
    pub fn new(first_only: usize, second_only: usize) -> Self {
        let (sum, least) = (first_only + second_only, first_only.min(second_only));
        let half = incomplete_beta(0.5, 0.5, (sum - least) as f64, least as f64 + 1.);
        let exact = if first_only == second_only { 1. } else { (2. * half).min(1.) };
        let chi_squared = (sum > 0).then(|| {
            let apart = first_only.abs_diff(second_only) as f64;
            (apart - 1.).max(0.).powi(2) / sum as f64
        });
        let p = chi_squared.map(|statistic| normal_tails(statistic.sqrt()));
        Self { first_only, second_only, exact, chi_squared, p }
    }
}

impl ClassificationMetrics {
    /// McNemar's test of this classifier and another of the same examples.
    ///
    /// # Errors
    /// Where the examples have other classes.
    pub fn mcnemar(&self, other: &Self) -> Result<McNemar> {
        self.expect_paired(other)?;
        let right = |one: &Self, i: usize| one.predicted[i] == one.gold[i];
        let only = |one: &Self, two: &Self| {
            (0..self.gold.len()).filter(|&i| right(one, i) && !right(two, i)).count()
        };
        Ok(McNemar::new(only(self, other), only(other, self)))
    }

    /// How this classifier differs from another of the same examples in a metric: the interval
    /// is over draws of examples, the same ones for both; `permutation` is the share of draws
    /// with a difference as large, in each of which the two predictions of an example may have
    /// come from either.
    ///
    /// # Errors
    /// Where the examples have other classes.
    pub fn against(
        &self,
        other: &Self,
        metric: ClassificationMetric,
        bootstrap: &Bootstrap,
    ) -> Result<Difference> {
        self.expect_paired(other)?;
        let classes = self.classes.len();
        let value = self.get(metric).zip(other.get(metric)).map(|(one, two)| one - two);
        let draws = redraw(bootstrap, self.gold.len(), 1, |counts, row| {
            let of = |one: &Self| drawn(&one.gold, &one.predicted, classes, counts).get(metric);
            row[0] = of(self).zip(of(other)).map_or(f64::NAN, |(one, two)| one - two);
        });
        let interval = value.and_then(|_| bootstrap.percentiles(&draws[0]));
        let swapped = self.swapped(other, metric, bootstrap);
        let drawn = value.filter(|_| !swapped.is_empty());
        let permutation = drawn.map(|value| extreme(value, &swapped));
        Ok(Difference::new(value, interval, permutation))
    }

    /// The differences over draws in which predictions are swapped.
    fn swapped(
        &self,
        other: &Self,
        metric: ClassificationMetric,
        bootstrap: &Bootstrap,
    ) -> Vec<f64> {
        // a swap of equal predictions changes nothing
        let mut common = ConfusionMatrix::empty(self.classes.len());
        let mut apart = Vec::new();
        for (i, &gold) in self.gold.iter().enumerate() {
            match (self.predicted[i], other.predicted[i]) {
                (one, two) if one == two => common.add(gold, one, 1.),
                (one, two) => apart.push((gold, [one, two])),
            }
        }
        let key = bootstrap.key("swap");
        let draw = |number: usize| {
            let [one, two] = swap(&common, &apart, key.fold_in(number as u64));
            one.get(metric).zip(two.get(metric)).map_or(f64::NAN, |(one, two)| one - two)
        };
        (0..bootstrap.draws).into_par_iter().map(draw).collect()
    }

    fn expect_paired(&self, other: &Self) -> Result<()> {
        if self.gold != other.gold || self.classes != other.classes {
            let message = "two classifiers are compared on the same examples and classes";
            return Err(Error::config(message));
        }
        Ok(())
    }
}

/// Both classifiers' matrices after a draw: `common`, and each example `apart` swapped or not.
fn swap(
    common: &ConfusionMatrix,
    apart: &[(usize, [usize; 2])],
    key: RngKey,
) -> [ConfusionMatrix; 2] {
    let mut both = [common.clone(), common.clone()];
    let mut sequence = key.rng();
    for examples in apart.chunks(64) {
        let bits = sequence.bits();
        for (place, (gold, predicted)) in examples.iter().enumerate() {
            let first = ((bits >> place) & 1) as usize;
            both[0].add(*gold, predicted[first], 1.);
            both[1].add(*gold, predicted[1 - first], 1.);
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(predicted: &[usize], gold: &[usize]) -> ClassificationMetrics {
        let row = |&class: &usize| (0..3).map(move |c| if c == class { 0.8 } else { 0.1 });
        let probabilities: Vec<f64> = predicted.iter().flat_map(row).collect();
        let classes = ["a", "b", "c"].map(String::from);
        ClassificationMetrics::of(&probabilities, gold, &classes).unwrap()
    }

    #[test]
    fn mcnemar_is_that_of_scipy() {
        // SciPy's binomtest(min(b, c), b + c) and chi2(1).sf(statistic)
        for (b, c, exact, statistic, p) in [
            (10, 3, 0.092_285_156_25, 2.769_230_769_230_769, 0.096_092_329_455_673_4),
            (0, 5, 0.0625, 3.2, 0.073_638_270_120_302_58),
            (40, 60, 0.056_887_933_640_980_79, 3.61, 0.057_433_119_632_003_35),
            (7, 7, 1., 0., 1.),
        ] {
            let found = McNemar::new(b, c);
            assert!((found.exact - exact).abs() < 1e-12, "{found:?}");
            if b != c {
                assert!((found.chi_squared.unwrap() - statistic).abs() < 1e-12, "{found:?}");
                assert!((found.p.unwrap() - p).abs() < 1e-12, "{found:?}");
            }
        }
        let none = McNemar::new(0, 0);
        assert_eq!((none.exact, none.chi_squared, none.p), (1., None, None));
    }

    #[test]
    fn swapping_right_answers_comes_to_mcnemars_exact_test() {
        // only right or wrong counts for accuracy, so the permutation test draws from the
        // binomial that the exact test adds up
        let gold: Vec<usize> = (0..60).map(|i| i % 3).collect();
        let wrong = |until: usize, from: usize| -> Vec<usize> {
            (0..60)
                .map(|i| if (from..until).contains(&i) { (i + 1) % 3 } else { i % 3 })
                .collect()
        };
        let (one, two) = (of(&wrong(4, 0), &gold), of(&wrong(30, 18), &gold));
        let test = one.mcnemar(&two).unwrap();
        assert_eq!((test.first_only, test.second_only), (12, 4));
        let bootstrap = Bootstrap { draws: 20_000, ..Bootstrap::default() };
        let found = one.against(&two, ClassificationMetric::Accuracy, &bootstrap).unwrap();
        assert!((found.value.unwrap() - 8. / 60.).abs() < 1e-15);
        assert!((found.permutation.unwrap() - test.exact).abs() < 0.01, "{found:?} {test:?}");
        let interval = found.interval.unwrap();
        assert!(interval.low < 8. / 60. && interval.high > 8. / 60.);
    }

    #[test]
    fn a_classifier_does_not_differ_from_itself() {
        let gold = [0, 1, 2, 0, 1];
        let one = of(&[0, 1, 1, 0, 2], &gold);
        let bootstrap = Bootstrap { draws: 50, ..Bootstrap::default() };
        let found = one.against(&one, ClassificationMetric::Mcc, &bootstrap).unwrap();
        assert_eq!((found.value, found.permutation), (Some(0.), Some(1.)));
        let other = of(&[0, 1, 1, 0, 2], &[0, 1, 2, 0, 0]);
        assert!(one.mcnemar(&other).is_err(), "other examples");
    }
}
