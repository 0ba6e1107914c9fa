//! Activations of dense layers after the pooling, by the names PyTorch gives them.

use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::{Error, Result};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a dense layer does to its result.
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
}

const NAMES: [(Activation, &str, &str); 4] = [
    (Activation::Identity, "identity", "torch.nn.modules.linear.Identity"),
    (Activation::Tanh, "tanh", "torch.nn.modules.activation.Tanh"),
    (Activation::Relu, "relu", "torch.nn.modules.activation.ReLU"),
    (Activation::Gelu, "gelu", "torch.nn.modules.activation.GELU"),
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
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// The name, or PyTorch's class.
    fn from_str(text: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(_, name, class)| *name == text || *class == text);
        found.map(|(activation, ..)| *activation).ok_or_else(|| {
            let words = "use identity, tanh, relu or gelu";
            Error::config(format!("activation `{text}` is unknown: {words}"))
        })
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES[*self as usize].1)
    }
}

type Function = fn(f32) -> f32;

struct Activated {
    x: Value,
    slope: Function,
}

impl Tape {
    /// The activation of every number; any shape.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn activate(&mut self, x: &Value, activation: Activation) -> Result<Value> {
        if let Data::Composed(x) = &x.data {
            return Value::composed(activation.of(x)?);
        }
        let (function, slope): (Function, Function) = match activation {
            Activation::Identity => return Ok(x.clone()),
            Activation::Gelu => return self.gelu(x),
            Activation::Tanh => (f32::tanh, |x| 1. - x.tanh().powi(2)),
            Activation::Relu => (|x| x.max(0.), |x| if x > 0. { 1. } else { 0. }),
        };
        let mut y = self.buffer(x.rows * x.cols);
        y.iter_mut().zip(x.slice()).for_each(|(y, &x)| *y = function(x));
        Ok(self.push(x.shape(), y, || Activated { x: x.clone(), slope }))
    }
}

impl Backward for Activated {
    fn backward(&self, mut g: Buffer, sweep: &mut Sweep) -> Result<()> {
        g.iter_mut().zip(self.x.slice()).for_each(|(g, &x)| *g *= (self.slope)(x));
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
