//! Many token rows to one row a sentence, and the mean of several matrices.

use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::Tensor;
use std::sync::Arc;

/// How the L token rows of a sentence become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The first token's.
    Cls,
    /// `Σ xₜ / L`.
    Mean,
    /// The largest of each column.
    Max,
    /// `Σ xₜ / √L`.
    MeanSqrtLen,
    /// `Σ t·xₜ / Σ t`, t = 1..L.
    WeightedMean,
    /// The last token's.
    LastToken,
}

impl Pool {
    /// What row `t` of `len` counts, for every way but the maximum.
    fn weight(self, t: usize, len: usize) -> f32 {
        let n = len as f32;
        match self {
            Self::Cls => f32::from(t == 0),
            Self::LastToken => f32::from(t + 1 == len),
            Self::Mean => 1. / n,
            Self::MeanSqrtLen => 1. / n.sqrt(),
            Self::WeightedMean => (t + 1) as f32 / (n * (n + 1.) / 2.),
            Self::Max => unreachable!("the maximum has no weights"),
        }
    }
}

struct Pooled {
    x: TapeTensor,
    packing: Arc<Packing>,
    pool: Pool,
}

impl Tape {
    /// One row a sentence: (T, D) → (N, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn pool(
        &mut self,
        x: &TapeTensor,
        packing: &Arc<Packing>,
        pool: Pool,
    ) -> Result<TapeTensor> {
        if let Data::Composed(x) = &x.data {
            return TapeTensor::composed(composed(x, packing, pool)?);
        }
        let cols = x.cols;
        let mut y = self.buffer(packing.sentences() * cols);
        for (range, y) in packing.ranges().zip(y.chunks_exact_mut(cols)) {
            let rows = x.slice()[range.start * cols..range.end * cols].chunks_exact(cols);
            let len = rows.len();
            y.fill(if pool == Pool::Max { f32::NEG_INFINITY } else { 0. });
            for (t, row) in rows.enumerate() {
                if pool == Pool::Max {
                    y.iter_mut().zip(row).for_each(|(y, &x)| *y = if x > *y { x } else { *y });
                } else {
                    let weight = pool.weight(t, len);
                    y.iter_mut().zip(row).for_each(|(y, x)| *y += weight * x);
                }
            }
        }
        let shape = (packing.sentences(), cols);
        let kept = if pool == Pool::Max { x.clone() } else { x.place() };
        Ok(self.push(shape, y, || Pooled { x: kept, packing: packing.clone(), pool }))
    }

    /// `Σ xᵢ / k` of k matrices of one shape.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn mean_of(&mut self, values: &[TapeTensor]) -> Result<TapeTensor> {
        let share = 1. / values.len() as f32;
        if let Data::Composed(first) = &values[0].data {
            let mut sum = first.zeros_like()?;
            for value in values {
                if let Data::Composed(x) = &value.data {
                    sum = (sum + x)?;
                }
            }
            return TapeTensor::composed((sum * f64::from(share))?);
        }
        let mut y = self.buffer(values[0].rows * values[0].cols);
        y.fill(0.);
        for value in values {
            y.iter_mut().zip(value.slice()).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= share);
        Ok(self.push(values[0].shape(), y, || {
            MeanOf(values.iter().map(TapeTensor::place).collect())
        }))
    }
}

impl Tape {
    /// `Σ wᵢ·xᵢ` of matrices of one shape, by weights that do not learn.
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn weighted(&mut self, values: &[TapeTensor], weights: &[f32]) -> Result<TapeTensor> {
        if let Data::Composed(first) = &values[0].data {
            let mut sum = first.zeros_like()?;
            for (value, &weight) in values.iter().zip(weights) {
                if let Data::Composed(x) = &value.data {
                    sum = (sum + (x * f64::from(weight))?)?;
                }
            }
            return TapeTensor::composed(sum);
        }
        let mut y = self.buffer(values[0].rows * values[0].cols);
        y.fill(0.);
        for (value, weight) in values.iter().zip(weights) {
            y.iter_mut().zip(value.slice()).for_each(|(y, x)| *y += weight * x);
        }
        let places = || values.iter().map(TapeTensor::place);
        let shape = values[0].shape();
        Ok(self.push(shape, y, || Weighted(places().zip(weights.iter().copied()).collect())))
    }

    /// Matrices of as many rows, one beside the other: (N, D₁), (N, D₂), … → (N, ΣD).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn joined(&mut self, values: &[TapeTensor]) -> Result<TapeTensor> {
        if let Data::Composed(_) = &values[0].data {
            let tensors = values.iter().filter_map(|value| match &value.data {
                Data::Composed(tensor) => Some(tensor),
                Data::Fused { .. } => None,
            });
            return TapeTensor::composed(Tensor::cat(&tensors.collect::<Vec<_>>(), 1)?);
        }
        let (rows, cols) = (values[0].rows, values.iter().map(|value| value.cols).sum());
        let mut y = self.buffer(rows * cols);
        for (row, y) in y.chunks_exact_mut(cols).enumerate() {
            let mut rest = y;
            for value in values {
                let (own, after) = rest.split_at_mut(value.cols);
                own.copy_from_slice(&value.slice()[row * value.cols..][..value.cols]);
                rest = after;
            }
        }
        Ok(self
            .push((rows, cols), y, || Joined(values.iter().map(TapeTensor::place).collect())))
    }
}

