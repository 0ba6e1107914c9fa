//! Activations, by the names of PyTorch (dense layers) and of transformers (encoders).

use super::kernels::elementwise::{self, CHUNK};
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::{Error, Result};
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is done to each number of a layer's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `tanh x`.
    #[default]
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x·Φ(x)`.
    Gelu,
    /// `x·σ(x)`.
    Silu,
    /// `σ(x) = 1/(1 + e⁻ˣ)`.
    Sigmoid,
    /// `½x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`, GELU as its authors approximate it.
    #[serde(rename = "gelu-tanh")]
    GeluTanh,
    /// `x·σ(1.702·x)`, GELU approximated more coarsely.
    #[serde(rename = "quick-gelu")]
    QuickGelu,
}

const NAMES: [(Activation, &str, &str); 8] = [
    (Activation::Identity, "identity", "torch.nn.modules.linear.Identity"),
    (Activation::Tanh, "tanh", "torch.nn.modules.activation.Tanh"),
    (Activation::Relu, "relu", "torch.nn.modules.activation.ReLU"),
    (Activation::Gelu, "gelu", "torch.nn.modules.activation.GELU"),
    (Activation::Silu, "silu", "torch.nn.modules.activation.SiLU"),
    (Activation::Sigmoid, "sigmoid", "torch.nn.modules.activation.Sigmoid"),
    (Activation::GeluTanh, "gelu-tanh", "transformers.activations.NewGELUActivation"),
    (Activation::QuickGelu, "quick-gelu", "transformers.activations.QuickGELUActivation"),
];

impl Activation {
    /// Its class in PyTorch, as sentence-transformers writes it.
    pub fn class(self) -> &'static str {
        NAMES[self as usize].2
    }

    /// The activation of every number, by candle's operations.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn of(self, x: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Self::Identity => Ok(x.clone()),
            Self::Tanh => x.tanh(),
            Self::Relu => x.relu(),
            Self::Gelu => x.gelu_erf(),
            Self::Silu => x * sigmoid_of(x)?,
            Self::Sigmoid => sigmoid_of(x),
            Self::GeluTanh => x.gelu(),
            Self::QuickGelu => x * sigmoid_of(&(x * 1.702)?)?,
        }
    }

    /// The activation of each of `x`.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn of_numbers(self, x: Vec<f64>) -> candle_core::Result<Vec<f64>> {
        match self {
            Self::Identity => Ok(x),
            _ => self.of(&Tensor::new(x, &Device::Cpu)?)?.to_vec1(),
        }
    }

    /// The activation of each of `x`, in `y`, in parallel.
    pub(super) fn forward(self, x: &[f32], y: &mut [f32]) {
        let chunks = y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
        chunks.for_each(|(y, x)| self.forward_here(x, y));
    }

    /// The same on this thread alone.
    pub(super) fn forward_here(self, x: &[f32], y: &mut [f32]) {
        match self {
            Self::Identity => y.copy_from_slice(x),
            Self::Tanh => y.iter_mut().zip(x).for_each(|(y, x)| *y = x.tanh()),
            Self::Relu => y.iter_mut().zip(x).for_each(|(y, x)| *y = x.max(0.)),
            Self::Gelu => elementwise::gelu(x, y),
            Self::Silu => elementwise::silu(x, y),
            Self::Sigmoid => elementwise::sigmoid(x, y),
            Self::GeluTanh => elementwise::gelu_tanh(x, y),
            Self::QuickGelu => elementwise::quick_gelu(x, y),
        }
    }

    /// The activation of each of `x` in its place, on this thread alone; `room` is to be reused.
    pub(super) fn apply(self, x: &mut [f32], copy: &mut Vec<f32>) {
        if self == Self::Gelu {
            return elementwise::gelu_in_place(x);
        }
        copy.clear();
        copy.extend_from_slice(x);
        self.forward_here(copy, x);
    }

    /// `g` times the slope of the activation at `x`, in parallel.
    pub(super) fn backward(self, x: &[f32], g: &mut [f32]) {
        let chunks = g.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
        chunks.for_each(|(g, x)| self.backward_here(x, g));
    }

    fn backward_here(self, x: &[f32], g: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Tanh => g.iter_mut().zip(x).for_each(|(g, x)| *g *= 1. - x.tanh().powi(2)),
            Self::Relu => {
                g.iter_mut().zip(x).for_each(|(g, &x)| *g *= if x > 0. { 1. } else { 0. });
            }
            Self::Gelu => elementwise::gelu_backward(x, g),
            Self::Silu => elementwise::silu_backward(x, g),
            Self::Sigmoid => elementwise::sigmoid_backward(x, g),
            Self::GeluTanh => elementwise::gelu_tanh_backward(x, g),
            Self::QuickGelu => elementwise::quick_gelu_backward(x, g),
        }
    }
}

fn sigmoid_of(x: &Tensor) -> candle_core::Result<Tensor> {
    (x.neg()?.exp()? + 1.)?.recip()
}

impl Activation {
    /// The activation that transformers calls `name` in a `config.json`.
    ///
    /// # Errors
    /// A list of those known, where it is another.
    pub fn of_transformers(name: &str) -> Result<Self, String> {
        Ok(match name {
            "gelu" | "gelu_python" => Self::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" => {
                Self::GeluTanh
            }
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            "sigmoid" => Self::Sigmoid,
            "silu" | "swish" => Self::Silu,
            "tanh" => Self::Tanh,
            _ => {
                let known = "gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu, sigmoid, \
                             silu and tanh";
                return Err(format!("\"{name}\" is not supported; supported are {known}"));
            }
        })
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// The name, or PyTorch's class.
    fn from_str(text: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, name, class)| *name == text || *class == text);
        found.map(|(activation, ..)| *activation).ok_or_else(|| {
            let known = NAMES.map(|(_, name, _)| name).join(", ");
            Error::config(format!("activation `{text}` is unknown: use one of {known}"))
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[*self as usize].1)
    }
}

impl Tape {
    /// `y = x·Φ(x)` with Φ the normal distribution function; any shape.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn gelu(&mut self, x: &TapeTensor) -> Result<TapeTensor> {
        self.activate(x, Activation::Gelu)
    }
}

struct Activated {
    x: TapeTensor,
    activation: Activation,
}

impl Tape {
    /// The activation of every number; any shape.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn activate(&mut self, x: &TapeTensor, activation: Activation) -> Result<TapeTensor> {
        if activation == Activation::Identity {
            return Ok(x.clone());
        }
        if let Data::Composed(x) = &x.data {
            return TapeTensor::composed(activation.of(x)?);
        }
        let mut y = self.buffer(x.rows * x.cols);
        activation.forward(x.slice(), &mut y);
        Ok(self.push(x.shape(), y, || Activated { x: x.clone(), activation }))
    }
}

impl Backward for Activated {
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        self.activation.backward(self.x.slice(), &mut g);
        sweep.add(&self.x, g);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_activations_agree_with_composed() {
        for (activation, name, class) in NAMES {
            assert_eq!(name.parse::<Activation>().unwrap(), activation);
            assert_eq!(class.parse::<Activation>().unwrap().to_string(), name);
            assert_agree(&[("x", vec![6, 7])], 1e-5, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                tape.activate(&x, activation)
            });
        }
        assert!("softsign".parse::<Activation>().is_err());
    }
}
