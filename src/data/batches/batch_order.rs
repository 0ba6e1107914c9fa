//! The order of a stream: which examples make batch number `n`, from a seed and nothing else.

use std::sync::Arc;

use crate::data::batches::batching::{Batching, EpochShape};
use crate::data::batches::epoch::Epoch;
use crate::data::batches::groups::Groups;
use crate::data::batches::repeats::Repeats;
use crate::error::{Error, Result};
use crate::random::{Rng, RngKey, RngSite};

/// The order in which epoch `epoch` over `len` examples is visited.
pub fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    draws(seed, epoch).permutation(len)
}

fn draws(seed: u64, epoch: u64) -> Rng {
    RngKey::new(seed).fold_in(epoch).fold_in(RngSite::Order as u64).rng()
}

/// Epochs of the same examples one after the other, without end, cut into batches.
///
/// A batch never crosses the end of an epoch, so no example comes twice in one, and each epoch
/// has as many batches. Batch number `n` depends on `n` and on the settings only: to resume a
/// run its number is enough.
///
/// ```
/// use twindrop::data::BatchOrder;
///
/// let stream = BatchOrder::new(10, 4, 42)?;
/// let sizes: Vec<usize> = stream.batches(0).take(4).map(|batch| batch.items.len()).collect();
/// assert_eq!(sizes, [4, 4, 2, 4]);
/// assert_eq!(stream.batches(7).next(), Some(stream.batch(7)));
///
/// let stream = stream.no_duplicates(&[0, 0, 0, 1, 2, 3, 4, 5, 6, 7])?;
/// let batch = stream.batch(0).items;
/// assert!(batch.iter().filter(|&&item| item < 3).count() <= 1);
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOrder {
    shape: EpochShape,
    batching: Batching,
    batches: usize,
    seed: u64,
}

/// The examples of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexBatch {
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
    /// Its number within that epoch, from 0.
    pub index: u64,
    /// Which examples, in order.
    pub items: Vec<u32>,
}

impl BatchOrder {
    /// A stream of `len` examples, shuffled anew for each epoch, in batches of `batch_size`; the
    /// last of an epoch may be smaller.
    ///
    /// # Errors
    /// If there are no examples, more than 2³² − 1, or batches of none.
    pub fn new(len: usize, batch_size: usize, seed: u64) -> Result<Self> {
        if len == 0 || u32::try_from(len).is_err() {
            return Err(Error::config(format!("{len} examples: expected 1 to 2³² − 1")));
        }
        if batch_size == 0 {
            return Err(Error::config("batch size 0: expected at least 1"));
        }
        let shape = EpochShape { len, size: batch_size, drop_last: false };
        Ok(Self { shape, batching: Batching::Shuffled, batches: shape.batches(), seed })
    }

    /// The same examples in the order of the file, every epoch.
    #[must_use]
    pub fn in_order(self) -> Self {
        Self { batching: Batching::InOrder, batches: self.shape.batches(), ..self }
    }

    /// The same examples with no text twice in a batch, whichever of its examples has it.
    /// `texts` are numbers that tell texts apart, as many for each example, example by example.
    ///
    /// An epoch is shuffled and dealt out to its `⌈n / batch size⌉` batches in turn. What cannot
    /// go to a batch waits for a later one; what none can take is left out of this epoch. So a
    /// text in more examples than there are batches is seen once in each.
    ///
    /// # Errors
    /// If texts and examples do not go together, or the same text is in every example; and as
    /// [`drop_last`](Self::drop_last).
    pub fn no_duplicates(self, texts: &[u32]) -> Result<Self> {
        let EpochShape { len, size, .. } = self.shape;
        let columns = texts.len() / len;
        if columns * len != texts.len() || columns == 0 {
            let texts = texts.len();
            return Err(Error::config(format!("{texts} texts of {len} examples")));
        }
        let repeats = Repeats::of(&texts.chunks_exact(columns).collect::<Vec<_>>());
        if repeats.everywhere && len.min(size) > 1 {
            return Err(Error::config(format!(
                "one text occurs in all {len} examples, so no batch without duplicates can be \
                 formed; use another batch sampler"
            )));
        }
        self.batched(Batching::NoDuplicates(Arc::new(repeats)))
    }

