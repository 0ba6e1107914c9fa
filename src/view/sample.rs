//! The draws of a view at one step.

use super::{Augmentation, NetworkDropout, View};
use crate::error::Result;
use crate::nn::{Cutoff, Dropout, Packing, Probe, Tape, TapeTensor};
use crate::pooling::Pooling;
use crate::random::{RngKey, RngSite};
use std::sync::Arc;

/// A [`View`] at one step.
#[derive(Debug, Clone)]
pub struct ViewSample {
    view: View,
    step: RngKey,
    number: u64,
    positions: Option<Arc<[u32]>>,
    shift: Option<Arc<[f32]>>,
    probe: Option<Probe>,
}

impl ViewSample {
    pub(super) fn new(view: View, step: RngKey, number: u64) -> Self {
        Self { view, step, number, positions: None, shift: None, probe: None }
    }

    /// A view that changes nothing.
    pub fn plain() -> Self {
        View::PLAIN.sample(RngKey::new(0), 0)
    }

    /// The same view with the position of every token given, (T).
    #[must_use]
    pub fn with_positions(self, positions: impl Into<Arc<[u32]>>) -> Self {
        Self { positions: Some(positions.into()), ..self }
    }

    /// The same view with the embedding output shifted by `shift`, (T, D).
    #[must_use]
    pub fn with_shift(self, shift: impl Into<Arc<[f32]>>) -> Self {
        Self { shift: Some(shift.into()), ..self }
    }

    /// The same view, which leaves the gradient of the embedding output in `probe` and trains
    /// nothing below it.
    #[must_use]
    pub fn with_probe(self, probe: &Probe) -> Self {
        Self { probe: Some(probe.clone()), ..self }
    }

    /// How token vectors become one, where the view says so.
    pub fn pooling(&self) -> Option<Pooling> {
        self.view.pooling
    }

    /// How far an adversary moves each token, where the view has one.
    pub fn adversarial_epsilon(&self) -> Option<f64> {
        self.view.adversarial_epsilon()
    }

    /// The draws of one sentence for `site`.
    pub fn rng(&self, sample: u64, site: RngSite) -> crate::random::Rng {
        self.key(sample).site(0, site).rng()
    }

    /// The tokens that a span leaves, by their place in the batch; nothing where all are seen.
    /// A sentence keeps one at least.
    pub fn kept_tokens(&self, packing: &Packing) -> Option<Vec<u32>> {
        let span = |augment: &Augmentation| match *augment {
            Augmentation::Span(rate) => Some((rate, false)),
            Augmentation::InsideSpan(rate) => Some((rate, true)),
            _ => None,
        };
        let (rate, inside) = self.view.augmentations.iter().find_map(span)?;
        let sentences = packing.ranges().zip(packing.samples());
        let kept = sentences.flat_map(|(range, &sample)| {
            let left_out = count(rate, range.len());
            let run = if inside { range.len() - left_out } else { left_out };
            let first = self.rng(sample, RngSite::Span).below(range.len() - run + 1);
            let (start, place) = (range.start, first..first + run);
            range.filter(move |token| place.contains(&(token - start)) == inside)
        });
        Some(kept.map(|token| token as u32).collect())
    }

    /// What this view does to the embedding output x, (T, D): dropout at the model's `rate`,
    /// then cutoffs, then an adversary's shift. An encoder calls it once.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn apply_augmentations(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        rate: f32,
        packing: &Arc<Packing>,
    ) -> Result<TapeTensor> {
        let dropout = self.dropout(rate, 0, RngSite::Embedding, packing);
        let x = tape.dropout_cutoff(x, dropout, self.cutoff(packing, x.shape().1))?;
        self.apply_shift(tape, x)
    }

    /// The same without dropout, where a layer stands between the embeddings that are dropped
    /// ([`apply_dropout`](Self::apply_dropout)) and the output.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn apply_cutoffs(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        packing: &Arc<Packing>,
    ) -> Result<TapeTensor> {
        let x = tape.dropout_cutoff(x, None, self.cutoff(packing, x.shape().1))?;
        self.apply_shift(tape, x)
    }

    /// Embeddings x, (T, E), after dropout at the model's `rate` and nothing else.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn apply_dropout(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        rate: f32,
        packing: &Arc<Packing>,
    ) -> Result<TapeTensor> {
        let dropout = self.dropout(rate, 0, RngSite::Embedding, packing);
        tape.dropout_cutoff(x, dropout, Cutoff::default())
    }

    /// An adversary's shift and its probe, where there is one.
    fn apply_shift(&self, tape: &mut Tape, mut x: TapeTensor) -> Result<TapeTensor> {
        if let Some(shift) = &self.shift {
            x = tape.shift(&x, shift)?;
        }
        match &self.probe {
            Some(probe) => tape.probe(&x, probe),
            None => Ok(x),
        }
    }

    /// Everything drawn for one sentence descends from here.
    fn key(&self, sample: u64) -> RngKey {
        self.step.fold_in(sample).fold_in(self.number)
    }

    /// The position of each token in its sentence: counted, or shuffled.
    pub fn positions(&self, packing: &Packing) -> Vec<u32> {
        if let Some(positions) = &self.positions {
            return positions.to_vec();
        }
        let shuffled = self.view.augmentations.contains(&Augmentation::Shuffle);
        let sentences = packing.ranges().zip(packing.samples());
        sentences
            .flat_map(|(range, &sample)| {
                let len = range.len();
                match shuffled {
                    true => self.key(sample).site(0, RngSite::Shuffle).rng().permutation(len),
                    false => (0..len as u32).collect(),
                }
            })
            .collect()
    }

    /// What to cut from the (T, `width`) embedding output.
    pub fn cutoff(&self, packing: &Packing, width: usize) -> Cutoff {
        let mut cutoff = Cutoff::default();
        for (nth, augment) in self.view.augmentations.iter().enumerate() {
            for (range, &sample) in packing.ranges().zip(packing.samples()) {
                let mut draws = self.key(sample).site(nth, RngSite::Cutoff).rng();
                let (start, len) = (range.start as u32, range.len());
                match *augment {
                    Augmentation::TokenCutoff(rate) => {
                        let chosen = draws.choose(len, count(rate, len));
                        cutoff.tokens.extend(chosen.iter().map(|token| start + token));
                    }
                    Augmentation::FeatureCutoff(rate) => {
                        cutoff.features.push((range, draws.choose(width, count(rate, width))));
                    }
                    Augmentation::ElementCutoff(rate) => {
                        let chosen = draws.choose(len * width, count(rate, len * width));
                        let width = width as u32;
                        let cells = chosen.iter().map(|c| (start + c / width, c % width));
                        cutoff.cells.extend(cells);
                    }
                    _ => {}
                }
            }
        }
        cutoff
    }

    /// Dropout for a site of a layer whose rate in the model's configuration is `rate`.
    pub fn dropout(
        &self,
        rate: f32,
        layer: usize,
        site: RngSite,
        packing: &Arc<Packing>,
    ) -> Option<Dropout> {
        let rate = match self.view.dropout {
            NetworkDropout::Off => 0.,
            NetworkDropout::Model => rate,
            NetworkDropout::Rate(rate) => rate,
        };
        (rate > 0.)
            .then(|| Dropout::new(rate, packing, |sample| self.key(sample).site(layer, site)))
    }
}

