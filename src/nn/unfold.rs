//! Each token beside its neighbours: a convolution over a sentence is a linear layer of it.

use super::attention::by_sentence;
use super::packing::Packing;
use super::tape::{Backward, Data, Sweep, Tape, Value};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{DType, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

struct Unfolded {
    x: Value,
    packing: Arc<Packing>,
    size: usize,
}

impl Tape {
    /// `y[t, c·K + o] = x[t + o − ⌊K/2⌋, c]` with K the `size`, 0 beyond the ends of a sentence:
    /// (T, D) → (T, D·K), in the order of a convolution's weight (O, D, K).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn unfold(&mut self, x: &Value, packing: &Arc<Packing>, size: usize) -> Result<Value> {
        let (cols, width) = (x.cols, x.cols * size);
        if let Data::Composed(x) = &x.data {
            return Value::composed(composed(x, packing, size)?);
        }
        let mut y = self.buffer(x.rows * width);
        let rows = by_sentence(packing, &mut y, width);
        rows.into_par_iter().enumerate().for_each(|(sentence, y)| {
            let x = &x.slice()[packing.range(sentence).start * cols..][..y.len() / size];
            for (t, y) in y.chunks_exact_mut(width).enumerate() {
                for offset in 0..size {
                    let cells = y.iter_mut().skip(offset).step_by(size);
                    match neighbour(t, offset, size, x.len() / cols) {
                        Some(t) => cells.zip(&x[t * cols..]).for_each(|(y, x)| *y = *x),
                        None => cells.for_each(|y| *y = 0.),
                    }
                }
            }
        });
        let packing = packing.clone();
        Ok(self.push((x.rows, width), y, || Unfolded { x: x.place(), packing, size }))
    }
}

/// `t + offset − ⌊size/2⌋` where it lies in the sentence.
fn neighbour(t: usize, offset: usize, size: usize, len: usize) -> Option<usize> {
    (t + offset).checked_sub(size / 2).filter(|&t| t < len)
}

impl Backward for Unfolded {
    fn backward(&self, g: Buffer, sweep: &mut Sweep) -> Result<()> {
        let (cols, size) = (self.x.cols, self.size);
        let width = cols * size;
        let mut dx = sweep.buffer(self.x.rows * cols);
        dx.fill(0.);
        let rows = by_sentence(&self.packing, &mut dx, cols);
        rows.into_par_iter().enumerate().for_each(|(sentence, dx)| {
            let range = self.packing.range(sentence);
            let g = &g[range.start * width..range.end * width];
            for (t, g) in g.chunks_exact(width).enumerate() {
                for offset in 0..size {
                    let Some(t) = neighbour(t, offset, size, range.len()) else { continue };
                    let cells = g.iter().skip(offset).step_by(size);
                    dx[t * cols..][..cols].iter_mut().zip(cells).for_each(|(sum, g)| *sum += g);
                }
            }
        });
        sweep.add(&self.x, dx);
        Ok(())
    }
}

fn composed(x: &Tensor, packing: &Packing, size: usize) -> candle_core::Result<Tensor> {
    let (tokens, cols) = x.dims2()?;
    let padded = Tensor::cat(&[x, &Tensor::zeros((1, cols), DType::F32, x.device())?], 0)?;
    let shifted = (0..size).map(|offset| {
        let rows = packing.ranges().flat_map(|range| {
            let (start, len) = (range.start, range.len());
            (0..len).map(move |t| {
                neighbour(t, offset, size, len).map_or(tokens, |t| start + t) as u32
            })
        });
        let rows = Tensor::from_iter(rows, x.device())?;
        padded.index_select(&rows, 0)
    });
    let shifted = shifted.collect::<candle_core::Result<Vec<_>>>()?;
    Tensor::stack(&shifted, 2)?.reshape((tokens, cols * size))
}

#[cfg(test)]
mod tests {
    use super::super::Packing;
    use crate::nn::tape::tests::assert_agree;
    use std::sync::Arc;

    #[test]
    fn fused_unfolding_agrees_with_composed() {
        let packing = Arc::new(Packing::new([1, 6, 2], vec![0, 1, 2]));
        for size in [1, 3, 5] {
            assert_agree(&[("x", vec![9, 4])], 1e-6, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                tape.unfold(&x, &packing, size)
            });
        }
    }
}
