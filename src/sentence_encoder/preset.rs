//! Models that start from random weights and learn their vocabulary from the data.

use crate::encoder::Encoder;
use crate::encoder::{Bert, BertConfig};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::nn::Parameters;
use crate::pooling::Pooling;
use crate::tokens::Tokenizer;
use candle_core::Device;
use std::str::FromStr;

/// The size of a fresh BERT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// 2 layers, 128 wide, at most 4,000 word pieces: trains on a laptop in seconds.
    Tiny,
    /// 4 layers, 256 wide, at most 16,000 word pieces.
    Mini,
}

impl Preset {
    /// (width, layers, vocabulary, positions).
    fn size(self) -> (usize, usize, usize, usize) {
        match self {
            Self::Tiny => (128, 2, 4_000, 64),
            Self::Mini => (256, 4, 16_000, 128),
        }
    }

    pub(super) fn build<'a>(
        self,
        texts: impl Iterator<Item = &'a str> + Send,
        seed: u64,
    ) -> Result<(Model, Tokenizer)> {
        let (width, layers, vocabulary, positions) = self.size();
        let tokenizer = Tokenizer::train(texts, vocabulary, positions)?;
        let config = BertConfig::fresh(tokenizer.vocabulary_size(), width, layers, positions);
        let parameters = Parameters::initial(Bert::specs(&config), seed, &Device::Cpu)?;
        let encoder: Box<dyn Encoder> = Box::new(Bert::new(config, &parameters)?);
        Ok((Model::new(encoder, Pooling::Mean, parameters), tokenizer))
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "tiny" => Ok(Self::Tiny),
            "mini" => Ok(Self::Mini),
            _ => Err(Error::config(format!("preset `{text}` is unknown: use tiny or mini"))),
        }
    }
}
