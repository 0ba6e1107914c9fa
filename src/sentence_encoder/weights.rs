//! The tensors of a model: found by the names that its configuration asks for; written whole to
//! `model.safetensors`, in f32 or with its matrices in 8-bit integers.

use crate::encoder::Architecture;
use crate::error::{Error, Result};
use crate::io;
use crate::io::tensors::{TensorFile, write_tensors};
use crate::nn::{ParamSpec, Parameters, quantize_weights};
use candle_core::{Device, Tensor};
use safetensors::Dtype;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The tensors of a model.
pub struct ModelWeights(TensorFile);

impl ModelWeights {
    /// The tensors of one file.
    ///
    /// # Errors
    /// As [`TensorFile::open`].
    pub fn open(path: &Path) -> Result<Self> {
        TensorFile::open(path).map(Self)
    }

    /// The tensors of a model's directory.
    ///
    /// # Errors
    /// As [`TensorFile::in_directory`].
    pub fn in_directory(directory: &Path) -> Result<Self> {
        TensorFile::in_directory(directory).map(Self)
    }

    /// The file, or the index of several.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The parameters that `architecture` names, and every other floating-point tensor of the model (an
    /// untrained pooler, say), to be saved as it was.
    ///
    /// # Errors
    /// Where a tensor is missing, or of another shape or kind than the configuration says.
    pub fn parameters(
        &self,
        architecture: &Architecture,
    ) -> Result<(Parameters, BTreeMap<String, Tensor>)> {
        let wrong = |message: String| Error::model(self.path(), message);
        let specs = architecture.specs();
        let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        let spelled = |name: &str| {
            [Some(name.to_string()), architecture.older_name(name)].into_iter().flatten()
        };
        let known: BTreeSet<String> = names.iter().flat_map(|name| spelled(name)).collect();
        let prefix = prefix(&self.0, &specs, &known);
        let place = |name: &str| {
            let mut spelled = spelled(name).map(|name| format!("{prefix}{name}"));
            spelled.find(|name| self.0.shape(name).is_some())
        };
        let own = |name: &str| {
            let name = name.strip_prefix(&prefix)?;
            Some(name.strip_suffix(SCALE).unwrap_or(name).to_string())
        };
        let unused = || {
            self.0.names().filter(|name| !own(name).is_some_and(|name| known.contains(&name)))
        };
        let missing: Vec<&String> = names.iter().filter(|name| place(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(wrong(lack(&missing, &unused().collect::<Vec<_>>())));
        }
        let parameters = Parameters::build(specs, &Device::Cpu, |spec| {
            let name = &place(&spec.name).expect("none is missing");
            let shape = self.0.shape(name).unwrap_or_default();
            if shape != spec.shape {
                return Err(wrong(format!(
                    "tensor {} has shape {shape:?}, expected {:?} from config.json",
                    spec.name, spec.shape
                )));
            }
            let mut values = self.0.numbers(name)?;
            if self.0.dtype(name) == Some(Dtype::I8) {
                let scales = &format!("{name}{SCALE}");
                if spec.shape.len() != 2 || self.0.shape(scales) != Some(&[spec.shape[0], 1]) {
                    let message =
                        format!("tensor {} is I8 without one scale per row", spec.name);
                    return Err(wrong(message));
                }
                let rows = values.chunks_exact_mut(spec.shape[1]);
                for (row, scale) in rows.zip(self.0.numbers(scales)?) {
                    row.iter_mut().for_each(|x| *x *= scale);
                }
            }
            Ok(values)
        })?;
        let mut others = BTreeMap::new();
        for name in unused() {
            if let Some(own) = own(name).filter(|_| self.0.dtype(name).is_some_and(is_float)) {
                let shape = self.0.shape(name).unwrap_or_default();
                let tensor = Tensor::from_vec(self.0.numbers(name)?, shape, &Device::Cpu)?;
                others.insert(own, tensor);
            }
        }
        Ok((parameters, others))
    }

    /// The tensor called `name`, where there is one of that shape.
    ///
    /// # Errors
    /// Where it is no tensor of finite numbers.
    pub fn maybe(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>> {
        match self.0.shape(name) {
            Some(found) if found == shape => self.0.numbers(name).map(Some),
            _ => Ok(None),
        }
    }
}

/// What is missing, and what the file has instead.
fn lack(missing: &[&String], unused: &[&str]) -> String {
    const SHOWN: usize = 3;
    let others = match missing.len() - 1 {
        0 => String::new(),
        count => format!(", and so are {count} others that config.json requires"),
    };
    let instead = match unused {
        [] => "the file has no unused tensors".to_string(),
        _ => {
            let more = match unused.len().saturating_sub(SHOWN) {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            format!(
                "unused tensors in the file: {}{more}",
                unused[..unused.len().min(SHOWN)].join(", ")
            )
        }
    };
    format!("tensor {} is missing{others}; {instead}", missing[0])
}

/// Writes tensors as older readers want them: f32, names sorted, `format: pt`.
///
/// # Errors
/// Where the file cannot be written; an older one is then untouched.
pub fn save(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    save_int8(path, tensors, |_| false)
}

/// The same with the matrices that `rounds` names in 8-bit integers, and beside each `NAME_scale`,
/// what one unit of each of its rows is: compressed-tensors' `int-quantized`.
///
/// # Errors
/// As [`save`].
pub fn save_int8(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    rounds: impl Fn(&str) -> bool,
) -> Result<()> {
    let mut stored = BTreeMap::new();
    for (name, tensor) in tensors {
        if rounds(name) {
            let (matrix, scales) = StoredTensor::int8(tensor)?;
            stored.insert(name.clone(), matrix);
            stored.insert(format!("{name}{SCALE}"), scales);
        } else {
            stored.insert(name.clone(), StoredTensor::Single(tensor.clone()));
        }
    }
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    io::replace(path, |file| write_tensors(file, stored, Some(metadata)))
}

/// The same with one more tensor, of indices in 64-bit integers.
///
/// # Errors
/// As [`save`].
pub fn save_with_indices(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    (name, indices): (&str, &[u32]),
) -> Result<()> {
    let single = |(name, tensor): (&String, &Tensor)| {
        (name.clone(), StoredTensor::Single(tensor.clone()))
    };
    let mut stored: BTreeMap<String, StoredTensor> = tensors.iter().map(single).collect();
    let bytes = indices.iter().flat_map(|&index| i64::from(index).to_le_bytes()).collect();
    stored.insert(name.into(), StoredTensor::Indices { shape: [indices.len()], bytes });
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    io::replace(path, |file| write_tensors(file, stored, Some(metadata)))
}

/// What follows the name of a matrix of integers in that of its scales.
const SCALE: &str = "_scale";

/// A tensor as it lies in the file.
enum StoredTensor {
    Single(Tensor),
    Indices { shape: [usize; 1], bytes: Vec<u8> },
    Int8 { shape: Vec<usize>, bytes: Vec<u8> },
}

/// A model's tensors are f32 on the CPU.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    values.expect("a model's tensors are f32 on the CPU")
}

impl StoredTensor {
    /// `round(x / scale)`, as [`ComputeDtype::Int8`] rounds the weights of an output, so that a
    /// quantized copy computes the same bits; and the scales, (rows, 1).
    ///
    /// [`ComputeDtype::Int8`]: crate::nn::ComputeDtype::Int8
    fn int8(matrix: &Tensor) -> Result<(Self, Self)> {
        let (rows, width) = matrix.dims2()?;
        let (mut bytes, mut scales) = (Vec::with_capacity(rows * width), Vec::new());
        let mut rounded = vec![0f32; width];
        for row in numbers(matrix).chunks_exact(width) {
            scales.push(quantize_weights(row, &mut rounded));
            bytes.extend(rounded.iter().map(|&x| x as i8 as u8));
        }
        let scales = Tensor::from_vec(scales, (rows, 1), &Device::Cpu)?;
        Ok((Self::Int8 { shape: vec![rows, width], bytes }, Self::Single(scales)))
    }
}

impl safetensors::View for StoredTensor {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Single(_) => Dtype::F32,
            Self::Indices { .. } => Dtype::I64,
            Self::Int8 { .. } => Dtype::I8,
        }
    }
    fn shape(&self) -> &[usize] {
        match self {
            Self::Single(tensor) => tensor.dims(),
            Self::Indices { shape, .. } => shape,
            Self::Int8 { shape, .. } => shape,
        }
    }
    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Single(tensor) => io::bytes(&numbers(tensor)).into(),
            Self::Indices { bytes, .. } | Self::Int8 { bytes, .. } => bytes.into(),
        }
    }
    fn data_len(&self) -> usize {
        match self {
            Self::Single(tensor) => tensor.elem_count() * 4,
            Self::Indices { bytes, .. } | Self::Int8 { bytes, .. } => bytes.len(),
        }
    }
}

/// What stands before every name (`bert.` in a model saved with its head): of all that stands
/// before the first table, what the most tensors are found behind, the shortest of equals.
fn prefix(file: &TensorFile, specs: &[ParamSpec], names: &BTreeSet<String>) -> String {
    let table = specs.iter().find(|spec| spec.table).map_or("", |spec| spec.name.as_str());
    let found = |prefix: &str| {
        names.iter().filter(|name| file.shape(&format!("{prefix}{name}")).is_some()).count()
    };
    let prefixes = file.names().filter_map(|name| name.strip_suffix(table));
    let best = prefixes.min_by_key(|prefix| (Reverse(found(prefix)), prefix.len()));
    best.unwrap_or("").to_string()
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64)
}
