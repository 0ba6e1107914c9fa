//! Rotary positions (Su et al. 2021, arXiv 2104.09864): pairs of columns of each head turned by
//! an angle that grows with the position.

use super::dropout::ROWS;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The angles of a packed batch: pair i of a head's first R columns is turned by
/// `position·base^(−2i/R)`. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Rotation {
    turned: usize, // R
    interleaved: bool,
    /// The cosines and then the sines of each angle, (rows, R).
    table: Arc<[f32]>,
    /// The row of each token, (T).
    rows: Arc<[u32]>,
}

impl Rotation {
    /// Angles for tokens of these positions and bases, (T). The first `turned` columns of a head
    /// turn; columns i and i + R/2 are a pair, or 2i and 2i + 1 where `interleaved`.
    ///
    /// # Panics
    /// If `turned` is odd or 0.
    pub fn new(
        tokens: impl Iterator<Item = (u32, f32)>,
        turned: usize,
        interleaved: bool,
    ) -> Self {
        assert!(turned > 0 && turned.is_multiple_of(2), "columns turn in pairs");
        let (mut known, mut table) = (BTreeMap::new(), Vec::new());
        let rows = tokens.map(|(position, base)| {
            let next = known.len() as u32;
            *known.entry((position, base.to_bits())).or_insert_with(|| {
                table.extend(angles(position, base, turned).map(f32::cos));
                table.extend(angles(position, base, turned).map(f32::sin));
                next
            })
        });
        let rows = rows.collect();
        Self { turned, interleaved, table: table.into(), rows }
    }

    /// The columns of pair `i`.
    fn pair(&self, i: usize) -> (usize, usize) {
        if self.interleaved { (2 * i, 2 * i + 1) } else { (i, i + self.turned / 2) }
    }

    /// Turns each head of the rows from token `first` on, forth or (`back`) back.
    fn turn(&self, first: usize, cols: usize, size: usize, back: bool, y: &mut [f32]) {
        for (&row, y) in self.rows[first..].iter().zip(y.chunks_exact_mut(cols)) {
            let angles = &self.table[row as usize * self.turned..][..self.turned];
            let (cosines, sines) = angles.split_at(self.turned / 2);
            for head in y.chunks_exact_mut(size) {
                for (i, (cos, sin)) in cosines.iter().zip(sines).enumerate() {
                    let (a, b) = self.pair(i);
                    let sin = if back { -sin } else { *sin };
                    (head[a], head[b]) =
                        (head[a] * cos - head[b] * sin, head[b] * cos + head[a] * sin);
                }
            }
        }
    }

    /// The same of a whole matrix.
    fn turn_all(&self, cols: usize, size: usize, back: bool, y: &mut [f32]) {
        y.par_chunks_mut(ROWS * cols)
            .enumerate()
            .for_each(|(chunk, y)| self.turn(chunk * ROWS, cols, size, back, y));
    }
}

/// Computed in f32 as the trained models did: far positions round the same way.
fn angles(position: u32, base: f32, turned: usize) -> impl Iterator<Item = f32> {
    (0..turned).step_by(2).map(move |i| {
        let frequency = 1. / base.powf(i as f32 / turned as f32);
        position as f32 * frequency
    })
}

struct Rotated {
    x: TapeTensor,
    size: usize,
    rotation: Rotation,
}

impl Tape {
    /// `x` with the columns of each head turned: (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If a head is narrower than what turns, or the batch has another number of tokens.
    pub fn rotate(
        &mut self,
        x: &TapeTensor,
        heads: usize,
        rotation: &Rotation,
    ) -> Result<TapeTensor> {
        let size = x.cols / heads;
        assert!(rotation.turned <= size && rotation.rows.len() == x.rows);
        if let Data::Composed(x) = &x.data {
            return TapeTensor::composed(composed(x, heads, rotation)?);
        }
        let mut y = self.buffer(x.rows * x.cols);
        y.copy_from_slice(x.slice());
        rotation.turn_all(x.cols, size, false, &mut y);
        let rotation = rotation.clone();
        Ok(self.push(x.shape(), y, || Rotated { x: x.place(), size, rotation }))
    }
}

impl Backward for Rotated {
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        self.rotation.turn_all(self.x.cols, self.size, true, &mut g);
        sweep.add(&self.x, g);
        Ok(())
    }
}

fn composed(x: &Tensor, heads: usize, rotation: &Rotation) -> candle_core::Result<Tensor> {
    let (tokens, cols) = x.dims2()?;
    let (size, turned) = (cols / heads, rotation.turned);
    let height = rotation.table.len() / turned;
    let table = Tensor::from_slice(&rotation.table, (height, turned), x.device())?;
    let rows = Tensor::from_slice(&rotation.rows, tokens, x.device())?;
    let angles = table.index_select(&rows, 0)?.unsqueeze(1)?; // (T, 1, R)
    let (cos, sin) =
        (angles.narrow(2, 0, turned / 2)?, angles.narrow(2, turned / 2, turned / 2)?);
    let x = x.reshape((tokens, heads, size))?;
    let turning = x.narrow(2, 0, turned)?;
    // the last axis but one counts pairs where they lie side by side, else the last
    let (shape, axis) = match rotation.interleaved {
        true => ((tokens, heads, turned / 2, 2), 3),
        false => ((tokens, heads, 2, turned / 2), 2),
    };
    let pairs = turning.contiguous()?.reshape(shape)?;
    let (a, b) =
        (pairs.narrow(axis, 0, 1)?.squeeze(axis)?, pairs.narrow(axis, 1, 1)?.squeeze(axis)?);
    let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
    let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
    let mut y = Tensor::stack(&[first, second], axis)?.reshape((tokens, heads, turned))?;
    if turned < size {
        y = Tensor::cat(&[y, x.narrow(2, turned, size - turned)?.contiguous()?], 2)?;
    }
    y.reshape((tokens, cols))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_rotation_agrees_with_composed() {
        for (turned, interleaved) in [(6, false), (6, true), (4, false), (2, true)] {
            assert_agree(&[("x", vec![70, 12])], 1e-5, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                let tokens = (0..70).map(|t| (t * 7 % 40, if t < 9 { 50. } else { 1e4 }));
                tape.rotate(&x, 2, &Rotation::new(tokens, turned, interleaved))
            });
        }
    }

    #[test]
    fn a_pair_turns_by_its_position_times_its_frequency() {
        let rotation = Rotation::new([(3, 100.)].into_iter(), 4, false);
        let mut head = [1., 0., 0., 1.];
        rotation.turn(0, 4, 4, false, &mut head);
        // the first pair by 3, the second by 3·100^(−1/2)
        let expected = [3f32.cos(), -0.3f32.sin(), 3f32.sin(), 0.3f32.cos()];
        for (found, expected) in head.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
