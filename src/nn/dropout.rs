//! Dropout and cutoff: what a view does inside the network. No mask is ever stored; the
//! backward pass draws the mask again.

use super::kernels::elementwise::{drop_row, drop_row_in_place};
use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use crate::random::RngKey;
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Rows a task handles.
pub(super) const ROWS: usize = 64;

/// Inverted dropout over a packed batch: a cell is zero with probability `rate`, else divided
/// by `1 − rate`. Its bit is a function of its sentence's key and its place in the sentence.
#[derive(Debug, Clone)]
pub struct Dropout {
    threshold: u32,
    scale: f32,
    packing: Arc<Packing>,
    keys: Arc<[RngKey]>,
}

impl Dropout {
    /// Dropout at `rate` (0 < rate < 1), with `key` giving the key of a noise address.
    pub fn new(rate: f32, packing: &Arc<Packing>, key: impl Fn(u64) -> RngKey) -> Self {
        Self {
            threshold: (f64::from(rate) * 4_294_967_296.) as u32,
            scale: 1. / (1. - rate),
            packing: packing.clone(),
            keys: packing.samples().iter().map(|&sample| key(sample)).collect(),
        }
    }

    /// The key of a row's sentence and the index of its first cell, for each token of `rows`.
    fn addresses(
        &self,
        rows: Range<usize>,
        cols: usize,
    ) -> impl Iterator<Item = (RngKey, u32)> {
        let mut sentence = 0;
        if !rows.is_empty() {
            let sentences = self.packing.sentences();
            let (mut low, mut high) = (0, sentences);
            while low + 1 < high {
                let middle = usize::midpoint(low, high);
                if self.packing.range(middle).start <= rows.start {
                    low = middle
                } else {
                    high = middle
                }
            }
            sentence = low;
        }
        rows.map(move |token| {
            while self.packing.range(sentence).end <= token {
                sentence += 1;
            }
            let place = token - self.packing.range(sentence).start;
            (self.keys[sentence], (place * cols) as u32)
        })
    }

    /// Drops a block of whole rows of a (T, `cols`) matrix, from `x` to `y`.
    pub(super) fn apply(&self, first: usize, cols: usize, x: &[f32], y: &mut [f32]) {
        let rows = first..first + x.len() / cols;
        let cells = x.chunks_exact(cols).zip(y.chunks_exact_mut(cols));
        for ((key, base), (x, y)) in self.addresses(rows, cols).zip(cells) {
            drop_row(x, y, key, base, self.threshold, self.scale);
        }
    }

    /// Drops a block of whole rows in place.
    pub(super) fn apply_in_place(&self, first: usize, cols: usize, y: &mut [f32]) {
        let rows = first..first + y.len() / cols;
        for ((key, base), y) in self.addresses(rows, cols).zip(y.chunks_exact_mut(cols)) {
            drop_row_in_place(y, key, base, self.threshold, self.scale);
        }
    }

    /// Drops cells `base..` of sentence `i`, in place (attention probabilities).
    pub(super) fn apply_at(&self, i: usize, base: u32, y: &mut [f32]) {
        drop_row_in_place(y, self.keys[i], base, self.threshold, self.scale);
    }

    /// The mask as a (T, `cols`) tensor: 0, or what a kept cell is multiplied by.
    ///
    /// # Errors
    /// Where candle cannot hold it.
    pub fn mask(&self, cols: usize, device: &Device) -> candle_core::Result<Tensor> {
        let mut mask = vec![1f32; self.packing.tokens() * cols];
        self.apply_in_place(0, cols, &mut mask);
        Tensor::from_vec(mask, (self.packing.tokens(), cols), device)
    }
}

/// Cells of the embedding output that a view sets to zero, without rescaling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cutoff {
    /// Whole tokens, by their place in the batch.
    pub tokens: Vec<u32>,
    /// Whole feature columns of a run of tokens.
    pub features: Vec<(Range<usize>, Vec<u32>)>,
    /// Single cells: (token, column).
    pub cells: Vec<(u32, u32)>,
}

