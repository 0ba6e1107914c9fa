//! Encoder, pooling and heads: [`see`](Model::see) once, [`twins`](Model::twins) twice.

use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::heads::{
    Classifier, ClassifierConfig, Dense, DenseConfig, MaskedHead, Projection, ProjectionConfig,
};
use crate::nn::{
    Backend, ComputeDtype, Gradients, Packing, Parameters, Spec, Tape, Value, Workspace,
};
use crate::noise::Site;
use crate::pooling::Pooling;
use crate::tokens::{Masking, Tokens};
use crate::twins::{Labels, Masked, Sight, Twins};
use crate::view::Pass;
use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// N examples of K texts each, column by column: the first texts of all, then the second …
#[derive(Debug, Clone)]
pub struct Batch {
    /// All texts, packed: N·K sentences.
    pub tokens: Tokens,
    /// K.
    pub columns: usize,
    /// What people say of each example.
    pub labels: Labels,
}

/// What is asked of a batch beside its embeddings.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What the classifier says of each example.
    pub logits: bool,
    /// Which words were masked, in one look more, by this pass.
    pub masking: Option<(Masking, Pass)>,
    /// Look at so many sentences at a time at most, and again on the way back: the gradient of a
    /// large batch in the memory of a small one (GradCache, Gao et al. 2021, arXiv 2101.06983).
    /// Any number from 16 on gives the same bits.
    pub mini_batch: Option<usize>,
}

/// Encoder, pooling and heads over one set of parameters.
pub struct Model {
    encoder: Box<dyn Encoder>,
    pooling: Pooling,
    mixture: Option<Mixture>,
    dense: Option<Dense>,
    classifier: Option<Classifier>,
    projection: Option<Projection>,
    masked: Option<MaskedHead>,
    parameters: Parameters,
    workspace: Workspace,
    backend: Backend,
    dtype: ComputeDtype,
}

/// Token vectors that are a weighted mean of the layers from `start` on (0 is the embedding
/// output): sentence-transformers' `WeightedLayerPooling`, whose weights stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The first layer.
    pub start: usize,
    /// What each layer counts.
    pub weights: Vec<f32>,
}

/// What [`Model::twins`] leaves for [`Model::backward`].
pub struct Trace {
    looks: Vec<Look>,
    masked: Option<Tape>,
}

/// One pass over a batch, on the way back.
enum Look {
    /// Its tape, all of it.
    Whole(Tape),
    /// Where its embeddings entered candle's graph; the tapes are made again, part by part.
    Parts { tokens: Tokens, pass: Pass, embeddings: Var, size: usize },
}

/// A fresh head's parameters.
fn fresh(specs: Vec<Spec>, seed: u64) -> Result<Parameters> {
    Parameters::initial(specs, seed, &Device::Cpu)
}

/// Sentences of a part at most: where parts are cut changes the last bits of a sum, so a larger
/// mini-batch is cut here too, and any size from here on gives the same gradient. Their products
/// have rows enough to run as fast as those of larger parts.
const PART: usize = 16;

