//! Batches in which no text comes twice.

use std::collections::HashMap;

use crate::data::batches::epoch::Epoch;
use crate::random::Rng;

/// Which examples have texts in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) struct Repeats {
    /// The texts of each example that others have too, numbered anew, without gaps.
    shared: Vec<Vec<u32>>,
    /// How many such texts there are.
    count: usize,
    /// Δ: no example shares a text with more others than this.
    pub most: usize,
    /// Whether one text is in every example.
    pub everywhere: bool,
}

impl Repeats {
    /// The repeats among examples of the given texts, each a number.
    pub fn of(examples: &[&[u32]]) -> Self {
        let own: Vec<Vec<u32>> = examples.iter().map(|texts| distinct(texts)).collect();
        let times = count(own.iter().flatten());
        let alike = count(own.iter());
        // examples with the very same texts are no more neighbours for sharing several
        let neighbours = |texts: &Vec<u32>| {
            let same = alike[texts];
            same - 1 + texts.iter().map(|text| times[text] - same).sum::<usize>()
        };
        let most = own.iter().map(neighbours).max().unwrap_or(0);
        let everywhere = times.values().any(|&times| times == examples.len());
        let mut numbers = HashMap::new();
        let shared = own.iter().map(|texts| {
            let repeated = texts.iter().filter(|text| times[text] > 1);
            repeated.map(|text| number(&mut numbers, *text)).collect()
        });
        Self { shared: shared.collect(), count: numbers.len(), most, everywhere }
    }

    /// The most batches for which [`epoch`](Self::epoch) finds `least` examples each, in any
    /// order: `⌊(n − 1 − (least − 1)(Δ + 1)) / size⌋ + 1`. Were a batch smaller, each example
    /// without a place would share a text with one of its fewer than `least`, hence at most Δ
    /// with each; and the other batches cannot hold all the rest.
    pub fn batches(&self, size: usize, least: usize) -> usize {
        let bound = (least - 1) * (self.most + 1);
        let spare = self.shared.len().checked_sub(1 + bound);
        spare.map_or(0, |spare| spare / size + 1)
    }

    /// An epoch of `batches` batches of at most `size`: examples in random order are dealt out
    /// to the batches in turn. Where a batch has one of its texts already, an example goes to
    /// the next that has room and has none; where all have, it is left out.
    pub fn epoch(&self, size: usize, batches: usize, draws: &mut Rng) -> Epoch {
        let mut dealt = vec![Vec::new(); batches];
        let mut holders = vec![Vec::new(); self.count]; // the batches that have a text
        let mut barred = vec![u32::MAX; batches]; // the last example that could not go there
        let mut open: Vec<usize> = (0..batches).collect();
        let mut next = 0;
        for item in draws.permutation(self.shared.len()) {
            let texts = &self.shared[item as usize];
            for &batch in texts.iter().flat_map(|&text| &holders[text as usize]) {
                barred[batch] = item;
            }
            let mut places = (next..open.len()).chain(0..next);
            let Some(place) = places.find(|&place| barred[open[place]] != item) else {
                continue;
            };
            let batch = open[place];
            dealt[batch].push(item);
            texts.iter().for_each(|&text| holders[text as usize].push(batch));
            next = place + 1;
            if dealt[batch].len() == size {
                open.swap_remove(place);
                next = place;
            }
            next = if next < open.len() { next } else { 0 };
        }
        Epoch::of(&dealt)
    }
}

/// Each text of an example once.
fn distinct(texts: &[u32]) -> Vec<u32> {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// How often each occurs.
fn count<T: Eq + std::hash::Hash>(all: impl Iterator<Item = T>) -> HashMap<T, usize> {
    let mut times = HashMap::new();
    for one in all {
        *times.entry(one).or_insert(0) += 1;
    }
    times
}

/// The number of `text`; the next one if it has none yet.
fn number(numbers: &mut HashMap<u32, u32>, text: u32) -> u32 {
    let next = numbers.len() as u32;
    *numbers.entry(text).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(examples: &[&[u32]]) -> usize {
        Repeats::of(examples).most
    }

    #[test]
    fn neighbours_are_the_others_with_a_text_in_common() {
        assert_eq!(most(&[&[1], &[2], &[3]]), 0);
        assert_eq!(most(&[&[1, 1], &[2, 2]]), 0);
        assert_eq!(most(&[&[1], &[1], &[1], &[2]]), 2);
        assert_eq!(most(&[&[1, 2], &[1, 3], &[4, 2]]), 2);
        // pairs equal in both texts, in either order, are one neighbour
        assert_eq!(most(&[&[1, 2], &[2, 1], &[3, 4]]), 1);
    }

    #[test]
    fn so_many_batches_are_asked_for_as_are_sure_to_be_had() {
        let apart = Repeats::of(&[&[1], &[2], &[3], &[4], &[5]]);
        assert_eq!((apart.batches(2, 1), apart.batches(2, 2)), (3, 2));
        let alike = Repeats::of(&[&[1], &[1], &[1]]);
        assert_eq!((alike.batches(2, 1), alike.batches(2, 2)), (2, 0));
        let star = Repeats::of(&[&[1, 2], &[1, 3], &[1, 4], &[5, 6]]);
        assert_eq!((star.batches(2, 2), star.most), (1, 2));
    }
}
