//! How a batch is looked at: network dropout and augmentation, as an immutable plan.
//!
//! Randomness is an argument: a [`View`] says what may happen, a [`Pass`] is that view at one
//! step, and every draw of a pass is a function of its address. A plain view answers with what
//! it was given, so training and inference are one code path.

use crate::error::{Error, Result};
use crate::nn::{Cutoff, Dropout, Packing};
use crate::noise::{Key, Site};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One augmentation of ConSERT (Yan et al. 2021, section 3.2). Counts are exact, per sentence,
/// over its real tokens, special tokens included; nothing is rescaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augment {
    /// A random permutation of the position ids.
    Shuffle,
    /// `⌊r·L⌋` whole token rows of the embedding output become zero.
    TokenCutoff(f64),
    /// `⌊r·D⌋` whole feature columns become zero.
    FeatureCutoff(f64),
    /// `⌊r·L·D⌋` single cells become zero (ConSERT calls it `dropout`).
    ElementCutoff(f64),
}

/// The dropout inside the network, apart from any augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum NetworkDropout {
    /// None at all.
    Off,
    /// At the rates of the model's `config.json`.
    #[default]
    Model,
    /// At this rate everywhere.
    Rate(f32),
}

/// What is done to a batch while it is looked at; spelled `shuffle+token-cutoff=0.1+dropout=off`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct View {
    /// In the order given.
    pub augment: Vec<Augment>,
    /// The network's own dropout.
    pub dropout: NetworkDropout,
}

impl View {
    /// The sentence as it is: no augmentation, no dropout.
    pub const PLAIN: Self = Self { augment: Vec::new(), dropout: NetworkDropout::Off };

    /// The network's own dropout and nothing else: the views of SimCSE and R-Drop.
    pub const DROPOUT: Self = Self { augment: Vec::new(), dropout: NetworkDropout::Model };

    /// This view at one step: `step` is the key of (seed, step), `number` tells the views of
    /// one step apart.
    pub fn pass(&self, step: Key, number: u64) -> Pass {
        Pass { view: self.clone(), step, number, positions: None }
    }
}

/// A [`View`] at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    view: View,
    step: Key,
    number: u64,
    positions: Option<Arc<[u32]>>,
}

impl Pass {
    /// A look that changes nothing.
    pub fn plain() -> Self {
        View::PLAIN.pass(Key::new(0), 0)
    }

    /// The same look with the position of every token given, (T).
    #[must_use]
    pub fn at_positions(self, positions: impl Into<Arc<[u32]>>) -> Self {
        Self { positions: Some(positions.into()), ..self }
    }

    /// Everything drawn for one sentence descends from here.
    fn key(&self, sample: u64) -> Key {
        self.step.at(sample).at(self.number)
    }

    /// The position of each token in its sentence: counted, or shuffled.
    pub fn positions(&self, packing: &Packing) -> Vec<u32> {
        if let Some(positions) = &self.positions {
            return positions.to_vec();
        }
        let shuffled = self.view.augment.contains(&Augment::Shuffle);
        let sentences = packing.ranges().zip(packing.samples());
        sentences
            .flat_map(|(range, &sample)| {
                let len = range.len();
                match shuffled {
                    true => self.key(sample).site(0, Site::Shuffle).sequence().permutation(len),
                    false => (0..len as u32).collect(),
                }
            })
            .collect()
    }

    /// What to cut from the (T, `width`) embedding output.
    pub fn cutoff(&self, packing: &Packing, width: usize) -> Cutoff {
        let mut cutoff = Cutoff::default();
        for (nth, augment) in self.view.augment.iter().enumerate() {
            for (range, &sample) in packing.ranges().zip(packing.samples()) {
                let mut draws = self.key(sample).site(nth, Site::Cutoff).sequence();
                let (start, len) = (range.start as u32, range.len());
                let count = |rate: f64, of: usize| (rate * of as f64).floor() as usize;
                match *augment {
                    Augment::Shuffle => {}
                    Augment::TokenCutoff(rate) => {
                        let chosen = draws.choose(len, count(rate, len));
                        cutoff.tokens.extend(chosen.iter().map(|token| start + token));
                    }
                    Augment::FeatureCutoff(rate) => {
                        cutoff.features.push((range, draws.choose(width, count(rate, width))));
                    }
                    Augment::ElementCutoff(rate) => {
                        let chosen = draws.choose(len * width, count(rate, len * width));
                        let width = width as u32;
                        let cells = chosen.iter().map(|c| (start + c / width, c % width));
                        cutoff.cells.extend(cells);
                    }
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
        site: Site,
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

impl FromStr for Augment {
    type Err = Error;

    /// `shuffle`, `token-cutoff=0.1`, `feature-cutoff=0.2`, `element-cutoff=0.2`; a rate left
    /// out is ConSERT's own, and `_` does for `-`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, rate) = match text.split_once('=') {
            Some((name, rate)) => (name, Some(rate)),
            None => (text, None),
        };
        let known = "shuffle, token-cutoff=R, feature-cutoff=R or element-cutoff=R";
        let rate = |standard: f64| match rate.map(str::trim).map(str::parse::<f64>) {
            None => Ok(standard),
            Some(Ok(rate)) if (0. ..1.).contains(&rate) => Ok(rate),
            _ => Err(Error::config(format!(
                "view `{text}`: the rate must be at least 0 and below 1"
            ))),
        };
        match name.trim().replace('_', "-").as_str() {
            "shuffle" => Ok(Self::Shuffle),
            "token-cutoff" => rate(0.15).map(Self::TokenCutoff),
            "feature-cutoff" => rate(0.2).map(Self::FeatureCutoff),
            "element-cutoff" => rate(0.2).map(Self::ElementCutoff),
            _ => Err(Error::config(format!("view `{text}` is unknown: use {known}"))),
        }
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shuffle => f.write_str("shuffle"),
            Self::TokenCutoff(rate) => write!(f, "token-cutoff={rate}"),
            Self::FeatureCutoff(rate) => write!(f, "feature-cutoff={rate}"),
            Self::ElementCutoff(rate) => write!(f, "element-cutoff={rate}"),
        }
    }
}

impl FromStr for NetworkDropout {
    type Err = Error;

    /// `off`, `model`, or a rate below 1.
    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "off" | "none" => Ok(Self::Off),
            "model" => Ok(Self::Model),
            rate => match rate.parse::<f32>() {
                Ok(rate) if (0. ..1.).contains(&rate) => Ok(Self::Rate(rate)),
                _ => Err(Error::config(format!(
                    "dropout `{text}`: use off, model, or a rate from 0 to below 1"
                ))),
            },
        }
    }
}

