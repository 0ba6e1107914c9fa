//! The smallest encoder: a bag of word vectors. For tests and examples.

use super::Encoder;
use crate::error::Result;
use crate::nn::{Parameter, Parameters, Spec, Tape, Value};
use crate::tokens::Tokens;
use crate::view::Pass;
use serde::{Deserialize, Serialize};

/// The `config.json` of a [`Bag`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BagConfig {
    /// Rows of the word table.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// Dropout on the word vectors.
    pub hidden_dropout_prob: f32,
}

impl BagConfig {
    /// What is wrong with it, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let sizes = [("vocab_size", self.vocab_size), ("hidden_size", self.hidden_size)];
        if let Some((name, size)) =
            sizes.into_iter().find(|&(_, size)| size == 0 || size > 1 << 24)
        {
            return Err(format!("{name} is {size}, expected 1 or more"));
        }
        if !(0. ..1.).contains(&self.hidden_dropout_prob) {
            return Err("hidden_dropout_prob lies outside 0..1".into());
        }
        Ok(())
    }
}

/// One vector per word and nothing else; no layers.
#[derive(Debug)]
pub struct Bag {
    config: BagConfig,
    words: Parameter,
}

const WORDS: &str = "embeddings.word_embeddings.weight";

impl Bag {
    /// What it needs: one table.
    pub fn specs(config: &BagConfig) -> Vec<Spec> {
        let shape = [config.vocab_size, config.hidden_size];
        vec![Spec::table(WORDS, shape, 1. / (config.hidden_size as f64).sqrt())]
    }

    /// A bag over `parameters`.
    ///
    /// # Errors
    /// Where the table is missing.
    pub fn new(config: BagConfig, parameters: &Parameters) -> Result<Self> {
        Ok(Self { config, words: parameters.get(WORDS)? })
    }
}

impl Encoder for Bag {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &Pass,
        keep: &[usize],
    ) -> Result<Vec<Value>> {
        let x = tape.embedding_sum(vec![(self.words.clone(), tokens.ids.clone())])?; // (T, D)
        let rate = self.config.hidden_dropout_prob;
        let x = pass.disturb(tape, &x, rate, &tokens.packing)?;
        Ok(keep.iter().map(|_| x.clone()).collect())
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn layers(&self) -> usize {
        0
    }

    fn max_positions(&self) -> usize {
        usize::MAX
    }

    fn config(&self) -> serde_json::Value {
        let mut config = serde_json::to_value(&self.config).unwrap_or_default();
        config["model_type"] = "bag".into();
        config
    }
}
