//! `y = x·Wᵀ + b`.

use super::activate::Activation;
use super::kernels::gemm::{Matrix, Target, column_sums, product, products};
use super::parameters::Parameter;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

/// `y = a(x)·Wᵀ + b`.
struct Linear {
    x: TapeTensor,
    weight: Parameter,
    bias: Option<Parameter>,
    activation: Activation,
}

impl Tape {
    /// `y = x·Wᵀ + b`: (T, I) → (T, O), with `weight` (O, I) and `bias` (O).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn linear(
        &mut self,
        x: &TapeTensor,
        weight: &Parameter,
        bias: &Parameter,
    ) -> Result<TapeTensor> {
        self.linear_of(x, weight, Some(bias), Activation::Identity)
    }

    /// `y = x·Wᵀ`: (T, I) → (T, O). A weight of more than two dimensions counts as (O, I).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn project(&mut self, x: &TapeTensor, weight: &Parameter) -> Result<TapeTensor> {
        self.linear_of(x, weight, None, Activation::Identity)
    }

    /// `y = a(x)·Wᵀ + b` for an activation `a`. The backward pass computes a(x) again: it is a quarter
    /// of what a layer would have to keep.
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn active_linear(
        &mut self,
        x: &TapeTensor,
        activation: Activation,
        weight: &Parameter,
        bias: &Parameter,
    ) -> Result<TapeTensor> {
        self.linear_of(x, weight, Some(bias), activation)
    }

    /// `yᵢ = x·Wᵢᵀ + bᵢ`, several of one `x`, which is packed for products once.
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn linears<const N: usize>(
        &mut self,
        x: &TapeTensor,
        layers: [[&Parameter; 2]; N],
    ) -> Result<[TapeTensor; N]> {
        if let Data::Composed(_) = &x.data {
            let values = layers.map(|[weight, bias]| self.linear(x, weight, bias));
            let values: Vec<TapeTensor> = values.into_iter().collect::<Result<_>>()?;
            return Ok(values.try_into().expect("as many values as layers"));
        }
        let (tokens, inputs) = (x.rows, x.cols);
        let mut values = layers.map(|[weight, _]| {
            self.buffer(tokens * weight.spec().shape[0]) // (T, O)
        });
        let biases = layers.map(|[_, bias]| bias.with(<[f32]>::to_vec));
        let biases = biases.into_iter().collect::<Result<Vec<_>>>()?;
        let parts = layers.iter().zip(&mut values).zip(&biases);
        let parts = parts.map(|(([weight, _], y), bias)| {
            Ok((weight.packed(self.dtype)?, Some(&bias[..]), &mut y[..]))
        });
        let parts = parts.collect::<Result<Vec<_>>>()?;
        products((tokens, inputs), Matrix::rows(x.slice(), inputs), parts);
        let mut layers = layers.into_iter();
        Ok(values.map(|y| {
            let [weight, bias] = layers.next().expect("as many layers as values");
            self.push((tokens, weight.spec().shape[0]), y, || Linear {
                x: x.clone(),
                weight: weight.clone(),
                bias: Some(bias.clone()),
                activation: Activation::Identity,
            })
        }))
    }

    fn linear_of(
        &mut self,
        x: &TapeTensor,
        weight: &Parameter,
        bias: Option<&Parameter>,
        activation: Activation,
    ) -> Result<TapeTensor> {
        if let Data::Composed(x) = &x.data {
            let x = activation.of(x)?;
            let bias = bias.map(Parameter::tensor);
            return TapeTensor::composed(composed(&x, weight.tensor(), bias)?);
        }
        let (tokens, inputs, outputs) = (x.rows, x.cols, weight.spec().shape[0]);
        let active = (activation != Activation::Identity)
            .then(|| activated(activation, x, self.buffer(tokens * inputs)));
        let read = active.as_deref().unwrap_or(x.slice());
        let mut y = self.buffer(tokens * outputs); // (T, O)
        let packed = weight.packed(self.dtype)?;
        let bias_values = bias.map(|bias| bias.with(<[f32]>::to_vec)).transpose()?;
        let part = (packed, bias_values.as_deref(), &mut y[..]);
        products((tokens, inputs), Matrix::rows(read, inputs), vec![part]);
        drop(active);
        Ok(self.push((tokens, outputs), y, || Linear {
            x: x.clone(),
            weight: weight.clone(),
            bias: bias.cloned(),
            activation,
        }))
    }
}

