//! `y[t] = s[t]·x[t]`: rows of a matrix scaled by constants.

use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

struct RowScale {
    x: TapeTensor,
    factors: Vec<f32>,
}

impl Tape {
    /// `y[t] = factors[t]·x[t]`, the factors constant: (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If there is not one factor for each row.
    pub fn scale_rows(&mut self, x: &TapeTensor, factors: Vec<f32>) -> Result<TapeTensor> {
        let (rows, cols) = x.shape();
        assert_eq!(rows, factors.len(), "one factor for each row");
        if let Data::Composed(x) = &x.data {
            let factors = Tensor::from_vec(factors, (rows, 1), x.device())?;
            return TapeTensor::composed(x.broadcast_mul(&factors)?);
        }
        let mut y = self.buffer(rows * cols);
        scale(&factors, x.slice(), &mut y, cols);
        Ok(self.push((rows, cols), y, || RowScale { x: x.place(), factors }))
    }
}

fn scale(factors: &[f32], x: &[f32], y: &mut [f32], cols: usize) {
    let rows = y.chunks_exact_mut(cols).zip(x.chunks_exact(cols));
    for ((y, x), factor) in rows.zip(factors) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * x);
    }
}

impl Backward for RowScale {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let mut dx = sweep.buffer(g.len());
        scale(&self.factors, &g, &mut dx, self.x.cols);
        sweep.add(&self.x, dx);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_scaled_rows_agree_with_composed() {
        assert_agree(&[("x", vec![4, 3])], 1e-6, |tape, p| {
            let x = tape.leaf(&p.get("x")?);
            let scaled = tape.scale_rows(&x, vec![0.5, 0., -2., 1.])?;
            tape.mean_of(&[scaled, x])
        });
    }
}
