//! A dense layer after the pooling that stays with the model (sentence-transformers' `Dense`).

use super::spelled;
use crate::error::{Error, Result};
use crate::nn::{Activation, Init, ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The shape of a dense layer; spelled `256`, or `out=256,activation=identity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DenseConfig {
    /// The width of its result: the model's new width.
    pub out: usize,
    /// What is done to its result.
    pub activation: Activation,
}

impl FromStr for DenseConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mut out, mut activation) = (None, Activation::default());
        for (name, value) in spelled::parts(text) {
            match (name, value) {
                ("out", value) => out = Some(spelled::count("out", value)?),
                ("activation", Some(name)) => activation = name.parse()?,
                (number, None) if number.parse::<usize>().is_ok() => {
                    out = Some(spelled::count("dense out", Some(number))?);
                }
                _ => {
                    let known = "out=N or activation=tanh|relu|gelu|identity";
                    return Err(Error::config(format!(
                        "dense `{name}` is unknown: use {known}"
                    )));
                }
            }
        }
        let out = out.ok_or_else(|| {
            Error::config("dense: give its output dimension, as 256 or out=256")
        })?;
        Ok(Self { out, activation })
    }
}

impl fmt::Display for DenseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out={},activation={}", self.out, self.activation)
    }
}

impl TryFrom<String> for DenseConfig {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DenseConfig> for String {
    fn from(config: DenseConfig) -> Self {
        config.to_string()
    }
}

/// A dense layer over a set of parameters.
#[derive(Debug, Clone)]
pub struct Dense {
    config: DenseConfig,
    weight: Parameter,
    bias: Parameter,
}

impl Dense {
    /// What it needs over embeddings `width` wide; names begin with `dense.`, then
    /// sentence-transformers' own.
    pub fn specs(config: &DenseConfig, width: usize) -> Vec<ParamSpec> {
        let shape = [config.out, width];
        let weight =
            ParamSpec::weight("dense.linear.weight", shape, 1. / (width as f64).sqrt());
        let bias = ParamSpec::vector("dense.linear.bias", config.out, Init::Zeros);
        vec![weight, bias]
    }

    /// The layer over `parameters`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(config: DenseConfig, parameters: &Parameters) -> Result<Self> {
        let get = |part| parameters.get(&format!("dense.linear.{part}"));
        Ok(Self { config, weight: get("weight")?, bias: get("bias")? })
    }

    /// Its shape.
    pub fn config(&self) -> DenseConfig {
        self.config
    }

    /// The width of what it reads.
    pub fn inputs(&self) -> usize {
        self.weight.spec().shape[1]
    }

    /// W (out, D), row-major, and b (out).
    ///
    /// # Errors
    /// Where they are not on the CPU.
    pub fn numbers(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        Ok((self.weight.with(<[f32]>::to_vec)?, self.bias.with(<[f32]>::to_vec)?))
    }

    /// `activation(x·Wᵀ + b)`: (N, D) → (N, out).
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn forward(&self, tape: &mut Tape, x: &TapeTensor) -> Result<TapeTensor> {
        let y = tape.linear(x, &self.weight, &self.bias)?;
        tape.activate(&y, self.config.activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_layer_is_spelled_as_it_is_read() {
        let config: DenseConfig = "256".parse().unwrap();
        assert_eq!((config.out, config.activation), (256, Activation::Tanh));
        assert_eq!(config.to_string().parse::<DenseConfig>().unwrap(), config);
        for wrong in ["", "0", "out=x", "256,activation=softsign", "wide"] {
            assert!(wrong.parse::<DenseConfig>().is_err(), "{wrong}");
        }
    }
}
