//! A set of scored pairs, and the model's answers to it.

use std::ops::Range;
use std::path::PathBuf;

use super::metric_id::{Aggregation, MetricId};
use super::undefined::{Undefined, vector_not_finite};
use crate::data::{Dataset, ReadReport, Scale, Scored, Subset};
use crate::error::Result;
use crate::vectors::Similarity;

/// Scored pairs under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct PairSet {
    /// The prefix of its figures, such as `sts12`.
    pub name: String,
    /// What a table calls it, such as `STS12`.
    pub title: String,
    /// Where it was read.
    pub path: PathBuf,
    /// What its scores lie on, where that is known.
    pub scale: Option<Scale>,
    /// Its pairs.
    pub subsets: Vec<Subset>,
    /// Whether the subsets are the ones to aggregate over. Where a set has subsets and its file
    /// does not tell them, only [`Aggregation::All`] is defined.
    pub divided: bool,
    /// What was decided and left out while it was read.
    pub report: ReadReport,
}

impl PairSet {
    /// What was read of a file, under a name; its subsets are those that the file names.
    pub fn new(name: &str, scored: Scored) -> Self {
        let Scored { path, scale, subsets, report } = scored;
        let (name, title) = (name.into(), name.into());
        Self { name, title, path, scale, subsets, divided: true, report }
    }

    /// The pairs of a dataset, under the name of its file.
    ///
    /// # Errors
    /// Where the data are not scored pairs.
    pub fn of(set: &Dataset) -> Result<Self> {
        let scale = set.expect_scored_pairs()?;
        let pairs = set.texts(0).zip(set.texts(1)).map(|(a, b)| (a.into(), b.into())).collect();
        let subset = Subset { name: String::new(), pairs, gold: set.gold() };
        let name = set.path.file_stem().unwrap_or_default().to_string_lossy();
        let (path, report) = (set.path.clone(), set.report.clone());
        let scored = Scored { path, scale: Some(scale), subsets: vec![subset], report };
        Ok(Self::new(&name, scored))
    }

    /// How many pairs it has.
    pub fn len(&self) -> usize {
        self.subsets.iter().map(|subset| subset.pairs.len()).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The gold scores of all subsets, one after the other.
    pub fn gold(&self) -> Vec<f64> {
        self.subsets.iter().flat_map(|subset| &subset.gold).copied().collect()
    }

    /// Both sentences of every pair, pair after pair.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        let pairs = self.subsets.iter().flat_map(|subset| &subset.pairs);
        pairs.flat_map(|(left, right)| [left.as_str(), right.as_str()])
    }

    /// What an aggregation is a weighted sum over; or why there is none.
    pub(super) fn blocks(
        &self,
        aggregation: Aggregation,
    ) -> Result<Vec<PairBlock<'_>>, String> {
        let pairs = self.len();
        if aggregation == Aggregation::All {
            return Ok(vec![PairBlock { name: "", range: 0..pairs, weight: 1. }]);
        }
        if !self.divided {
            return Err(format!("{} does not tell the subsets", self.path.display()));
        }
        let (mut start, subsets) = (0, self.subsets.len() as f64);
        let blocks = self.subsets.iter().map(|subset| {
            let size = subset.pairs.len();
            start += size;
            let weight = match aggregation {
                Aggregation::Wmean => size as f64 / pairs as f64,
                _ => 1. / subsets,
            };
            PairBlock { name: &subset.name, range: start - size..start, weight }
        });
        Ok(blocks.collect())
    }
}

/// A run of pairs that has one correlation, and what it counts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PairBlock<'a> {
    pub name: &'a str,
    pub range: Range<usize>,
    pub weight: f64,
}

/// What a model finds of the pairs of a set: a similarity of each kind for each pair.
#[derive(Debug, Clone, PartialEq)]
pub struct SetScores {
    gold: Vec<f64>,
    /// In the order of [`Similarity::ALL`].
    similarities: [Vec<f64>; 4],
    /// The sides, 0 or 1, of pairs whose vector is not finite, in order.
    odd: Vec<(usize, usize)>,
}

impl SetScores {
    /// Gold scores and a model's similarities, in the order of [`Similarity::ALL`].
    ///
    /// # Panics
    /// If there is not one of each for each pair.
    pub fn new(gold: Vec<f64>, similarities: [Vec<f64>; 4]) -> Self {
        let whole = similarities.iter().all(|side| side.len() == gold.len());
        assert!(whole, "every pair has a gold score and a similarity of each kind");
        Self { gold, similarities, odd: Vec::new() }
    }

    /// The same, knowing which sides of which pairs have a vector that is not finite.
    pub(super) fn with_odd(self, odd: Vec<(usize, usize)>) -> Self {
        Self { odd, ..self }
    }

    /// The gold scores.
    pub fn gold(&self) -> &[f64] {
        &self.gold
    }

