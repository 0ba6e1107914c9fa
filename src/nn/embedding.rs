//! `y = Σ table[index]`: word, position and token type looked up and added.

use super::dropout::ROWS;
use super::parameters::Parameter;
use super::tape::{Backend, Backward, BackwardSweep, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::{Error, ErrorKind, Result};
use candle_core::Tensor;
use rayon::prelude::*;

struct Embedding {
    lookups: Vec<(Parameter, Vec<u32>)>,
    width: usize,
}

impl Tape {
    /// `y[t] = Σ table[index[t]]` over (table (V, D), index (T)) pairs: → (T, D).
    ///
    /// # Errors
    /// Where an index lies outside its table.
    pub fn embedding_sum(&mut self, lookups: Vec<(Parameter, Vec<u32>)>) -> Result<TapeTensor> {
        let (tokens, width) = (lookups[0].1.len(), lookups[0].0.spec().shape[1]);
        for (table, index) in &lookups {
            let height = table.spec().shape[0];
            if let Some(outside) = index.iter().find(|&&i| i as usize >= height) {
                let message = format!(
                    "{}: row {outside} is out of range, the table has {height} rows",
                    table.name()
                );
                return Err(Error::new(ErrorKind::Model, message));
            }
        }
        if self.backend == Backend::Composed {
            return TapeTensor::composed(composed(&lookups)?);
        }
        let mut y = self.buffer(tokens * width);
        for (nth, (table, index)) in lookups.iter().enumerate() {
            table.with(|table| {
                let chunks = y.par_chunks_mut(ROWS * width).zip(index.par_chunks(ROWS));
                chunks.for_each(|(y, index)| look_up(table, index, y, nth == 0));
            })?;
        }
        Ok(self.push((tokens, width), y, || Embedding { lookups, width }))
    }
}

fn look_up(table: &[f32], index: &[u32], y: &mut [f32], first: bool) {
    let width = y.len() / index.len();
    for (&i, y) in index.iter().zip(y.chunks_exact_mut(width)) {
        let row = &table[i as usize * width..][..width];
        if first {
            y.copy_from_slice(row);
        } else {
            y.iter_mut().zip(row).for_each(|(y, x)| *y += x);
        }
    }
}

impl Backward for Embedding {
    /// Rows are added in the order of the tokens, on one thread: the order is part of the bits.
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        for (table, index) in &self.lookups {
            let rows = sweep.gradients.rows(table);
            for (&i, g) in index.iter().zip(g.chunks_exact(self.width)) {
                rows.row_mut(i, self.width).iter_mut().zip(g).for_each(|(sum, x)| *sum += x);
            }
        }
        Ok(())
    }
}

fn composed(lookups: &[(Parameter, Vec<u32>)]) -> candle_core::Result<Tensor> {
    let mut sum: Option<Tensor> = None;
    for (table, index) in lookups {
        let table = table.tensor();
        let index = Tensor::from_slice(index, index.len(), table.device())?;
        let rows = table.index_select(&index, 0)?;
        sum = Some(match sum {
            Some(sum) => (sum + rows)?,
            None => rows,
        });
    }
    Ok(sum.expect("an embedding lookup needs indices"))
}

#[cfg(test)]
mod tests {
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_embedding_agrees_with_composed() {
        let shapes = [("words", vec![9, 5]), ("positions", vec![4, 5])];
        assert_agree(&shapes, 1e-6, |tape, p| {
            let words = (p.get("words")?, vec![8, 0, 8, 3, 3, 3]);
            tape.embedding_sum(vec![words, (p.get("positions")?, vec![0, 1, 2, 0, 1, 3])])
        });
    }
}
