//! Masking of a masked language model (Devlin et al. 2019).

use super::{NO_TOKEN, Tokens};
use crate::random::RngSite;
use crate::view::ViewSample;

/// How tokens are masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Masking {
    /// The share of a sentence's tokens that are masked; at least one where it has any.
    pub rate: f64,
    /// The id that stands for a masked token.
    pub mask: u32,
    /// How many ids there are.
    pub vocabulary: u32,
    /// Ids that are never masked: `[CLS]`, `[SEP]` and their like.
    pub special: Vec<u32>,
}

impl Masking {
    /// The masked tokens, the masked positions, and the original ids there. Of
    /// those places 8 in 10 show the mask, 1 in 10 another token, and 1 in 10 the token itself.
    pub fn apply(&self, tokens: &Tokens, pass: &ViewSample) -> (Tokens, Vec<u32>, Vec<u32>) {
        let (mut ids, mut places) = (tokens.ids.clone(), Vec::new());
        for (range, &sample) in tokens.packing.ranges().zip(tokens.packing.samples()) {
            let words: Vec<u32> = range
                .map(|place| place as u32)
                .filter(|&place| {
                    let id = tokens.ids[place as usize];
                    id != NO_TOKEN && !self.special.contains(&id)
                })
                .collect();
            let mut draws = pass.rng(sample, RngSite::Mask);
            let count = ((self.rate * words.len() as f64).round() as usize).max(1);
            for nth in draws.choose(words.len(), count.min(words.len())) {
                let place = words[nth as usize];
                let shown = &mut ids[place as usize];
                match draws.below(10) {
                    0 => {}
                    1 => *shown = draws.below(self.vocabulary as usize) as u32,
                    _ => *shown = self.mask,
                }
                places.push(place);
            }
        }
        let targets = places.iter().map(|&place| tokens.ids[place as usize]).collect();
        (Tokens { ids, ..tokens.clone() }, places, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Packing;
    use crate::random::RngKey;
    use crate::view::View;
    use std::sync::Arc;

    #[test]
    fn exact_counts_of_words_are_masked_and_never_a_special_token() {
        let masking = Masking { rate: 0.15, mask: 3, vocabulary: 1000, special: vec![0, 1] };
        let lengths = [2, 3, 102];
        let mut ids = Vec::new();
        for length in lengths {
            ids.push(0);
            ids.extend((0..length - 2).map(|i| 500 + i));
            ids.push(1);
        }
        let samples = vec![5, 6, 7];
        let packing = Arc::new(Packing::new(lengths.map(|l| l as usize), samples));
        let tokens = Tokens { types: vec![0; ids.len()], ids, packing };
        let pass = View::PLAIN.sample(RngKey::new(1), 2);
        let (shown, places, targets) = masking.apply(&tokens, &pass);
        let of = |range: std::ops::Range<usize>| {
            places.iter().filter(|&&place| range.contains(&(place as usize))).count()
        };
        assert_eq!([of(0..2), of(2..5), of(5..107)], [0, 1, 15]);
        assert!(targets.iter().all(|target| *target >= 500));
        let changed = (0..107).filter(|&i| shown.ids[i] != tokens.ids[i]).count();
        assert!((10..=16).contains(&changed), "{changed}");
        assert!(shown.ids.iter().filter(|id| **id == 3).count() >= 8);
        assert_eq!(masking.apply(&tokens, &pass).1, places, "the same look masks the same");
    }
}
