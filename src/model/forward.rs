//! The forward pass of a training step: views of a batch → outputs.

use super::gradcache::{BackwardState, ForwardPass};
use super::{Batch, ForwardOptions, Model, on_pool};
use crate::error::{Error, ErrorKind, Result};
use crate::heads::{Classifier, HeadMasks};
use crate::nn::{Packing, Tape};
use crate::outputs::{BatchOutput, MaskedTokens, Targets, ViewOutput};
use crate::random::RngSite;
use crate::tokens::{Masking, Tokens};
use crate::view::ViewSample;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

impl Model {
    /// The output of each pass over a batch, and the state of the backward pass; with logits where
    /// the batch has classes and the model a classifier.
    ///
    /// # Errors
    /// Where the encoder cannot run.
    pub fn forward_views(
        &self,
        batch: &Batch,
        views: &[ViewSample],
    ) -> Result<(BatchOutput, BackwardState)> {
        let has_classes =
            matches!(batch.targets, Targets::Classes(_) | Targets::WeightedClasses { .. });
        let logits = has_classes && self.classifier.is_some();
        self.forward(batch, views, &ForwardOptions { logits, ..ForwardOptions::default() })
    }

    /// The same with `options`. Losses are computed in f64: an N × N table is small, and a
    /// temperature of 0.05 multiplies rounding by 20.
    ///
    /// # Errors
    /// Where the encoder cannot run, a head is missing, or work is to stop
    /// ([`stop_when`](Self::stop_when)).
    pub fn forward(
        &self,
        batch: &Batch,
        views: &[ViewSample],
        options: &ForwardOptions,
    ) -> Result<(BatchOutput, BackwardState)> {
        self.check_stop()?;
        // a thread takes a pass through all layers, and waits for no other while there are others
        let encoded: Vec<_> = views
            .par_iter()
            .map(|view| match options.mini_batch {
                Some(size) => self.forward_in_chunks(&batch.tokens, view, size),
                None => self.forward_whole(&batch.tokens, view),
            })
            .collect();
        let (mut passes, mut outputs) = (Vec::new(), Vec::new());
        for (number, (view, encoded)) in views.iter().zip(encoded).enumerate() {
            let (embeddings, pass) = encoded?;
            passes.push(pass);
            outputs.push(self.view_output(batch, view, number, options.logits, &embeddings)?);
        }
        let mut outputs = outputs.into_iter();
        let mut first = outputs.next().unwrap_or_default();
        let mut masked = None;
        if let Some((masking, view)) = &options.masking {
            let (tokens, tape) = self.forward_masked(&batch.tokens, masking, view)?;
            (first.masked, masked) = (Some(tokens), Some(tape));
        }
        let output =
            BatchOutput { first, second: outputs.next(), targets: batch.targets.clone() };
        Ok((output, BackwardState { passes, masked }))
    }

    fn forward_whole(
        &self,
        tokens: &Tokens,
        view: &ViewSample,
    ) -> Result<(Tensor, ForwardPass)> {
        let mut tape = self.recording();
        let embeddings = self.encode(&mut tape, tokens, view)?;
        Ok((tape.output(&embeddings)?, ForwardPass::Whole(tape)))
    }

    /// Embeddings (N·K, D) as the columns of a pass, and the outputs of the heads.
    fn view_output(
        &self,
        batch: &Batch,
        view: &ViewSample,
        number: usize,
        logits: bool,
        embeddings: &Tensor,
    ) -> Result<ViewOutput> {
        let embeddings = embeddings.to_dtype(DType::F64)?;
        let examples = embeddings.dim(0)? / batch.texts_per_example;
        let column = |nth| embeddings.narrow(0, nth * examples, examples);
        let columns = (0..batch.texts_per_example)
            .map(column)
            .collect::<candle_core::Result<Vec<_>>>()?;
        let classifier = self.classifier.as_ref().filter(|_| logits);
        let logits = classifier.map(|head| {
            let samples = batch.tokens.packing.samples()[..examples].to_vec();
            head.logits(&columns, &head_masks(head, samples, view)?)
        });
        let logits = logits.transpose()?;
        let columns = match self.projection.as_ref().filter(|p| p.projects(number)) {
            Some(projection) => {
                columns.iter().map(|x| projection.forward(x)).collect::<Result<_>>()?
            }
            None => columns,
        };
        Ok(ViewOutput { columns, logits, masked: None })
    }

    fn forward_masked(
        &self,
        tokens: &Tokens,
        masking: &Masking,
        view: &ViewSample,
    ) -> Result<(MaskedTokens, Tape)> {
        let head = self.masked.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the model has no masked language modelling head")
        })?;
        let (tokens, places, targets) = masking.apply(tokens, view);
        if places.is_empty() {
            let message = "no sentence of the batch has a word to mask; check the data";
            return Err(Error::new(ErrorKind::Data, message));
        }
        let mut tape = self.recording();
        let logits = on_pool(|| {
            let last = self.encoder.layers();
            let states = self.encoder.forward(&mut tape, &tokens, view, &[last])?;
            head.forward(&mut tape, &states[0], &places)
        })?;
        let logits = tape.output(&logits)?; // (M, V)
        let targets = Tensor::from_vec(targets, places.len(), &Device::Cpu)?;
        Ok((MaskedTokens { logits, targets }, tape))
    }
}

/// The dropout of the classifier in the forward pass of `view`: of what its last layer reads at
/// place 0 of its site, of what its dense layer reads at place 1.
fn head_masks(head: &Classifier, samples: Vec<u64>, view: &ViewSample) -> Result<HeadMasks> {
    let packing = Arc::new(Packing::new(vec![1; samples.len()], samples));
    let mask = |rate: f32, place: usize, width: usize| -> Result<Option<Tensor>> {
        let dropout = view.dropout(rate, place, RngSite::Head, &packing);
        let mask = dropout.map(|dropout| dropout.mask(width, &Device::Cpu)).transpose()?;
        Ok(mask.map(|mask| mask.to_dtype(DType::F64)).transpose()?)
    };
    let (layers, (dense, last)) = (head.layers(), head.inputs());
    let input = match dense.filter(|_| layers.input_dropout > 0.) {
        Some(width) => mask(layers.input_dropout, 1, width)?,
        None => None,
    };
    Ok(HeadMasks { input, last: mask(layers.dropout, 0, last)? })
}
