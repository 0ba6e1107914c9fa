//! Some rows of a matrix: the masked tokens of a batch, say.

use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;

struct Gathered {
    x: TapeTensor,
    rows: Vec<u32>,
}

impl Tape {
    /// Row `rows[m]` of `x` for every m: (T, D) → (M, D). A row may come again.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn gather(&mut self, x: &TapeTensor, rows: &[u32]) -> Result<TapeTensor> {
        if let Data::Composed(x) = &x.data {
            let rows = Tensor::from_slice(rows, rows.len(), x.device())?;
            return TapeTensor::composed(x.index_select(&rows, 0)?);
        }
        let cols = x.cols;
        let mut y = self.buffer(rows.len() * cols);
        for (&row, y) in rows.iter().zip(y.chunks_exact_mut(cols)) {
            y.copy_from_slice(&x.slice()[row as usize * cols..][..cols]);
        }
        let shape = (rows.len(), cols);
        Ok(self.push(shape, y, || Gathered { x: x.place(), rows: rows.to_vec() }))
    }
}

impl Backward for Gathered {
    /// Rows are added in their order: it is part of the bits.
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let cols = self.x.cols;
        let (mut dx, there) = sweep.open(&self.x);
        if !there {
            dx.fill(0.);
        }
        for (&row, g) in self.rows.iter().zip(g.chunks_exact(cols)) {
            let dx = &mut dx[row as usize * cols..][..cols];
            dx.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
        }
        sweep.put(&self.x, dx);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_gather_agrees_with_composed() {
        assert_agree(&[("x", vec![5, 3])], 1e-6, |tape, p| {
            let x = tape.leaf(&p.get("x")?);
            let some = tape.gather(&x, &[4, 0, 4])?;
            let others = tape.gather(&x, &[1, 1, 2])?;
            tape.mean_of(&[some, others])
        });
    }
}