impl Cutoff {
    /// Whether nothing is cut.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.features.is_empty() && self.cells.is_empty()
    }

    fn apply(&self, cols: usize, y: &mut [f32]) {
        for &token in &self.tokens {
            y[token as usize * cols..][..cols].fill(0.);
        }
        for (tokens, columns) in &self.features {
            for token in tokens.clone() {
                columns.iter().for_each(|&column| y[token * cols + column as usize] = 0.);
            }
        }
        for &(token, column) in &self.cells {
            y[token as usize * cols + column as usize] = 0.;
        }
    }
}

struct DropoutCutoff {
    x: TapeTensor,
    dropout: Option<Dropout>,
    cutoff: Arc<Cutoff>,
}

impl DropoutCutoff {
    fn apply(dropout: Option<&Dropout>, cutoff: &Cutoff, cols: usize, y: &mut [f32]) {
        if let Some(dropout) = dropout {
            y.par_chunks_mut(ROWS * cols).enumerate().for_each(|(chunk, y)| {
                dropout.apply_in_place(chunk * ROWS, cols, y);
            });
        }
        cutoff.apply(cols, y);
    }
}

impl Tape {
    /// `y = cutoff(dropout(x))`: (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    pub fn dropout_cutoff(
        &mut self,
        x: &TapeTensor,
        dropout: Option<Dropout>,
        cutoff: Cutoff,
    ) -> Result<TapeTensor> {
        if dropout.is_none() && cutoff.is_empty() {
            return Ok(x.clone());
        }
        let cols = x.cols;
        if let Data::Composed(x) = &x.data {
            let mut mask = vec![1f32; x.elem_count()];
            DropoutCutoff::apply(dropout.as_ref(), &cutoff, cols, &mut mask);
            return TapeTensor::composed((x * Tensor::from_vec(mask, x.shape(), x.device())?)?);
        }
        let mut y = self.buffer(x.rows * cols);
        y.copy_from_slice(x.slice());
        DropoutCutoff::apply(dropout.as_ref(), &cutoff, cols, &mut y);
        Ok(self.push(x.shape(), y, || DropoutCutoff {
            x: x.place(),
            dropout,
            cutoff: cutoff.into(),
        }))
    }
}

impl Backward for DropoutCutoff {
    fn backward(&self, mut g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        Self::apply(self.dropout.as_ref(), &self.cutoff, self.x.cols, &mut g);
        sweep.add(&self.x, g);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;

    #[test]
    fn fused_perturbation_agrees_with_composed() {
        let packing = Arc::new(Packing::new([3, 1, 80], vec![0, 1, 2]));
        let cutoff =
            Cutoff { tokens: vec![1], features: vec![(3..4, vec![0, 2])], cells: vec![(5, 1)] };
        assert_agree(&[("x", vec![84, 5])], 1e-6, |tape, p| {
            let dropout = Dropout::new(0.3, &packing, |sample| RngKey::new(1).fold_in(sample));
            let x = tape.leaf(&p.get("x")?);
            tape.dropout_cutoff(&x, Some(dropout), cutoff.clone())
        });
    }

    #[test]
    fn a_sentence_drops_the_same_cells_wherever_it_is_packed() {
        let mask = |lengths: &[usize], samples: Vec<u64>| {
            let packing = Arc::new(Packing::new(lengths.iter().copied(), samples));
            let dropout = Dropout::new(0.5, &packing, |sample| RngKey::new(1).fold_in(sample));
            dropout.mask(4, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap()
        };
        let (alone, second) = (mask(&[6], vec![9]), mask(&[70, 6], vec![3, 9]));
        assert_eq!(alone[..], second[70..]);
        assert!(
            alone.iter().flatten().any(|&x| x == 0.)
                && alone.iter().flatten().any(|&x| x == 2.)
        );
    }

    #[test]
    fn dropout_keeps_the_mean() {
        let packing = Arc::new(Packing::new([1000], vec![0]));
        let dropout = Dropout::new(0.1, &packing, |sample| RngKey::new(2).fold_in(sample));
        let mean = dropout.mask(100, &Device::Cpu).unwrap().mean_all().unwrap();
        assert!((mean.to_scalar::<f32>().unwrap() - 1.).abs() < 0.006);
    }
}
