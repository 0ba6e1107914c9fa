//! The tape: what a forward pass records, and the backward pass over it.
//!
//! Driving the backward pass through candle's graph zero-fills and adds on every edge, and its
//! custom operations take three tensors at most; so an encoder keeps its own tape, and hands
//! its outputs to candle as leaves ([`Tape::output`]) and their gradients back
//! ([`Tape::backward`]).

use super::gradients::Gradients;
use super::kernels::gemm::ComputeDtype;
use super::probe::Probe;
use super::workspace::{Buffer, Workspace};
use crate::error::Result;
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use std::sync::Arc;

/// Which implementation of the operations a tape uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backend {
    /// One CPU kernel an operation, forward and backward.
    #[default]
    Fused,
    /// candle's operations and candle's graph: any device, slower, and the tests' oracle.
    Composed,
}

/// A matrix on a tape. Cloning shares it.
#[derive(Debug, Clone)]
pub struct TapeTensor {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) data: Data,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Fused { node: usize, buffer: Arc<Buffer> },
    Composed(Tensor),
}

impl TapeTensor {
    pub(super) fn composed(tensor: Tensor) -> Result<Self> {
        let (rows, cols) = tensor.dims2()?;
        Ok(Self { rows, cols, data: Data::Composed(tensor) })
    }

    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The numbers, row-major.
    ///
    /// # Errors
    /// Where candle cannot read them.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        match &self.data {
            Data::Fused { buffer, .. } => Ok(buffer.to_vec()),
            Data::Composed(tensor) => Ok(tensor.flatten_all()?.to_vec1()?),
        }
    }

    /// The numbers of a fused value.
    pub(super) fn slice(&self) -> &[f32] {
        match &self.data {
            Data::Fused { buffer, .. } => buffer,
            Data::Composed(_) => unreachable!("a tape has one backend"),
        }
    }

    /// The same place on the tape without its numbers: all that who sends a gradient back, and
    /// reads nothing, must keep.
    pub(super) fn place(&self) -> Self {
        let data = match &self.data {
            Data::Fused { node, .. } => {
                Data::Fused { node: *node, buffer: Arc::new(Buffer::empty()) }
            }
            Data::Composed(tensor) => Data::Composed(tensor.clone()),
        };
        Self { data, ..*self }
    }

    fn node(&self) -> usize {
        match &self.data {
            Data::Fused { node, .. } => *node,
            Data::Composed(_) => unreachable!("a tape has one backend"),
        }
    }
}

/// What an operation must remember to send a gradient back.
pub(super) trait Backward: Send {
    /// Takes the gradient of the operation's result and adds to those of its arguments.
    fn backward(&self, gradient: Buffer, sweep: &mut BackwardSweep) -> Result<()>;
}

/// A recording of the operations of one forward pass.
pub struct Tape {
    pub(super) backend: Backend,
    pub(super) dtype: ComputeDtype,
    workspace: Workspace,
    recording: bool,
    nodes: Vec<Box<dyn Backward>>,
    outputs: Vec<(usize, Var)>,
    /// Where composed probes find their gradients.
    pub(super) probes: Vec<(Probe, Var)>,
}

impl Tape {
    /// A tape that remembers what [`backward`](Self::backward) needs.
    pub fn recording(backend: Backend, workspace: &Workspace) -> Self {
        Self {
            backend,
            dtype: ComputeDtype::default(),
            workspace: workspace.clone(),
            recording: true,
            nodes: Vec::new(),
            outputs: Vec::new(),
            probes: Vec::new(),
        }
    }

    /// A tape that forgets: every value is freed when its last user drops it.
    pub fn inference(backend: Backend, workspace: &Workspace) -> Self {
        Self { recording: false, ..Self::recording(backend, workspace) }
    }

    /// The same tape with another dtype in its matrix products (fused only).
    #[must_use]
    pub fn with_dtype(self, dtype: ComputeDtype) -> Self {
        let whole = self.recording && dtype == ComputeDtype::Int8;
        Self { dtype: if whole { ComputeDtype::F32 } else { dtype }, ..self }
    }

    pub(super) fn buffer(&self, len: usize) -> Buffer {
        self.workspace.take(len)
    }

