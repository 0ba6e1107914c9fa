//! The smallest encoder: a bag of word vectors. For tests and examples.

use super::{Config, Encoder, check, fields};
use crate::error::Result;
use crate::nn::{ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use crate::tokens::Tokens;
use crate::view::ViewSample;
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

impl Config for BagConfig {
    fn read(json: serde_json::Value) -> Result<Self, String> {
        let config: Self = fields(json)?;
        check::sizes(&[
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
        ])?;
        check::rates(&[config.hidden_dropout_prob])?;
        Ok(config)
    }

    fn specs(&self) -> Vec<ParamSpec> {
        Bag::specs(self)
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Bag::new(self.clone(), parameters)?))
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
    pub fn specs(config: &BagConfig) -> Vec<ParamSpec> {
        let shape = [config.vocab_size, config.hidden_size];
        vec![ParamSpec::table(WORDS, shape, 1. / (config.hidden_size as f64).sqrt())]
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
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>> {
        let x = tape.embedding_sum(vec![(self.words.clone(), tokens.ids.clone())])?; // (T, D)
        let rate = self.config.hidden_dropout_prob;
        let x = pass.apply_augmentations(tape, &x, rate, &tokens.packing)?;
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

    fn word_embeddings(&self) -> &Parameter {
        &self.words
    }

    fn config(&self) -> serde_json::Value {
        let mut config = serde_json::to_value(&self.config).unwrap_or_default();
        config["model_type"] = "bag".into();
        config
    }
}
