//! The order of a stream: which examples make batch number `n`, from a seed and nothing else.

use crate::error::{Error, Result};
use crate::noise::{Key, Site};

/// The order in which epoch `epoch` of a stream of `len` examples is seen.
pub fn shuffled(len: usize, seed: u64, epoch: u64) -> Vec<u32> {
    Key::new(seed).at(epoch).at(Site::Order as u64).sequence().permutation(len)
}

/// Epochs of the same examples one after the other, without end, cut into batches.
///
/// A batch never crosses the end of an epoch, so each epoch sees every example once. Batch
/// number `n` depends on `n` and on the settings only: to resume a run its number is enough.
///
/// ```
/// use twindrop::data::Stream;
///
/// let stream = Stream::new(10, 4, 42)?;
/// let sizes: Vec<usize> = stream.batches(0).take(4).map(|batch| batch.items.len()).collect();
/// assert_eq!(sizes, [4, 4, 2, 4]);
/// assert_eq!(stream.batches(7).next(), Some(stream.batch(7)));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    len: usize,
    batch_size: usize,
    seed: u64,
    shuffle: bool,
    drop_last: bool,
}

/// The examples of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
    /// Its number within that epoch, from 0.
    pub index: u64,
    /// Which examples, in order.
    pub items: Vec<u32>,
}

impl Stream {
    /// A stream of `len` examples, shuffled anew for each epoch, in batches of `batch_size`; the
    /// last of an epoch may be smaller.
    ///
    /// # Errors
    /// If there are no examples, more than 2³² − 1, or batches of none.
    pub fn new(len: usize, batch_size: usize, seed: u64) -> Result<Self> {
        if len == 0 || u32::try_from(len).is_err() {
            return Err(Error::config(format!(
                "a stream of {len} examples: expected 1 to 2³² − 1"
            )));
        }
        if batch_size == 0 {
            return Err(Error::config("batch size 0: expected at least 1"));
        }
        Ok(Self { len, batch_size, seed, shuffle: true, drop_last: false })
    }

    /// The same examples in the order of the file, every epoch.
    #[must_use]
    pub fn in_order(self) -> Self {
        Self { shuffle: false, ..self }
    }

    /// Leaves out the last batch of an epoch where it is smaller than the others. Objectives that
    /// draw their negatives from the batch want this: a batch of one has none. With shuffling,
    /// other examples are left out each time.
    ///
    /// # Errors
    /// If there is not one whole batch.
    pub fn drop_last(self) -> Result<Self> {
        let Self { len, batch_size, .. } = self;
        if len < batch_size {
            return Err(Error::config(format!(
                "{len} examples are less than one batch of {batch_size}: \
                 make the batch smaller or keep the last one"
            )));
        }
        Ok(Self { drop_last: true, ..self })
    }

    /// How many batches an epoch has; at least one.
    pub fn batches_per_epoch(&self) -> u64 {
        let batches = if self.drop_last {
            self.len / self.batch_size
        } else {
            self.len.div_ceil(self.batch_size)
        };
        batches as u64
    }

    /// Batch `number`, from 0 and across epochs. Draws the order of its epoch: for many batches
    /// in a row [`Stream::batches`] does that once per epoch.
    pub fn batch(&self, number: u64) -> Batch {
        self.cut(&self.order(self.epoch(number)), number)
    }

    /// Batches `number`, `number + 1` and so on without end.
    pub fn batches(self, number: u64) -> Batches {
        let epoch = self.epoch(number);
        Batches { stream: self, number, epoch, order: self.order(epoch) }
    }

    fn epoch(&self, number: u64) -> u64 {
        number / self.batches_per_epoch()
    }

    fn order(&self, epoch: u64) -> Vec<u32> {
        if self.shuffle {
            shuffled(self.len, self.seed, epoch)
        } else {
            (0..self.len as u32).collect()
        }
    }

    /// Batch `number` out of the `order` of its epoch.
    fn cut(&self, order: &[u32], number: u64) -> Batch {
        let index = number % self.batches_per_epoch();
        let start = index as usize * self.batch_size;
        let end = order.len().min(start.saturating_add(self.batch_size));
        Batch { epoch: self.epoch(number), index, items: order[start..end].to_vec() }
    }
}

