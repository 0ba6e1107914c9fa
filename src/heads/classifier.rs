//! Class logits or a score from an example: the head of Sentence-BERT, and those that transformers puts
//! on encoders.

use super::sequence::{ClassifierLayers, DenseLayer, SequenceHead};
use super::{linear, spelled, standardized};
use crate::error::{Error, Result};
use crate::nn::{Activation, Init, ParamSpec, Parameter, Parameters};
use crate::vectors::PairFeature;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// What a head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeadLayout {
    /// The embedding of one text, or features of the embeddings of two.
    #[default]
    Pooled,
    /// One text, through the architecture's own head for sequence classification.
    Sequence,
    /// The same of a pair as one sequence: a cross-encoder.
    Joined,
}

/// The shape of a head; spelled `features=u/v/difference/max-square,dense,dropout=0.1`, `sequence`
/// for the head of transformers' `…ForSequenceClassification`, or `joined` for that head on a pair
/// as one sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClassifierConfig {
    /// What it reads.
    pub layout: HeadLayout,
    /// What is read of two texts apart (Reimers & Gurevych 2019: `[u; v; |u − v|]`).
    pub features: Vec<PairFeature>,
    /// A dense layer with tanh before the last one, as BERT's pooler; of a pooled layout.
    pub dense: bool,
    /// Dropout of what the last layer reads, where a view drops anything: 0.1 of a pooled layout,
    /// the architecture's own of the others, where none is given.
    pub dropout: Option<f32>,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        let features = vec![PairFeature::First, PairFeature::Second, PairFeature::Difference];
        Self { layout: HeadLayout::Pooled, features, dense: false, dropout: None }
    }
}

