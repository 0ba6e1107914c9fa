//! Disentangled attention (He et al. 2021, arXiv 2006.03654): scores read content and distance,
//! `s[i, j] = (qᵢ·kⱼ + qᵢ·K[δ(i, j)] + kⱼ·Q[δ(i, j)])·scale`.

use super::attention_heads::{AttentionScratch, Heads, by_sentence};
use super::dropout::Dropout;
use super::kernels::attention::{padded, scale_rows, softmax, softmax_again, softmax_slope};
use super::kernels::elementwise;
use super::kernels::gemm::{Matrix, Target, product_here};
use super::packing::Packing;
use super::tape::{Backward, BackwardSweep, Data, Tape, TapeTensor};
use super::workspace::Buffer;
use crate::error::Result;
use candle_core::{D, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// δ(i, j): the row of a table that stands for how far token i is from token j. Cloning shares
/// it.
#[derive(Debug, Clone)]
pub struct Distances {
    positions: Arc<[u32]>,
    /// The row of each distance from −`farthest` to `farthest`.
    rows: Arc<[u32]>,
    farthest: i64,
}

impl Distances {
    /// The distances of tokens at these positions, (T), with `row` giving the row of a
    /// position of i less that of j.
    pub fn new(positions: impl Into<Arc<[u32]>>, row: impl Fn(i64) -> u32) -> Self {
        let positions = positions.into();
        let farthest = i64::from(positions.iter().copied().max().unwrap_or(0));
        let rows = (-farthest..=farthest).map(row).collect();
        Self { positions, rows, farthest }
    }

    /// How many rows a table must have.
    pub fn height(&self) -> usize {
        self.rows.iter().max().map_or(1, |&row| row as usize + 1)
    }

    /// The rows of the tokens of a sentence, (L, L), and how many rows of a table they read.
    fn table(&self, sentence: Range<usize>) -> (Vec<u32>, usize) {
        let positions = &self.positions[sentence];
        let mut table = Vec::with_capacity(positions.len() * positions.len());
        for &i in positions {
            let start = i64::from(i) + self.farthest;
            table.extend(positions.iter().map(|&j| self.rows[(start - i64::from(j)) as usize]));
        }
        let height = table.iter().max().map_or(0, |&row| row as usize + 1);
        (table, height)
    }
}

/// What a score reads beside the content of its two tokens.
#[derive(Debug, Clone)]
pub struct Relative {
    /// K, the key of each distance, which queries read (c2p): (R, D).
    pub keys: Option<TapeTensor>,
    /// Q, the query of each distance, which keys read (p2c): (R, D).
    pub queries: Option<TapeTensor>,
    /// Which row stands for which distance.
    pub distances: Distances,
    /// What the sum is multiplied by: `1/√(d·(1 + the number of tables))`.
    pub scale: f32,
}

struct RelativeAttention {
    heads: Heads,
    relative: Relative,
    q: TapeTensor,
    k: TapeTensor,
    v: TapeTensor,
    log_sums: Buffer, // (T, H), sentence by sentence as (H, L)
}

impl Tape {
    /// Multi-head self-attention within each sentence whose scores read distances too: three
    /// (T, D) → (T, D).
    ///
    /// # Errors
    /// Where candle cannot compute it.
    ///
    /// # Panics
    /// If a table has fewer rows than the distances need.
    pub fn relative_attention(
        &mut self,
        [q, k, v]: [&TapeTensor; 3],
        relative: &Relative,
        packing: &Arc<Packing>,
        heads: usize,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        let height = relative.distances.height();
        let tables = [&relative.keys, &relative.queries].into_iter().flatten();
        assert!(tables.into_iter().all(|table| table.rows >= height));
        let heads = Heads { packing: packing.clone(), count: heads, width: q.cols, dropout };
        if let (Data::Composed(q), Data::Composed(k), Data::Composed(v)) =
            (&q.data, &k.data, &v.data)
        {
            return TapeTensor::composed(composed(&heads, relative, [q, k, v])?);
        }
        let inputs = [q.slice(), k.slice(), v.slice()];
        let (o, log_sums) = heads.each_sentence(self, |sentence, o, sums, scratch| {
            SentenceTables::new(&heads, relative, sentence).forward(inputs, o, sums, scratch);
        });
        Ok(self.push(q.shape(), o, || RelativeAttention {
            heads,
            relative: relative.clone(),
            q: q.clone(),
            k: k.clone(),
            v: v.clone(),
            log_sums,
        }))
    }
}

/// One sentence: where its tokens are, and which rows of the tables they read.
struct SentenceTables<'a> {
    heads: &'a Heads,
    relative: &'a Relative,
    number: usize,
    range: Range<usize>,
    rows: Vec<u32>, // δ, (L, L)
    height: usize,  // R, the rows of the tables that it reads
}

