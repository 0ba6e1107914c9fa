//! `y = x·Wᵀ + b`.

use super::kernels::gemm::{Matrix, Target, column_sums, product};
use super::parameters::Parameter;
use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

struct Linear {
    x: Value,
    weight: Parameter,
    bias: Parameter,
}

impl Tape {
    /// `y = x·Wᵀ + b`: (T, I) → (T, O), with `weight` (O, I) and `bias` (O).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn linear(&mut self, x: &Value, weight: &Parameter, bias: &Parameter) -> Result<Value> {
        if let Data::Composed(x) = &x.data {
            return Value::composed(composed(x, weight.tensor(), bias.tensor())?);
        }
        let (tokens, inputs, outputs) = (x.rows, x.cols, bias.len());
        let mut y = self.buffer(tokens * outputs); // (T, O)
        weight.with(|weight| {
            bias.with(|bias| {
                let target = Target::fresh(&mut y, outputs, outputs);
                let (x, weight) =
                    (Matrix::rows(x.slice(), inputs), Matrix::columns(weight, inputs));
                product(self.arithmetic, (tokens, inputs), target, Some(bias), x, weight);
            })
        })??;
        Ok(self.push((tokens, outputs), y, || Linear {
            x: x.clone(),
            weight: weight.clone(),
            bias: bias.clone(),
        }))
    }
}

impl Backward for Linear {
    /// `dx = g·W`, `dW = gᵀ·x`, `db = Σ g`.
    fn backward(&self, g: Buffer, sweep: &mut Sweep) -> Result<()> {
        let (tokens, inputs, outputs) = (self.x.rows, self.x.cols, self.bias.len());
        let (mut dx, accumulate) = sweep.open(&self.x);
        self.weight.with(|weight| {
            let target = Target { data: &mut dx, stride: inputs, width: inputs, accumulate };
            let (g, weight) = (Matrix::rows(&g, outputs), Matrix::rows(weight, inputs));
            product(sweep.arithmetic, (tokens, outputs), target, None, g, weight);
        })?;
        sweep.put(&self.x, dx);
        let (dw, accumulate) = sweep.gradients.dense(&self.weight);
        let target = Target { data: dw, stride: inputs, width: inputs, accumulate };
        let x = Matrix::rows(self.x.slice(), inputs);
        let g_t = Matrix::columns(&g, outputs);
        product(sweep.arithmetic, (outputs, tokens), target, None, g_t, x);
        let (db, accumulate) = sweep.gradients.dense(&self.bias);
        column_sums(&g, db, accumulate);
        Ok(())
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> candle_core::Result<Tensor> {
    x.matmul(&weight.t()?)?.broadcast_add(bias)
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_linear_agrees_with_composed() {
        for (tokens, inputs, outputs) in [(1, 1, 1), (7, 32, 8), (100, 48, 130), (300, 17, 33)]
        {
            let shapes = [
                ("x", vec![tokens, inputs]),
                ("weight", vec![outputs, inputs]),
                ("bias", vec![outputs]),
            ];
            assert_agree(&shapes, 2e-5, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                let (weight, bias) = (p.get("weight")?, p.get("bias")?);
                let twice = tape.linear(&x, &weight, &bias)?;
                // a second use of the same parameters and input must add, not overwrite
                let again = tape.linear(&x, &weight, &bias)?;
                tape.mean_of(&[twice, again])
            });
        }
    }
}
