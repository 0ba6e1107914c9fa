//! `y = residual + dropout(x)`.

use super::dropout::{Dropout, ROWS};
use super::kernels::elementwise;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use rayon::prelude::*;

struct AddOp {
    x: TapeTensor,
    residual: TapeTensor,
    dropout: Option<Dropout>,
}

impl Tape {
    /// `y = residual + dropout(x)`: two (T, D) → (T, D).
    ///
    /// # Errors
    /// Where shapes disagree.
    pub fn add(
        &mut self,
        x: &TapeTensor,
        residual: &TapeTensor,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        let cols = x.cols;
        if let (Data::Composed(x), Data::Composed(residual)) = (&x.data, &residual.data) {
            let x = match dropout {
                Some(dropout) => (x * dropout.mask(cols, x.device())?)?,
                None => x.clone(),
            };
            return TapeTensor::composed((residual + x)?);
        }
        let mut y = self.buffer(x.rows * cols);
        dropped(x.slice(), &mut y, cols, dropout.as_ref());
        elementwise::add(&mut y, residual.slice());
        let remember = || AddOp { x: x.place(), residual: residual.place(), dropout };
        Ok(self.push(x.shape(), y, remember))
    }
}

/// `y = dropout(x)`.
fn dropped(x: &[f32], y: &mut [f32], cols: usize, dropout: Option<&Dropout>) {
    let chunks = y.par_chunks_mut(ROWS * cols).zip(x.par_chunks(ROWS * cols)).enumerate();
    chunks.for_each(|(chunk, (y, x))| match dropout {
        Some(dropout) => dropout.apply(chunk * ROWS, cols, x, y),
        None => y.copy_from_slice(x),
    });
}

impl Backward for AddOp {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let mut dx = sweep.buffer(g.len());
        dropped(&g, &mut dx, self.x.cols, self.dropout.as_ref());
        sweep.add(&self.x, dx);
        sweep.add(&self.residual, g);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;
    use std::sync::Arc;

    #[test]
    fn fused_addition_agrees_with_composed() {
        for rate in [0., 0.3] {
            let packing = Arc::new(Packing::new([3, 80], vec![4, 2]));
            let shapes = [("x", vec![83, 5]), ("residual", vec![83, 5])];
            assert_agree(&shapes, 1e-6, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let (x, residual) = (tape.leaf(&p.get("x")?), tape.leaf(&p.get("residual")?));
                let y = tape.add(&x, &residual, dropout)?;
                tape.add(&y, &x, None)
            });
        }
    }
}