    /// The similarities of a kind.
    pub fn of(&self, similarity: Similarity) -> &[f64] {
        let at = Similarity::ALL.iter().position(|&other| other == similarity);
        &self.similarities[at.expect("ALL holds every similarity")]
    }

    /// Why the pairs of `set` in a range have no correlation by a similarity, in words for a
    /// person; nothing where they have one.
    pub fn undefined(
        &self,
        set: &PairSet,
        range: Range<usize>,
        similarity: Similarity,
    ) -> Option<String> {
        let reason =
            Undefined::of(&self.gold[range.clone()], &self.of(similarity)[range.clone()])?;
        let odd = self.odd.iter().find(|(pair, _)| range.contains(pair));
        let odd = odd.filter(|_| reason == Undefined::NotFinite);
        let sentence = odd.and_then(|&(pair, side)| set.sentences().nth(2 * pair + side));
        Some(sentence.map_or_else(|| reason.to_string(), vector_not_finite))
    }

    /// A figure over the pairs of `set`; or why it has no value.
    ///
    /// # Errors
    /// In words for a person.
    pub fn figure(&self, set: &PairSet, figure: MetricId) -> Result<f64, String> {
        let (gold, side) = (&self.gold, self.of(figure.similarity));
        let mut sum = 0.;
        for PairBlock { name, range, weight } in set.blocks(figure.aggregation)? {
            let value = figure.correlation.of(&gold[range.clone()], &side[range.clone()]);
            let value = value.ok_or_else(|| {
                let reason = self.undefined(set, range.clone(), figure.similarity);
                let reason = reason.unwrap_or_default();
                if name.is_empty() { reason } else { format!("{name}: {reason}") }
            })?;
            sum += weight * value;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric_id::Correlation;
    use super::*;

    fn set(sizes: &[(&str, usize)]) -> PairSet {
        let pair = ("a".to_string(), "b".to_string());
        let subset = |&(name, size): &(&str, usize)| Subset {
            name: name.to_string(),
            pairs: vec![pair.clone(); size],
            gold: vec![0.; size],
        };
        let subsets = sizes.iter().map(subset).collect();
        PairSet::new(
            "toy",
            Scored {
                path: "toy.tsv".into(),
                scale: None,
                subsets,
                report: ReadReport::default(),
            },
        )
    }

    fn scores(gold: &[f64], cosine: &[f64]) -> SetScores {
        let other = vec![0.; gold.len()];
        let similarities = [cosine.to_vec(), other.clone(), other.clone(), other];
        SetScores::new(gold.to_vec(), similarities)
    }

    fn pearson(aggregation: Aggregation) -> MetricId {
        let correlation = Correlation::Pearson;
        MetricId { aggregation, correlation, ..MetricId::default() }
    }

    #[test]
    fn subsets_join_as_by_hand() {
        let set = set(&[("one", 3), ("two", 2)]);
        // one: deviations (−1, 0, 1) and (−1, 2, −1)/… : 0; two: −1
        let scores = scores(&[1., 2., 3., 1., 2.], &[0., 3., 0., 5., 4.]);
        assert_eq!(scores.figure(&set, pearson(Aggregation::Mean)), Ok(-0.5));
        assert_eq!(scores.figure(&set, pearson(Aggregation::Wmean)), Ok(-0.4));
        // all: means 1.8 and 2.4, products 1.92 + 0.12 − 2.88 − 2.08 + 0.32, squares 2.8 and 21.2
        let all = scores.figure(&set, pearson(Aggregation::All)).unwrap();
        assert!((all - -2.6 / (2.8_f64 * 21.2).sqrt()).abs() < 1e-15, "{all}");
    }

    #[test]
    fn a_figure_without_a_value_says_why_and_where() {
        let (gold, cosine) = ([1., 2., 3., 1., 2.], [0., 1., 2., 7., 7.]);
        let scores = scores(&gold, &cosine);
        let halves = set(&[("one", 3), ("two", 2)]);
        let reason = scores.figure(&halves, pearson(Aggregation::Mean)).unwrap_err();
        assert_eq!(reason, "two: all similarities are equal");
        assert!(scores.figure(&halves, pearson(Aggregation::All)).is_ok());
        let dot = MetricId { similarity: Similarity::Dot, ..MetricId::default() };
        let reason = scores.figure(&halves, dot).unwrap_err();
        assert_eq!(reason, "all similarities are equal");
        let reason =
            scores.figure(&set(&[("one", 4), ("two", 1)]), pearson(Aggregation::Wmean));
        assert_eq!(reason.unwrap_err(), "two: 1 pair; a correlation needs at least 2");
        let joined = PairSet { divided: false, ..halves };
        let reason = scores.figure(&joined, pearson(Aggregation::Mean)).unwrap_err();
        assert_eq!(reason, "toy.tsv does not tell the subsets");
    }
}
