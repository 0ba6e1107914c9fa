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
    /// Leave a row of an embedding table that the batch did not look up as it is, as PyTorch's
    /// `SparseAdam` does: no decay, no step along its old momentum, and moments that do not fade
    /// while it waits. Cheaper by what the vocabulary costs, and not the same result.
    pub lazy_adam: bool,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            weight_decay: 0.01,
            bias_correction: true,
            lazy_adam: false,
        }
    }
}

impl AdamWConfig {
    /// Refuses what no update can be made with.
    pub(super) fn check(&self) -> Result<()> {
        for (name, beta) in [("beta1", self.adam_beta1), ("beta2", self.adam_beta2)] {
            if !(0. ..1.).contains(&beta) {
                return Err(Error::config(format!(
                    "{name} {beta}: expected a number from 0 to below 1"
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
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Moments {
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub steps: i32,
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

    /// What it remembers of each parameter, sorted by name.
    pub(super) fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Goes on from what [`moments`](Self::moments) said.
    pub(super) fn restore(&mut self, moments: Vec<Moments>) {
        self.moments = moments;
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
        lazy: config.lazy_adam,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Backend, ParamSpec, Tape, Workspace};
    use candle_core::Device;

    /// Two steps that look up rows 0 and then 1 of three; what `lazy_adam` leaves alone.
    fn two_steps(lazy_adam: bool) -> Vec<f32> {
        let specs = vec![ParamSpec::table("table", [3, 2], 1.)];
        let parameters = Parameters::initial(specs, 1, &Device::Cpu).unwrap();
        let config = AdamWConfig { lazy_adam, ..AdamWConfig::default() };
        let mut adamw = AdamW::new(&parameters, config);
        let table = parameters.get("table").unwrap();
        let before = table.with(<[f32]>::to_vec).unwrap();
        for row in [0, 1] {
            let mut tape = Tape::recording(Backend::Fused, &Workspace::default());
            let y = tape.embedding_sum(vec![(table.clone(), vec![row])]).unwrap();
            let store = tape.output(&y).unwrap().sum_all().unwrap().backward().unwrap();
            let mut gradients = Gradients::new(&parameters);
            tape.backward(&store, &mut gradients).unwrap();
            adamw.step(&parameters, &gradients, 0.1, 1.).unwrap();
        }
        let after = table.with(<[f32]>::to_vec).unwrap();
        before.iter().zip(after).map(|(before, after)| before - after).collect()
    }

    #[test]
    fn a_lazy_step_leaves_rows_alone_that_it_does_not_look_up() {
        let (lazy, dense) = (two_steps(true), two_steps(false));
        assert!(lazy[4..].iter().all(|moved| *moved == 0.), "{lazy:?}");
        assert!(dense[4..].iter().all(|moved| *moved != 0.), "{dense:?}");
        // a first step is `rate` long and decays; momentum takes row 0 further in the second
        assert!(lazy[..2].iter().all(|moved| (moved - 0.1).abs() < 0.01), "{lazy:?}");
        assert!(dense[..2].iter().all(|moved| (moved - 0.167).abs() < 0.02), "{dense:?}");
    }
}
