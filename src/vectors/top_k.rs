//! The k best rows of a query.

use std::cmp::Ordering;

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScoredRow {
    pub row: usize,
    pub score: f64,
}

impl ScoredRow {
    /// Higher scores first; of equal scores, the lower row. A total order, so that what is found
    /// depends on neither tiles nor threads.
    pub fn order(&self, other: &Self) -> Ordering {
        // + 0. makes −0 and 0 one score
        (other.score + 0.).total_cmp(&(self.score + 0.)).then(self.row.cmp(&other.row))
    }
}

/// The k best rows so far.
#[derive(Debug, Clone)]
pub(crate) struct TopK {
    k: usize,
    rows: Vec<ScoredRow>,
    bound: f64,
}

impl TopK {
    /// No rows yet; only scores above `bound` will be kept.
    ///
    /// # Panics
    /// If `k` is 0.
    pub fn new(k: usize, bound: f64) -> Self {
        assert!(k > 0, "top-k needs a k of at least 1");
        Self { k, rows: vec![], bound }
    }

    /// The score that a row offered after all others must exceed: that of the kth best.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    /// Adds rows that come after all rows before; each is kept if it is among the k best.
    pub fn offer(&mut self, rows: impl IntoIterator<Item = ScoredRow>) {
        let bound = self.bound;
        self.rows.extend(rows.into_iter().filter(|row| row.score > bound));
        if self.rows.len() > self.k {
            self.rows.select_nth_unstable_by(self.k - 1, ScoredRow::order);
            self.rows.truncate(self.k);
        }
        if self.rows.len() == self.k {
            let worst = self.rows.iter().max_by(|a, b| a.order(b)).expect("k is not 0");
            self.bound = self.bound.max(worst.score);
        }
    }

    /// The rows, best first.
    pub fn into_sorted(mut self) -> Vec<ScoredRow> {
        self.rows.sort_unstable_by(ScoredRow::order);
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_first_of_all_rows_sorted_in_any_portions(
            scores in prop::collection::vec(-3i32..3, 0..40),
            k in 1usize..9,
            portion in 1usize..9,
        ) {
            let row = |(row, &score): (usize, &i32)| ScoredRow { row, score: f64::from(score) };
            let all: Vec<ScoredRow> = scores.iter().enumerate().map(row).collect();
            let mut top = TopK::new(k, -2.);
            all.chunks(portion).for_each(|rows| top.offer(rows.iter().copied()));
            let mut expected: Vec<_> = all.into_iter().filter(|row| row.score > -2.).collect();
            expected.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable: by row
            expected.truncate(k);
            prop_assert_eq!(top.into_sorted(), expected);
        }
    }

    #[test]
    fn negative_zero_is_zero() {
        let rows = [(0, -0.), (1, 0.)].map(|(row, score)| ScoredRow { row, score });
        let mut top = TopK::new(1, f64::NEG_INFINITY);
        top.offer(rows);
        assert_eq!(top.into_sorted()[0].row, 0);
    }
}