    /// Puts a result on the tape; `remember` is called only where a backward pass will follow.
    pub(super) fn push<B: Backward + 'static>(
        &mut self,
        (rows, cols): (usize, usize),
        buffer: Buffer,
        remember: impl FnOnce() -> B,
    ) -> TapeTensor {
        let node = self.nodes.len();
        if self.recording {
            self.nodes.push(Box::new(remember()));
        }
        TapeTensor { rows, cols, data: Data::Fused { node, buffer: Arc::new(buffer) } }
    }

    /// Whether gradients will be computed.
    pub(super) fn is_recording(&self) -> bool {
        self.recording
    }

    /// A result on a tape that does not record.
    pub(super) fn unrecorded(
        &self,
        (rows, cols): (usize, usize),
        buffer: Buffer,
    ) -> TapeTensor {
        debug_assert!(!self.recording, "an operation without a backward pass");
        TapeTensor { rows, cols, data: Data::Fused { node: 0, buffer: Arc::new(buffer) } }
    }

    /// Puts a result on the tape that has the numbers of `x`; they are shared.
    pub(super) fn push_again<B: Backward + 'static>(
        &mut self,
        x: &TapeTensor,
        remember: impl FnOnce() -> B,
    ) -> TapeTensor {
        let mut value = x.clone();
        if let Data::Fused { node, .. } = &mut value.data {
            *node = self.nodes.len();
        }
        if self.recording {
            self.nodes.push(Box::new(remember()));
        }
        value
    }

    /// A matrix from outside, row-major: nothing flows back past it.
    ///
    /// # Errors
    /// Where candle cannot hold it.
    pub fn constant(&mut self, shape: (usize, usize), values: &[f32]) -> Result<TapeTensor> {
        if self.backend == Backend::Composed {
            return TapeTensor::composed(Tensor::from_slice(values, shape, &Device::Cpu)?);
        }
        let mut buffer = self.buffer(values.len());
        buffer.copy_from_slice(values);
        Ok(self.push(shape, buffer, || Constant))
    }

    /// `value` as a tensor of candle's graph: a leaf of it where fused.
    ///
    /// # Errors
    /// Where candle cannot hold it.
    pub fn output(&mut self, value: &TapeTensor) -> Result<Tensor> {
        let buffer = match &value.data {
            Data::Composed(tensor) => return Ok(tensor.clone()),
            Data::Fused { buffer, .. } => buffer,
        };
        let tensor = Tensor::from_slice(buffer, value.shape(), &Device::Cpu)?;
        if !self.recording {
            return Ok(tensor);
        }
        let leaf = Var::from_tensor(&tensor)?;
        self.outputs.push((value.node(), leaf.clone()));
        Ok(leaf.into_inner())
    }

    /// Walks back from the gradients that candle left at the outputs, adding to `gradients`.
    /// Each operation's memory is freed once the backward pass has used it.
    ///
    /// # Errors
    /// Where a gradient cannot be read.
    pub fn backward(mut self, store: &GradStore, gradients: &mut Gradients) -> Result<()> {
        let flows = self.nodes.iter().map(|_| None).collect();
        let (dtype, workspace) = (self.dtype, &self.workspace);
        let mut sweep = BackwardSweep { flows, gradients, dtype, workspace };
        for (probe, leaf) in &self.probes {
            if let Some(tensor) = store.get(leaf.as_tensor()) {
                probe.put(tensor.flatten_all()?.to_vec1()?);
            }
        }
        for (node, leaf) in &self.outputs {
            let Some(tensor) = store.get(leaf.as_tensor()) else { continue };
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let mut buffer = self.workspace.take(values.len());
            buffer.copy_from_slice(&values);
            sweep.add_at(*node, buffer);
        }
        while let Some(node) = self.nodes.pop() {
            if let Some(flow) = sweep.flows[self.nodes.len()].take() {
                node.backward(flow, &mut sweep)?;
            }
        }
        Ok(())
    }
}

struct Constant;

impl Backward for Constant {
    fn backward(&self, _: Buffer, _: &mut BackwardSweep) -> Result<()> {
        Ok(())
    }
}

/// The state of a backward pass: the gradient accumulated at each value so far.
pub(super) struct BackwardSweep<'a> {
    flows: Vec<Option<Buffer>>,
    pub(super) gradients: &'a mut Gradients,
    pub(super) dtype: ComputeDtype,
    workspace: &'a Workspace,
}

