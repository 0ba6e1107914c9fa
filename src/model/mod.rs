//! [`Model`]: an encoder, a pooling and heads over one set of parameters.

mod forward;
mod gradcache;
mod heads;

pub use gradcache::BackwardState;

use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::heads::{Classifier, Dense, MaskedHead, Projection};
use crate::nn::{Backend, ComputeDtype, Packing, Parameters, Tape, TapeTensor, Workspace};
use crate::outputs::Targets;
use crate::pooling::Pooling;
use crate::tokens::{Masking, Tokens};
use crate::view::ViewSample;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// N examples of K texts each, column by column: the first texts of all, then the second …
#[derive(Debug, Clone)]
pub struct Batch {
    /// All texts, packed: N·K sentences.
    pub tokens: Tokens,
    /// K.
    pub texts_per_example: usize,
    /// The labels of the examples.
    pub targets: Targets,
}

/// What a forward pass computes beside embeddings, and how.
#[derive(Debug, Clone, Default)]
pub struct ForwardOptions {
    /// The logits of the classifier.
    pub logits: bool,
    /// Masked language modelling, in a forward pass of its own with this view.
    pub masking: Option<(Masking, ViewSample)>,
    /// Gradient caching (GradCache): forward and backward in chunks of so many sentences. Any
    /// number from 16 on gives the same bits.
    pub mini_batch: Option<usize>,
}

/// Encoder, pooling and heads over one set of parameters.
pub struct Model {
    encoder: Box<dyn Encoder>,
    pooling: Pooling,
    mixture: Option<WeightedLayers>,
    dense: Option<Dense>,
    classifier: Option<Classifier>,
    projection: Option<Projection>,
    masked: Option<MaskedHead>,
    parameters: Parameters,
    workspace: Workspace,
    backend: Backend,
    dtype: ComputeDtype,
    stop: Option<Arc<AtomicBool>>,
}

/// Token vectors that are a weighted mean of the layers from `start` on (0 is the embedding
/// output): sentence-transformers' `WeightedLayerPooling`, whose weights stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedLayers {
    /// The first layer.
    pub start: usize,
    /// The weight of each layer.
    pub weights: Vec<f32>,
}

impl Model {
    /// A model without heads over `parameters`.
    pub fn new(encoder: Box<dyn Encoder>, pooling: Pooling, parameters: Parameters) -> Self {
        Self {
            encoder,
            pooling,
            mixture: None,
            dense: None,
            classifier: None,
            projection: None,
            masked: None,
            parameters,
            workspace: Workspace::default(),
            backend: Backend::default(),
            dtype: ComputeDtype::default(),
            stop: None,
        }
    }

