//! AdamW (Loshchilov & Hutter 2019), with moments one can see.

use crate::error::{Error, Result};
use crate::nn::{AdamStep, Gradients, Parameter, Parameters, adam_step, sum_of_squares};
use serde::{Deserialize, Serialize};

/// The settings of [`AdamW`]; defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdamWConfig {
    /// β₁.
    pub adam_beta1: f64,
    /// β₂.
    pub adam_beta2: f64,
    /// ε.
    pub adam_epsilon: f64,
    /// Decoupled decay of everything but biases and LayerNorm.
    pub weight_decay: f64,
    /// Divide the moments by `1 − βᵗ` (ConSERT does not).
    pub bias_correction: bool,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            weight_decay: 0.01,
            bias_correction: true,
        }
    }
}

impl AdamWConfig {
    /// Refuses what no update can be made with.
    pub(super) fn check(&self) -> Result<()> {
        for (name, beta) in [("beta1", self.adam_beta1), ("beta2", self.adam_beta2)] {
            if !(0. ..1.).contains(&beta) {
                return Err(Error::config(format!(
                    "{name} {beta}: expected 0 or more, below 1"
                )));
            }
        }
        for (name, value) in [("epsilon", self.adam_epsilon), ("decay", self.weight_decay)] {
            if !(value.is_finite() && value >= 0.) {
                return Err(Error::config(format!("{name} {value}: expected 0 or more")));
            }
        }
        Ok(())
    }
}

/// First and second moments of one parameter, and how often it was updated.
#[derive(Debug, Clone, Default)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

/// The optimiser's state over one set of parameters.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: Vec<Moments>,
}

impl AdamW {
    /// Zero moments for `parameters`.
    pub fn new(parameters: &Parameters, config: AdamWConfig) -> Self {
        let zeros = |p: &Parameter| Moments {
            first: vec![0.; p.len()],
            second: vec![0.; p.len()],
            steps: 0,
        };
        Self { config, moments: parameters.iter().map(zeros).collect() }
    }

    /// One step at `rate`, gradients multiplied by `scale` first. A parameter without a
    /// gradient stays as it is.
    ///
    /// # Errors
    /// Where a parameter is not on the CPU.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        rate: f64,
        scale: f64,
    ) -> Result<()> {
        for (parameter, moments) in parameters.iter().zip(&mut self.moments) {
            let Some(gradient) = gradients.get(parameter) else { continue };
            moments.steps += 1;
            let step = numbers(&self.config, parameter, moments.steps, rate, scale);
            let Moments { first, second, .. } = moments;
            parameter.update(|values| adam_step(values, first, second, gradient, step))?;
        }
        Ok(())
    }
}

fn numbers(
    config: &AdamWConfig,
    parameter: &Parameter,
    steps: i32,
    rate: f64,
    scale: f64,
) -> AdamStep {
    let correct = |beta: f64| if config.bias_correction { 1. - beta.powi(steps) } else { 1. };
    let decay = if parameter.spec().decays { config.weight_decay } else { 0. };
    AdamStep {
        rate: (rate / correct(config.adam_beta1)) as f32,
        keep: (1. - rate * decay) as f32,
        beta1: config.adam_beta1 as f32,
        beta2: config.adam_beta2 as f32,
        correction: (1. / correct(config.adam_beta2).sqrt()) as f32,
        epsilon: config.adam_epsilon as f32,
        scale: scale as f32,
    }
}

/// `‖g‖₂` over all gradients together.
pub fn global_norm(gradients: &mut Gradients) -> f64 {
    gradients.iter_mut().map(|gradient| sum_of_squares(gradient.values())).sum::<f64>().sqrt()
}

/// What to multiply gradients by so that their norm is at most `max`: `max/(‖g‖ + 1e-6)` where
/// it is more (PyTorch's `clip_grad_norm_`).
pub fn clip_scale(norm: f64, max: f64) -> f64 {
    if norm > max { max / (norm + 1e-6) } else { 1. }
}