impl ClassifierConfig {
    /// A head of that layout.
    pub fn of(layout: HeadLayout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Whether it is the architecture's own head, on one sequence of tokens.
    pub fn is_sequence(&self) -> bool {
        self.layout != HeadLayout::Pooled
    }

    /// Whether two texts go through the encoder as one sequence.
    pub fn is_joined(&self) -> bool {
        self.layout == HeadLayout::Joined
    }

    /// The head of transformers that it is on the encoder of `config`, a `config.json`, if any.
    pub fn sequence_head(&self, config: &Value) -> Option<SequenceHead> {
        let head = SequenceHead::of(config).filter(|_| self.is_sequence())?;
        let Some(rate) = self.dropout else { return Some(head) };
        let mut config = config.clone();
        head.set_dropout(&mut config, rate);
        SequenceHead::of(&config)
    }

    /// Its layers on the encoder of `config`, a `config.json`. An architecture for which
    /// transformers has no head gets that of BERT.
    fn layers(&self, config: &Value) -> ClassifierLayers {
        if let Some(head) = self.sequence_head(config) {
            return head.layers;
        }
        let tanh = DenseLayer { activation: Activation::Tanh, bias: true, norm: None };
        ClassifierLayers {
            input_dropout: 0.,
            dense: (self.dense || self.is_sequence()).then_some(tanh),
            dropout: self.dropout.unwrap_or(0.1),
            deviation: None,
        }
    }
}

impl FromStr for ClassifierConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut config = Self::default();
        let mut is_shaped = false;
        for (name, value) in spelled::parts(text) {
            is_shaped |= ["dense", "features"].contains(&name);
            match (name, value) {
                ("joined", None) => config.layout = HeadLayout::Joined,
                ("sequence", None) => config.layout = HeadLayout::Sequence,
                ("apart", None) => config.layout = HeadLayout::Pooled,
                ("dense", None) => config.dense = true,
                ("dropout", Some(rate)) => config.dropout = Some(dropout(rate)?),
                ("features", Some(names)) => {
                    config.features =
                        names.split('/').map(str::parse).collect::<Result<_>>()?;
                }
                _ => {
                    let known = "apart, joined, sequence, dense, features=u/v/difference/product/\
                                 max-square or dropout=R";
                    return Err(Error::config(format!(
                        "head `{name}` is unknown: use {known}"
                    )));
                }
            }
        }
        if is_shaped && config.is_sequence() {
            let message = "head: joined and sequence have the layers of the architecture's own head; \
                           omit dense and features";
            return Err(Error::config(message));
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
        match self.layout {
            HeadLayout::Joined => f.write_str("joined")?,
            HeadLayout::Sequence => f.write_str("sequence")?,
            HeadLayout::Pooled => {
                let features: Vec<_> =
                    self.features.iter().map(PairFeature::to_string).collect();
                write!(f, "features={}", features.join("/"))?;
            }
        }
        if self.dense {
            f.write_str(",dense")?;
        }
        self.dropout.map_or(Ok(()), |rate| write!(f, ",dropout={rate}"))
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

/// Random masks of a forward pass in training, each multiplied into what a layer reads.
#[derive(Debug, Default)]
pub struct HeadMasks {
    /// Of what the dense layer reads, (N, I).
    pub input: Option<Tensor>,
    /// Of what the last layer reads, (N, I).
    pub last: Option<Tensor>,
}

/// A linear classifier (or, with one output, a regression) of an example.
#[derive(Debug, Clone)]
pub struct Classifier {
    config: ClassifierConfig,
    layers: ClassifierLayers,
    dense: Option<Linear>,
    norm: Option<Linear>,
    last: Linear,
}

/// A weight and perhaps a bias.
#[derive(Debug, Clone)]
struct Linear(Parameter, Option<Parameter>);

impl Linear {
    fn new(parameters: &Parameters, name: &str, bias: bool) -> Result<Self> {
        let bias = bias.then(|| parameters.get(&format!("{name}.bias"))).transpose()?;
        Ok(Self(parameters.get(&format!("{name}.weight"))?, bias))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        linear(x, &self.0, self.1.as_ref())
    }
}

impl Classifier {
    /// What it needs on an encoder with that `config.json`, for `outputs` classes over `columns`
    /// texts of embeddings `width` wide.
    pub fn specs(
        config: &ClassifierConfig,
        model: &Value,
        outputs: usize,
        columns: usize,
        width: usize,
    ) -> Vec<ParamSpec> {
        let layers = config.layers(model);
        let mut inputs = if columns > 1 { config.features.len() * width } else { width };
        let deviation = |inputs: usize| layers.deviation.unwrap_or(1. / (inputs as f64).sqrt());
        let vector =
            |name: &str, start| ParamSpec::vector(format!("head.{name}"), width, start);
        let mut specs = Vec::new();
        if let Some(dense) = layers.dense {
            let shape = [width, inputs];
            specs.push(ParamSpec::weight("head.dense.weight", shape, deviation(inputs)));
            specs.extend(dense.bias.then(|| vector("dense.bias", Init::Zeros)));
            specs.extend(dense.norm.map(|_| vector("norm.weight", Init::Ones)));
            let has_bias = dense.norm.is_some_and(|norm| norm.bias);
            specs.extend(has_bias.then(|| vector("norm.bias", Init::Zeros)));
            inputs = width;
        }
        specs.push(ParamSpec::weight("head.weight", [outputs, inputs], deviation(inputs)));
        specs.push(ParamSpec::vector("head.bias", outputs, Init::Zeros));
        specs
    }

    /// The head over `parameters`, on an encoder with the `config.json` `model`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(
        config: ClassifierConfig,
        model: &Value,
        parameters: &Parameters,
    ) -> Result<Self> {
        let layers = config.layers(model);
        let get = |name: &str, bias: bool| Linear::new(parameters, name, bias);
        let dense = layers.dense.map(|dense| get("head.dense", dense.bias)).transpose()?;
        let norm = layers.dense.and_then(|dense| dense.norm);
        let norm = norm.map(|norm| get("head.norm", norm.bias)).transpose()?;
        Ok(Self { config, layers, dense, norm, last: get("head", true)? })
    }

    /// Its shape.
    pub fn config(&self) -> &ClassifierConfig {
        &self.config
    }

    /// Its layers.
    pub fn layers(&self) -> &ClassifierLayers {
        &self.layers
    }

    /// The widths of what its dense layer, if any, and its last layer read: what dropout falls on.
    pub fn inputs(&self) -> (Option<usize>, usize) {
        let width = |layer: &Linear| layer.0.spec().shape[1];
        (self.dense.as_ref().map(width), width(&self.last))
    }

    /// Logits, (N, C), of examples whose embeddings are `columns`, each (N, D):
    /// `W·drop(norm(act(W_d·drop(x) + b_d))) + b`.
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn logits(&self, columns: &[Tensor], masks: &HeadMasks) -> Result<Tensor> {
        let mut x = match columns {
            [u, v, ..] => self.features(u, v)?,
            [u] => u.clone(),
            [] => unreachable!("an example has a text"),
        };
        if let (Some(dense), Some(layer)) = (&self.dense, self.layers.dense) {
            x = layer.activation.of(&dense.forward(&masked(x, &masks.input)?)?)?;
            if let (Some(norm), Some(shape)) = (&self.norm, layer.norm) {
                x = layer_norm(&x, norm, shape.epsilon)?;
            }
        }
        self.last.forward(&masked(x, &masks.last)?)
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

fn masked(x: Tensor, mask: &Option<Tensor>) -> Result<Tensor> {
    Ok(match mask {
        Some(mask) => (x * mask)?,
        None => x,
    })
}

/// `γ·(x − mean)/√(variance + ε) + β` over each row.
fn layer_norm(x: &Tensor, norm: &Linear, epsilon: f64) -> Result<Tensor> {
    let x =
        standardized(x, 1, epsilon)?.broadcast_mul(&norm.0.tensor().to_dtype(x.dtype())?)?;
    Ok(match &norm.1 {
        Some(bias) => x.broadcast_add(&bias.tensor().to_dtype(x.dtype())?)?,
        None => x,
    })
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
            "joined,dropout=0.3",
            "sequence",
        ] {
            assert_eq!(text.parse::<ClassifierConfig>().unwrap().to_string(), text);
        }
        for wrong in ["features=w", "dropout=1", "dropout", "deep", "joined,dense"] {
            assert!(wrong.parse::<ClassifierConfig>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn logits_are_the_weighted_sum_of_the_features() {
        let config: ClassifierConfig =
            "features=u/v/difference/product/max-square".parse().unwrap();
        let specs = Classifier::specs(&config, &Value::Null, 1, 2, 1);
        let parameters = Parameters::build(specs, &Device::Cpu, |spec| {
            let len: usize = spec.shape.iter().product();
            Ok((0..len).map(|i| 10f32.powi(i as i32)).collect()) // the bias is 1
        });
        let head = Classifier::new(config, &Value::Null, &parameters.unwrap()).unwrap();
        let column = |x: f64| Tensor::new(&[[x]], &Device::Cpu).unwrap();
        let logits = head.logits(&[column(2.), column(-3.)], &HeadMasks::default()).unwrap();
        // 1·2 + 10·(−3) + 100·|2 + 3| + 1000·(2·−3) + 10000·max(2, −3)² + 1
        assert_eq!(logits.to_vec2::<f64>().unwrap(), [[34_473.]]);
    }
}