    /// Ends forward and backward passes with an error of the kind
    /// [`Interrupted`](ErrorKind::Interrupted), before their next batch or chunk, once `stop` is
    /// true.
    pub fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.stop = Some(stop);
    }

    /// Whether work goes on: an error of the kind [`Interrupted`](ErrorKind::Interrupted) where not.
    pub(crate) fn check_stop(&self) -> Result<()> {
        match &self.stop {
            Some(stop) if stop.load(Ordering::Relaxed) => {
                Err(Error::new(ErrorKind::Interrupted, "interrupted"))
            }
            _ => Ok(()),
        }
    }

    /// The same model with another pooling.
    #[must_use]
    pub fn with_pooling(self, pooling: Pooling) -> Self {
        Self { pooling, ..self }
    }

    /// The same model with its token vectors mixed of several layers.
    ///
    /// # Errors
    /// Where it has other layers, the weights sum to nothing, or its pooling mixes layers itself.
    pub fn with_weighted_layers(self, mixture: WeightedLayers) -> Result<Self> {
        let (layers, known) =
            (mixture.start + mixture.weights.len(), self.encoder.layers() + 1);
        let sum: f32 = mixture.weights.iter().sum();
        if layers != known || !sum.is_normal() || !self.pooling.reads_last() {
            return Err(Error::config(format!(
                "weighted layers {}..{layers}, sum of weights {sum}, with {} pooling: the model has \
                 {known} layers and needs a pooling of the last layer",
                mixture.start, self.pooling
            )));
        }
        Ok(Self { mixture: Some(mixture), ..self })
    }

    /// Its encoder alone with a pooling of the last layer: no mixed layers, no dense layer.
    #[must_use]
    pub fn with_bare_pooling(self, pooling: Pooling) -> Self {
        Self { pooling, mixture: None, dense: None, ..self }
    }

    /// How its token vectors are mixed, if they are.
    pub fn weighted_layers(&self) -> Option<&WeightedLayers> {
        self.mixture.as_ref()
    }

    /// The same model computed by another backend.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// What its matrix products multiply.
    pub fn dtype(&self) -> ComputeDtype {
        self.dtype
    }

    /// The same model with another dtype in its matrix products, where the CPU has it
    /// ([`ComputeDtype::available`]); its weights stay `f32`.
    #[must_use]
    pub fn with_dtype(self, dtype: ComputeDtype) -> Self {
        Self { dtype: dtype.available(), ..self }
    }

    /// Its encoder.
    pub fn encoder(&self) -> &dyn Encoder {
        &*self.encoder
    }

    /// Its pooling.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Its dense layer, if any.
    pub fn dense(&self) -> Option<&Dense> {
        self.dense.as_ref()
    }

    /// Its classifier, if any.
    pub fn classifier(&self) -> Option<&Classifier> {
        self.classifier.as_ref()
    }

    /// The numbers of an embedding.
    pub fn width(&self) -> usize {
        self.dense.as_ref().map_or(self.pooled_width(), |dense| dense.config().out)
    }

    /// The numbers of what its pooling gives.
    pub fn pooled_width(&self) -> usize {
        self.encoder.width() * self.pooling.widens()
    }

    /// Its parameters, those of its heads among them.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Embeddings of N sentences, (N, D), row-major.
    ///
    /// # Errors
    /// Where the encoder cannot run, or work is to stop ([`stop_when`](Self::stop_when)).
    pub fn embed(&self, tokens: &Tokens, view: &ViewSample) -> Result<Vec<f32>> {
        self.embed_after(tokens, view, 0)
    }

    /// The same with the first `skipped` tokens of each sentence left out of the pooling, those of
    /// a prompt: → (N, D), row-major.
    ///
    /// # Errors
    /// Where the encoder cannot run, a sentence has no other token, or the pooling weighs tokens by
    /// their position.
    pub fn embed_after(
        &self,
        tokens: &Tokens,
        view: &ViewSample,
        skipped: usize,
    ) -> Result<Vec<f32>> {
        self.check_stop()?;
        let mut tape = Tape::inference(self.backend, &self.workspace);
        tape = tape.with_dtype(self.dtype);
        self.encode_after(&mut tape, tokens, view, skipped)?.to_vec()
    }

    /// Encoder, pooling, dense layer: → (N, D).
    fn encode(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        view: &ViewSample,
    ) -> Result<TapeTensor> {
        self.encode_after(tape, tokens, view, 0)
    }

    fn encode_after(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        view: &ViewSample,
        skipped: usize,
    ) -> Result<TapeTensor> {
        let narrowed = tokens.visible_in(view);
        let (tokens, view) = narrowed.as_ref().map_or((tokens, view), |(t, v)| (t, v));
        let pooling = view.pooling().unwrap_or(self.pooling);
        let layers = self.encoder.layers();
        let states = match self.mixture.as_ref().filter(|_| pooling.reads_last()) {
            Some(WeightedLayers { start, weights }) => {
                let reads: Vec<usize> = (*start..=layers).collect();
                let states = self.encoder.forward(tape, tokens, view, &reads)?;
                let sum: f32 = weights.iter().sum();
                let shares: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
                vec![tape.weighted(&states, &shares)?]
            }
            None => self.encoder.forward(tape, tokens, view, &pooling.reads(layers))?,
        };
        let (states, packing) = match skipped {
            0 => (states, tokens.packing.clone()),
            skipped => without_first_tokens(tape, &states, &tokens.packing, pooling, skipped)?,
        };
        let pooled = pooling.apply(tape, &states, &packing)?;
        match &self.dense {
            Some(dense) if dense.inputs() != pooled.shape().1 => {
                let (expected, found) = (dense.inputs(), pooled.shape().1);
                Err(Error::config(format!(
                    "the dense layer expects {expected} dimensions, but {pooling} pooling returns {found}: \
                     choose a pooling with the output dimension of the model's own"
                )))
            }
            Some(dense) => dense.forward(tape, &pooled),
            None => Ok(pooled),
        }
    }

    fn recording(&self) -> Tape {
        Tape::recording(self.backend, &self.workspace).with_dtype(self.dtype)
    }
}

/// The rows of each sentence behind its first `skipped` tokens, and where those of a sentence
/// begin.
fn without_first_tokens(
    tape: &mut Tape,
    states: &[TapeTensor],
    packing: &Packing,
    pooling: Pooling,
    skipped: usize,
) -> Result<(Vec<TapeTensor>, Arc<Packing>)> {
    if pooling.weighs_positions() {
        let message = format!(
            "include_prompt is false in the model's pooling configuration, which is not supported \
             with {pooling} pooling; encode with an empty prompt, or choose another pooling"
        );
        return Err(Error::config(message));
    }
    if packing.ranges().any(|range| range.len() <= skipped) {
        let message = "the prompt leaves no token of a text within max_seq_length, and the model \
                     does not pool the prompt (include_prompt is false); choose a shorter prompt";
        return Err(Error::config(message));
    }
    let lengths: Vec<usize> = packing.ranges().map(|range| range.len() - skipped).collect();
    let rows = packing.ranges().flat_map(|range| range.skip(skipped).map(|row| row as u32));
    let rows: Vec<u32> = rows.collect();
    let states = states.iter().map(|state| tape.gather(state, &rows)).collect::<Result<_>>()?;
    Ok((states, Arc::new(Packing::new(lengths, packing.samples().to_vec()))))
}

/// Runs `work` on a thread of the pool: an operation then starts on the thread that asked for
/// it, where one from outside would sleep and be woken around each of hundreds. A training step
/// is 3 to 6 % shorter for it; a single sentence costs more to hand over than it gains.
fn on_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
