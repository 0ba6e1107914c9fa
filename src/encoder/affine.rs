//! A linear layer or a norm by the name of its two tensors; the bias may be missing.

use crate::error::Result;
use crate::nn::{
    Activation, Dropout, Init, ParamSpec, Parameter, Parameters, Tape, TapeTensor,
};

/// `x·Wᵀ + b`, or `γ·x̂ + β`.
#[derive(Debug)]
pub(super) struct Affine {
    weight: Parameter,
    bias: Option<Parameter>,
}

impl Affine {
    /// `NAME.weight`, and `NAME.bias` where there is one.
    pub fn new(parameters: &Parameters, name: &str, biased: bool) -> Result<Self> {
        let get = |part| parameters.get(&format!("{name}.{part}"));
        let bias = biased.then(|| get("bias")).transpose()?;
        Ok(Self { weight: get("weight")?, bias })
    }

    /// `x·Wᵀ + b`.
    pub fn linear(&self, tape: &mut Tape, x: &TapeTensor) -> Result<TapeTensor> {
        match &self.bias {
            Some(bias) => tape.linear(x, &self.weight, bias),
            None => tape.project(x, &self.weight),
        }
    }

    /// `a(x)·Wᵀ + b`.
    pub fn active_linear(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        activation: Activation,
    ) -> Result<TapeTensor> {
        let bias = self.bias.as_ref().expect("a layer after an activation has a bias");
        tape.active_linear(x, activation, &self.weight, bias)
    }

    /// LayerNorm of x.
    pub fn norm(&self, tape: &mut Tape, x: &TapeTensor, epsilon: f32) -> Result<TapeTensor> {
        tape.norm(x, &self.weight, self.bias.as_ref(), epsilon)
    }

    /// LayerNorm of `residual + dropout(x)`.
    pub fn add_norm(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        residual: &TapeTensor,
        dropout: Option<Dropout>,
        epsilon: f32,
    ) -> Result<TapeTensor> {
        let bias = self.bias.as_ref().expect("a norm after a block has a bias");
        tape.add_norm(x, Some(residual), dropout, [&self.weight, bias], epsilon)
    }
}

/// The tensors of a linear layer: (O, I), and (O) where it has a bias.
pub(super) fn linear(
    name: &str,
    [outputs, inputs]: [usize; 2],
    deviation: f64,
    biased: bool,
) -> impl Iterator<Item = ParamSpec> + use<> {
    let weight = ParamSpec::weight(format!("{name}.weight"), [outputs, inputs], deviation);
    let bias = ParamSpec::vector(format!("{name}.bias"), outputs, Init::Zeros);
    [weight, bias].into_iter().take(1 + usize::from(biased))
}

/// The tensors of a norm: (D), and another (D) where it has a bias.
pub(super) fn norm(
    name: &str,
    width: usize,
    biased: bool,
) -> impl Iterator<Item = ParamSpec> + use<> {
    let weight = ParamSpec::vector(format!("{name}.weight"), width, Init::Ones);
    let bias = ParamSpec::vector(format!("{name}.bias"), width, Init::Zeros);
    [weight, bias].into_iter().take(1 + usize::from(biased))
}
