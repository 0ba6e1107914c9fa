//! Scores of pairs of two kinds → what a threshold between them is worth.

/// What similarities say of which pairs belong together. A threshold lies between two scores
/// that differ, so pairs of equal score are always called alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryFigures {
    /// The largest share of pairs that a threshold calls right.
    pub accuracy: f64,
    /// The highest such threshold; a pair at or above it is called positive.
    pub accuracy_threshold: f64,
    /// The largest `2PR / (P + R)` of a threshold.
    pub f1: f64,
    /// The highest such threshold.
    pub f1_threshold: f64,
    /// `P`, the share of positive pairs among those at or above [`f1_threshold`](Self::f1_threshold).
    pub precision: f64,
    /// `R`, the share of positive pairs that are at or above it.
    pub recall: f64,
    /// `Σ (Rₙ − Rₙ₋₁) Pₙ` over thresholds from the highest to the lowest.
    pub ap: f64,
    /// `(tp·tn − fp·fn) / √((tp+fp)(tp+fn)(tn+fp)(tn+fn))` at that threshold; undefined where it
    /// calls every pair positive.
    pub mcc: Option<f64>,
}

/// How many figures there are of a similarity.
pub(in crate::eval) const FIGURES: usize = 8;

impl BinaryFigures {
    /// The names that sentence-transformers gives them.
    pub const NAMES: [&'static str; FIGURES] = [
        "accuracy",
        "accuracy_threshold",
        "f1",
        "f1_threshold",
        "precision",
        "recall",
        "ap",
        "mcc",
    ];

    /// The figures of `scores`, larger where a pair is more alike.
    ///
    /// ```
    /// use twindrop::eval::BinaryFigures;
    ///
    /// let scores = [0.9, 0.8, 0.8, 0.1];
    /// let found = BinaryFigures::of(&scores, &[true, true, false, false])?;
    /// assert_eq!((found.accuracy, found.accuracy_threshold), (0.75, (0.9 + 0.8) / 2.0));
    /// assert_eq!((found.f1, found.recall), (0.8, 1.0));
    /// assert!(BinaryFigures::of(&scores, &[true; 4]).is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// Where they are undefined, in words: there are no pairs of both kinds, or a score is not
    /// finite.
    ///
    /// # Panics
    /// If there is not one label for each score.
    pub fn of(scores: &[f64], labels: &[bool]) -> Result<Self, String> {
        let [accuracy, accuracy_threshold, f1, f1_threshold, precision, recall, ap, mcc] =
            ScoreLadder::new(scores, labels)?.figures(None);
        let mcc = (!mcc.is_nan()).then_some(mcc);
        Ok(Self { accuracy, accuracy_threshold, f1, f1_threshold, precision, recall, ap, mcc })
    }
}

/// Pairs from the most to the least alike.
#[derive(Debug)]
pub(in crate::eval) struct ScoreLadder {
    /// Each score, and the pairs that share it.
    rungs: Vec<(f64, Vec<u32>)>,
    labels: Vec<bool>,
}

/// A score that pairs share: how many, and how many of them are positive.
#[derive(Debug, Clone, Copy)]
struct ScoreStep {
    score: f64,
    pairs: u64,
    positives: u64,
}

/// The pairs called positive by a threshold: how many, and how many of them are.
#[derive(Debug, Clone, Copy)]
struct ThresholdCounts {
    threshold: f64,
    called: u64,
    right: u64,
}

impl ScoreLadder {
    /// The pairs, in the order of their scores; or why no threshold parts them.
    pub fn new(scores: &[f64], labels: &[bool]) -> Result<Self, String> {
        assert_eq!(scores.len(), labels.len(), "every pair has a score and a label");
        let positives = labels.iter().filter(|&&label| label).count();
        if labels.is_empty() {
            return Err("no pairs".into());
        }
        if positives == 0 || positives == labels.len() {
            let kind = if positives == 0 { "negative" } else { "positive" };
            return Err(format!("all pairs are {kind}; a threshold needs both kinds"));
        }
        if !scores.iter().all(|score| score.is_finite()) {
            return Err("a similarity is not finite".into());
        }
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        order.sort_by(|&i, &j| scores[j as usize].total_cmp(&scores[i as usize]));
        let equal = |&i: &u32, &j: &u32| scores[i as usize] == scores[j as usize];
        let rungs =
            order.chunk_by(equal).map(|pairs| (scores[pairs[0] as usize], pairs.to_vec()));
        Ok(Self { rungs: rungs.collect(), labels: labels.to_vec() })
    }