/// `0..count` in runs of `size`, or of [`PART`] where that is smaller.
fn parts(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    let size = size.min(PART);
    (0..count).step_by(size).map(move |start| start..count.min(start + size))
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
        }
    }

    /// The same model with a fresh classifier of `classes` classes over examples of `columns`
    /// texts.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_head(self, classes: usize, columns: usize, seed: u64) -> Result<Self> {
        self.with_classifier(ClassifierConfig::default(), classes, columns, seed)
    }

    /// The same model with a fresh classifier of the given shape; one output is a regression.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_classifier(
        self,
        config: ClassifierConfig,
        outputs: usize,
        columns: usize,
        seed: u64,
    ) -> Result<Self> {
        let specs = Classifier::specs(&config, outputs, columns, self.width());
        let parameters = self.parameters.and(fresh(specs, seed)?);
        Ok(Self { classifier: Some(Classifier::new(config, &parameters)?), parameters, ..self })
    }

    /// The same model with a fresh projection, which only training sees.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_projection(self, config: ProjectionConfig, seed: u64) -> Result<Self> {
        let specs = Projection::specs(&config, self.width());
        let parameters = self.parameters.and(fresh(specs, seed)?);
        Ok(Self { projection: Some(Projection::new(config, &parameters)?), parameters, ..self })
    }

    /// The same model with a fresh dense layer after the pooling, which stays.
    ///
    /// # Errors
    /// Where it has one already.
    pub fn with_dense(self, config: DenseConfig, seed: u64) -> Result<Self> {
        if self.dense.is_some() {
            return Err(Error::config("the model has a dense layer already: leave it out"));
        }
        let more = fresh(Dense::specs(&config, self.width()), seed)?;
        self.with_dense_over(config, more)
    }

    /// The same model with the dense layer of `more`, in place of any it has.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn with_dense_over(self, config: DenseConfig, more: Parameters) -> Result<Self> {
        let parameters = self.parameters.and(more);
        Ok(Self { dense: Some(Dense::new(config, &parameters)?), parameters, ..self })
    }

    /// The same model with a fresh head for masked words.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_masked_head(self, seed: u64) -> Result<Self> {
        let words = self.encoder.words();
        let specs = MaskedHead::specs(self.encoder.width(), words);
        let parameters = self.parameters.and(fresh(specs, seed)?);
        let masked = Some(MaskedHead::new(&parameters, words)?);
        Ok(Self { masked, parameters, ..self })
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
    pub fn with_mixture(self, mixture: Mixture) -> Result<Self> {
        let (layers, known) =
            (mixture.start + mixture.weights.len(), self.encoder.layers() + 1);
        let sum: f32 = mixture.weights.iter().sum();
        if layers != known || !sum.is_normal() || !self.pooling.reads_last() {
            return Err(Error::config(format!(
                "layers {}..{layers} weighted, their weights' sum {sum}, under {} pooling: the model \
                 has {known} and mixes them under a pooling of one layer",
                mixture.start, self.pooling
            )));
        }
        Ok(Self { mixture: Some(mixture), ..self })
    }

    /// How its token vectors are mixed, if they are.
    pub fn mixture(&self) -> Option<&Mixture> {
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
    /// What the encoder says.
    pub fn see(&self, tokens: &Tokens, pass: &Pass) -> Result<Vec<f32>> {
        let mut tape = Tape::forgetting(self.backend, &self.workspace);
        tape = tape.with_dtype(self.dtype);
        self.embed(&mut tape, tokens, pass)?.to_vec()
    }

    /// Encoder, pooling, dense layer: → (N, D).
    fn embed(&self, tape: &mut Tape, tokens: &Tokens, pass: &Pass) -> Result<Value> {
        let narrowed = tokens.seen_by(pass);
        let (tokens, pass) = narrowed.as_ref().map_or((tokens, pass), |(t, p)| (t, p));
        let pooling = pass.pooling().unwrap_or(self.pooling);
        let layers = self.encoder.layers();
        let states = match self.mixture.as_ref().filter(|_| pooling.reads_last()) {
            Some(Mixture { start, weights }) => {
                let reads: Vec<usize> = (*start..=layers).collect();
                let states = self.encoder.forward(tape, tokens, pass, &reads)?;
                let sum: f32 = weights.iter().sum();
                let shares: Vec<f32> = weights.iter().map(|weight| weight / sum).collect();
                vec![tape.weighted(&states, &shares)?]
            }
            None => self.encoder.forward(tape, tokens, pass, &pooling.reads(layers))?,
        };
        let pooled = pooling.apply(tape, &states, &tokens.packing)?;
        match &self.dense {
            Some(dense) if dense.inputs() != pooled.shape().1 => {
                let (takes, gives) = (dense.inputs(), pooled.shape().1);
                Err(Error::config(format!(
                    "the dense layer takes {takes} numbers, {pooling} pooling gives {gives}: \
                     choose a pooling as wide as the model's own"
                )))
            }
            Some(dense) => dense.on(tape, &pooled),
            None => Ok(pooled),
        }
    }

    fn recording(&self) -> Tape {
        Tape::recording(self.backend, &self.workspace).with_dtype(self.dtype)
    }

    /// What each pass says of a batch, and the trace to walk back; with logits where the batch
    /// has classes and the model a classifier.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn twins(&self, batch: &Batch, passes: &[Pass]) -> Result<(Twins, Trace)> {
        let classified = matches!(batch.labels, Labels::Classes(_));
        let logits = classified && self.classifier.is_some();
        self.answer(batch, passes, &Ask { logits, ..Ask::default() })
    }

    /// The same with all that is asked for. Losses are formed in f64: an N × N table costs
    /// nothing, and a temperature of 0.05 multiplies rounding by 20.
    ///
    /// # Errors
    /// What the encoder says, and where a head is missing.
    pub fn answer(&self, batch: &Batch, passes: &[Pass], ask: &Ask) -> Result<(Twins, Trace)> {
        let (mut looks, mut sights) = (Vec::new(), Vec::new());
        // a thread takes a look through all layers and waits for nobody while there are others
        let seen: Vec<_> = passes
            .par_iter()
            .map(|pass| match ask.mini_batch {
                Some(size) => self.in_parts(&batch.tokens, pass, size),
                None => self.whole(&batch.tokens, pass),
            })
            .collect();
        for (number, (pass, seen)) in passes.iter().zip(seen).enumerate() {
            let (embeddings, look) = seen?;
            looks.push(look);
            sights.push(self.sight(batch, pass, number, ask.logits, &embeddings)?);
        }
        let mut sights = sights.into_iter();
        let mut first = sights.next().unwrap_or_default();
        let mut masked = None;
        if let Some((masking, pass)) = &ask.masking {
            let (said, tape) = self.masked(&batch.tokens, masking, pass)?;
            (first.masked, masked) = (Some(said), Some(tape));
        }
        let twins = Twins { first, second: sights.next(), labels: batch.labels.clone() };
        Ok((twins, Trace { looks, masked }))
    }

    fn whole(&self, tokens: &Tokens, pass: &Pass) -> Result<(Tensor, Look)> {
        let mut tape = self.recording();
        let seen = self.embed(&mut tape, tokens, pass)?;
        Ok((tape.output(&seen)?, Look::Whole(tape)))
    }

    fn in_parts(&self, tokens: &Tokens, pass: &Pass, size: usize) -> Result<(Tensor, Look)> {
        let sentences = tokens.packing.sentences();
        let rows = parts(sentences, size).map(|part| self.see(&tokens.part(part), pass));
        let rows = rows.collect::<Result<Vec<_>>>()?.concat();
        let embeddings = Var::from_vec(rows, (sentences, self.width()), &Device::Cpu)?;
        let tensor = embeddings.as_tensor().clone();
        Ok((
            tensor,
            Look::Parts { tokens: tokens.clone(), pass: pass.clone(), embeddings, size },
        ))
    }

    /// Embeddings (N·K, D) as one look's columns, and what the heads make of them.
    fn sight(
        &self,
        batch: &Batch,
        pass: &Pass,
        number: usize,
        logits: bool,
        embeddings: &Tensor,
    ) -> Result<Sight> {
        let embeddings = embeddings.to_dtype(DType::F64)?;
        let examples = embeddings.dim(0)? / batch.columns;
        let column = |nth| embeddings.narrow(0, nth * examples, examples);
        let columns =
            (0..batch.columns).map(column).collect::<candle_core::Result<Vec<_>>>()?;
        let classifier = self.classifier.as_ref().filter(|_| logits);
        let logits = classifier.map(|head| {
            let samples = batch.tokens.packing.samples()[..examples].to_vec();
            let packing = Arc::new(Packing::new(vec![1; examples], samples));
            let dropout = pass.dropout(head.config().dropout, 0, Site::Head, &packing);
            let mask = dropout.map(|dropout| dropout.mask(head.inputs(), &Device::Cpu));
            let mask = mask.transpose()?.map(|mask| mask.to_dtype(DType::F64)).transpose()?;
            head.logits(&columns, mask.as_ref())
        });
        let logits = logits.transpose()?;
        let columns = match self.projection.as_ref().filter(|p| p.projects(number)) {
            Some(projection) => {
                columns.iter().map(|x| projection.on(x)).collect::<Result<_>>()?
            }
            None => columns,
        };
        Ok(Sight { columns, logits, masked: None })
    }

    fn masked(
        &self,
        tokens: &Tokens,
        masking: &Masking,
        pass: &Pass,
    ) -> Result<(Masked, Tape)> {
        let head = self.masked.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the model has no head for masked words")
        })?;
        let (tokens, places, targets) = masking.apply(tokens, pass);
        if places.is_empty() {
            let words = "no sentence of the batch has a word to mask; check the data";
            return Err(Error::new(ErrorKind::Data, words));
        }
        let mut tape = self.recording();
        let said = on_pool(|| {
            let last = self.encoder.layers();
            let states = self.encoder.forward(&mut tape, &tokens, pass, &[last])?;
            head.on(&mut tape, &states[0], &places)
        })?;
        let logits = tape.output(&said)?; // (M, V)
        let targets = Tensor::from_vec(targets, places.len(), &Device::Cpu)?;
        Ok((Masked { logits, targets }, tape))
    }

    /// Adds the gradient of `loss` with respect to every parameter to `gradients`.
    ///
    /// # Errors
    /// Where a gradient cannot be computed.
    pub fn backward(
        &self,
        loss: &Tensor,
        trace: Trace,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let store = loss.backward()?;
        gradients.absorb(&self.parameters, &store)?;
        let whole = trace.looks.iter().all(|look| matches!(look, Look::Whole(_)));
        if whole {
            let walk =
                |look, gradients: &mut Gradients| self.walk_back(look, &store, gradients);
            gradients.beside(trace.looks, walk)?;
        } else {
            // parts go there and back; two at once would take each other's packed weights away
            let mut looks = trace.looks.into_iter();
            on_pool(|| looks.try_for_each(|look| self.walk_back(look, &store, gradients)))?;
        }
        on_pool(|| trace.masked.map_or(Ok(()), |tape| tape.backward(&store, gradients)))
    }

    /// Through one look; where it was taken in parts, each is looked at again first. The noise
    /// has addresses, so it is the same look.
    fn walk_back(
        &self,
        look: Look,
        store: &GradStore,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let (tokens, pass, embeddings, size) = match look {
            Look::Whole(tape) => return tape.backward(store, gradients),
            Look::Parts { tokens, pass, embeddings, size } => (tokens, pass, embeddings, size),
        };
        let Some(slope) = store.get(embeddings.as_tensor()) else { return Ok(()) };
        for part in parts(tokens.packing.sentences(), size) {
            let mut tape = self.recording();
            let seen = self.embed(&mut tape, &tokens.part(part.clone()), &pass)?;
            let slope = slope.narrow(0, part.start, part.len())?;
            let store = (tape.output(&seen)? * slope)?.sum_all()?.backward()?;
            gradients.absorb(&self.parameters, &store)?;
            tape.backward(&store, gradients)?;
        }
        Ok(())
    }
}

/// Runs `work` on a thread of the pool: an operation then starts on the thread that asked for
/// it, where one from outside would sleep and be woken around each of hundreds. A training step
/// is 3 to 6 % shorter for it; a single sentence costs more to hand over than it gains.
fn on_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