    /// The same examples with one class in a batch, `classes[i]` being that of example `i`. A
    /// class is shuffled and cut into as few batches as hold it, of even sizes; the batches of
    /// all classes come in random order.
    ///
    /// # Errors
    /// If classes and examples do not go together, or there is one class only; and as
    /// [`drop_last`](Self::drop_last).
    pub fn group_by_label(self, classes: &[u32]) -> Result<Self> {
        self.expect_each(classes.len(), "classes")?;
        let groups = Groups::of(classes);
        if groups.len() == 1 {
            return Err(Error::config(format!(
                "all {} examples have the same class label, so there is nothing to group by label",
                self.shape.len
            )));
        }
        self.batched(Batching::GroupByLabel(Arc::new(groups)))
    }

    /// The same examples list by list, `lists[i]` being that of example `i`: lists come in random
    /// order, and one that reaches beyond the end of a batch goes on in the next.
    ///
    /// # Errors
    /// If lists and examples do not go together; and as [`drop_last`](Self::drop_last).
    pub fn in_lists(self, lists: &[u32]) -> Result<Self> {
        self.expect_each(lists.len(), "lists")?;
        self.batched(Batching::Lists(Arc::new(Groups::of(lists))))
    }

    /// The same examples with about equally long ones in a batch, `lengths[i]` being that of
    /// example `i`. An epoch is shuffled, sorted by length within every 50 batches (a quarter
    /// of them where these are fewer), and its batches come in random order.
    ///
    /// # Errors
    /// If lengths and examples do not go together; and as [`drop_last`](Self::drop_last).
    pub fn group_by_length(self, lengths: &[u32]) -> Result<Self> {
        self.expect_each(lengths.len(), "lengths")?;
        self.batched(Batching::GroupByLength(lengths.into()))
    }

    /// Leaves out what would make batches smaller than they need be. Objectives that draw their
    /// negatives from the batch want this: a batch of one has none. Left out are
    ///
    /// - the odd rest of an epoch, whichever examples it falls on;
    /// - grouped by label, an example that would be a batch by itself; smaller classes make
    ///   smaller batches;
    /// - without duplicates, as many batches as it takes for each to be sure of two examples,
    ///   whatever the order; nearly all are whole.
    ///
    /// # Errors
    /// If that leaves no batch.
    pub fn drop_last(self) -> Result<Self> {
        let shape = EpochShape { drop_last: true, ..self.shape };
        Ok(Self { shape, batches: self.batching.batches(shape)?, ..self })
    }

    /// Examples of a batch.
    pub fn batch_size(&self) -> usize {
        self.shape.size
    }

    /// How many batches an epoch has; at least one, and the same for each epoch.
    pub fn batches_per_epoch(&self) -> u64 {
        self.batches as u64
    }

    /// Batch `number`, from 0 and across epochs. Lays out its epoch: for many batches in a row
    /// [`BatchOrder::batches`] does that once per epoch.
    pub fn batch(&self, number: u64) -> IndexBatch {
        self.cut(&self.lay(self.epoch(number)), number)
    }

    /// Batches `number`, `number + 1` and so on without end.
    pub fn batches(&self, number: u64) -> Batches {
        let epoch = self.epoch(number);
        Batches { stream: self.clone(), number, epoch, laid: self.lay(epoch) }
    }

    fn expect_each(&self, count: usize, what: &str) -> Result<()> {
        let len = self.shape.len;
        if count == len {
            return Ok(());
        }
        Err(Error::config(format!("{count} {what} of {len} examples: expected one each")))
    }

    fn batched(self, batching: Batching) -> Result<Self> {
        Ok(Self { batches: batching.batches(self.shape)?, batching, ..self })
    }

    fn epoch(&self, number: u64) -> u64 {
        number / self.batches_per_epoch()
    }

    fn lay(&self, epoch: u64) -> Epoch {
        self.batching.lay(self.shape, self.batches, &mut draws(self.seed, epoch))
    }

    /// Batch `number` out of its epoch.
    fn cut(&self, laid: &Epoch, number: u64) -> IndexBatch {
        let index = number % self.batches_per_epoch();
        let items = laid.batch(index as usize).to_vec();
        IndexBatch { epoch: self.epoch(number), index, items }
    }
}