/// `⌊rate·of⌋`.
fn count(rate: f64, of: usize) -> usize {
    (rate * of as f64).floor() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing() -> Arc<Packing> {
        Arc::new(Packing::new([7, 1, 12], vec![10, 11, 12]))
    }

    fn pass(augment: &[Augmentation]) -> ViewSample {
        View { augmentations: augment.to_vec(), ..View::PLAIN }.sample(RngKey::new(1), 0)
    }

    #[test]
    fn a_plain_view_answers_with_what_it_was_given() {
        let pass = ViewSample::plain();
        let counted: Vec<u32> = (0..7).chain(0..1).chain(0..12).collect();
        assert_eq!(pass.positions(&packing()), counted);
        assert!(pass.cutoff(&packing(), 16).is_empty());
        assert!(pass.dropout(0.1, 0, RngSite::Attention, &packing()).is_none());
    }

    #[test]
    fn shuffle_permutes_the_positions_of_each_sentence() {
        let positions = pass(&[Augmentation::Shuffle]).positions(&packing());
        for range in packing().ranges() {
            let mut sentence = positions[range.clone()].to_vec();
            sentence.sort_unstable();
            assert_eq!(sentence, (0..range.len() as u32).collect::<Vec<_>>());
        }
        assert_ne!(positions[8..], (0..12).collect::<Vec<u32>>());
    }

    #[test]
    fn cutoffs_remove_the_exact_count_of_each_sentence() {
        let width = 16;
        let cut = pass(&[Augmentation::TokenCutoff(0.3)]).cutoff(&packing(), width);
        let of = |range: std::ops::Range<usize>| {
            cut.tokens.iter().filter(|&&t| range.contains(&(t as usize))).count()
        };
        assert_eq!([of(0..7), of(7..8), of(8..20)], [2, 0, 3]); // ⌊2.1⌋, ⌊0.3⌋, ⌊3.6⌋
        let cut = pass(&[Augmentation::FeatureCutoff(0.2)]).cutoff(&packing(), width);
        assert!(cut.features.iter().all(|(_, columns)| columns.len() == 3)); // ⌊3.2⌋
        let cut = pass(&[Augmentation::ElementCutoff(0.2)]).cutoff(&packing(), width);
        let of = |range: std::ops::Range<usize>| {
            cut.cells.iter().filter(|(t, _)| range.contains(&(*t as usize))).count()
        };
        assert_eq!([of(0..7), of(7..8), of(8..20)], [22, 3, 38]); // ⌊22.4⌋, ⌊3.2⌋, ⌊38.4⌋
    }

    #[test]
    fn a_span_leaves_out_one_run_or_keeps_one() {
        for (augment, kept_of) in [
            (Augmentation::Span(0.3), [5, 1, 9]), // all but ⌊2.1⌋, ⌊0.3⌋, ⌊3.6⌋
            (Augmentation::InsideSpan(0.3), [5, 1, 9]),
            (Augmentation::Span(0.99), [1, 1, 1]),
        ] {
            let kept = pass(&[augment]).kept_tokens(&packing()).unwrap();
            for (range, count) in packing().ranges().zip(kept_of) {
                let inside = |t: &&u32| range.contains(&(**t as usize));
                let tokens: Vec<u32> = kept.iter().filter(inside).copied().collect();
                assert_eq!(tokens.len(), count, "{augment}");
                let gaps = tokens.windows(2).filter(|two| two[1] != two[0] + 1).count();
                let most = usize::from(matches!(augment, Augmentation::Span(_)));
                assert!(gaps <= most, "{augment}: {tokens:?}");
            }
        }
        assert!(pass(&[Augmentation::Shuffle]).kept_tokens(&packing()).is_none());
    }

    #[test]
    fn the_two_views_of_a_step_differ_and_each_repeats() {
        let view = View { augmentations: vec![Augmentation::Shuffle], ..View::PLAIN };
        let positions = |number| view.sample(RngKey::new(4), number).positions(&packing());
        assert_eq!(positions(0), positions(0));
        assert_ne!(positions(0), positions(1));
    }
}