/// The batches of a [`Stream`] from a number on; remembers the order of the current epoch.
#[derive(Debug, Clone)]
pub struct Batches {
    stream: Stream,
    number: u64,
    epoch: u64,
    order: Vec<u32>,
}

impl Iterator for Batches {
    type Item = Batch;

    /// The next batch; there always is one.
    fn next(&mut self) -> Option<Batch> {
        let epoch = self.stream.epoch(self.number);
        if epoch != self.epoch {
            (self.epoch, self.order) = (epoch, self.stream.order(epoch));
        }
        let batch = self.stream.cut(&self.order, self.number);
        self.number += 1;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(stream: Stream, epoch: u64) -> Vec<u32> {
        let count = stream.batches_per_epoch();
        (epoch * count..(epoch + 1) * count).flat_map(|n| stream.batch(n).items).collect()
    }

    #[test]
    fn an_epoch_sees_every_example_once() {
        for (len, batch_size) in [(1, 1), (10, 3), (10, 5), (10, 11), (7, usize::MAX)] {
            let stream = Stream::new(len, batch_size, 1).unwrap();
            let mut seen = epoch(stream, 3);
            seen.sort_unstable();
            assert_eq!(seen, (0..len as u32).collect::<Vec<_>>(), "{len} by {batch_size}");
        }
    }

    #[test]
    fn the_order_depends_on_the_seed_and_the_epoch_and_on_nothing_else() {
        let stream = Stream::new(100, 7, 1).unwrap();
        assert_eq!(epoch(stream, 2), epoch(stream, 2));
        assert_eq!(epoch(stream, 2), epoch(Stream::new(100, 10, 1).unwrap(), 2));
        assert_ne!(epoch(stream, 2), epoch(stream, 3));
        assert_ne!(epoch(stream, 2), epoch(Stream::new(100, 7, 2).unwrap(), 2));
        assert_eq!(epoch(stream, 2), shuffled(100, 1, 2));
    }

    #[test]
    fn without_shuffling_the_order_is_that_of_the_file() {
        let stream = Stream::new(5, 2, 1).unwrap().in_order();
        let batch = |epoch, index, items: &[u32]| Batch { epoch, index, items: items.to_vec() };
        let expected = [batch(0, 2, &[4]), batch(1, 0, &[0, 1]), batch(1, 1, &[2, 3])];
        assert_eq!(stream.batches(2).take(3).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_resumed_stream_goes_on_where_it_stopped() {
        let stream = Stream::new(11, 4, 9).unwrap();
        let all: Vec<Batch> = stream.batches(0).take(20).collect();
        for (number, batch) in (0..).zip(&all) {
            assert_eq!(&stream.batch(number), batch);
            assert_eq!(stream.batches(number).next().as_ref(), Some(batch));
        }
        assert_eq!((all[19].epoch, all[19].index), (6, 1));
    }

    #[test]
    fn dropping_the_last_batch_leaves_only_whole_ones() {
        let stream = Stream::new(10, 3, 1).unwrap().drop_last().unwrap();
        assert_eq!(stream.batches_per_epoch(), 3);
        assert!(stream.batches(0).take(9).all(|batch| batch.items.len() == 3));
        assert_ne!(epoch(stream, 0), epoch(stream, 1));
        let even = Stream::new(9, 3, 1).unwrap();
        assert_eq!(even.batches_per_epoch(), even.drop_last().unwrap().batches_per_epoch());
    }

    #[test]
    fn a_stream_that_has_no_batch_cannot_be_made() {
        assert!(Stream::new(0, 1, 1).is_err());
        assert!(Stream::new(1, 0, 1).is_err());
        assert!(Stream::new(usize::MAX, 1, 1).is_err());
        let error = Stream::new(5, 8, 1).unwrap().drop_last().unwrap_err();
        assert!(error.to_string().starts_with("5 examples are less than one batch of 8"));
    }
}
