//! A dense layer after the pooling that stays with the model (sentence-transformers' `Dense`).

use super::spelled;
use crate::error::{Error, Result};
use crate::nn::{Activation, Init, ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The shape of a dense layer; spelled `256`, or
/// `out=256,activation=identity,bias=false,residual=true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DenseConfig {
    /// The width of its result: the model's new width.
    pub out: usize,
    /// What is done to its result.
    pub activation: Activation,
    /// Whether it adds a vector b. True.
    pub bias: bool,
    /// Whether its input is added to its result (`use_residual`); by a matrix R where the widths
    /// differ. False.
    pub residual: bool,
}

impl DenseConfig {
    /// A layer with a bias and without a residual connection.
    pub fn new(out: usize, activation: Activation) -> Self {
        Self { out, activation, bias: true, residual: false }
    }
}

impl FromStr for DenseConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mut out, mut activation) = (None, Activation::default());
        let (mut bias, mut residual) = (true, false);
        for (name, value) in spelled::parts(text) {
            match (name, value) {
                ("out", value) => out = Some(spelled::count("out", value)?),
                ("activation", Some(name)) => activation = name.parse()?,
                ("bias", value) => bias = spelled::switch("bias", value)?,
                ("residual", value) => residual = spelled::switch("residual", value)?,
                (number, None) if number.parse::<usize>().is_ok() => {
                    out = Some(spelled::count("dense out", Some(number))?);
                }
                _ => {
                    let known = "out=N, activation=tanh|relu|gelu|identity, \
                                 bias=true|false or residual=true|false";
                    return Err(Error::config(format!(
                        "dense `{name}` is unknown: use {known}"
                    )));
                }
            }
        }
        let out = out.ok_or_else(|| {
            Error::config("dense: give its output dimension, as 256 or out=256")
        })?;
        Ok(Self { out, activation, bias, residual })
    }
}

impl fmt::Display for DenseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out={},activation={}", self.out, self.activation)?;
        if !self.bias {
            f.write_str(",bias=false")?;
        }
        if self.residual { f.write_str(",residual=true") } else { Ok(()) }
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
    bias: Option<Parameter>,
    /// R, where a residual connection leads from one width to another.
    residual: Option<Parameter>,
}

impl Dense {
    /// What it needs over embeddings `width` wide; names begin with `dense.`, then
    /// sentence-transformers' own.
    pub fn specs(config: &DenseConfig, width: usize) -> Vec<ParamSpec> {
        let shape = [config.out, width];
        let deviation = 1. / (width as f64).sqrt();
        let weight = |name| ParamSpec::weight(name, shape, deviation);
        let mut specs = vec![weight("dense.linear.weight")];
        if config.bias {
            specs.push(ParamSpec::vector("dense.linear.bias", config.out, Init::Zeros));
        }
        if config.residual && config.out != width {
            specs.push(weight("dense.residual.weight"));
        }
        specs
    }

    /// The layer over `parameters`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(config: DenseConfig, parameters: &Parameters) -> Result<Self> {
        let get = |part: &str| parameters.get(&format!("dense.{part}"));
        let weight = get("linear.weight")?;
        let bias = config.bias.then(|| get("linear.bias")).transpose()?;
        let leads = config.residual && config.out != weight.spec().shape[1];
        let residual = leads.then(|| get("residual.weight")).transpose()?;
        Ok(Self { config, weight, bias, residual })
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
        let bias = self.bias.as_ref().map(|bias| bias.with(<[f32]>::to_vec)).transpose()?;
        let bias = bias.unwrap_or_else(|| vec![0.; self.config.out]);
        Ok((self.weight.with(<[f32]>::to_vec)?, bias))
    }

    /// `activation(x·Wᵀ + b)`, plus `x` or `x·Rᵀ` with a residual connection: (N, D) → (N, out).
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn forward(&self, tape: &mut Tape, x: &TapeTensor) -> Result<TapeTensor> {
        let y = match &self.bias {
            Some(bias) => tape.linear(x, &self.weight, bias)?,
            None => tape.project(x, &self.weight)?,
        };
        let y = tape.activate(&y, self.config.activation)?;
        match (&self.residual, self.config.residual) {
            (Some(leads), _) => {
                let residual = tape.project(x, leads)?;
                tape.add(&y, &residual, None)
            }
            (None, true) => tape.add(&y, x, None),
            (None, false) => Ok(y),
        }
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
        let text = "out=3,activation=identity,bias=false,residual=true";
        let config: DenseConfig = text.parse().unwrap();
        assert!(!config.bias && config.residual);
        assert_eq!(config.to_string(), text);
        for wrong in ["", "0", "8,bias=maybe", "out=x", "256,activation=softsign", "wide"] {
            assert!(wrong.parse::<DenseConfig>().is_err(), "{wrong}");
        }
    }
}
