//! Named trainable tensors, sorted by name so that every walk over them has one order.

use super::kernels::gemm::{Cache, ComputeDtype, Matrix, Packed, self_test};
use super::kernels::isa::check_isa;
use crate::error::{Error, ErrorKind, Result};
use crate::random::{RngKey, RngSite};
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Storage, Tensor, Var};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The value a parameter has before any training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Normal with this standard deviation.
    Normal(f64),
    /// All ones (LayerNorm's weight).
    Ones,
    /// All zeros (biases).
    Zeros,
}

/// The specification of a tensor: name, shape and initialisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Its name in `model.safetensors`.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// Its value in a model that starts from nothing.
    pub start: Init,
    /// Whether weight decay applies (not to biases and LayerNorm).
    pub decays: bool,
    /// Whether its true gradient is zero whatever the loss (attention's key bias shifts every
    /// score of a query alike, and softmax does not see that).
    pub unseen: bool,
    /// Whether its rows are looked up, not multiplied by (an embedding table).
    pub table: bool,
}

impl ParamSpec {
    /// A matrix that starts normal and decays.
    pub fn weight(name: impl Into<String>, shape: [usize; 2], deviation: f64) -> Self {
        let (start, shape) = (Init::Normal(deviation), shape.into());
        Self { name: name.into(), shape, start, decays: true, unseen: false, table: false }
    }

    /// The same, for rows that are looked up.
    pub fn table(name: impl Into<String>, shape: [usize; 2], deviation: f64) -> Self {
        Self { table: true, ..Self::weight(name, shape, deviation) }
    }

    /// A vector that starts at zero or one and does not decay.
    pub fn vector(name: impl Into<String>, len: usize, start: Init) -> Self {
        let shape = vec![len];
        Self { name: name.into(), shape, start, decays: false, unseen: false, table: false }
    }
}

/// A handle on one tensor of a [`Parameters`]. Cloning shares the tensor.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub(super) id: usize,
    spec: Arc<ParamSpec>,
    var: Var,
    /// The matrix packed for products: transposed (forward) or as it is (backward).
    cache: Arc<Cache>,
}

impl Parameter {
    /// Its name in `model.safetensors`.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its specification.
    pub fn spec(&self) -> &ParamSpec {
        &self.spec
    }

    /// The tensor, connected to candle's graph.
    pub fn tensor(&self) -> &Tensor {
        self.var.as_tensor()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.var.elem_count()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs `read` on the values, row-major. CPU only.
    ///
    /// # Errors
    /// Where the tensor is on another device.
    pub fn with<R>(&self, read: impl FnOnce(&[f32]) -> R) -> Result<R> {
        let (storage, layout) = self.var.storage_and_layout();
        match &*storage {
            Storage::Cpu(cpu) => {
                let values = cpu.as_slice::<f32>()?;
                Ok(read(&values[layout.start_offset()..][..layout.shape().elem_count()]))
            }
            _ => Err(Error::new(
                ErrorKind::Internal,
                format!("{} is not on the CPU", self.name()),
            )),
        }
    }

    /// Runs `write` on the values in place. CPU only.
    ///
    /// # Errors
    /// Where the tensor is on another device.
    pub fn update(&self, write: impl FnOnce(&mut [f32])) -> Result<()> {
        self.var.inplace_op1(&Update(Cell::new(Some(write))))?;
        self.cache.forget();
        Ok(())
    }

    /// Its transpose packed for products: a weight of more than two dimensions counts as (O, I).
    pub(super) fn packed(&self, dtype: ComputeDtype) -> Result<Arc<Packed>> {
        let outputs = self.spec.shape[0];
        let inputs = self.len() / outputs.max(1);
        self.with(|values| {
            self.cache.packed(dtype, inputs, outputs, Matrix::columns(values, inputs))
        })
    }

    /// For products with it.
    pub(super) fn cache(&self) -> &Cache {
        &self.cache
    }
}

/// candle's door to a tensor's memory.
struct Update<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Update<F> {
    fn name(&self) -> &'static str {
        "update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(values) = storage else { candle_core::bail!("parameters are f32") };
        let start = layout.start_offset();
        if let Some(write) = self.0.take() {
            write(&mut values[start..start + layout.shape().elem_count()]);
        }
        Ok(())
    }
}