struct Weighted(Vec<(TapeTensor, f32)>);

impl Backward for Weighted {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        for (value, weight) in &self.0 {
            let mut dx = sweep.buffer(g.len());
            dx.iter_mut().zip(g.iter()).for_each(|(dx, g)| *dx = weight * g);
            sweep.add(value, dx);
        }
        Ok(())
    }
}

struct Joined(Vec<TapeTensor>);

impl Backward for Joined {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let cols: usize = self.0.iter().map(|value| value.cols).sum();
        let mut start = 0;
        for value in &self.0 {
            let mut dx = sweep.buffer(value.rows * value.cols);
            let rows = dx.chunks_exact_mut(value.cols).zip(g.chunks_exact(cols));
            rows.for_each(|(dx, g)| dx.copy_from_slice(&g[start..start + value.cols]));
            start += value.cols;
            sweep.add(value, dx);
        }
        Ok(())
    }
}

impl Backward for Pooled {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let cols = self.x.cols;
        let mut dx = sweep.buffer(self.x.rows * cols);
        dx.fill(0.);
        for (range, g) in self.packing.ranges().zip(g.chunks_exact(cols)) {
            if self.pool == Pool::Max {
                for (column, g) in g.iter().enumerate() {
                    dx[self.largest(range.clone(), column) * cols + column] = *g;
                }
                continue;
            }
            let len = range.len();
            let rows = dx[range.start * cols..range.end * cols].chunks_exact_mut(cols);
            for (t, row) in rows.enumerate() {
                let weight = self.pool.weight(t, len);
                row.iter_mut().zip(g).for_each(|(dx, g)| *dx = weight * g);
            }
        }
        sweep.add(&self.x, dx);
        Ok(())
    }
}

impl Pooled {
    /// The first token of a sentence that holds the maximum of `column`.
    fn largest(&self, range: std::ops::Range<usize>, column: usize) -> usize {
        let at = |token: usize| self.x.slice()[token * self.x.cols + column];
        range
            .clone()
            .fold(range.start, |best, token| if at(token) > at(best) { token } else { best })
    }
}

struct MeanOf(Vec<TapeTensor>);

impl Backward for MeanOf {
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let share = 1. / self.0.len() as f32;
        g.iter_mut().for_each(|g| *g *= share);
        for value in &self.0 {
            let mut copy = sweep.buffer(g.len());
            copy.copy_from_slice(&g);
            sweep.add(value, copy);
        }
        Ok(())
    }
}

fn composed(x: &Tensor, packing: &Packing, pool: Pool) -> candle_core::Result<Tensor> {
    let sentences = packing.ranges().map(|range| {
        let len = range.len();
        let rows = x.narrow(0, range.start, len)?; // (L, D)
        if pool == Pool::Max {
            return rows.max_keepdim(0);
        }
        let weights: Vec<f32> = (0..len).map(|t| pool.weight(t, len)).collect();
        Tensor::from_vec(weights, (1, len), x.device())?.matmul(&rows)
    });
    Tensor::cat(&sentences.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tape::tests::assert_agree;

    #[test]
    fn fused_sums_by_weight_and_rows_side_by_side_agree_with_composed() {
        let shapes = [("a", vec![3, 5]), ("b", vec![3, 5]), ("c", vec![3, 2])];
        assert_agree(&shapes, 1e-5, |tape, p| {
            let [a, b, c] = ["a", "b", "c"].map(|name| p.get(name));
            let [a, b, c] = [tape.leaf(&a?), tape.leaf(&b?), tape.leaf(&c?)];
            let sum = tape.weighted(&[a.clone(), b], &[0.25, -3.])?;
            tape.joined(&[sum, c, a])
        });
    }

    #[test]
    fn fused_pooling_agrees_with_composed() {
        let packing = Arc::new(Packing::new([1, 5, 20], vec![0, 1, 2]));
        for pool in [
            Pool::Cls,
            Pool::Mean,
            Pool::Max,
            Pool::MeanSqrtLen,
            Pool::WeightedMean,
            Pool::LastToken,
        ] {
            assert_agree(&[("x", vec![26, 7])], 1e-5, |tape, p| {
                let x = tape.leaf(&p.get("x")?);
                let pooled = tape.pool(&x, &packing, pool)?;
                let mean = tape.pool(&x, &packing, Pool::Mean)?;
                tape.mean_of(&[pooled, mean])
            });
        }
    }
}
