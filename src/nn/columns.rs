//! Some columns of a matrix: the queries of a fused projection, say.

use super::dropout::ROWS;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;

struct Columns {
    x: TapeTensor,
    range: Range<usize>,
}

impl Tape {
    /// Columns `range` of `x`: (T, D) → (T, range).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If there are no such columns.
    pub fn columns(&mut self, x: &TapeTensor, range: Range<usize>) -> Result<TapeTensor> {
        if let Data::Composed(x) = &x.data {
            return TapeTensor::composed(x.narrow(1, range.start, range.len())?.contiguous()?);
        }
        let (cols, width) = (x.cols, range.len());
        let mut y = self.buffer(x.rows * width);
        let chunks = y.par_chunks_mut(ROWS * width).zip(x.slice().par_chunks(ROWS * cols));
        chunks.for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(cols)) {
                y.copy_from_slice(&x[range.clone()]);
            }
        });
        Ok(self.push((x.rows, width), y, || Columns { x: x.place(), range }))
    }
}

impl Backward for Columns {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let (cols, width) = (self.x.cols, self.range.len());
        let (mut dx, there) = sweep.open(&self.x);
        let chunks = dx.par_chunks_mut(ROWS * cols).zip(g.par_chunks(ROWS * width));
        chunks.for_each(|(dx, g)| {
            if !there {
                dx.fill(0.);
            }
            for (dx, g) in dx.chunks_exact_mut(cols).zip(g.chunks_exact(width)) {
                dx[self.range.clone()].iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
            }
        });
        sweep.put(&self.x, dx);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_columns_agree_with_composed() {
        assert_agree(&[("x", vec![70, 7])], 1e-6, |tape, p| {
            let x = tape.leaf(&p.get("x")?);
            let (some, others) = (tape.columns(&x, 0..3)?, tape.columns(&x, 2..5)?);
            tape.mean_of(&[some, others])
        });
    }
}
