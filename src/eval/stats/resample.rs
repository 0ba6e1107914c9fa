//! Pairs drawn again with replacement, and the correlations they then have.

use rayon::prelude::*;

use crate::eval::metric_id::Correlation;
use crate::eval::stats::correlation::deviations;
use crate::eval::undefined::Undefined;
use crate::random::RngKey;

/// N pairs to draw from, and which correlations of gold with each side are wanted.
///
/// Pairs are numbered by gold, from the lowest score up, and every side is sorted once. A draw is
/// then how often each pair came, c, and its ranks follow in one walk along the sorted side:
/// c of the tied places added up, no sorting, O(N).
pub(in crate::eval) struct Resampler<'a> {
    /// Where each run of equal gold scores ends.
    ends: Vec<usize>,
    /// Gold scores about their mean.
    gold: Vec<f64>,
    sides: Vec<Option<RankedSide>>,
    correlations: &'a [Correlation],
}

/// A side that varies.
struct RankedSide {
    /// Pairs from the smallest value to the largest.
    order: Vec<u32>,
    /// Where each run of equal values ends in `order`.
    ends: Vec<usize>,
    /// Values about their mean, by pair.
    values: Vec<f64>,
}

/// What one thread writes on, by pair.
struct ResampleScratch {
    /// c, how often a pair was drawn.
    counts: Vec<u32>,
    /// c, and c times the deviation of its gold rank.
    ranked: Vec<[f64; 2]>,
    /// c times the deviation of its gold score.
    centred: Vec<f64>,
}

impl<'a> Resampler<'a> {
    /// The pairs of `gold` with each of `sides`.
    pub fn new(gold: &[f64], sides: &[&[f64]], correlations: &'a [Correlation]) -> Self {
        let places = sorted(gold);
        let by_gold = |values: &[f64]| -> Vec<f64> {
            places.iter().map(|&i| values[i as usize]).collect()
        };
        let side = |values: &&[f64]| {
            let defined = Undefined::of(gold, values).is_none();
            defined.then(|| RankedSide::of(by_gold(values)))
        };
        let sides: Vec<Option<RankedSide>> = sides.iter().map(side).collect();
        let defined = sides.iter().any(Option::is_some);
        let gold = by_gold(gold);
        let ends = runs(gold.iter());
        Self { ends, gold: if defined { deviations(&gold) } else { gold }, sides, correlations }
    }

    /// The correlations of each of `draws` draws: `[side × correlation][draw]`, NaN where a draw
    /// has none. A draw is a function of `key` and its number alone.
    pub fn draws(&self, key: RngKey, draws: usize) -> Vec<Vec<f64>> {
        let figures = self.sides.len() * self.correlations.len();
        let mut rows = vec![f64::NAN; draws * figures];
        let numbered = rows.par_chunks_mut(figures.max(1)).enumerate();
        numbered.for_each_init(
            || ResampleScratch::of(self.gold.len()),
            |scratch, (number, row)| self.draw(key.fold_in(number as u64), scratch, row),
        );
        let column = |nth| rows.iter().skip(nth).step_by(figures).copied().collect();
        (0..figures).map(column).collect()
    }

    fn draw(&self, key: RngKey, scratch: &mut ResampleScratch, row: &mut [f64]) {
        if self.sides.iter().all(Option::is_none) {
            return;
        }
        scratch.count(key);
        let wants = |correlation| self.correlations.contains(&correlation);
        let ranks = wants(Correlation::Spearman).then(|| self.rank(scratch));
        let values = wants(Correlation::Pearson).then(|| self.centre(scratch));
        for (side, row) in self.sides.iter().zip(row.chunks_mut(self.correlations.len())) {
            let Some(side) = side else { continue };
            for (correlation, r) in self.correlations.iter().zip(row) {
                *r = match correlation {
                    Correlation::Spearman => side.spearman(scratch, ranks.unwrap_or(0.)),
                    Correlation::Pearson => side.pearson(scratch, values.unwrap_or(0.)),
                };
            }
        }
    }