/// The batches of a [`BatchOrder`] from a number on; remembers the current epoch.
#[derive(Debug, Clone)]
pub struct Batches {
    stream: BatchOrder,
    number: u64,
    epoch: u64,
    laid: Epoch,
}

impl Iterator for Batches {
    type Item = IndexBatch;

    /// The next batch; there always is one.
    fn next(&mut self) -> Option<IndexBatch> {
        let epoch = self.stream.epoch(self.number);
        if epoch != self.epoch {
            (self.epoch, self.laid) = (epoch, self.stream.lay(epoch));
        }
        let batch = self.stream.cut(&self.laid, self.number);
        self.number += 1;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(stream: &BatchOrder, epoch: u64) -> Vec<u32> {
        let count = stream.batches_per_epoch();
        (epoch * count..(epoch + 1) * count).flat_map(|n| stream.batch(n).items).collect()
    }

    #[test]
    fn an_epoch_sees_every_example_once() {
        for (len, batch_size) in [(1, 1), (10, 3), (10, 5), (10, 11), (7, usize::MAX)] {
            let stream = BatchOrder::new(len, batch_size, 1).unwrap();
            let mut seen = epoch(&stream, 3);
            seen.sort_unstable();
            assert_eq!(seen, (0..len as u32).collect::<Vec<_>>(), "{len} by {batch_size}");
        }
    }

    #[test]
    fn the_order_depends_on_the_seed_and_the_epoch_and_on_nothing_else() {
        let stream = BatchOrder::new(100, 7, 1).unwrap();
        let other = |batch_size, seed| BatchOrder::new(100, batch_size, seed).unwrap();
        assert_eq!(epoch(&stream, 2), epoch(&stream, 2));
        assert_eq!(epoch(&stream, 2), epoch(&other(10, 1), 2));
        assert_ne!(epoch(&stream, 2), epoch(&stream, 3));
        assert_ne!(epoch(&stream, 2), epoch(&other(7, 2), 2));
        assert_eq!(epoch(&stream, 2), shuffled(100, 1, 2));
    }

    #[test]
    fn without_shuffling_the_order_is_that_of_the_file() {
        let stream = BatchOrder::new(5, 2, 1).unwrap().in_order();
        let batch =
            |epoch, index, items: &[u32]| IndexBatch { epoch, index, items: items.to_vec() };
        let expected = [batch(0, 2, &[4]), batch(1, 0, &[0, 1]), batch(1, 1, &[2, 3])];
        assert_eq!(stream.batches(2).take(3).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_resumed_stream_goes_on_where_it_stopped() {
        let stream = BatchOrder::new(11, 4, 9).unwrap();
        let all: Vec<IndexBatch> = stream.batches(0).take(20).collect();
        for (number, batch) in (0..).zip(&all) {
            assert_eq!(&stream.batch(number), batch);
            assert_eq!(stream.batches(number).next().as_ref(), Some(batch));
        }
        assert_eq!((all[19].epoch, all[19].index), (6, 1));
    }

    #[test]
    fn dropping_the_last_batch_leaves_only_whole_ones() {
        let stream = BatchOrder::new(10, 3, 1).unwrap().drop_last().unwrap();
        assert_eq!(stream.batches_per_epoch(), 3);
        assert!(stream.batches(0).take(9).all(|batch| batch.items.len() == 3));
        assert_ne!(epoch(&stream, 0), epoch(&stream, 1));
        let even = BatchOrder::new(9, 3, 1).unwrap();
        assert_eq!(even.batches_per_epoch(), even.drop_last().unwrap().batches_per_epoch());
    }

    #[test]
    fn a_stream_that_has_no_batch_cannot_be_made() {
        assert!(BatchOrder::new(0, 1, 1).is_err());
        assert!(BatchOrder::new(1, 0, 1).is_err());
        assert!(BatchOrder::new(usize::MAX, 1, 1).is_err());
        let error = BatchOrder::new(5, 8, 1).unwrap().drop_last().unwrap_err();
        assert!(error.to_string().starts_with("5 examples do not fill one batch of 8"));
    }
}
