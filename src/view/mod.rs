//! Stochastic views of a batch: network dropout and augmentations.
//!
//! Randomness is an argument: a [`View`] says which draws there are, a [`ViewSample`] is that view at
//! one step, and every draw is a function of its address. A plain view returns its input unchanged,
//! so training and inference are one code path.

mod parse;
mod sample;

use crate::error::{Error, Result};
use crate::pooling::Pooling;
use crate::random::RngKey;
pub use sample::ViewSample;
use serde::{Deserialize, Serialize};

/// One augmentation of ConSERT (Yan et al. 2021, section 3.2). Counts are exact, per sentence,
/// over its real tokens, special tokens included; nothing is rescaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augmentation {
    /// A random permutation of the position ids.
    Shuffle,
    /// `⌊r·L⌋` whole token rows of the embedding output become zero.
    TokenCutoff(f64),
    /// `⌊r·D⌋` whole feature columns become zero.
    FeatureCutoff(f64),
    /// `⌊r·L·D⌋` single cells become zero (ConSERT calls it `dropout`).
    ElementCutoff(f64),
    /// One random run of `⌊r·L⌋` tokens is not seen; the others keep their positions.
    Span(f64),
    /// Only one random run of tokens is seen; the `⌊r·L⌋` others are not.
    InsideSpan(f64),
    /// `ε·g/‖g‖₂` is added to each token of the embedding output, g the gradient of the
    /// supervised loss there (FGV): the sentence as an adversary would have it.
    Adversarial(f64),
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
    pub augmentations: Vec<Augmentation>,
    /// The network's own dropout.
    pub dropout: NetworkDropout,
    /// How token vectors become one in this view; the model's own where none (ConSERT's
    /// `meanmax` sees a sentence by its mean and by its maximum).
    pub pooling: Option<Pooling>,
}

impl View {
    /// The sentence as it is: no augmentation, no dropout.
    pub const PLAIN: Self =
        Self { augmentations: Vec::new(), dropout: NetworkDropout::Off, pooling: None };

    /// The network's own dropout and nothing else: the views of SimCSE and R-Drop.
    pub const DROPOUT: Self =
        Self { augmentations: Vec::new(), dropout: NetworkDropout::Model, pooling: None };

    /// How far an adversary moves each token; none where there is no adversary.
    pub fn adversarial_epsilon(&self) -> Option<f64> {
        self.augmentations.iter().find_map(|augment| match augment {
            Augmentation::Adversarial(epsilon) => Some(*epsilon),
            _ => None,
        })
    }

    /// Refuses what would do nothing, or nothing that a person can have meant.
    fn check_duplicates(&self, text: &str) -> Result<()> {
        let many = |of: fn(&Augmentation) -> bool| {
            self.augmentations.iter().filter(|a| of(a)).count() > 1
        };
        let twice = [
            ("shuffle", many(|a| matches!(a, Augmentation::Shuffle))),
            (
                "span",
                many(|a| matches!(a, Augmentation::Span(_) | Augmentation::InsideSpan(_))),
            ),
            ("adv", many(|a| matches!(a, Augmentation::Adversarial(_)))),
        ];
        match twice.iter().find(|(_, twice)| *twice) {
            Some((name, _)) => {
                Err(Error::config(format!("view `{text}`: {name} is given twice")))
            }
            None => Ok(()),
        }
    }

    /// This view at one step: `step` is the key of (seed, step), `number` tells the views of
    /// one step apart.
    pub fn sample(&self, step: RngKey, number: u64) -> ViewSample {
        ViewSample::new(self.clone(), step, number)
    }
}