    /// Fills in gold ranks; `Σ c·d²` of their deviations. `d = 2(rank − mean) = 2·before + tied − N`
    /// is a whole number, so sums are exact up to 200,000 pairs.
    fn rank(&self, scratch: &mut ResampleScratch) -> f64 {
        let n = self.gold.len() as f64;
        let (mut start, mut before, mut squares) = (0, 0., 0.);
        for &end in &self.ends {
            let counts = &scratch.counts[start..end];
            let tied = f64::from(counts.iter().sum::<u32>());
            let deviation = 2. * before + tied - n;
            for (ranked, &count) in scratch.ranked[start..end].iter_mut().zip(counts) {
                *ranked = [f64::from(count), f64::from(count) * deviation];
            }
            squares += tied * deviation * deviation;
            (before, start) = (before + tied, end);
        }
        squares
    }

    /// Fills in gold scores about their mean; `Σ c·d²` of these.
    fn centre(&self, scratch: &mut ResampleScratch) -> f64 {
        let mean = mean(&self.gold, &scratch.counts);
        let mut squares = 0.;
        for ((gold, &count), centred) in
            self.gold.iter().zip(&scratch.counts).zip(&mut scratch.centred)
        {
            let (count, deviation) = (f64::from(count), gold - mean);
            *centred = count * deviation;
            squares += count * deviation * deviation;
        }
        squares
    }
}

impl RankedSide {
    fn of(values: Vec<f64>) -> Self {
        let order = sorted(&values);
        let ends = runs(order.iter().map(|&i| &values[i as usize]));
        Self { order, ends, values: deviations(&values) }
    }

    /// ρ of a draw whose gold ranks are filled in and have `squares`.
    fn spearman(&self, scratch: &ResampleScratch, squares: f64) -> f64 {
        let n = self.values.len() as f64;
        let (mut start, mut before, mut own, mut products) = (0, 0., 0., 0.);
        for &end in &self.ends {
            let (mut tied, mut gold) = (0., 0.);
            for &pair in &self.order[start..end] {
                let [count, deviation] = scratch.ranked[pair as usize];
                tied += count;
                gold += deviation;
            }
            let deviation = 2. * before + tied - n;
            own += tied * deviation * deviation;
            products += gold * deviation;
            (before, start) = (before + tied, end);
        }
        correlation(products, squares, own, 0.)
    }

    /// r of a draw whose gold scores are filled in and have `squares`.
    fn pearson(&self, scratch: &ResampleScratch, squares: f64) -> f64 {
        let mean = mean(&self.values, &scratch.counts);
        let (mut own, mut products) = (0., 0.);
        for ((value, &count), gold) in
            self.values.iter().zip(&scratch.counts).zip(&scratch.centred)
        {
            let deviation = value - mean;
            own += f64::from(count) * deviation * deviation;
            products += gold * deviation;
        }
        // values are at most 1 in size: equal ones lie within rounding of their mean
        correlation(products, squares, own, self.values.len() as f64 * 1e-28)
    }
}

impl ResampleScratch {
    fn of(pairs: usize) -> Self {
        let (counts, centred) = (vec![0; pairs], vec![0.; pairs]);
        Self { counts, ranked: vec![[0.; 2]; pairs], centred }
    }

    /// Draws N of N pairs with replacement.
    fn count(&mut self, key: RngKey) {
        count(&mut self.counts, key);
    }
}

/// How often each of N items is drawn in N draws with replacement, two from each 64 bits.
pub(in crate::eval) fn count(counts: &mut [u32], key: RngKey) {
    counts.fill(0);
    let items = counts.len() as u64;
    let mut sequence = key.rng();
    let mut bits = 0;
    for number in 0..items {
        bits = if number % 2 == 0 { sequence.bits() } else { bits >> 32 };
        counts[(((bits & 0xffff_ffff) * items) >> 32) as usize] += 1;
    }
}

/// `Σxy / √(Σx²Σy²)`, NaN where a side varies no more than `rounding`.
fn correlation(products: f64, x_squares: f64, y_squares: f64, rounding: f64) -> f64 {
    if x_squares <= rounding || y_squares <= rounding {
        return f64::NAN;
    }
    (products / (x_squares.sqrt() * y_squares.sqrt())).clamp(-1., 1.)
}

/// `Σ cᵢxᵢ / Σ cᵢ`
fn mean(values: &[f64], counts: &[u32]) -> f64 {
    let sum: f64 = values.iter().zip(counts).map(|(x, &count)| x * f64::from(count)).sum();
    sum / values.len() as f64
}

