//! Encoder, pooling and head: [`see`](Model::see) once, [`twins`](Model::twins) twice.

use crate::encoder::Encoder;
use crate::error::Result;
use crate::nn::{
    Arithmetic, Backend, Gradients, Parameter, Parameters, Spec, Start, Tape, Workspace,
};
use crate::pooling::Pooling;
use crate::tokens::Tokens;
use crate::twins::{Labels, Sight, Twins};
use crate::view::Pass;
use candle_core::{DType, Tensor};

/// A linear classifier of an example: over `u` where it has one text, over `[u; v; |u − v|]`
/// where it has two (Reimers & Gurevych 2019).
#[derive(Debug, Clone)]
pub struct Head {
    weight: Parameter,
    bias: Parameter,
}

impl Head {
    /// What it needs for `classes` classes over `columns` texts of embeddings `width` wide.
    pub fn specs(classes: usize, columns: usize, width: usize) -> Vec<Spec> {
        let inputs = if columns > 1 { 3 * width } else { width };
        let deviation = 1. / (inputs as f64).sqrt();
        vec![
            Spec::weight("head.weight", [classes, inputs], deviation),
            Spec::vector("head.bias", classes, Start::Zeros),
        ]
    }

    /// The head over `parameters`.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(parameters: &Parameters) -> Result<Self> {
        Ok(Self { weight: parameters.get("head.weight")?, bias: parameters.get("head.bias")? })
    }

    /// Class logits, (N, C).
    fn logits(&self, columns: &[Tensor]) -> Result<Tensor> {
        let features = match columns {
            [u, v, ..] => Tensor::cat(&[u, v, &(u - v)?.abs()?], 1)?,
            [u] => u.clone(),
            [] => unreachable!("an example has a text"),
        };
        let weight = self.weight.tensor().to_dtype(features.dtype())?;
        let bias = self.bias.tensor().to_dtype(features.dtype())?;
        Ok(features.matmul(&weight.t()?)?.broadcast_add(&bias)?)
    }
}

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

/// Encoder, pooling and head over one set of parameters.
pub struct Model {
    encoder: Box<dyn Encoder>,
    pooling: Pooling,
    head: Option<Head>,
    parameters: Parameters,
    workspace: Workspace,
    backend: Backend,
    arithmetic: Arithmetic,
}

/// What [`Model::twins`] leaves for [`Model::backward`].
pub struct Trace(Vec<Tape>);

impl Model {
    /// A model without a head over `parameters`.
    pub fn new(encoder: Box<dyn Encoder>, pooling: Pooling, parameters: Parameters) -> Self {
        let (workspace, backend) = (Workspace::default(), Backend::default());
        let arithmetic = Arithmetic::default();
        Self { encoder, pooling, head: None, parameters, workspace, backend, arithmetic }
    }

    /// The same model with a fresh head of `classes` classes over examples of `columns` texts.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_head(self, classes: usize, columns: usize, seed: u64) -> Result<Self> {
        let specs = Head::specs(classes, columns, self.encoder.width());
        let more = Parameters::initial(specs, seed, &candle_core::Device::Cpu)?;
        let parameters = self.parameters.and(more);
        Ok(Self { head: Some(Head::new(&parameters)?), parameters, ..self })
    }

    /// The same model with another pooling.
    #[must_use]
    pub fn with_pooling(self, pooling: Pooling) -> Self {
        Self { pooling, ..self }
    }

    /// The same model computed by another backend.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }

    /// The same model with other arithmetic in its matrix products, where the machine has it
    /// ([`Arithmetic::available`]); its weights stay `f32`.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: Arithmetic) -> Self {
        Self { arithmetic: arithmetic.available(), ..self }
    }

    /// Its encoder.
    pub fn encoder(&self) -> &dyn Encoder {
        &*self.encoder
    }

    /// Its pooling.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Its parameters, the head's among them.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Embeddings of N sentences, (N, D), row-major.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn see(&self, tokens: &Tokens, pass: &Pass) -> Result<Vec<f32>> {
        let tape = Tape::forgetting(self.backend, &self.workspace);
        let mut tape = tape.with_arithmetic(self.arithmetic);
        self.pooling.encode(&*self.encoder, &mut tape, tokens, pass)?.to_vec()
    }

    /// What each pass says of a batch, and the trace to walk back. Losses are formed in f64: an
    /// N × N table costs nothing, and a temperature of 0.05 multiplies rounding by 20.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn twins(&self, batch: &Batch, passes: &[Pass]) -> Result<(Twins, Trace)> {
        let mut tapes = Vec::with_capacity(passes.len());
        let mut sights = Vec::with_capacity(passes.len());
        for pass in passes {
            let tape = Tape::recording(self.backend, &self.workspace);
            let mut tape = tape.with_arithmetic(self.arithmetic);
            let (encoder, tokens) = (&*self.encoder, &batch.tokens);
            let seen = on_pool(|| self.pooling.encode(encoder, &mut tape, tokens, pass))?;
            let embeddings = tape.output(&seen)?.to_dtype(DType::F64)?; // (N·K, D)
            tapes.push(tape);
            let examples = embeddings.dim(0)? / batch.columns;
            let column = |nth| embeddings.narrow(0, nth * examples, examples);
            let columns =
                (0..batch.columns).map(column).collect::<candle_core::Result<Vec<_>>>()?;
            let classified = matches!(batch.labels, Labels::Classes(_));
            let head = self.head.as_ref().filter(|_| classified);
            let logits = head.map(|head| head.logits(&columns)).transpose()?;
            sights.push(Sight { columns, logits, ..Sight::default() });
        }
        let mut sights = sights.into_iter();
        let first = sights.next().expect("a batch is seen at least once");
        let twins = Twins { first, second: sights.next(), labels: batch.labels.clone() };
        Ok((twins, Trace(tapes)))
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
        on_pool(|| trace.0.into_iter().try_for_each(|tape| tape.backward(&store, gradients)))
    }
}

/// Runs `work` on a thread of the pool: an operation then starts on the thread that asked for
/// it, where one from outside would sleep and be woken around each of hundreds. A training step
/// is 3 to 6 % shorter for it; a single sentence costs more to hand over than it gains.
fn on_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}