    /// The figures in the order of [`BinaryFigures::NAMES`], NaN where one has no value; of each
    /// pair as often as `counts` says.
    pub fn figures(&self, counts: Option<&[u32]>) -> [f64; FIGURES] {
        let steps = self.steps(counts);
        let pairs: u64 = steps.iter().map(|step| step.pairs).sum();
        let positives: u64 = steps.iter().map(|step| step.positives).sum();
        let negatives = pairs - positives;
        if positives == 0 || negatives == 0 {
            return [f64::NAN; FIGURES];
        }
        let right =
            |call: &ThresholdCounts| call.right + negatives - (call.called - call.right);
        // at first no pair is called positive
        let none = ThresholdCounts { threshold: steps[0].score.next_up(), called: 0, right: 0 };
        let (mut accurate, mut balanced, mut now, mut ap) = (none, none, none, 0.);
        for (place, step) in steps.iter().enumerate() {
            now = ThresholdCounts {
                threshold: between(step.score, steps.get(place + 1)),
                called: now.called + step.pairs,
                right: now.right + step.positives,
            };
            ap += share(step.positives, positives) * share(now.right, now.called);
            if right(&now) > right(&accurate) {
                accurate = now;
            }
            // F1 = 2·right / (called + positives), compared without a division
            let f1 = |call: &ThresholdCounts, other: &ThresholdCounts| {
                call.right * (other.called + positives)
            };
            if f1(&now, &balanced) > f1(&balanced, &now) {
                balanced = now;
            }
        }
        [
            share(right(&accurate), pairs),
            accurate.threshold,
            share(2 * balanced.right, balanced.called + positives),
            balanced.threshold,
            share(balanced.right, balanced.called),
            share(balanced.right, positives),
            ap,
            balanced.mcc(positives, negatives),
        ]
    }

    /// The scores that occur, from the highest to the lowest.
    fn steps(&self, counts: Option<&[u32]>) -> Vec<ScoreStep> {
        let step = |(score, pairs): &(f64, Vec<u32>)| {
            let mut step = ScoreStep { score: *score, pairs: 0, positives: 0 };
            for &pair in pairs {
                let count = counts.map_or(1, |counts| u64::from(counts[pair as usize]));
                step.pairs += count;
                step.positives += count * u64::from(self.labels[pair as usize]);
            }
            step
        };
        self.rungs.iter().map(step).filter(|step| step.pairs > 0).collect()
    }
}

impl ThresholdCounts {
    fn mcc(&self, positives: u64, negatives: u64) -> f64 {
        let [tp, fp] = [self.right, self.called - self.right].map(|count| count as f64);
        let [p, n] = [positives, negatives].map(|count| count as f64);
        let (tn, fn_) = (n - fp, p - tp);
        // 0/0 where every pair is called positive
        (tp * tn - fp * fn_) / ((tp + fp) * (tn + fn_)).sqrt() / (p * n).sqrt()
    }
}

/// Half-way to the next score; the score itself at the last, or where half-way rounds to the next.
fn between(score: f64, next: Option<&ScoreStep>) -> f64 {
    let Some(next) = next else { return score };
    let middle = (score + next.score) / 2.;
    if middle == next.score { score } else { middle }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Vec<bool> {
        text.chars().map(|c| c == '+').collect()
    }

    #[test]
    fn figures_are_the_hand_computed_ones() {
        // from the top: + | − + | + | −
        let found =
            BinaryFigures::of(&[5., 4., 4., 3., 1.], &labels("+-++-")).expect("both kinds");
        assert_eq!((found.accuracy, found.accuracy_threshold), (0.8, 2.));
        assert_eq!((found.f1, found.f1_threshold), (6. / 7., 2.));
        assert_eq!((found.precision, found.recall), (0.75, 1.));
        let ap = 1. / 3. + 1. / 3. * (2. / 3.) + 1. / 3. * (3. / 4.);
        assert!((found.ap - ap).abs() < 1e-15);
        // tp 3, fp 1, tn 1, fn 0
        let mcc = 3. / (4. * 3. * 2. * 1_f64).sqrt();
        assert!(found.mcc.is_some_and(|found| (found - mcc).abs() < 1e-15));
    }

    #[test]
    fn no_threshold_parts_pairs_of_one_score() {
        let found = BinaryFigures::of(&[1.; 4], &labels("+---")).expect("both kinds");
        // nobody is the best call; the threshold lies above all
        assert_eq!((found.accuracy, found.accuracy_threshold), (0.75, 1_f64.next_up()));
        assert_eq!((found.f1, found.f1_threshold, found.recall), (0.4, 1., 1.));
        assert_eq!((found.ap, found.mcc), (0.25, None));
    }

    #[test]
    fn half_way_between_neighbours_stays_above_the_lower() {
        let low = 1_f64;
        let found = BinaryFigures::of(&[low.next_up(), low], &labels("+-")).expect("both");
        assert!(found.accuracy_threshold > low && found.accuracy == 1.);
        let zeros = BinaryFigures::of(&[0., -0.], &labels("+-")).expect("both kinds");
        assert_eq!((zeros.accuracy, zeros.f1), (0.5, 2. / 3.));
    }

    #[test]
    fn counts_are_pairs_written_out() {
        let (scores, kinds) = ([3., 2., 2., 1.], labels("+-+-"));
        let ladder = ScoreLadder::new(&scores, &kinds).expect("both kinds");
        let written = ScoreLadder::new(&[2., 2., 2., 1.], &labels("-++-")).expect("both kinds");
        assert_eq!(ladder.figures(Some(&[0, 1, 2, 1])), written.figures(None));
        assert!(ladder.figures(Some(&[4, 0, 0, 0])).iter().all(|figure| figure.is_nan()));
    }

    #[test]
    fn what_has_no_threshold_says_why() {
        let reason =
            |scores: &[f64], kinds| ScoreLadder::new(scores, &labels(kinds)).unwrap_err();
        assert_eq!(reason(&[], ""), "no pairs");
        assert!(reason(&[1., 2.], "++").starts_with("all pairs are positive"));
        assert!(reason(&[1., 2.], "--").starts_with("all pairs are negative"));
        assert_eq!(reason(&[1., f64::NAN], "+-"), "a similarity is not finite");
    }
}
