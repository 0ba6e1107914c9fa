//! `y = x·Φ(x)`, exact.

use super::kernels::elementwise::{gelu, gelu_backward};
use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

struct Gelu(Value);

impl Tape {
    /// `y = x·Φ(x)` with Φ the normal distribution function; any shape.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn gelu(&mut self, x: &Value) -> Result<Value> {
        if let Data::Composed(x) = &x.data {
            return Value::composed(composed(x)?);
        }
        let mut y = self.buffer(x.rows * x.cols);
        gelu(x.slice(), &mut y);
        Ok(self.push(x.shape(), y, || Gelu(x.clone())))
    }
}

impl Backward for Gelu {
    fn backward(&self, mut g: Buffer, sweep: &mut Sweep) -> Result<()> {
        gelu_backward(self.0.slice(), &mut g);
        sweep.add(&self.0, g);
        Ok(())
    }
}

fn composed(x: &Tensor) -> candle_core::Result<Tensor> {
    x.gelu_erf()
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_gelu_agrees_with_composed() {
        for (rows, cols) in [(1, 1), (3, 17), (40, 500)] {
            assert_agree(&[("x", vec![rows, cols])], 1e-5, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                tape.gelu(&x)
            });
        }
    }
}
