//! A projection between the embedding and a contrastive loss; it is left behind after training.

use super::{linear, spelled, standardized};
use crate::error::{Error, Result};
use crate::nn::{Activation, Init, ParamSpec, Parameter, Parameters};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What stands between the two layers of a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Nothing.
    None,
    /// Each column over the batch, to mean 0 and variance 1, then scaled and moved.
    Batch,
    /// Each row, likewise.
    Layer,
}

/// Which views of a batch are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectedViews {
    /// All of them: the symmetric form.
    Both,
    /// The first view (a predictor on one side, as BYOL and SimSiam have it).
    First,
    /// The second view.
    Second,
}

/// The shape of a projection: `activation(norm(W₁x + b₁))`, then `W₂· + b₂` where there is an
/// `out`; spelled `hidden=768,out=256,norm=batch,activation=relu,side=second`, or `simcse` for
/// one layer with tanh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectionConfig {
    /// The width of the first layer; the embedding's own where none.
    pub hidden: Option<usize>,
    /// The width of the second layer; no second layer where none.
    pub out: Option<usize>,
    /// What stands between them.
    pub norm: Norm,
    /// What the first layer ends with.
    pub activation: Activation,
    /// Which views are projected.
    pub side: ProjectedViews,
}

impl ProjectionConfig {
    /// SimCSE's (Gao et al. 2021): a dense layer with tanh, used in training only.
    pub const SIMCSE: Self = Self {
        hidden: None,
        out: None,
        norm: Norm::None,
        activation: Activation::Tanh,
        side: ProjectedViews::Both,
    };
}

impl FromStr for ProjectionConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut config = Self::SIMCSE;
        for (name, value) in spelled::parts(text) {
            match (name, value) {
                ("simcse", None) => {}
                ("mlp", None) => config.activation = Activation::Relu,
                ("hidden", value) => config.hidden = Some(spelled::count("hidden", value)?),
                ("out", value) => config.out = Some(spelled::count("out", value)?),
                ("activation", Some(name)) => config.activation = name.parse()?,
                ("norm", Some("none")) => config.norm = Norm::None,
                ("norm", Some("batch")) => config.norm = Norm::Batch,
                ("norm", Some("layer")) => config.norm = Norm::Layer,
                ("side", Some("both")) => config.side = ProjectedViews::Both,
                ("side", Some("first")) => config.side = ProjectedViews::First,
                ("side", Some("second")) => config.side = ProjectedViews::Second,
                _ => {
                    let known = "simcse, mlp, hidden=N, out=N, norm=none|batch|layer, \
                                 activation=tanh|relu|gelu|identity or side=both|first|second";
                    let message = format!("projection `{name}` is unknown: use {known}");
                    return Err(Error::config(message));
                }
            }
        }
        if config.side != ProjectedViews::Both
            && config.out.is_none()
            && config.hidden.is_some()
        {
            let message = "a projection of one view must keep the embedding dimension: omit \
                         `hidden`, or give `out`";
            return Err(Error::config(message));
        }
        Ok(config)
    }
}

