//! Logits of the model's own head.

use super::encoder::SentenceEncoder;
use crate::error::{Error, Result};
use crate::heads::{Classifier, HeadMasks};
use crate::tokens::{Sequence, Tokens};
use crate::vectors::Embeddings;
use crate::view::ViewSample;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

/// Examples of a batch.
const BATCH: usize = 32;

impl SentenceEncoder {
    /// Logits of the model's head, (N, C), for N examples of one text or two, without dropout; a
    /// regression has one column. The architecture's own head reads a pair as one sequence.
    ///
    /// # Errors
    /// Where the model has no head, or the head reads another number of texts.
    pub fn head_logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        let Some(head) = self.model().classifier() else {
            return Err(Error::config("the model has no classification or regression head"));
        };
        let Some(width) = examples.first().map(Vec::len) else {
            return Ok(Embeddings::new(1, Vec::new()));
        };
        let joined = head.config().is_joined();
        if examples.iter().any(|texts| texts.len() != width) || (joined && width != 2) {
            let message =
                "the head reads examples of the same number of texts, two where it is joined";
            return Err(Error::config(message));
        }
        let batches = examples.par_chunks(BATCH).map(|batch| self.batch_logits(head, batch));
        let batches: Vec<Result<Vec<Vec<f64>>>> = batches.collect(); // the first error is returned
        let rows = batches.into_iter().collect::<Result<Vec<_>>>()?.concat();
        let outputs = rows.first().map_or(1, Vec::len);
        Ok(Embeddings::new(outputs, rows.into_iter().flatten().map(|x| x as f32).collect()))
    }

    /// A row of logits for each example of a batch.
    fn batch_logits(&self, head: &Classifier, batch: &[Vec<&str>]) -> Result<Vec<Vec<f64>>> {
        let columns = if head.config().is_sequence() && batch[0].len() == 2 {
            let pairs: Vec<(&str, &str)> =
                batch.iter().map(|texts| (texts[0], texts[1])).collect();
            vec![self.tokenizer().encode_pairs(&pairs)?]
        } else {
            let column = |nth: usize| {
                let texts: Vec<&str> = batch.iter().map(|texts| texts[nth]).collect();
                self.tokenizer().encode(&texts)
            };
            (0..batch[0].len()).map(column).collect::<Result<_>>()?
        };
        let embedded = columns.iter().map(|sequences| self.embed_column(sequences));
        let columns = embedded.collect::<Result<Vec<Tensor>>>()?;
        Ok(head.logits(&columns, &HeadMasks::default())?.to_vec2()?)
    }

    /// Embeddings of a column of texts, (N, D) of f64, as the head reads them.
    fn embed_column(&self, sequences: &[Sequence]) -> Result<Tensor> {
        let count = sequences.len();
        let tokens = Tokens::pack(sequences.iter(), (0..count as u64).collect());
        let embeddings = self.model().embed(&tokens, &ViewSample::plain())?;
        let shape = (count, self.model().width());
        Ok(Tensor::from_vec(embeddings, shape, &Device::Cpu)?.to_dtype(DType::F64)?)
    }
}
