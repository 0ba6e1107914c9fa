//! Class logits or a score from an example: the head of Sentence-BERT, and that of BERT itself.

use super::{linear, spelled};
use crate::error::{Error, Result};
use crate::nn::{Init, ParamSpec, Parameter, Parameters};
use crate::vectors::PairFeature;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The shape of a head; spelled `features=u/v/difference/max-square,dense,dropout=0.1`, or
/// `joined` for a pair as one sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClassifierConfig {
    /// The two texts of an example go through the encoder as one sequence.
    pub joined: bool,
    /// What is read of two texts apart (Reimers & Gurevych 2019: `[u; v; |u − v|]`).
    pub features: Vec<PairFeature>,
    /// A dense layer with tanh before the last one, as BERT's pooler.
    pub dense: bool,
    /// Dropout of what the last layer reads, where a view drops anything.
    pub dropout: f32,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        let features = vec![PairFeature::First, PairFeature::Second, PairFeature::Difference];
        Self { joined: false, features, dense: false, dropout: 0.1 }
    }
}

impl FromStr for ClassifierConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut config = Self::default();
        for (name, value) in spelled::parts(text) {
            match (name, value) {
                ("joined", None) => config.joined = true,
                ("apart", None) => config.joined = false,
                ("dense", None) => config.dense = true,
                ("dropout", Some(rate)) => config.dropout = dropout(rate)?,
                ("features", Some(names)) => {
                    config.features =
                        names.split('/').map(str::parse).collect::<Result<_>>()?;
                }
                _ => {
                    let known = "apart, joined, dense, features=u/v/difference/product/\
                                 max-square or dropout=R";
                    return Err(Error::config(format!(
                        "head `{name}` is unknown: use {known}"
                    )));
                }
            }
        }
        Ok(config)
    }
}

fn dropout(rate: &str) -> Result<f32> {
    let rate: Option<f32> = rate.parse().ok();
    rate.filter(|rate| (0. ..1.).contains(rate))
        .ok_or_else(|| Error::config("head dropout: expected a rate from 0 to below 1"))
}

impl fmt::Display for ClassifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features: Vec<_> = self.features.iter().map(PairFeature::to_string).collect();
        let dense = if self.dense { ",dense" } else { "" };
        match self.joined {
            true => f.write_str("joined")?,
            false => write!(f, "features={}", features.join("/"))?,
        }
        write!(f, "{dense},dropout={}", self.dropout)
    }
}

impl TryFrom<String> for ClassifierConfig {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClassifierConfig> for String {
    fn from(config: ClassifierConfig) -> Self {
        config.to_string()
    }
}

/// A linear classifier (or, with one output, a regression) of an example.
#[derive(Debug, Clone)]
pub struct Classifier {
    config: ClassifierConfig,
    dense: Option<[Parameter; 2]>,
    last: [Parameter; 2],
}

impl Classifier {
    /// What it needs for `outputs` classes over `columns` texts of embeddings `width` wide.
    pub fn specs(
        config: &ClassifierConfig,
        outputs: usize,
        columns: usize,
        width: usize,
    ) -> Vec<ParamSpec> {
        let mut inputs = if columns > 1 { config.features.len() * width } else { width };
        let deviation = |inputs: usize| 1. / (inputs as f64).sqrt();
        let mut specs = Vec::new();
        if config.dense {
            let shape = [width, inputs];
            specs.push(ParamSpec::weight("head.dense.weight", shape, deviation(inputs)));
            specs.push(ParamSpec::vector("head.dense.bias", width, Init::Zeros));
            inputs = width;
        }
        specs.push(ParamSpec::weight("head.weight", [outputs, inputs], deviation(inputs)));
        specs.push(ParamSpec::vector("head.bias", outputs, Init::Zeros));
        specs
    }

    /// The head over `parameters`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(config: ClassifierConfig, parameters: &Parameters) -> Result<Self> {
        let pair = |name: &str| {
            let get = |part| parameters.get(&format!("{name}{part}"));
            Ok::<_, Error>([get("weight")?, get("bias")?])
        };
        let dense = config.dense.then(|| pair("head.dense.")).transpose()?;
        Ok(Self { config, dense, last: pair("head.")? })
    }

    /// Its shape.
    pub fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// The width of what its last layer reads: what dropout falls on.
    pub fn inputs(&self) -> usize {
        self.last[0].spec().shape[1]
    }

    /// Logits, (N, C), of examples whose embeddings are `columns`, each (N, D); `mask` (N, I)
    /// multiplies what the last layer reads.
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn logits(&self, columns: &[Tensor], mask: Option<&Tensor>) -> Result<Tensor> {
        let mut x = match columns {
            [u, v, ..] => self.features(u, v)?,
            [u] => u.clone(),
            [] => unreachable!("an example has a text"),
        };
        if let Some([weight, bias]) = &self.dense {
            x = linear(&x, weight, bias)?.tanh()?;
        }
        if let Some(mask) = mask {
            x = (x * mask)?;
        }
        linear(&x, &self.last[0], &self.last[1])
    }

    fn features(&self, u: &Tensor, v: &Tensor) -> Result<Tensor> {
        let features = self.config.features.iter().map(|feature| match feature {
            PairFeature::First => Ok(u.clone()),
            PairFeature::Second => Ok(v.clone()),
            PairFeature::Difference => (u - v)?.abs(),
            PairFeature::Product => u * v,
            PairFeature::MaxSquare => u.maximum(v)?.sqr(),
        });
        Ok(Tensor::cat(&features.collect::<candle_core::Result<Vec<_>>>()?, 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_head_is_spelled_as_it_is_read() {
        for text in [
            "features=u/v/difference,dropout=0.1",
            "features=u/v/difference/product/max-square,dense,dropout=0",
            "joined,dense,dropout=0.3",
        ] {
            assert_eq!(text.parse::<ClassifierConfig>().unwrap().to_string(), text);
        }
        for wrong in ["features=w", "dropout=1", "dropout", "deep"] {
            assert!(wrong.parse::<ClassifierConfig>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn logits_are_the_weighted_sum_of_the_features() {
        let config: ClassifierConfig =
            "features=u/v/difference/product/max-square".parse().unwrap();
        let specs = Classifier::specs(&config, 1, 2, 1);
        let parameters = Parameters::build(specs, &Device::Cpu, |spec| {
            let len: usize = spec.shape.iter().product();
            Ok((0..len).map(|i| 10f32.powi(i as i32)).collect()) // the bias is 1
        });
        let head = Classifier::new(config, &parameters.unwrap()).unwrap();
        let column = |x: f64| Tensor::new(&[[x]], &Device::Cpu).unwrap();
        let logits = head.logits(&[column(2.), column(-3.)], None).unwrap();
        // 1·2 + 10·(−3) + 100·|2 + 3| + 1000·(2·−3) + 10000·max(2, −3)² + 1
        assert_eq!(logits.to_vec2::<f64>().unwrap(), [[34_473.]]);
    }
}
