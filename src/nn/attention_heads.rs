//! The heads of attention over a packed batch, sentence by sentence.

use super::dropout::Dropout;
use super::kernels::gemm::{ComputeDtype, Left, Packed};
use super::packing::Packing;
use super::tape::Tape;
use super::workspace::Buffer;
use rayon::prelude::*;
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// Taken while in use.
    static SCRATCH: Cell<AttentionScratch> = Cell::default();
}

/// Memory that attention to one sentence needs.
#[derive(Default)]
pub(super) struct AttentionScratch {
    /// Scores, then probabilities.
    pub p: Vec<f32>,
    /// What the probabilities of each row are multiplied by.
    pub factors: Vec<f32>,
    /// Whether a backward pass will read the logarithms of the sums.
    pub record: bool,
    /// Of the products with keys and values.
    pub dtype: ComputeDtype,
    pub left: Left,
    pub keys: Packed,
    pub values: Packed,
}

/// Where the heads of a packed batch are.
#[derive(Clone)]
pub(super) struct Heads {
    pub packing: Arc<Packing>,
    pub count: usize,
    pub width: usize, // D, all heads together
    pub dropout: Option<Dropout>,
}

impl Heads {
    pub fn size(&self) -> usize {
        self.width / self.count
    }

    pub fn scale(&self) -> f32 {
        1. / (self.size() as f32).sqrt()
    }

    /// Calls `attend` for each sentence, in parallel: it writes its rows of the outputs (T, D) and
    /// the logarithms of the sums of softmax (T, H), sentence by sentence as (H, L). The last it is
    /// given is memory of its thread.
    pub fn each_sentence(
        &self,
        tape: &Tape,
        attend: impl Fn(usize, &mut [f32], &mut [f32], &mut AttentionScratch) + Sync,
    ) -> (Buffer, Buffer) {
        let tokens = self.packing.tokens();
        let mut o = tape.buffer(tokens * self.width);
        let mut log_sums = tape.buffer(tokens * self.count);
        let rows = by_sentence(&self.packing, &mut o, self.width);
        let sums = by_sentence(&self.packing, &mut log_sums, self.count);
        let (exact, record) = (tape.dtype == ComputeDtype::Int8, tape.is_recording());
        // the backward pass makes the scores again in f32
        let rounds = tape.dtype == ComputeDtype::Bf16 && !record;
        let dtype = if rounds { ComputeDtype::Bf16 } else { ComputeDtype::F32 };
        rows.into_par_iter().zip(sums).enumerate().for_each(|(sentence, (o, sums))| {
            let mut scratch = SCRATCH.take();
            (scratch.left.exact, scratch.record, scratch.dtype) = (exact, record, dtype);
            attend(sentence, o, sums, &mut scratch);
            SCRATCH.set(scratch);
        });
        (o, log_sums)
    }

    /// Drops the probabilities of a head in place: rows of `len`, `stride` apart, from query `start`
    /// on.
    pub fn drop_rows(
        &self,
        sentence: usize,
        (head, start): (usize, usize),
        (len, stride): (usize, usize),
        probabilities: &mut [f32],
    ) {
        let Some(dropout) = &self.dropout else { return };
        for (i, row) in probabilities.chunks_exact_mut(stride).enumerate() {
            let cell = (head * len + start + i) * len;
            dropout.apply_at(sentence, cell as u32, &mut row[..len]);
        }
    }

    /// Drops the probabilities (L, L) of a head in place.
    pub fn drop(&self, sentence: usize, head: usize, probabilities: &mut [f32]) {
        if let Some(dropout) = &self.dropout {
            let base = (head * probabilities.len()) as u32;
            dropout.apply_at(sentence, base, probabilities);
        }
    }
}

/// The rows of each sentence of a (T, D) matrix, to be written apart.
pub(super) fn by_sentence<'a>(
    packing: &Packing,
    mut rest: &'a mut [f32],
    width: usize,
) -> Vec<&'a mut [f32]> {
    let mut rows = Vec::with_capacity(packing.sentences());
    for range in packing.ranges() {
        let (sentence, after) = rest.split_at_mut(range.len() * width);
        rows.push(sentence);
        rest = after;
    }
    rows
}
