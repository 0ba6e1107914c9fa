//! Which evaluation was the best, and when to stop waiting for a better one.

use serde::{Deserialize, Serialize};

/// Remembers the best score of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BestScore {
    /// The score and the step it was reached at.
    pub best: Option<(f64, u64)>,
    waited: u64,
}

impl BestScore {
    /// Takes the score of `step`; says whether it is the best so far. An undefined score never
    /// is, and the first of equals stays.
    pub fn offer(&mut self, score: Option<f64>, step: u64) -> bool {
        self.offer_by(score, step, true)
    }

    /// The same of a score of which a higher value is better, or a lower one.
    pub fn offer_by(&mut self, score: Option<f64>, step: u64, greater_is_better: bool) -> bool {
        let beats = |score: f64, best: f64| match greater_is_better {
            true => score > best,
            false => score < best,
        };
        let better =
            score.is_some_and(|score| self.best.is_none_or(|(best, _)| beats(score, best)));
        if better {
            self.best = score.map(|score| (score, step));
        }
        self.waited = if better { 0 } else { self.waited + 1 };
        better
    }

    /// Whether `patience` evaluations in a row brought nothing better.
    pub fn exhausted(&self, patience: Option<u64>) -> bool {
        patience.is_some_and(|patience| self.waited >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_stays_and_undefined_is_never_best() {
        let mut best = BestScore::default();
        assert!(!best.offer(None, 1));
        assert!(best.offer(Some(0.5), 2));
        assert!(!best.offer(Some(0.5), 3));
        assert!(best.offer(Some(0.6), 4));
        assert_eq!(best.best, Some((0.6, 4)));
    }

    #[test]
    fn of_losses_the_lowest_is_best() {
        let mut best = BestScore::default();
        for (score, better) in [(0.5, true), (0.6, false), (0.4, true)] {
            assert_eq!(best.offer_by(Some(score), 1, false), better);
        }
        assert_eq!(best.best, Some((0.4, 1)));
    }

    #[test]
    fn patience_counts_evaluations_since_the_best() {
        let mut best = BestScore::default();
        for (score, exhausted) in [(0.5, false), (0.4, false), (0.4, true), (0.6, false)] {
            best.offer(Some(score), 0);
            assert_eq!(best.exhausted(Some(2)), exhausted);
        }
        assert!(!best.exhausted(None));
    }
}