/// a(x), in `y`.
fn activated(activation: Activation, x: &TapeTensor, mut y: Buffer) -> Buffer {
    activation.forward(x.slice(), &mut y);
    y
}

impl Backward for Linear {
    /// With `a` what was multiplied: `da = g·W`, `dW = gᵀ·a`, `db = Σ g`; `dx = da∘a′(x)`.
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let (tokens, inputs) = (self.x.rows, self.x.cols);
        let outputs = self.weight.spec().shape[0];
        let active = (self.activation != Activation::Identity)
            .then(|| activated(self.activation, &self.x, sweep.buffer(tokens * inputs)));
        let (mut dx, accumulate) = match active.is_some() {
            true => (sweep.buffer(tokens * inputs), false),
            false => sweep.open(&self.x),
        };
        self.weight.with(|values| {
            let target = Target { data: &mut dx, stride: inputs, width: inputs, accumulate };
            let (g, w) = (Matrix::rows(&g, outputs), Matrix::rows(values, inputs));
            product(
                sweep.dtype,
                (tokens, outputs),
                target,
                None,
                g,
                w,
                Some(self.weight.cache()),
            );
        })?;
        if active.is_some() {
            self.activation.backward(self.x.slice(), &mut dx);
            sweep.add(&self.x, dx);
        } else {
            sweep.put(&self.x, dx);
        }
        let (dw, accumulate) = sweep.gradients.dense(&self.weight);
        let target = Target { data: dw, stride: inputs, width: inputs, accumulate };
        let a = Matrix::rows(active.as_deref().unwrap_or(self.x.slice()), inputs);
        let g_t = Matrix::columns(&g, outputs);
        product(sweep.dtype, (outputs, tokens), target, None, g_t, a, None);
        if let Some(bias) = &self.bias {
            let (db, accumulate) = sweep.gradients.dense(bias);
            column_sums(&g, db, accumulate);
        }
        Ok(())
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> candle_core::Result<Tensor> {
    let y = x.matmul(&weight.flatten_from(1)?.t()?)?;
    match bias {
        Some(bias) => y.broadcast_add(bias),
        None => Ok(y),
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;
    use crate::nn::{Activation, ComputeDtype};

    /// Rounding both sides to 8 bits costs at most 2⁻⁸ of each product; sums of random signs
    /// stay far below that times the scale.
    #[test]
    fn bf16_linear_agrees_within_its_rounding() {
        let shapes = [("x", vec![50, 40]), ("weight", vec![70, 40]), ("bias", vec![70])];
        assert_agree(&shapes, 4e-3, |tape, p| {
            tape.dtype = ComputeDtype::Bf16.available();
            let x = tape.leaf(&p.get("x")?);
            tape.linear(&x, &p.get("weight")?, &p.get("bias")?)
        });
    }

    #[test]
    fn several_linears_are_those_one_by_one() {
        let matrix = vec![70, 40];
        let shapes = [
            ("x", vec![30, 40]),
            ("a", matrix.clone()),
            ("b", matrix),
            ("a_bias", vec![70]),
            ("b_bias", vec![70]),
        ];
        assert_agree(&shapes, 2e-5, |tape, p| {
            let x = tape.leaf(&p.get("x")?);
            let [a, b, a_bias, b_bias] =
                ["a", "b", "a_bias", "b_bias"].map(|name| p.get(name).unwrap());
            let both = tape.linears(&x, [[&a, &a_bias], [&b, &b_bias]])?;
            tape.mean_of(&both)
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
                let twice = tape.active_linear(&x, Activation::Gelu, &weight, &bias)?;
                // a second use of the same parameters and input must add, not overwrite
                let again = tape.linear(&x, &weight, &bias)?;
                let bare = tape.project(&x, &weight)?;
                let other = tape.active_linear(&x, Activation::Silu, &weight, &bias)?;
                tape.mean_of(&[twice, again, bare, other])
            });
        }
    }
}
