//! `y = x·Wᵀ + b`.

use super::kernels::elementwise::{gelu, gelu_backward};
use super::kernels::gemm::{Matrix, Target, column_sums, product};
use super::parameters::Parameter;
use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

/// `y = x·Wᵀ + b`, of x or of GELU(x).
struct Linear {
    x: Value,
    weight: Parameter,
    bias: Parameter,
    gelu: bool,
}

impl Tape {
    /// `y = x·Wᵀ + b`: (T, I) → (T, O), with `weight` (O, I) and `bias` (O).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn linear(&mut self, x: &Value, weight: &Parameter, bias: &Parameter) -> Result<Value> {
        self.linear_of(x, weight, bias, false)
    }

    /// `y = GELU(x)·Wᵀ + b`. The walk back computes GELU(x) again: it is a quarter of what a
    /// layer would have to keep.
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn gelu_linear(
        &mut self,
        x: &Value,
        weight: &Parameter,
        bias: &Parameter,
    ) -> Result<Value> {
        self.linear_of(x, weight, bias, true)
    }

    fn linear_of(
        &mut self,
        x: &Value,
        weight: &Parameter,
        bias: &Parameter,
        gelu: bool,
    ) -> Result<Value> {
        if let Data::Composed(x) = &x.data {
            let x = if gelu { x.gelu_erf()? } else { x.clone() };
            return Value::composed(composed(&x, weight.tensor(), bias.tensor())?);
        }
        let (tokens, inputs, outputs) = (x.rows, x.cols, bias.len());
        let active = gelu.then(|| activated(x, self.buffer(tokens * inputs)));
        let read = active.as_deref().unwrap_or(x.slice());
        let mut y = self.buffer(tokens * outputs); // (T, O)
        weight.with(|values| {
            bias.with(|bias| {
                let target = Target::fresh(&mut y, outputs, outputs);
                let (x, w) = (Matrix::rows(read, inputs), Matrix::columns(values, inputs));
                product(
                    self.arithmetic,
                    (tokens, inputs),
                    target,
                    Some(bias),
                    x,
                    w,
                    Some(weight.cache()),
                );
            })
        })??;
        drop(active);
        Ok(self.push((tokens, outputs), y, || Linear {
            x: x.clone(),
            weight: weight.clone(),
            bias: bias.clone(),
            gelu,
        }))
    }
}

/// GELU(x), in `y`.
fn activated(x: &Value, mut y: Buffer) -> Buffer {
    gelu(x.slice(), &mut y);
    y
}

impl Backward for Linear {
    /// With `a` what was multiplied: `da = g·W`, `dW = gᵀ·a`, `db = Σ g`; `dx = da∘GELU′(x)`
    /// where a is GELU(x).
    fn backward(&self, g: Buffer, sweep: &mut Sweep) -> Result<()> {
        let (tokens, inputs, outputs) = (self.x.rows, self.x.cols, self.bias.len());
        let active = self.gelu.then(|| activated(&self.x, sweep.buffer(tokens * inputs)));
        let (mut dx, accumulate) = match self.gelu {
            true => (sweep.buffer(tokens * inputs), false),
            false => sweep.open(&self.x),
        };
        self.weight.with(|values| {
            let target = Target { data: &mut dx, stride: inputs, width: inputs, accumulate };
            let (g, w) = (Matrix::rows(&g, outputs), Matrix::rows(values, inputs));
            product(
                sweep.arithmetic,
                (tokens, outputs),
                target,
                None,
                g,
                w,
                Some(self.weight.cache()),
            );
        })?;
        if self.gelu {
            gelu_backward(self.x.slice(), &mut dx);
            sweep.add(&self.x, dx);
        } else {
            sweep.put(&self.x, dx);
        }
        let (dw, accumulate) = sweep.gradients.dense(&self.weight);
        let target = Target { data: dw, stride: inputs, width: inputs, accumulate };
        let a = Matrix::rows(active.as_deref().unwrap_or(self.x.slice()), inputs);
        let g_t = Matrix::columns(&g, outputs);
        product(sweep.arithmetic, (outputs, tokens), target, None, g_t, a, None);
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
    use crate::nn::Arithmetic;
    use crate::nn::tape::tests::assert_agree;

    /// Rounding both sides to 8 bits costs at most 2⁻⁸ of each product; sums of random signs
    /// stay far below that times the scale.
    #[test]
    fn bf16_linear_agrees_within_its_rounding() {
        let shapes = [("x", vec![50, 40]), ("weight", vec![70, 40]), ("bias", vec![70])];
        assert_agree(&shapes, 4e-3, |tape, p| {
            tape.arithmetic = Arithmetic::Bf16.available();
            let x = tape.leaf(&p.get("x")?);
            tape.linear(&x, &p.get("weight")?, &p.get("bias")?)
        });
    }

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
                let twice = tape.gelu_linear(&x, &weight, &bias)?;
                // a second use of the same parameters and input must add, not overwrite
                let again = tape.linear(&x, &weight, &bias)?;
                tape.mean_of(&[twice, again])
            });
        }
    }
}
