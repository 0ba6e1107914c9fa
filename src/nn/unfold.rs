//! Each token beside its neighbours: a convolution over a sentence is a linear layer of it.

use super::attention_heads::by_sentence;
use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{DType, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

struct Unfolded {
    x: TapeTensor,
    packing: Arc<Packing>,
    /// Who stands where around each token, (T, K), or [`NOBODY`].
    neighbours: Vec<u32>,
    size: usize,
}

const NOBODY: u32 = u32::MAX;

impl Tape {
    /// `y[t, c·K + o] = x[s, c]` with K the `size` and s the token of t's sentence at its
    /// position plus o − ⌊K/2⌋, 0 where there is none: (T, D) → (T, D·K), in the order of a
    /// convolution's weight (O, D, K).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn unfold(
        &mut self,
        x: &TapeTensor,
        packing: &Arc<Packing>,
        positions: &[u32],
        size: usize,
    ) -> Result<TapeTensor> {
        let neighbours = neighbours(packing, positions, size);
        let (cols, width) = (x.cols, x.cols * size);
        if let Data::Composed(x) = &x.data {
            return TapeTensor::composed(composed(x, &neighbours, size)?);
        }
        let mut y = self.buffer(x.rows * width);
        y.par_chunks_mut(width).zip(neighbours.par_chunks(size)).for_each(|(y, around)| {
            for (offset, &token) in around.iter().enumerate() {
                let cells = y.iter_mut().skip(offset).step_by(size);
                match token {
                    NOBODY => cells.for_each(|y| *y = 0.),
                    token => {
                        let x = &x.slice()[token as usize * cols..][..cols];
                        cells.zip(x).for_each(|(y, x)| *y = *x);
                    }
                }
            }
        });
        let packing = packing.clone();
        let remember = || Unfolded { x: x.place(), packing, neighbours, size };
        Ok(self.push((x.rows, width), y, remember))
    }
}

fn neighbours(packing: &Packing, positions: &[u32], size: usize) -> Vec<u32> {
    let mut neighbours = Vec::with_capacity(positions.len() * size);
    for range in packing.ranges() {
        let mut tokens: Vec<(i64, u32)> =
            range.clone().map(|token| (i64::from(positions[token]), token as u32)).collect();
        tokens.sort_unstable();
        let at = |position: i64| {
            let found = tokens.binary_search_by_key(&position, |&(position, _)| position);
            found.map_or(NOBODY, |place| tokens[place].1)
        };
        for &position in &positions[range] {
            let first = i64::from(position) - (size / 2) as i64;
            neighbours.extend((first..first + size as i64).map(at));
        }
    }
    neighbours
}

impl Backward for Unfolded {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let (cols, size) = (self.x.cols, self.size);
        let mut dx = sweep.buffer(self.x.rows * cols);
        dx.fill(0.);
        let rows = by_sentence(&self.packing, &mut dx, cols);
        rows.into_par_iter().enumerate().for_each(|(sentence, dx)| {
            let range = self.packing.range(sentence);
            let around =
                self.neighbours[range.start * size..range.end * size].chunks_exact(size);
            for (around, g) in
                around.zip(g[range.start * cols * size..].chunks_exact(cols * size))
            {
                for (offset, &token) in around.iter().enumerate() {
                    if token != NOBODY {
                        let dx = &mut dx[(token as usize - range.start) * cols..][..cols];
                        let cells = g.iter().skip(offset).step_by(size);
                        dx.iter_mut().zip(cells).for_each(|(sum, g)| *sum += g);
                    }
                }
            }
        });
        sweep.add(&self.x, dx);
        Ok(())
    }
}

fn composed(x: &Tensor, neighbours: &[u32], size: usize) -> candle_core::Result<Tensor> {
    let (tokens, cols) = x.dims2()?;
    let padded = Tensor::cat(&[x, &Tensor::zeros((1, cols), DType::F32, x.device())?], 0)?;
    let rows: Vec<u32> = neighbours.iter().map(|&token| token.min(tokens as u32)).collect();
    let rows = Tensor::from_vec(rows, tokens * size, x.device())?;
    let around = padded.index_select(&rows, 0)?.reshape((tokens, size, cols))?;
    around.transpose(1, 2)?.contiguous()?.reshape((tokens, cols * size))
}

#[cfg(test)]
mod tests {
    use super::super::Packing;
    use super::{NOBODY, neighbours};
    use crate::nn::tape::tests::assert_agree;
    use std::sync::Arc;

    #[test]
    fn fused_unfolding_agrees_with_composed() {
        let packing = Arc::new(Packing::new([1, 6, 2], vec![0, 1, 2]));
        for size in [1, 3, 5] {
            assert_agree(&[("x", vec![9, 4])], 1e-6, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                tape.unfold(&x, &packing, &[0, 0, 1, 5, 3, 4, 2, 1, 0], size)
            });
        }
    }

    #[test]
    fn neighbours_stand_by_position_within_a_sentence() {
        let packing = Packing::new([3, 2], vec![0, 1]);
        let around = neighbours(&packing, &[1, 0, 4, 0, 1], 3);
        let expected = [
            [1, 0, NOBODY],
            [NOBODY, 1, 0],
            [NOBODY, 2, NOBODY],
            [NOBODY, 3, 4],
            [3, 4, NOBODY],
        ];
        assert_eq!(around, expected.concat());
    }
}