/// A value depends on the seed and the name of its tensor, not on what else there is.
fn starting_values(spec: &ParamSpec, seed: u64) -> Vec<f32> {
    let len = spec.shape.iter().product();
    match spec.start {
        Init::Ones => vec![1.; len],
        Init::Zeros => vec![0.; len],
        Init::Normal(deviation) => {
            let root = RngKey::new(seed).fold_in(RngSite::Initial as u64);
            let address = spec.name.bytes().fold(root, |key, byte| key.fold_in(byte.into()));
            let mut draws = address.rng();
            (0..len).map(|_| (draws.normal() * deviation) as f32).collect()
        }
    }
}

/// Every trainable tensor of a model, by name.
#[derive(Debug, Clone)]
pub struct Parameters(Vec<Parameter>);

impl Parameters {
    /// Tensors at their starting values; a value depends on `seed` and its tensor's name only.
    ///
    /// # Errors
    /// Where the device cannot hold them.
    pub fn initial(specs: Vec<ParamSpec>, seed: u64, device: &Device) -> Result<Self> {
        Self::build(specs, device, |spec| Ok(starting_values(spec, seed)))
    }

    /// Tensors with the numbers that `load` gives, row-major.
    ///
    /// # Errors
    /// What `load` says, another count of numbers than the shape holds, or an unknown value of
    /// `TWINDROP_MAX_CPU_ISA`.
    pub fn build(
        mut specs: Vec<ParamSpec>,
        device: &Device,
        mut load: impl FnMut(&ParamSpec) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        check_isa()?;
        self_test();
        specs.sort_by(|a, b| a.name.cmp(&b.name));
        let parameters = specs.into_iter().enumerate().map(|(id, spec)| {
            let var = Var::from_vec(load(&spec)?, &spec.shape[..], device)?;
            let spec = Arc::new(spec);
            Ok(Parameter { id, spec, var, cache: Arc::default() })
        });
        parameters.collect::<Result<_>>().map(Self)
    }

    /// The same tensors and those of `more`, which take the place of any of the same name.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        for parameter in more.0 {
            let count = self.0.len();
            match self.0.iter_mut().find(|own| own.name() == parameter.name()) {
                Some(own) => *own = Parameter { id: own.id, ..parameter },
                None => self.0.push(Parameter { id: count, ..parameter }),
            }
        }
        self.0.sort_by(|a, b| a.name().cmp(b.name()));
        self
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get(&self, name: &str) -> Result<Parameter> {
        let found = self.0.binary_search_by(|p| p.name().cmp(name));
        found
            .map(|i| self.0[i].clone())
            .map_err(|_| Error::new(ErrorKind::Internal, format!("no parameter named {name}")))
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Parameter> {
        self.0.iter()
    }

    /// How many tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tensors by name, for saving.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.0.iter().map(|p| (p.name().to_string(), p.tensor().clone())).collect()
    }

    /// A copy of every value, to go back to with [`restore`](Self::restore).
    ///
    /// # Errors
    /// Where a tensor is not on the CPU.
    pub fn snapshot(&self) -> Result<Vec<Vec<f32>>> {
        self.0.iter().map(|p| p.with(<[f32]>::to_vec)).collect()
    }

    /// Puts back what [`snapshot`](Self::snapshot) copied.
    ///
    /// # Errors
    /// Where a tensor is not on the CPU.
    pub fn restore(&self, snapshot: &[Vec<f32>]) -> Result<()> {
        for (parameter, values) in self.0.iter().zip(snapshot) {
            parameter.update(|now| now.copy_from_slice(values))?;
        }
        Ok(())
    }
}
