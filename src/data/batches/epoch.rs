//! One epoch: its examples, batch by batch.

use crate::random::Rng;

/// Batches grouped by length are sorted within this many of them, or a quarter of an epoch where
/// that is less: sorted as a whole, every epoch would have the same batches. Hugging Face's
/// numbers.
const MEGABATCH: usize = 50;

/// The examples of an epoch in order, and where each batch ends.
#[derive(Debug, Clone)]
pub(in crate::data) struct Epoch {
    items: Vec<u32>,
    ends: Vec<usize>,
}

impl Epoch {
    /// `items` in batches of `size`; the last may be smaller.
    pub fn cut(items: Vec<u32>, size: usize) -> Self {
        let batches = items.len().div_ceil(size);
        let ends = (1..=batches).map(|batch| items.len().min(batch.saturating_mul(size)));
        Self { ends: ends.collect(), items }
    }

    /// These batches in this order.
    pub fn of(batches: &[impl AsRef<[u32]>]) -> Self {
        let (mut items, mut ends) = (Vec::new(), Vec::with_capacity(batches.len()));
        for batch in batches {
            items.extend_from_slice(batch.as_ref());
            ends.push(items.len());
        }
        Self { items, ends }
    }

    /// These batches in any order.
    pub fn shuffled(batches: &[&[u32]], draws: &mut Rng) -> Self {
        let order = draws.permutation(batches.len()).into_iter();
        Self::of(&order.map(|place| batches[place as usize]).collect::<Vec<_>>())
    }

    /// Batches of `size` of about equally long examples: shuffled, sorted by length within
    /// [`MEGABATCH`] batches, and these shuffled. The odd rest is left out before the sorting
    /// where it shall be, or it would always be the longest.
    pub fn by_length(lengths: &[u32], size: usize, whole: bool, draws: &mut Rng) -> Self {
        let mut items = draws.permutation(lengths.len());
        if whole {
            items.truncate(items.len() / size * size);
        }
        let batches = (items.len() / size / 4).clamp(1, MEGABATCH);
        for megabatch in items.chunks_mut(size.saturating_mul(batches)) {
            megabatch.sort_by_key(|&item| lengths[item as usize]);
        }
        Self::shuffled(&items.chunks(size).collect::<Vec<_>>(), draws)
    }

    /// The examples of batch `index`.
    pub fn batch(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start..self.ends[index]]
    }
}
