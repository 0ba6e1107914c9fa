//! Which pairs of a set belong together by their score, and which sentences by their length.

use crate::data::Scale;

/// Some of many, by a number that each has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bucket {
    /// The lowest and the highest number there can be in it.
    pub range: (f64, f64),
    /// Where they stand, in order.
    pub places: Vec<usize>,
}

/// The parts of a scale that is no whole number of steps.
const PARTS: usize = 5;

/// The scale of a set: the one given, or from its lowest score to its highest.
pub(super) fn scale(given: Option<Scale>, gold: &[f64]) -> Option<Scale> {
    let range = || {
        let low = gold.iter().copied().fold(f64::INFINITY, f64::min);
        let high = gold.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Scale::new(low, high).ok()
    };
    given.or_else(range)
}

/// The pairs whose score is in the top fifth of the scale: above 4 on 0..5.
pub(super) fn top_fifth(given: Option<Scale>, gold: &[f64]) -> Vec<usize> {
    let Some(scale) = scale(given, gold) else { return Vec::new() };
    (0..gold.len()).filter(|&pair| scale.unit(gold[pair]) > 0.8).collect()
}

/// Pairs by their score: a bucket for each step of a scale of 2 to 10 whole steps, and for each
/// fifth of another. A score between two buckets is in the higher one; empty ones are left out.
pub(super) fn by_score(given: Option<Scale>, gold: &[f64]) -> Vec<Bucket> {
    let Some(scale) = scale(given, gold) else { return Vec::new() };
    let extent = scale.high - scale.low;
    let whole = extent.fract() == 0. && (2.0..=10.).contains(&extent);
    let parts = if whole { extent as usize } else { PARTS };
    let edge = |nth: usize| scale.low + extent * nth as f64 / parts as f64;
    let inner: Vec<f64> = (1..parts).map(edge).collect();
    let bucket = |nth: usize| {
        let within = |pair: &usize| inner.partition_point(|&edge| edge <= gold[*pair]) == nth;
        let places = (0..gold.len()).filter(within).collect();
        Bucket { range: (edge(nth), edge(nth + 1)), places }
    };
    (0..parts).map(bucket).filter(|bucket| !bucket.places.is_empty()).collect()
}

/// Four parts by length, cut behind the lengths at a quarter, half and three quarters of all in
/// order, so that those of one length stay together. The range of each is that of its lengths;
/// empty ones are left out.
pub(super) fn quartiles(lengths: &[usize]) -> Vec<Bucket> {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let cuts: Vec<usize> = (1..4)
        .filter_map(|nth| sorted.get((nth * sorted.len()).div_ceil(4).saturating_sub(1)))
        .copied()
        .collect();
    let bucket = |nth: usize| {
        let within = |place: &usize| cuts.partition_point(|&cut| cut < lengths[*place]) == nth;
        let places: Vec<usize> = (0..lengths.len()).filter(within).collect();
        let own = || places.iter().map(|&place| lengths[place]);
        let range = (own().min()? as f64, own().max()? as f64);
        Some(Bucket { range, places })
    };
    (0..4).filter_map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges_of(buckets: Vec<Bucket>) -> Vec<((f64, f64), Vec<usize>)> {
        buckets.into_iter().map(|bucket| (bucket.range, bucket.places)).collect()
    }

    #[test]
    fn a_score_between_two_steps_is_in_the_higher() {
        let gold = [0., 1., 0.99, 5., 4., 3.99];
        let expected = [
            ((0., 1.), vec![0, 2]),
            ((1., 2.), vec![1]),
            ((3., 4.), vec![5]),
            ((4., 5.), vec![3, 4]),
        ];
        assert_eq!(ranges_of(by_score(Some(Scale::FIVE), &gold)), expected);
        let sick = Scale { low: 1., high: 5. };
        let expected = [((1., 2.), vec![0, 1]), ((4., 5.), vec![2])];
        assert_eq!(ranges_of(by_score(Some(sick), &[1., 1.5, 5.])), expected);
    }

    #[test]
    fn a_scale_without_steps_has_five_parts() {
        let gold = [0., 1., 0.6, 0.59];
        let found = ranges_of(by_score(Some(Scale::UNIT), &gold));
        let places: Vec<_> = found.iter().map(|(_, places)| places.clone()).collect();
        assert_eq!(places, [vec![0], vec![3], vec![2], vec![1]]);
        assert_eq!((found[1].0.0, found[2].0), (0.4, (0.6, 0.8)));
        assert_eq!(ranges_of(by_score(None, &[3., 3.])), []);
    }

    #[test]
    fn quartiles_keep_equal_lengths_together() {
        let lengths = [5, 3, 9, 3, 4, 8, 7, 6];
        let expected = [
            ((3., 3.), vec![1, 3]),
            ((4., 5.), vec![0, 4]),
            ((6., 7.), vec![6, 7]),
            ((8., 9.), vec![2, 5]),
        ];
        assert_eq!(ranges_of(quartiles(&lengths)), expected);
        assert_eq!(ranges_of(quartiles(&[4; 6])), [((4., 4.), (0..6).collect())]);
        assert_eq!(ranges_of(quartiles(&[2, 1])), [((1., 1.), vec![1]), ((2., 2.), vec![0])]);
        assert_eq!(ranges_of(quartiles(&[])), []);
    }

    #[test]
    fn the_top_fifth_is_above_four_of_five() {
        let gold = [4., 4.1, 5., 0.];
        assert_eq!(top_fifth(Some(Scale::FIVE), &gold), [1, 2]);
        assert_eq!(top_fifth(None, &gold), [1, 2]);
        assert!(top_fifth(None, &[1., 1.]).is_empty());
    }
}
