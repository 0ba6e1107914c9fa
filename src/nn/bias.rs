//! What attention adds to its scores: a number for each head and distance.

use super::attention_heads::Heads;
use super::tape::{BackwardSweep, Data, TapeTensor};
use candle_core::Tensor;
use std::ops::Range;
use std::sync::Arc;

/// `b[h, p(j) − p(i) + F]`, added to the score of tokens i and j at the positions p.
#[derive(Clone)]
pub(super) struct Bias {
    value: TapeTensor, // (2F + 1, H)
    positions: Arc<[u32]>,
    by_head: Vec<f32>, // (H, 2F + 1); nothing where composed
}

impl Bias {
    /// # Panics
    /// If the rows of `value` do not reach from the farthest to the farthest distance.
    pub fn new(value: &TapeTensor, positions: &Arc<[u32]>) -> Self {
        let farthest = positions.iter().copied().max().unwrap_or(0) as usize;
        let (rows, heads) = value.shape();
        assert!(rows > 2 * farthest, "a bias for every distance");
        let by_head = match &value.data {
            Data::Fused { buffer, .. } => {
                let cells = 0..heads * rows;
                cells.map(|at| buffer[at % rows * heads + at / rows]).collect()
            }
            Data::Composed(_) => Vec::new(),
        };
        Self { value: value.clone(), positions: positions.clone(), by_head }
    }

    fn farthest(&self) -> usize {
        (self.value.rows - 1) / 2
    }

    /// Room for the slopes of all heads, (H, 2F + 1).
    pub fn zero_gradient(&self) -> Vec<f32> {
        vec![0.; self.by_head.len()]
    }

    /// The part of a (H, 2F + 1) matrix that is a head's.
    fn head(&self, head: usize) -> Range<usize> {
        head * self.value.rows..(head + 1) * self.value.rows
    }

    /// Where row i of a sentence's scores reads its head's bias: a run where positions count on,
    /// else place by place.
    fn places(&self, sentence: &Range<usize>, i: usize) -> BiasIndex<'_> {
        let positions = &self.positions[sentence.clone()];
        let base = self.farthest() - positions[i] as usize;
        let start = base + positions[0] as usize;
        let counted = positions.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match counted {
            true => BiasIndex::Run(start..start + positions.len()),
            false => BiasIndex::Each(base, positions),
        }
    }

    /// `s ← scale·s + b` for scores of a sentence's head: rows of L from query `start` on, `stride`
    /// apart.
    pub fn add(
        &self,
        head: usize,
        sentence: &Range<usize>,
        (start, stride): (usize, usize),
        scores: &mut [f32],
        scale: f32,
    ) {
        let bias = &self.by_head[self.head(head)];
        for (i, row) in scores.chunks_exact_mut(stride).enumerate() {
            let row = &mut row[..sentence.len()];
            match self.places(sentence, start + i) {
                BiasIndex::Run(run) => {
                    row.iter_mut().zip(&bias[run]).for_each(|(s, b)| *s = *s * scale + b);
                }
                BiasIndex::Each(base, positions) => {
                    let cells = row.iter_mut().zip(positions);
                    cells.for_each(|(s, &p)| *s = *s * scale + bias[base + p as usize]);
                }
            }
        }
    }

    /// Adds the slopes (L, L) at the scores of a sentence's head to those of its bias in `room`.
    pub fn collect(
        &self,
        head: usize,
        slopes: &[f32],
        sentence: &Range<usize>,
        gradient: &mut [f32],
    ) {
        let bias = &mut gradient[self.head(head)];
        for (i, row) in slopes.chunks_exact(sentence.len()).enumerate() {
            match self.places(sentence, i) {
                BiasIndex::Run(run) => {
                    bias[run].iter_mut().zip(row).for_each(|(sum, g)| *sum += g);
                }
                BiasIndex::Each(base, positions) => {
                    let cells = row.iter().zip(positions);
                    cells.for_each(|(g, &p)| bias[base + p as usize] += g);
                }
            }
        }
    }

    /// Sends back what the sentences collected, in their order: it is part of the bits.
    pub fn send(&self, sentences: Vec<Vec<f32>>, sweep: &mut BackwardSweep) {
        let (rows, heads) = self.value.shape();
        let mut flow = sweep.buffer(rows * heads);
        flow.fill(0.);
        for slopes in sentences {
            for (at, slope) in slopes.into_iter().enumerate() {
                flow[at % rows * heads + at / rows] += slope;
            }
        }
        sweep.add(&self.value, flow);
    }

    /// The bias of a sentence by candle's operations, (H, L, L).
    pub fn composed(&self, heads: &Heads, sentence: usize) -> candle_core::Result<Tensor> {
        let positions = &self.positions[heads.packing.range(sentence)];
        let len = positions.len();
        let places: Vec<u32> = positions
            .iter()
            .flat_map(|i| positions.iter().map(move |j| self.farthest() as u32 + j - i))
            .collect();
        let Data::Composed(value) = &self.value.data else {
            unreachable!("a tape has one backend")
        };
        let places = Tensor::from_vec(places, len * len, value.device())?;
        let bias = value.index_select(&places, 0)?.reshape((len, len, heads.count))?;
        bias.permute((2, 0, 1))?.contiguous()
    }
}

/// See [`Bias::places`].
enum BiasIndex<'a> {
    Run(Range<usize>),
    Each(usize, &'a [u32]),
}
