//! What an adversary needs of a value: its gradient, and to move it.

use super::probe::Probe;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{Tensor, Var};

struct ProbeOp(Probe);

impl Backward for ProbeOp {
    fn backward(&self, g: Buffer, _: &mut BackwardSweep) -> Result<()> {
        self.0.put(g.to_vec());
        Ok(())
    }
}

struct ShiftOp(TapeTensor);

impl Backward for ShiftOp {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        sweep.add(&self.0, g);
        Ok(())
    }
}

impl Tape {
    /// The same matrix, whose gradient the backward pass leaves in `probe`. It goes no further:
    /// nothing below learns from it.
    ///
    /// # Errors
    /// Where candle cannot hold it.
    pub fn probe(&mut self, x: &TapeTensor, probe: &Probe) -> Result<TapeTensor> {
        if let Data::Composed(tensor) = &x.data {
            let leaf = Var::from_tensor(&tensor.detach())?;
            let value = TapeTensor::composed(leaf.as_tensor().clone())?;
            self.probes.push((probe.clone(), leaf));
            return Ok(value);
        }
        Ok(self.push_again(x, || ProbeOp(probe.clone())))
    }

    /// `y = x + by`, with `by` (T, D) a constant.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If the two differ in size.
    pub fn shift(&mut self, x: &TapeTensor, by: &[f32]) -> Result<TapeTensor> {
        assert_eq!(x.rows * x.cols, by.len(), "a shift moves every number");
        if let Data::Composed(x) = &x.data {
            let by = Tensor::from_slice(by, x.shape(), x.device())?;
            return TapeTensor::composed((x + by)?);
        }
        let mut y = self.buffer(by.len());
        y.iter_mut().zip(x.slice()).zip(by).for_each(|((y, x), by)| *y = x + by);
        Ok(self.push(x.shape(), y, || ShiftOp(x.place())))
    }
}

/// `ε·g/(‖g‖₂ + 1e-10)`, row by row of a gradient `width` wide: the fast gradient method of
/// Miyato et al. 2017 (arXiv 1605.07725), as ConSERT has it.
pub fn fast_gradient(mut gradient: Vec<f32>, width: usize, epsilon: f64) -> Vec<f32> {
    for row in gradient.chunks_exact_mut(width) {
        let length = row.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt() + 1e-10;
        row.iter_mut().for_each(|g| *g = (epsilon * f64::from(*g) / length) as f32);
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tape::tests::assert_agree;
    use crate::nn::{Backend, Gradients, ParamSpec, Parameters, Workspace};
    use candle_core::Device;

    #[test]
    fn fused_shift_agrees_with_composed() {
        let by: Vec<f32> = (0..15).map(|i| i as f32).collect();
        assert_agree(&[("x", vec![3, 5])], 1e-6, |tape, p| {
            let x = tape.leaf(&p.get("x")?);
            tape.shift(&x, &by)
        });
    }

    #[test]
    fn a_probe_catches_the_gradient_and_lets_nothing_through() {
        for backend in [Backend::Fused, Backend::Composed] {
            let specs = vec![ParamSpec::weight("x", [2, 3], 1.)];
            let parameters = Parameters::initial(specs, 1, &Device::Cpu).unwrap();
            let mut tape = Tape::recording(backend, &Workspace::default());
            let x = tape.leaf(&parameters.get("x").unwrap());
            let probe = Probe::default();
            let y = tape.probe(&x, &probe).unwrap();
            assert_eq!(x.to_vec().unwrap(), y.to_vec().unwrap());
            let loss = (tape.output(&y).unwrap() * 3.).unwrap().sum_all().unwrap();
            let store = loss.backward().unwrap();
            let mut gradients = Gradients::new(&parameters);
            gradients.absorb(&parameters, &store).unwrap();
            tape.backward(&store, &mut gradients).unwrap();
            assert_eq!(probe.take(), [3.; 6], "{backend:?}");
            assert!(gradients.get(&parameters.get("x").unwrap()).is_none(), "{backend:?}");
        }
    }

    #[test]
    fn a_fast_gradient_has_rows_of_length_epsilon() {
        let moved = fast_gradient(vec![3., 4., 0., 0.], 2, 0.5);
        assert_eq!(moved, [0.3, 0.4, 0., 0.]);
    }
}