/// Places of values from the smallest to the largest; equal ones in the order they came.
fn sorted(values: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_by(|&i, &j| values[i as usize].total_cmp(&values[j as usize]));
    order
}

/// Where each run of equal values ends.
fn runs<'v>(values: impl ExactSizeIterator<Item = &'v f64>) -> Vec<usize> {
    let (mut ends, mut last) = (Vec::new(), None);
    let count = values.len();
    for (place, value) in values.enumerate() {
        if last.is_some_and(|last| last != value) {
            ends.push(place);
        }
        last = Some(value);
    }
    if count > 0 {
        ends.push(count);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of a draw written out.
    fn written_out(values: &[f64], counts: &[u32]) -> Vec<f64> {
        let times = |(&value, &count)| std::iter::repeat_n(value, count as usize);
        values.iter().zip(counts).flat_map(times).collect()
    }

    #[test]
    fn a_draw_has_the_correlations_of_its_pairs_written_out() {
        for (seed, levels) in [(1, 3), (2, 8), (3, 1 << 40)] {
            let mut numbers = RngKey::new(seed).rng();
            let mut side =
                || -> Vec<f64> { (0..41).map(|_| numbers.below(levels) as f64 - 2.).collect() };
            let (gold, a, b) = (side(), side(), side());
            let resampler = Resampler::new(&gold, &[&a, &b], &Correlation::ALL);
            let drawn = resampler.draws(RngKey::new(9), 50);
            let (places, found) = (sorted(&gold), |nth: usize, draw: usize| drawn[nth][draw]);
            for draw in 0..50 {
                let mut scratch = ResampleScratch::of(41);
                scratch.count(RngKey::new(9).fold_in(draw as u64));
                assert_eq!(scratch.counts.iter().sum::<u32>(), 41);
                let mut counts = [0; 41];
                places.iter().zip(&scratch.counts).for_each(|(&i, &c)| counts[i as usize] = c);
                let gold = written_out(&gold, &counts);
                for (side, nth) in [(&a, 0), (&b, 2)] {
                    let side = written_out(side, &counts);
                    for (correlation, nth) in Correlation::ALL.into_iter().zip(nth..) {
                        let expected = correlation.of(&gold, &side).unwrap();
                        let found = found(nth, draw);
                        assert!((found - expected).abs() < 1e-13, "{found} is not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_draw_without_variation_has_no_correlation() {
        // of two pairs, half of the draws hold one of them twice
        for (gold, side) in [([1e9, 1e9 + 0.1], [0.1, 0.7]), ([0.1, 0.3], [-1e-9, 1e-9])] {
            for correlation in Correlation::ALL {
                let correlations = [correlation];
                let resampler = Resampler::new(&gold, &[&side], &correlations);
                let drawn = &resampler.draws(RngKey::new(1), 400)[0];
                let undefined = drawn.iter().filter(|r| r.is_nan()).count();
                assert!((150..250).contains(&undefined), "{undefined}");
                assert!(drawn.iter().all(|r| r.is_nan() || (r - 1.).abs() < 1e-15));
            }
        }
    }

    #[test]
    fn sides_that_have_no_correlation_stay_so() {
        let gold = [1., 2., 3.];
        let sides: [&[f64]; 3] = [&[1., 1., 1.], &[0., f64::NAN, 1.], &[3., 1., 2.]];
        let drawn =
            Resampler::new(&gold, &sides, &[Correlation::Spearman]).draws(RngKey::new(1), 99);
        assert!(drawn[0].iter().chain(&drawn[1]).all(|r| r.is_nan()));
        assert!(drawn[2].iter().any(|r| r.is_finite()));
        let none = Resampler::new(&[], &[&[]], &Correlation::ALL).draws(RngKey::new(1), 3);
        assert!(none.len() == 2 && none[1].iter().all(|r| r.is_nan()));
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let mut numbers = RngKey::new(5).rng();
        let mut side = || -> Vec<f64> { (0..300).map(|_| numbers.normal()).collect() };
        let (gold, a) = (side(), side());
        let resampler = Resampler::new(&gold, &[&a], &Correlation::ALL);
        let threads = |count| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
            pool.install(|| resampler.draws(RngKey::new(3), 500))
        };
        assert_eq!(threads(1), threads(3));
    }
}
