//! The smallest encoder: one vector a token and no layers, as static embedding models have it.

use super::{Config, Encoder, check, fields};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use crate::tokens::{NO_TOKEN, Tokens};
use crate::view::ViewSample;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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
    mapping: Option<Arc<[u32]>>,
    weights: Option<Arc<[f32]>>,
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
        Ok(Self { config, words: parameters.get(WORDS)?, mapping: None, weights: None })
    }

    /// The same with tokens that share rows: token `t` has row `mapping[t]` (model2vec's
    /// vocabulary quantization).
    ///
    /// # Errors
    /// Where there is no such row.
    pub fn with_mapping(self, mapping: impl Into<Arc<[u32]>>) -> Result<Self> {
        let (mapping, rows) = (mapping.into(), self.config.vocab_size);
        if let Some(outside) = mapping.iter().find(|&&row| row as usize >= rows) {
            let message = format!("the mapping has row {outside}, but the table {rows} rows");
            return Err(Error::new(ErrorKind::Model, message));
        }
        Ok(Self { mapping: Some(mapping), ..self })
    }

    /// The same with the vector of token `t` counted `weights[t]` times; weights do not learn.
    ///
    /// # Errors
    /// Where there is not one weight for each token.
    pub fn with_weights(self, weights: impl Into<Arc<[f32]>>) -> Result<Self> {
        let (weights, tokens) = (weights.into(), self.vocabulary_size());
        if weights.len() != tokens {
            let message = format!("there are {} weights for {tokens} tokens", weights.len());
            return Err(Error::new(ErrorKind::Model, message));
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The row of each token, (T); a text without tokens has the first, which then counts nothing.
    fn rows(&self, ids: &[u32]) -> Result<Vec<u32>> {
        let row = |&id: &u32| match &self.mapping {
            _ if id == NO_TOKEN => Ok(0),
            None => Ok(id),
            Some(mapping) => mapping.get(id as usize).copied().ok_or_else(|| {
                let message = format!("token {id} is out of range of the token mapping");
                Error::new(ErrorKind::Model, message)
            }),
        };
        ids.iter().map(row).collect()
    }

    /// How often the vector of each token counts, (T), where it is not once for all.
    fn factors(&self, ids: &[u32]) -> Option<Vec<f32>> {
        let weight = |&id: &u32| match &self.weights {
            _ if id == NO_TOKEN => 0.,
            None => 1.,
            // an id outside has no row either, which was refused
            Some(weights) => weights.get(id as usize).copied().unwrap_or(1.),
        };
        let counts = self.weights.is_some() || ids.contains(&NO_TOKEN);
        counts.then(|| ids.iter().map(weight).collect())
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
        let rows = self.rows(&tokens.ids)?;
        let mut x = tape.embedding_sum(vec![(self.words.clone(), rows)])?; // (T, D)
        if let Some(factors) = self.factors(&tokens.ids) {
            x = tape.scale_rows(&x, factors)?;
        }
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

    fn vocabulary_size(&self) -> usize {
        self.mapping.as_ref().map_or(self.config.vocab_size, |mapping| mapping.len())
    }

    fn config(&self) -> serde_json::Value {
        let mut config = serde_json::to_value(&self.config).unwrap_or_default();
        config["model_type"] = "bag".into();
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Backend, Packing, Workspace};
    use candle_core::Device;

    fn forward(bag: &Bag, ids: Vec<u32>) -> Result<Vec<f32>> {
        let packing = Arc::new(Packing::new([ids.len()], vec![0]));
        let tokens = Tokens { types: vec![0; ids.len()], ids, packing };
        let mut tape = Tape::inference(Backend::Fused, &Workspace::default());
        bag.forward(&mut tape, &tokens, &ViewSample::plain(), &[0])?[0].to_vec()
    }

    #[test]
    fn a_token_has_its_row_its_weight_or_nothing() {
        let config = BagConfig { vocab_size: 3, hidden_size: 2, hidden_dropout_prob: 0. };
        let table = vec![1., 2., 3., 4., 5., 6.];
        let parameters =
            Parameters::build(Bag::specs(&config), &Device::Cpu, |_| Ok(table.clone()));
        let bag = || Bag::new(config.clone(), parameters.as_ref().unwrap()).unwrap();
        assert_eq!(forward(&bag(), vec![2, 0]).unwrap(), [5., 6., 1., 2.]);
        assert_eq!(forward(&bag(), vec![NO_TOKEN]).unwrap(), [0., 0.]);
        let mapped = bag().with_mapping([2, 2, 0, 1]).unwrap();
        assert_eq!(mapped.vocabulary_size(), 4);
        assert_eq!(forward(&mapped, vec![3, 1]).unwrap(), [3., 4., 5., 6.]);
        let message = forward(&mapped, vec![4]).unwrap_err().to_string();
        assert!(message.contains("token 4 is out of range of the token mapping"), "{message}");
        let weighted = mapped.with_weights([1., 10., 1., -1.]).unwrap();
        assert_eq!(forward(&weighted, vec![1, 3]).unwrap(), [50., 60., -3., -4.]);
        assert_eq!(forward(&weighted, vec![NO_TOKEN]).unwrap(), [0., 0.]);
        assert!(bag().with_mapping([3]).is_err() && bag().with_weights([1.]).is_err());
    }
}