/// Who reads a table: the query of a score, or its key.
#[derive(Clone, Copy, PartialEq)]
enum TableIndex {
    Query,
    Key,
}

impl<'a> SentenceTables<'a> {
    fn new(heads: &'a Heads, relative: &'a Relative, number: usize) -> Self {
        let range = heads.packing.range(number);
        let (rows, height) = relative.distances.table(range.clone());
        Self { heads, relative, number, range, rows, height }
    }

    /// The sentence's rows of one head of a (T, D) matrix.
    fn head<'x>(&self, x: &'x [f32], head: usize) -> &'x [f32] {
        &x[self.range.start * self.heads.width + head * self.heads.size()..]
    }

    /// The tables that are there, with who reads them.
    fn tables(&self) -> impl Iterator<Item = (TableIndex, &'a TapeTensor)> {
        let both = [
            (TableIndex::Query, &self.relative.keys),
            (TableIndex::Key, &self.relative.queries),
        ];
        both.into_iter().filter_map(|(reader, table)| Some((reader, table.as_ref()?)))
    }

    /// Calls `with` with the place of each score and that of what `reader` reads for it, in a
    /// matrix (L, R). Rows of scores are `stride` apart.
    fn each(&self, reader: TableIndex, stride: usize, mut with: impl FnMut(usize, usize)) {
        let len = self.range.len();
        for (i, rows) in self.rows.chunks_exact(len).enumerate() {
            for (j, &row) in rows.iter().enumerate() {
                let who = if reader == TableIndex::Query { i } else { j };
                with(i * stride + j, who * self.height + row as usize);
            }
        }
    }

    /// The scores of a head before they are scaled, (L, L) with rows `stride` apart, with `read` room
    /// for (L, R).
    fn scores(
        &self,
        head: usize,
        [q, k]: [&[f32]; 2],
        stride: usize,
        p: &mut [f32],
        read: &mut [f32],
    ) {
        let (width, size, len) = (self.heads.width, self.heads.size(), self.range.len());
        let target = Target::fresh(p, stride, len);
        product_here(len, size, target, Matrix::rows(q, width), Matrix::columns(k, width));
        for (reader, table) in self.tables() {
            let x = if reader == TableIndex::Query { q } else { k };
            let table = Matrix::columns(&table.slice()[head * size..], width);
            let target = Target::fresh(read, self.height, self.height);
            product_here(len, size, target, Matrix::rows(x, width), table);
            self.each(reader, stride, |cell, place| p[cell] += read[place]);
        }
    }

    /// The scores or probabilities of one head live in `scratch`.
    fn forward(
        &self,
        [q, k, v]: [&[f32]; 3],
        o: &mut [f32],
        log_sums: &mut [f32],
        scratch: &mut AttentionScratch,
    ) {
        let (width, size, len) = (self.heads.width, self.heads.size(), self.range.len());
        let stride = padded(len);
        let (scratch, factors) = (&mut scratch.p, &mut scratch.factors);
        scratch.resize(len * (stride + self.height), 0.);
        factors.resize(len, 0.);
        let (p, read) = scratch.split_at_mut(len * stride);
        for head in 0..self.heads.count {
            let [q, k, v] = [q, k, v].map(|x| self.head(x, head));
            self.scores(head, [q, k], stride, p, read);
            let sums = &mut log_sums[head * len..][..len];
            softmax(p, (len, stride), self.relative.scale, factors, sums);
            self.heads.drop_rows(self.number, (head, 0), (len, stride), p);
            let o = &mut o[head * size..];
            let target = Target::fresh(o, width, size);
            product_here(len, len, target, Matrix::rows(p, stride), Matrix::rows(v, width));
            scale_rows(o, size, width, factors);
        }
    }

    /// As for attention to content; what reads a table passes on the slopes of its scores,
    /// summed over those of one distance, to the row and what it reads it with.
    fn backward(
        &self,
        [q, k, v, g]: [&[f32]; 4],
        log_sums: &[f32],
        [dq, dk, dv]: [&mut [f32]; 3],
        d_tables: &mut [Option<Vec<f32>>; 2],
        scratch: &mut Vec<f32>,
    ) {
        let (width, size, len) = (self.heads.width, self.heads.size(), self.range.len());
        scratch.resize(len * (3 * len + self.height), 0.);
        let (p, rest) = scratch.split_at_mut(len * len);
        let (dropped, rest) = rest.split_at_mut(len * len);
        let (ds, read) = rest.split_at_mut(len * len);
        for head in 0..self.heads.count {
            let column = head * size;
            let [q, k, v, g] = [q, k, v, g].map(|x| self.head(x, head));
            let (at, turned) = (|x| Matrix::rows(x, width), |x| Matrix::columns(x, width));
            self.scores(head, [q, k], len, p, read);
            let sums = &log_sums[self.range.start * self.heads.count + head * len..];
            for (row, &sum) in p.chunks_exact_mut(len).zip(sums) {
                softmax_again(row, self.relative.scale, sum);
            }
            dropped.copy_from_slice(p);
            self.heads.drop(self.number, head, dropped);
            let fresh = |data| Target::fresh(data, width, size);
            let dropped_t = Matrix::columns(dropped, len);
            product_here(len, len, fresh(&mut dv[column..]), dropped_t, at(g));
            product_here(len, size, Target::fresh(ds, len, len), at(g), turned(v));
            self.heads.drop(self.number, head, ds);
            for (p, ds) in p.chunks_exact(len).zip(ds.chunks_exact_mut(len)) {
                softmax_slope(p, ds, self.relative.scale);
            }
            let (slopes, slopes_t) = (Matrix::rows(ds, len), Matrix::columns(ds, len));
            product_here(len, len, fresh(&mut dq[column..]), slopes, at(k));
            product_here(len, len, fresh(&mut dk[column..]), slopes_t, at(q));
            for (reader, table) in self.tables() {
                let (x, dx, d_table) = match reader {
                    TableIndex::Query => (q, &mut *dq, &mut d_tables[0]),
                    TableIndex::Key => (k, &mut *dk, &mut d_tables[1]),
                };
                read.fill(0.);
                self.each(reader, len, |cell, place| read[place] += ds[cell]);
                let more = |data| Target { data, stride: width, width: size, accumulate: true };
                let (r, r_t) =
                    (Matrix::rows(read, self.height), Matrix::columns(read, self.height));
                let table = at(&table.slice()[column..]);
                product_here(len, self.height, more(&mut dx[column..]), r, table);
                let d_table = d_table.as_mut().expect("what is read has a slope");
                product_here(self.height, len, more(&mut d_table[column..]), r_t, at(x));
            }
        }
    }
}

