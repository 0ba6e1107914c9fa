//! Batches of one class.

use std::collections::BTreeMap;

use crate::data::batches::epoch::Epoch;
use crate::random::Rng;

/// The examples of each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) struct Groups(Vec<Vec<u32>>);

impl Groups {
    /// Examples by their class.
    pub fn of(classes: &[u32]) -> Self {
        let mut groups = BTreeMap::<u32, Vec<u32>>::new();
        for (item, &class) in (0..).zip(classes) {
            groups.entry(class).or_default().push(item);
        }
        Self(groups.into_values().collect())
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All examples, group by group in random order, within a group in the order of the file.
    pub fn one_after_the_other(&self, draws: &mut Rng) -> Vec<u32> {
        let order = draws.permutation(self.len()).into_iter();
        order.flat_map(|place| self.0[place as usize].iter().copied()).collect()
    }

    /// The batches of an epoch, none larger than `size` or smaller than `least`.
    pub fn batches(&self, size: usize, least: usize) -> usize {
        self.0.iter().map(|group| kept(group.len(), size, least).div_ceil(size)).sum()
    }

    /// An epoch: each class shuffled and cut into as few batches as hold it, as even as can be;
    /// then all batches shuffled.
    pub fn epoch(&self, size: usize, least: usize, draws: &mut Rng) -> Epoch {
        let mut classes = Vec::with_capacity(self.len());
        for group in &self.0 {
            let order = draws.choose(group.len(), kept(group.len(), size, least)).into_iter();
            classes.push(order.map(|place| group[place as usize]).collect::<Vec<_>>());
        }
        let batches: Vec<&[u32]> =
            classes.iter().flat_map(|class| evenly(class, size)).collect();
        Epoch::shuffled(&batches, draws)
    }
}

/// How many of a class of `len` have a place in batches of `least` to `size`: all, or all but
/// one.
fn kept(len: usize, size: usize, least: usize) -> usize {
    let fits = |kept: usize| kept == 0 || kept / kept.div_ceil(size) >= least;
    if fits(len) { len } else { len - 1 }
}

/// `class` in as few batches of at most `size` as can be, of sizes that differ by one at most.
fn evenly(class: &[u32], size: usize) -> impl Iterator<Item = &[u32]> {
    let (len, count) = (class.len(), class.len().div_ceil(size));
    (0..count).map(move |nth| &class[nth * len / count..(nth + 1) * len / count])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_cut_into_few_and_even_batches() {
        let sizes = |len: u32, size| {
            let class: Vec<u32> = (0..len).collect();
            evenly(&class, size).map(<[u32]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(65, 64), [32, 33]);
        assert_eq!(sizes(7, 3), [2, 2, 3]);
        assert_eq!(sizes(6, 3), [3, 3]);
        assert_eq!(sizes(2, usize::MAX), [2]);
    }

    #[test]
    fn only_a_batch_of_one_costs_an_example_its_place() {
        for (len, size, least, expected) in
            [(1, 8, 2, 0), (1, 8, 1, 1), (3, 2, 2, 2), (9, 8, 2, 9), (5, 1, 1, 5), (5, 2, 2, 4)]
        {
            assert_eq!(kept(len, size, least), expected, "{len} by {size}, {least} or more");
        }
    }
}
