//! A result of a search.

use crate::vectors::top_k::ScoredRow;

/// A row of a corpus that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number.
    pub corpus_id: usize,
    /// Its similarity with the query.
    pub score: f32,
}

impl From<ScoredRow> for Hit {
    fn from(row: ScoredRow) -> Self {
        Self { corpus_id: row.row, score: row.score as f32 }
    }
}
