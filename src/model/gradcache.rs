//! Gradient caching (GradCache, Gao et al. 2021, arXiv 2101.06983), and the backward pass.
//!
//! With a mini-batch size, the forward pass encodes a batch chunk by chunk without recording. The
//! loss gives the gradient at the embeddings, and the backward pass encodes each chunk again,
//! recording, and continues from its part of that gradient: the memory of a chunk, and the gradient
//! of the whole batch.

use super::{Model, on_pool};
use crate::error::Result;
use crate::nn::{Gradients, Tape};
use crate::tokens::Tokens;
use crate::view::ViewSample;
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use std::ops::Range;

/// The state that [`Model::forward`] leaves for [`Model::backward`].
pub struct BackwardState {
    pub(super) passes: Vec<ForwardPass>,
    pub(super) masked: Option<Tape>,
}

/// A forward pass, as its backward pass needs it.
pub(super) enum ForwardPass {
    /// The tape of the whole batch.
    Whole(Tape),
    /// The leaf at which the embeddings entered candle's graph; the tapes are recorded again,
    /// chunk by chunk.
    Chunked { tokens: Tokens, view: ViewSample, embeddings: Var, size: usize },
}

/// Sentences of a chunk at most: where chunks begin changes the last bits of a sum, so larger
/// mini-batches are divided too, and any size from here on gives the same gradient. Matrix
/// products of so many sentences run as fast as those of more.
const CHUNK: usize = 16;

/// `0..count` in runs of `size`, or of [`CHUNK`] where that is smaller.
fn chunks(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.min(CHUNK);
    (0..count).step_by(size).map(move |start| start..count.min(start + size))
}

impl Model {
    pub(super) fn forward_in_chunks(
        &self,
        tokens: &Tokens,
        view: &ViewSample,
        size: usize,
    ) -> Result<(Tensor, ForwardPass)> {
        let sentences = tokens.packing.sentences();
        let rows = chunks(sentences, size).map(|chunk| self.embed(&tokens.slice(chunk), view));
        let rows = rows.collect::<Result<Vec<_>>>()?.concat();
        let embeddings = Var::from_vec(rows, (sentences, self.width()), &Device::Cpu)?;
        let tensor = embeddings.as_tensor().clone();
        Ok((
            tensor,
            ForwardPass::Chunked {
                tokens: tokens.clone(),
                view: view.clone(),
                embeddings,
                size,
            },
        ))
    }

    /// Adds the gradient of `loss` with respect to every parameter to `gradients`.
    ///
    /// # Errors
    /// Where a gradient cannot be computed.
    pub fn backward(
        &self,
        loss: &Tensor,
        state: BackwardState,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let store = loss.backward()?;
        gradients.absorb(&self.parameters, &store)?;
        let whole = state.passes.iter().all(|pass| matches!(pass, ForwardPass::Whole(_)));
        if whole {
            let backward =
                |pass, gradients: &mut Gradients| self.backward_pass(pass, &store, gradients);
            gradients.beside(state.passes, backward)?;
        } else {
            // each chunk goes forward and backward; two at once would evict each other's packed weights
            let mut passes = state.passes.into_iter();
            on_pool(|| {
                passes.try_for_each(|pass| self.backward_pass(pass, &store, gradients))
            })?;
        }
        on_pool(|| state.masked.map_or(Ok(()), |tape| tape.backward(&store, gradients)))
    }

    /// The backward pass of one view; chunks are encoded again first. Random bits have addresses,
    /// so dropout and augmentations are the same again.
    fn backward_pass(
        &self,
        pass: ForwardPass,
        store: &GradStore,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let (tokens, view, embeddings, size) = match pass {
            ForwardPass::Whole(tape) => return tape.backward(store, gradients),
            ForwardPass::Chunked { tokens, view, embeddings, size } => {
                (tokens, view, embeddings, size)
            }
        };
        let Some(gradient) = store.get(embeddings.as_tensor()) else { return Ok(()) };
        for chunk in chunks(tokens.packing.sentences(), size) {
            self.check_stop()?;
            let mut tape = self.recording();
            let embeddings = self.encode(&mut tape, &tokens.slice(chunk.clone()), &view)?;
            let gradient = gradient.narrow(0, chunk.start, chunk.len())?;
            let store = (tape.output(&embeddings)? * gradient)?.sum_all()?.backward()?;
            gradients.absorb(&self.parameters, &store)?;
            tape.backward(&store, gradients)?;
        }
        Ok(())
    }
}