/// The tables' slopes are summed in this many runs of sentences at most, one after another
/// within each: their order is part of the bits.
const RUNS: usize = 16;

impl Backward for RelativeAttention {
    fn backward(&self, g: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
        let (packing, width) = (&self.heads.packing, self.heads.width);
        let mut flows: [Buffer; 3] = std::array::from_fn(|_| sweep.buffer(g.len()));
        let [dq, dk, dv] = flows.each_mut().map(|d| by_sentence(packing, d, width));
        let mut rows: Vec<_> = dq.into_iter().zip(dk).zip(dv).enumerate().collect();
        let run = rows.len().div_ceil(RUNS).max(1);
        let inputs = [self.q.slice(), self.k.slice(), self.v.slice(), &g];
        let tables = [&self.relative.keys, &self.relative.queries].map(Option::as_ref);
        let partials = rows.par_chunks_mut(run).map(|rows| {
            let mut sums = tables.map(|table| Some(vec![0f32; table?.rows * width]));
            let mut scratch = Vec::new();
            for (number, ((dq, dk), dv)) in rows {
                let sentence = SentenceTables::new(&self.heads, &self.relative, *number);
                let outputs = [&mut **dq, &mut **dk, &mut **dv];
                sentence.backward(inputs, &self.log_sums, outputs, &mut sums, &mut scratch);
            }
            sums
        });
        let partials: Vec<_> = partials.collect();
        for (value, flow) in [&self.q, &self.k, &self.v].into_iter().zip(flows) {
            sweep.add(value, flow);
        }
        for (nth, table) in tables.into_iter().enumerate() {
            let Some(table) = table else { continue };
            let mut sum = sweep.buffer(table.rows * width);
            sum.fill(0.);
            partials
                .iter()
                .flat_map(|part| &part[nth])
                .for_each(|p| elementwise::add(&mut sum, p));
            sweep.add(table, sum);
        }
        Ok(())
    }
}

