//! `y = f(a)∘b`: the gate of GeGLU, SwiGLU and GLU (Shazeer 2020, arXiv 2002.05202).

use super::activate::Activation;
use super::kernels::elementwise::multiply;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;

struct Gated {
    a: TapeTensor,
    b: TapeTensor,
    activation: Activation,
}

impl Tape {
    /// `y = f(a)∘b` with `f` the activation: two (T, D) → (T, D).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn gate(
        &mut self,
        a: &TapeTensor,
        b: &TapeTensor,
        activation: Activation,
    ) -> Result<TapeTensor> {
        if let (Data::Composed(a), Data::Composed(b)) = (&a.data, &b.data) {
            return TapeTensor::composed((activation.of(a)? * b)?);
        }
        let mut y = self.buffer(a.rows * a.cols);
        activation.forward(a.slice(), &mut y);
        multiply(&mut y, b.slice());
        Ok(self.push(a.shape(), y, || Gated { a: a.clone(), b: b.clone(), activation }))
    }
}

impl Backward for Gated {
    /// `db = g∘f(a)`, `da = g∘b∘f′(a)`.
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let mut db = sweep.buffer(g.len());
        self.activation.forward(self.a.slice(), &mut db);
        multiply(&mut db, &g);
        multiply(&mut g, self.b.slice());
        self.activation.backward(self.a.slice(), &mut g);
        sweep.add(&self.b, db);
        sweep.add(&self.a, g);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_gates_agree_with_composed() {
        for activation in [Activation::Gelu, Activation::Silu, Activation::Sigmoid] {
            assert_agree(&[("a", vec![9, 11]), ("b", vec![9, 11])], 1e-5, |tape, p| {
                let (a, b) = (tape.leaf(&p.get("a")?), tape.leaf(&p.get("b")?));
                tape.gate(&a, &b, activation)
            });
        }
    }
}