impl fmt::Display for NetworkDropout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Model => f.write_str("model"),
            Self::Rate(rate) => write!(f, "{rate}"),
        }
    }
}

impl FromStr for View {
    type Err = Error;

    /// Parts joined by `+`: augmentations, `dropout=off|model|R` for the network's own dropout
    /// (`model` where it is not named), or `none`.
    fn from_str(text: &str) -> Result<Self> {
        let mut view = Self::DROPOUT;
        for part in text.split('+').map(str::trim).filter(|part| *part != "none") {
            match part.strip_prefix("dropout=") {
                Some(rate) => view.dropout = rate.parse()?,
                None => view.augment.push(part.parse()?),
            }
        }
        Ok(view)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for augment in &self.augment {
            write!(f, "{augment}+")?;
        }
        write!(f, "dropout={}", self.dropout)
    }
}

impl TryFrom<String> for View {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<View> for String {
    fn from(view: View) -> Self {
        view.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing() -> Arc<Packing> {
        Arc::new(Packing::new([7, 1, 12], vec![10, 11, 12]))
    }

    fn pass(augment: &[Augment]) -> Pass {
        View { augment: augment.to_vec(), dropout: NetworkDropout::Off }.pass(Key::new(1), 0)
    }

    #[test]
    fn a_plain_view_answers_with_what_it_was_given() {
        let pass = Pass::plain();
        let counted: Vec<u32> = (0..7).chain(0..1).chain(0..12).collect();
        assert_eq!(pass.positions(&packing()), counted);
        assert!(pass.cutoff(&packing(), 16).is_empty());
        assert!(pass.dropout(0.1, 0, Site::Attention, &packing()).is_none());
    }

    #[test]
    fn shuffle_permutes_the_positions_of_each_sentence() {
        let positions = pass(&[Augment::Shuffle]).positions(&packing());
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
        let cut = pass(&[Augment::TokenCutoff(0.3)]).cutoff(&packing(), width);
        let of = |range: std::ops::Range<usize>| {
            cut.tokens.iter().filter(|&&t| range.contains(&(t as usize))).count()
        };
        assert_eq!([of(0..7), of(7..8), of(8..20)], [2, 0, 3]); // ⌊2.1⌋, ⌊0.3⌋, ⌊3.6⌋
        let cut = pass(&[Augment::FeatureCutoff(0.2)]).cutoff(&packing(), width);
        assert!(cut.features.iter().all(|(_, columns)| columns.len() == 3)); // ⌊3.2⌋
        let cut = pass(&[Augment::ElementCutoff(0.2)]).cutoff(&packing(), width);
        let of = |range: std::ops::Range<usize>| {
            cut.cells.iter().filter(|(t, _)| range.contains(&(*t as usize))).count()
        };
        assert_eq!([of(0..7), of(7..8), of(8..20)], [22, 3, 38]); // ⌊22.4⌋, ⌊3.2⌋, ⌊38.4⌋
    }

    #[test]
    fn the_two_views_of_a_step_differ_and_each_repeats() {
        let view = View { augment: vec![Augment::Shuffle], dropout: NetworkDropout::Off };
        let positions = |number| view.pass(Key::new(4), number).positions(&packing());
        assert_eq!(positions(0), positions(0));
        assert_ne!(positions(0), positions(1));
    }

    #[test]
    fn a_view_is_spelled_as_it_is_read() {
        for text in ["shuffle", "token-cutoff=0.1", "feature-cutoff=0.2", "element-cutoff=0.5"]
        {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        assert_eq!("feature_cutoff".parse::<Augment>().unwrap(), Augment::FeatureCutoff(0.2));
        for wrong in ["cutoff", "token-cutoff=1", "token-cutoff=x", ""] {
            assert!(wrong.parse::<Augment>().is_err(), "{wrong}");
        }
        let view: View = "shuffle + token_cutoff=0.1 + dropout=0.3".parse().unwrap();
        assert_eq!(view.to_string(), "shuffle+token-cutoff=0.1+dropout=0.3");
        assert_eq!("none".parse::<View>().unwrap(), View::DROPOUT);
        assert_eq!("dropout=off".parse::<View>().unwrap(), View::PLAIN);
        assert!("1.0".parse::<NetworkDropout>().is_err());
        assert_eq!("0.3".parse::<NetworkDropout>().unwrap(), NetworkDropout::Rate(0.3));
    }
}
