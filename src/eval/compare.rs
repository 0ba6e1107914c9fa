//! Two models on the same pairs → how they differ, and whether by chance.

use super::metric_id::{Aggregation, MetricId};
use super::pairs::{PairSet, SetScores};
use super::suite_report::{Estimate, SuiteReport, mean_of};
use crate::eval::stats::bootstrap::{Bootstrap, Interval, extreme, named};
use crate::eval::stats::swap::Swapper;
use crate::eval::stats::williams::{Williams, williams};

/// The difference of two models in a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The first model's figure less the second's; none where one is undefined.
    pub value: Option<f64>,
    /// Its interval, both figures on the same draws.
    pub interval: Option<Interval>,
    /// [`Bootstrap::permutation`] of the figure; none without draws.
    pub permutation: Option<f64>,
    /// [`williams`]; none for what is no single correlation.
    pub williams: Option<Williams>,
    swapped: Vec<f64>,
}

impl Difference {
    /// Of two models whose answers are no similarities of pairs.
    pub(super) fn new(
        value: Option<f64>,
        interval: Option<Interval>,
        permutation: Option<f64>,
    ) -> Self {
        Self { value, interval, permutation, williams: None, swapped: Vec::new() }
    }
}

/// How two models differ on sets of pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// A difference in each figure for each set.
    pub sets: Vec<Vec<Difference>>,
    /// The difference of the averages.
    pub average: Vec<Difference>,
}

impl SuiteReport {
    /// How this model differs from `other`, whose figures are the same ones of the same `sets`.
    ///
    /// # Panics
    /// If they are not.
    pub fn against(&self, other: &Self, sets: &[PairSet]) -> Comparison {
        assert_eq!(self.figures, other.figures, "the same figures are compared");
        assert_eq!(self.scores.len(), other.scores.len(), "the same sets are compared");
        let of_set = |place: usize| {
            let difference = |nth: usize| self.difference(other, &sets[place], place, nth);
            (0..self.figures.len()).map(difference).collect()
        };
        let differences: Vec<Vec<Difference>> = (0..sets.len()).map(of_set).collect();
        let average = (0..self.figures.len()).map(|nth| {
            let (one, two) = (&self.average[nth], &other.average[nth]);
            let swapped: Vec<&[f64]> =
                differences.iter().map(|set| set[nth].swapped.as_slice()).collect();
            self.tested(one, two, mean_of(&swapped), None)
        });
        let average = average.collect();
        Comparison { average, sets: differences }
    }

    fn difference(&self, other: &Self, set: &PairSet, place: usize, nth: usize) -> Difference {
        let figure = self.figures[nth];
        let (one, two) = (&self.scores[place], &other.scores[place]);
        let swapped = swapped(set, [one, two], figure, &self.bootstrap);
        let single = figure.aggregation == Aggregation::All;
        let (gold, a, b) = (one.gold(), one.of(figure.similarity), two.of(figure.similarity));
        let test = single.then(|| {
            let r = |x, y| figure.correlation.of(x, y);
            williams(r(gold, a)?, r(gold, b)?, r(a, b)?, gold.len())
        });
        let estimates = (&self.sets[place][nth], &other.sets[place][nth]);
        self.tested(estimates.0, estimates.1, swapped, test.flatten())
    }

    /// The difference of two estimates, and what draws say of it.
    fn tested(
        &self,
        one: &Estimate,
        two: &Estimate,
        swapped: Vec<f64>,
        williams: Option<Williams>,
    ) -> Difference {
        let values = one.value.as_ref().ok().zip(two.value.as_ref().ok());
        let value = values.map(|(one, two)| one - two);
        let draws: Vec<f64> = one.draws.iter().zip(&two.draws).map(|(a, b)| a - b).collect();
        let interval = value.and_then(|_| self.bootstrap.percentiles(&draws));
        let drawn = value.filter(|_| !swapped.is_empty());
        let permutation = drawn.map(|value| extreme(value, &swapped));
        Difference { value, interval, permutation, williams, swapped }
    }
}

/// The differences of a figure over draws in which two models' answers are swapped; empty where
/// it is undefined.
fn swapped(
    set: &PairSet,
    [one, two]: [&SetScores; 2],
    figure: MetricId,
    bootstrap: &Bootstrap,
) -> Vec<f64> {
    let key = named(bootstrap.key("swap"), &set.name);
    let mut sums = vec![0.; bootstrap.draws];
    for block in set.blocks(figure.aggregation).unwrap_or_default() {
        let cut = |side: &SetScores| side.of(figure.similarity)[block.range.clone()].to_vec();
        let gold = &one.gold()[block.range.clone()];
        let swapper = Swapper::new(figure.correlation, gold, &cut(one), &cut(two));
        let Some(swapper) = swapper else { return Vec::new() };
        let drawn = swapper.draws(named(key, block.name), bootstrap.draws);
        sums.iter_mut().zip(drawn).for_each(|(sum, r)| *sum += block.weight * r);
    }
    sums
}
