//! A model's similarities → its figures, each with its interval.

use super::metric_id::{Aggregation, Correlation, MetricId};
use super::pairs::{PairSet, SetScores};
use crate::eval::stats::bootstrap::{Bootstrap, Interval, named};
use crate::eval::stats::resample::Resampler;
use crate::vectors::Similarity;

/// A figure, and how certain it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The figure, or why it has no value.
    pub value: Result<f64, String>,
    /// Its interval; none without draws, or where too many of them have no value.
    pub interval: Option<Interval>,
    pub(super) draws: Vec<f64>,
}

/// What a model is worth on sets of pairs.
#[derive(Debug, Clone)]
pub struct SuiteReport {
    pub(super) figures: Vec<MetricId>,
    pub(super) bootstrap: Bootstrap,
    pub(super) scores: Vec<SetScores>,
    /// An estimate of each figure for each set.
    pub sets: Vec<Vec<Estimate>>,
    /// The plain mean over the sets of each figure; sets are drawn independently.
    pub average: Vec<Estimate>,
}

impl SuiteReport {
    /// The figures of `scores` on `sets`.
    ///
    /// # Panics
    /// If there are not as many scores as sets and pairs.
    pub fn new(
        sets: &[PairSet],
        scores: Vec<SetScores>,
        figures: &[MetricId],
        bootstrap: &Bootstrap,
    ) -> Self {
        assert_eq!(sets.len(), scores.len(), "every set has its scores");
        let bootstrap = *bootstrap;
        let estimates = |(set, scores)| estimates(set, scores, figures, &bootstrap);
        let estimates: Vec<Vec<Estimate>> = sets.iter().zip(&scores).map(estimates).collect();
        let average = (0..figures.len()).map(|nth| average(sets, &estimates, nth, &bootstrap));
        let average = average.collect();
        Self { figures: figures.to_vec(), bootstrap, scores, sets: estimates, average }
    }

    /// The scores behind the figures.
    pub fn scores(&self) -> &[SetScores] {
        &self.scores
    }
}

/// Each figure of a set.
fn estimates(
    set: &PairSet,
    scores: &SetScores,
    figures: &[MetricId],
    bootstrap: &Bootstrap,
) -> Vec<Estimate> {
    let draws = draws(set, scores, figures, bootstrap);
    let estimate = |(figure, draws): (&MetricId, Vec<f64>)| {
        let value = scores.figure(set, *figure);
        let interval = value.as_ref().ok().and_then(|_| bootstrap.percentiles(&draws));
        Estimate { value, interval, draws }
    };
    figures.iter().zip(draws).map(estimate).collect()
}

/// The draws of each figure. Pairs are drawn within the blocks of an aggregation, once for all
/// figures; a block's draws are a function of the seed and its name.
fn draws(
    set: &PairSet,
    scores: &SetScores,
    figures: &[MetricId],
    bootstrap: &Bootstrap,
) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.; bootstrap.draws]; figures.len()];
    let key = named(bootstrap.key("resample"), &set.name);
    let similarities = unique(figures.iter().map(|figure| figure.similarity));
    let correlations: Vec<Correlation> =
        unique(figures.iter().map(|figure| figure.correlation));
    // subsets are drawn from once for both of their means
    for whole in [true, false] {
        let within = |figure: &MetricId| (figure.aggregation == Aggregation::All) == whole;
        let Some(first) = figures.iter().find(|figure| within(figure)) else { continue };
        for (place, block) in set.blocks(first.aggregation).into_iter().flatten().enumerate() {
            let side = |&kind: &Similarity| &scores.of(kind)[block.range.clone()];
            let sides: Vec<&[f64]> = similarities.iter().map(side).collect();
            let gold = &scores.gold()[block.range.clone()];
            let resampler = Resampler::new(gold, &sides, &correlations);
            let drawn = resampler.draws(named(key, block.name), bootstrap.draws);
            for (figure, sums) in figures.iter().zip(&mut sums).filter(|(f, _)| within(f)) {
                let blocks = set.blocks(figure.aggregation).unwrap_or_default();
                let column = position(&similarities, figure.similarity) * correlations.len()
                    + position(&correlations, figure.correlation);
                for (sum, r) in sums.iter_mut().zip(&drawn[column]) {
                    *sum += blocks[place].weight * r;
                }
            }
        }
    }
    sums
}

/// The mean of figure `nth` over all sets.
fn average(
    sets: &[PairSet],
    estimates: &[Vec<Estimate>],
    nth: usize,
    bootstrap: &Bootstrap,
) -> Estimate {
    let column: Vec<&Estimate> = estimates.iter().map(|set| &set[nth]).collect();
    let undefined = column.iter().position(|estimate| estimate.value.is_err());
    let value = match undefined {
        Some(place) => Err(format!("{} is undefined", sets[place].title)),
        None if column.is_empty() => Err("no sets".into()),
        None => {
            let values = column.iter().filter_map(|estimate| estimate.value.as_ref().ok());
            Ok(values.sum::<f64>() / column.len() as f64)
        }
    };
    let draws: Vec<&[f64]> = column.iter().map(|estimate| estimate.draws.as_slice()).collect();
    let draws = mean_of(&draws);
    let interval = value.as_ref().ok().and_then(|_| bootstrap.percentiles(&draws));
    Estimate { value, interval, draws }
}

/// The mean of columns, row by row; empty where one of them is.
pub(super) fn mean_of(columns: &[&[f64]]) -> Vec<f64> {
    let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    let mean =
        |row| columns.iter().map(|column| column[row]).sum::<f64>() / columns.len() as f64;
    (0..rows).map(mean).collect()
}

/// Each item once, in order of first appearance.
fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut unique, item| {
        if !unique.contains(&item) {
            unique.push(item);
        }
        unique
    })
}

/// Where an item stands that is known to be there.
fn position<T: PartialEq>(items: &[T], item: T) -> usize {
    items.iter().position(|other| *other == item).expect("among those it was taken from")
}

/// `x̄` and `√(Σ(x − x̄)² / (k − 1))` of k models' figures; no deviation below two, nothing below
/// one.
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let deviation = (values.len() > 1).then(|| (squares / (count - 1.)).sqrt());
    (!values.is_empty()).then_some((mean, deviation))
}
