//! How the examples of an epoch come together: how many batches that makes, and which.

use std::sync::Arc;

use crate::data::batches::epoch::Epoch;
use crate::data::batches::groups::Groups;
use crate::data::batches::repeats::Repeats;
use crate::error::{Error, Result};
use crate::random::Rng;

/// What an epoch is cut from, and into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct EpochShape {
    /// n, the number of examples.
    pub len: usize,
    /// The most of a batch.
    pub size: usize,
    /// Whether what would make batches smaller than they need be is left out.
    pub drop_last: bool,
}

/// What decides which examples share a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) enum Batching {
    InOrder,
    Shuffled,
    NoDuplicates(Arc<Repeats>),
    GroupByLabel(Arc<Groups>),
    GroupByLength(Arc<[u32]>),
    /// Groups one after the other.
    Lists(Arc<Groups>),
}

impl EpochShape {
    /// The batches of an epoch where nothing hinders: `⌈n / size⌉`, or `⌊n / size⌋`.
    pub fn batches(self) -> usize {
        if self.drop_last { self.len / self.size } else { self.len.div_ceil(self.size) }
    }

    /// The smallest batch there may be.
    fn least(self) -> usize {
        if self.drop_last { self.size.min(2) } else { 1 }
    }
}

impl Batching {
    /// How many batches an epoch has, whichever it is.
    pub fn batches(&self, shape: EpochShape) -> Result<usize> {
        let EpochShape { len, size, drop_last } = shape;
        if drop_last && len < size {
            return Err(Error::config(format!(
                "{len} examples do not fill one batch of {size}: \
                 use a smaller batch size, or keep the last incomplete batch"
            )));
        }
        let batches = match self {
            Self::InOrder | Self::Shuffled | Self::GroupByLength(_) | Self::Lists(_) => {
                shape.batches()
            }
            Self::NoDuplicates(repeats) => {
                repeats.batches(size, shape.least()).min(shape.batches())
            }
            Self::GroupByLabel(groups) => groups.batches(size, shape.least()),
        };
        if batches == 0 { Err(self.refusal(len)) } else { Ok(batches) }
    }

    /// Why `len` examples make no batch of two.
    fn refusal(&self, len: usize) -> Error {
        Error::config(match self {
            Self::NoDuplicates(repeats) => format!(
                "one of {len} examples shares texts with {} others, so batches of 2 without \
                 duplicates cannot be guaranteed; use another batch sampler",
                repeats.most
            ),
            _ => format!(
                "no class has two of the {len} examples, so batches of one class have a single example; \
                 use another batch sampler"
            ),
        })
    }

    /// An epoch of `batches` batches.
    pub fn lay(&self, shape: EpochShape, batches: usize, draws: &mut Rng) -> Epoch {
        let EpochShape { len, size, drop_last } = shape;
        match self {
            Self::InOrder => Epoch::cut((0..len as u32).collect(), size),
            Self::Shuffled => Epoch::cut(draws.permutation(len), size),
            Self::NoDuplicates(repeats) => repeats.epoch(size, batches, draws),
            Self::GroupByLabel(groups) => groups.epoch(size, shape.least(), draws),
            Self::Lists(groups) => Epoch::cut(groups.one_after_the_other(draws), size),
            Self::GroupByLength(lengths) => Epoch::by_length(lengths, size, drop_last, draws),
        }
    }
}