fn composed(
    heads: &Heads,
    relative: &Relative,
    [q, k, v]: [&Tensor; 3],
) -> candle_core::Result<Tensor> {
    let table = |value: &Option<TapeTensor>| match value.as_ref().map(|value| &value.data) {
        Some(Data::Composed(table)) => heads.split(table, 0..table.dim(0)?).map(Some),
        _ => Ok(None),
    };
    let (keys, queries) = (table(&relative.keys)?, table(&relative.queries)?); // (H, R, d)
    let sentences = (0..heads.packing.sentences()).map(|number| {
        let sentence = SentenceTables::new(heads, relative, number);
        let (range, len) = (sentence.range.clone(), sentence.range.len());
        let [q, k, v] = [q, k, v].map(|x| heads.split(x, range.clone()));
        let (q, k) = (q?, k?);
        let mut scores = q.matmul(&k.t()?)?;
        let rows = Tensor::from_slice(&sentence.rows, (1, len, len), q.device())?;
        let rows = rows.broadcast_as((heads.count, len, len))?;
        if let Some(keys) = &keys {
            scores =
                (scores + q.matmul(&keys.t()?)?.gather(&rows.contiguous()?, D::Minus1)?)?;
        }
        if let Some(queries) = &queries {
            let read = k.matmul(&queries.t()?)?.gather(&rows.t()?.contiguous()?, D::Minus1)?;
            scores = (scores + read.t()?)?;
        }
        heads.mix(number, &(scores * f64::from(relative.scale))?, &v?)
    });
    Tensor::cat(&sentences.collect::<candle_core::Result<Vec<_>>>()?, 0)
}

#[cfg(test)]
mod tests {
    use super::super::{Dropout, Packing};
    use super::{Distances, Relative};
    use crate::nn::tape::tests::assert_agree;
    use crate::random::RngKey;
    use std::sync::Arc;

    /// Either table, both and none; positions that count and that are shuffled; distances that
    /// share a row far away.
    #[test]
    fn fused_relative_attention_agrees_with_composed() {
        let near = |distance: i64| (distance.clamp(-3, 2) + 3) as u32;
        for (case, (lengths, heads, rate)) in [
            (&[3, 1, 7][..], 2, 0.),
            (&[9, 17, 2], 3, 0.3),
            (&[40; 20], 1, 0.),
            (&[5, 2], 2, 0.1),
        ]
        .into_iter()
        .enumerate()
        {
            let samples = (0..lengths.len() as u64).collect();
            let packing = Arc::new(Packing::new(lengths.iter().copied(), samples));
            let turned = |t| if case == 1 { t * 7 % 17 } else { t };
            let positions: Vec<u32> =
                packing.ranges().flat_map(|r| (0..r.len() as u32).map(turned)).collect();
            let distances = Distances::new(positions, near);
            let (matrix, table) = (vec![packing.tokens(), 6 * heads], vec![8, 6 * heads]);
            let mut shapes = vec![("q", matrix.clone()), ("k", matrix.clone()), ("v", matrix)];
            let (keys, queries) = (case != 2, case % 2 == 0 && case != 3);
            shapes.extend(keys.then(|| ("keys", table.clone())));
            shapes.extend(queries.then_some(("queries", table)));
            assert_agree(&shapes, 5e-5, |tape, p| {
                let dropout = (rate > 0.).then(|| {
                    Dropout::new(rate, &packing, |sample| RngKey::new(1).fold_in(sample))
                });
                let mut leaf = |name: &str| tape.leaf(&p.get(name).unwrap());
                let [q, k, v] = ["q", "k", "v"].map(&mut leaf);
                let relative = Relative {
                    keys: keys.then(|| leaf("keys")),
                    queries: queries.then(|| leaf("queries")),
                    distances: distances.clone(),
                    scale: 0.2,
                };
                tape.relative_attention([&q, &k, &v], &relative, &packing, heads, dropout)
            });
        }
    }
}