impl fmt::Display for ProjectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norm = match self.norm {
            Norm::None => "none",
            Norm::Batch => "batch",
            Norm::Layer => "layer",
        };
        let side = match self.side {
            ProjectedViews::Both => "both",
            ProjectedViews::First => "first",
            ProjectedViews::Second => "second",
        };
        write!(f, "activation={},norm={norm},side={side}", self.activation)?;
        for (name, width) in [("hidden", self.hidden), ("out", self.out)] {
            if let Some(width) = width {
                write!(f, ",{name}={width}")?;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ProjectionConfig {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ProjectionConfig> for String {
    fn from(config: ProjectionConfig) -> Self {
        config.to_string()
    }
}

/// A projection over a set of parameters.
#[derive(Debug, Clone)]
pub struct Projection {
    config: ProjectionConfig,
    first: [Parameter; 2],
    norm: Option<[Parameter; 2]>,
    second: Option<[Parameter; 2]>,
}

impl Projection {
    /// What it needs over embeddings `width` wide.
    pub fn specs(config: &ProjectionConfig, width: usize) -> Vec<ParamSpec> {
        let hidden = config.hidden.unwrap_or(width);
        let mut specs = Vec::new();
        let mut layer = |name: &str, outputs, inputs: usize| {
            let deviation = 1. / (inputs as f64).sqrt();
            let name = |part| format!("projection.{name}.{part}");
            specs.push(ParamSpec::weight(name("weight"), [outputs, inputs], deviation));
            // a norm takes the mean away, and any bias with it
            let unseen = outputs == hidden && inputs == width && config.norm == Norm::Batch;
            let bias = ParamSpec::vector(name("bias"), outputs, Init::Zeros);
            specs.push(ParamSpec { unseen, ..bias });
        };
        layer("0", hidden, width);
        if let Some(out) = config.out {
            layer("1", out, hidden);
        }
        if config.norm != Norm::None {
            specs.push(ParamSpec::vector("projection.norm.weight", hidden, Init::Ones));
            specs.push(ParamSpec::vector("projection.norm.bias", hidden, Init::Zeros));
        }
        specs
    }

    /// The projection over `parameters`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(config: ProjectionConfig, parameters: &Parameters) -> Result<Self> {
        let pair = |name: &str| {
            let get = |part| parameters.get(&format!("projection.{name}.{part}"));
            Ok::<_, Error>([get("weight")?, get("bias")?])
        };
        let norm = (config.norm != Norm::None).then(|| pair("norm")).transpose()?;
        let second = config.out.is_some().then(|| pair("1")).transpose()?;
        Ok(Self { config, first: pair("0")?, norm, second })
    }

    /// Its shape.
    pub fn config(&self) -> &ProjectionConfig {
        &self.config
    }

    /// Whether view `number` (0 or 1) is projected.
    pub fn projects(&self, number: usize) -> bool {
        match self.config.side {
            ProjectedViews::Both => true,
            ProjectedViews::First => number == 0,
            ProjectedViews::Second => number == 1,
        }
    }

    /// (N, D) → (N, out).
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = linear(x, &self.first[0], Some(&self.first[1]))?;
        if let Some(norm) = &self.norm {
            x = self.normal(&x, norm)?;
        }
        x = self.config.activation.of(&x)?;
        match &self.second {
            Some([weight, bias]) => linear(&x, weight, Some(bias)),
            None => Ok(x),
        }
    }

    /// `γ·(x − mean)/√(variance + 1e-5) + β` over the batch or the row.
    fn normal(&self, x: &Tensor, [weight, bias]: &[Parameter; 2]) -> Result<Tensor> {
        let over = usize::from(self.config.norm == Norm::Layer);
        let x = standardized(x, over, 1e-5)?;
        let (weight, bias) =
            (weight.tensor().to_dtype(x.dtype())?, bias.tensor().to_dtype(x.dtype())?);
        Ok(x.broadcast_mul(&weight)?.broadcast_add(&bias)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{D, DType, Device};

    #[test]
    fn a_projection_is_spelled_as_it_is_read() {
        assert_eq!("simcse".parse::<ProjectionConfig>().unwrap(), ProjectionConfig::SIMCSE);
        let text = "activation=relu,norm=batch,side=second,hidden=64,out=32";
        assert_eq!(text.parse::<ProjectionConfig>().unwrap().to_string(), text);
        for wrong in ["hidden=0", "norm=group", "side=third", "wide", "side=first,hidden=8"] {
            assert!(wrong.parse::<ProjectionConfig>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_normed_projection_has_mean_zero_and_variance_one() {
        for (norm, over) in [("batch", 0), ("layer", 1)] {
            let config: ProjectionConfig =
                format!("activation=identity,norm={norm}").parse().unwrap();
            let specs = Projection::specs(&config, 16);
            let parameters = Parameters::initial(specs, 1, &Device::Cpu).unwrap();
            let projection = Projection::new(config, &parameters).unwrap();
            let x = Tensor::randn(0., 1., (32, 16), &Device::Cpu).unwrap();
            let y = projection.forward(&x.to_dtype(DType::F64).unwrap()).unwrap();
            let (mean, square) = (y.mean(over).unwrap(), y.sqr().unwrap().mean(over).unwrap());
            let far = |x: Tensor, from: f64| {
                let off = (x - from).unwrap().abs().unwrap();
                off.max(D::Minus1).unwrap().to_scalar::<f64>().unwrap()
            };
            assert!(far(mean, 0.) < 1e-9 && far(square, 1.) < 1e-3, "{norm}");
        }
    }
}