impl BackwardSweep<'_> {
    pub(super) fn buffer(&self, len: usize) -> Buffer {
        self.workspace.take(len)
    }

    /// Adds to the gradient of `value`; the first to arrive is moved, not added.
    pub(super) fn add(&mut self, value: &TapeTensor, gradient: Buffer) {
        self.add_at(value.node(), gradient);
    }

    fn add_at(&mut self, node: usize, gradient: Buffer) {
        match &mut self.flows[node] {
            Some(sum) => super::kernels::elementwise::add(sum, &gradient),
            empty => *empty = Some(gradient),
        }
    }

    /// The gradient of `value` so far, to be added to and [`put`](Self::put) back, and whether
    /// there is one (if not, its content is unspecified).
    pub(super) fn open(&mut self, value: &TapeTensor) -> (Buffer, bool) {
        match self.flows[value.node()].take() {
            Some(sum) => (sum, true),
            None => (self.buffer(value.rows * value.cols), false),
        }
    }

    /// Puts back what [`open`](Self::open) gave.
    pub(super) fn put(&mut self, value: &TapeTensor, gradient: Buffer) {
        self.flows[value.node()] = Some(gradient);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::parameters::{ParamSpec, Parameter, Parameters};
    use super::*;

    /// A parameter as a value, so that a test can ask for the gradient of an input.
    struct Leaf(Parameter);

    impl Backward for Leaf {
        fn backward(&self, gradient: Buffer, sweep: &mut BackwardSweep) -> Result<()> {
            let (sum, occupied) = sweep.gradients.dense(&self.0);
            for (sum, x) in sum.iter_mut().zip(gradient.iter()) {
                *sum = if occupied { *sum + x } else { *x };
            }
            Ok(())
        }
    }

    impl Tape {
        /// A matrix whose gradient a test reads.
        pub fn leaf(&mut self, parameter: &Parameter) -> TapeTensor {
            match self.backend {
                Backend::Composed => TapeTensor::composed(parameter.tensor().clone()).unwrap(),
                Backend::Fused => {
                    let (rows, cols) = parameter.tensor().dims2().unwrap();
                    let mut buffer = self.buffer(rows * cols);
                    parameter.with(|values| buffer.copy_from_slice(values)).unwrap();
                    self.push((rows, cols), buffer, || Leaf(parameter.clone()))
                }
            }
        }
    }

    /// Runs `forward` under both backends on parameters of the given shapes, with a fixed
    /// random functional of the result as the loss; asks that results and all gradients agree.
    pub fn assert_agree(
        shapes: &[(&str, Vec<usize>)],
        tolerance: f32,
        forward: impl Fn(&mut Tape, &Parameters) -> Result<TapeTensor>,
    ) {
        let specs = shapes.iter().map(|(name, shape)| match shape[..] {
            [len] => ParamSpec {
                start: super::super::Init::Normal(1.),
                ..ParamSpec::vector(*name, len, super::super::Init::Zeros)
            },
            [rows, cols] => ParamSpec::weight(*name, [rows, cols], 1.),
            _ => unreachable!(),
        });
        assert_agree_from(specs.collect(), tolerance, forward);
    }

    /// The same from parameters that start as they say.
    pub fn assert_agree_from(
        specs: Vec<ParamSpec>,
        tolerance: f32,
        forward: impl Fn(&mut Tape, &Parameters) -> Result<TapeTensor>,
    ) {
        let parameters = Parameters::initial(specs, 7, &Device::Cpu).unwrap();
        let run = |backend| {
            let mut tape = Tape::recording(backend, &Workspace::default());
            let value = forward(&mut tape, &parameters).unwrap();
            let result = value.to_vec().unwrap();
            let mut draws = crate::random::RngKey::new(5).rng();
            let probe: Vec<f32> = result.iter().map(|_| draws.normal() as f32).collect();
            let probe = Tensor::from_vec(probe, value.shape(), &Device::Cpu).unwrap();
            let loss = (tape.output(&value).unwrap() * probe).unwrap().sum_all().unwrap();
            let store = loss.backward().unwrap();
            let mut gradients = Gradients::new(&parameters);
            gradients.absorb(&parameters, &store).unwrap();
            tape.backward(&store, &mut gradients).unwrap();
            let gradients: Vec<_> = parameters
                .iter()
                .map(|p| {
                    gradients.get(p).unwrap_or_else(|| panic!("{} is cut", p.name())).to_dense()
                })
                .collect();
            (result, gradients)
        };
        let ((fused, fused_gradients), (composed, composed_gradients)) =
            (run(Backend::Fused), run(Backend::Composed));
        assert_close("result", &fused, &composed, tolerance);
        for ((p, a), b) in parameters.iter().zip(&fused_gradients).zip(&composed_gradients) {
            assert_close(p.name(), a, b, tolerance);
        }
    }

    fn assert_close(what: &str, a: &[f32], b: &[f32], tolerance: f32) {
        assert_eq!(a.len(), b.len(), "{what}");
        let scale = b.iter().fold(1f32, |m, x| m.max(x.abs()));
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a} against {b}");
        }
    }
}
