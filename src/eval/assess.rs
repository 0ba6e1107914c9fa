//! Sets of pairs → a model's figures with their intervals, and the difference of two models.

use super::bootstrap::{Bootstrap, Interval, extreme, named};
use super::figure::{Aggregation, Correlation, Figure};
use super::pairs::{PairSet, SetScores};
use super::resample::Resampler;
use super::similarity::Similarity;
use super::swap::Swapper;
use super::williams::{Williams, williams};
use crate::embed::{Embed, Embeddings, distinct};
use crate::error::{Error, ErrorKind, Result};

/// Sets of scored pairs whose distinct sentences, over all of them, are embedded once.
#[derive(Debug, Clone)]
pub struct SuiteEvaluator {
    sets: Vec<PairSet>,
    /// Each distinct sentence once, in order of first appearance.
    sentences: Vec<String>,
    /// Where the two sentences of each pair of each set stand in `sentences`.
    places: Vec<Vec<[usize; 2]>>,
}

impl SuiteEvaluator {
    /// An evaluator of these sets.
    pub fn new(sets: Vec<PairSet>) -> Self {
        let all: Vec<&str> = sets.iter().flat_map(PairSet::sentences).collect();
        let (sentences, places) = distinct(&all);
        let sentences = sentences.into_iter().map(String::from).collect();
        let mut pairs = places.as_chunks().0.iter().copied();
        let places = sets.iter().map(|set| pairs.by_ref().take(set.len()).collect()).collect();
        Self { sets, sentences, places }
    }

    /// Its sets.
    pub fn sets(&self) -> &[PairSet] {
        &self.sets
    }

    /// How many distinct sentences there are in all sets together.
    pub fn sentences(&self) -> usize {
        self.sentences.len()
    }

    /// How many distinct sentences the set at `place` has.
    pub fn sentences_of(&self, place: usize) -> usize {
        let mut seen = vec![false; self.sentences.len()];
        self.places[place].iter().flatten().for_each(|&sentence| seen[sentence] = true);
        seen.into_iter().filter(|&seen| seen).count()
    }

    /// A model's similarities of all pairs, from one vector per distinct sentence. Vectors that
    /// are not finite leave figures undefined.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn scores(&self, model: &dyn Embed) -> Result<Vec<SetScores>> {
        let texts: Vec<&str> = self.sentences.iter().map(String::as_str).collect();
        if texts.is_empty() {
            let none = |set: &PairSet| SetScores::new(set.gold(), Default::default());
            return Ok(self.sets.iter().map(none).collect());
        }
        let embeddings = model.embed(&texts)?;
        if embeddings.rows() != texts.len() {
            let (rows, texts) = (embeddings.rows(), texts.len());
            let words = format!("the model gave {rows} vectors for {texts} sentences");
            return Err(Error::new(ErrorKind::Internal, words));
        }
        let side = |places: &[[usize; 2]], side: usize| {
            let rows = places.iter().flat_map(|pair| embeddings.row(pair[side]));
            Embeddings::new(embeddings.width(), rows.copied().collect())
        };
        let scores = self.sets.iter().zip(&self.places).map(|(set, places)| {
            let (left, right) = (side(places, 0), side(places, 1));
            SetScores::new(set.gold(), Similarity::ALL.map(|kind| kind.paired(&left, &right)))
        });
        Ok(scores.collect())
    }

    /// A model's figures.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn assess(
        &self,
        model: &dyn Embed,
        figures: &[Figure],
        bootstrap: &Bootstrap,
    ) -> Result<Assessment> {
        Ok(Assessment::new(&self.sets, self.scores(model)?, figures, bootstrap))
    }
}

/// A figure, and how certain it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The figure, or why it has no value.
    pub value: Result<f64, String>,
    /// Its interval; none without draws, or where too many of them have no value.
    pub interval: Option<Interval>,
    draws: Vec<f64>,
}

/// What a model is worth on sets of pairs.
#[derive(Debug, Clone)]
pub struct Assessment {
    figures: Vec<Figure>,
    bootstrap: Bootstrap,
    scores: Vec<SetScores>,
    /// An estimate of each figure for each set.
    pub sets: Vec<Vec<Estimate>>,
    /// The plain mean over the sets of each figure; sets are drawn independently.
    pub average: Vec<Estimate>,
}

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

/// How two models differ on sets of pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// A difference in each figure for each set.
    pub sets: Vec<Vec<Difference>>,
    /// The difference of the averages.
    pub average: Vec<Difference>,
}

impl Assessment {
    /// The figures of `scores` on `sets`.
    ///
    /// # Panics
    /// If there are not as many scores as sets and pairs.
    pub fn new(
        sets: &[PairSet],
        scores: Vec<SetScores>,
        figures: &[Figure],
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

/// Each figure of a set.
fn estimates(
    set: &PairSet,
    scores: &SetScores,
    figures: &[Figure],
    bootstrap: &Bootstrap,
) -> Vec<Estimate> {
    let draws = draws(set, scores, figures, bootstrap);
    let estimate = |(figure, draws): (&Figure, Vec<f64>)| {
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
    figures: &[Figure],
    bootstrap: &Bootstrap,
) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.; bootstrap.draws]; figures.len()];
    let key = named(bootstrap.key("resample"), &set.name);
    let similarities = unique(figures.iter().map(|figure| figure.similarity));
    let correlations: Vec<Correlation> =
        unique(figures.iter().map(|figure| figure.correlation));
    // subsets are drawn from once for both of their means
    for whole in [true, false] {
        let within = |figure: &Figure| (figure.aggregation == Aggregation::All) == whole;
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

/// The differences of a figure over draws in which two models' answers are swapped; empty where
/// it is undefined.
fn swapped(
    set: &PairSet,
    [one, two]: [&SetScores; 2],
    figure: Figure,
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
fn mean_of(columns: &[&[f64]]) -> Vec<f64> {
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
