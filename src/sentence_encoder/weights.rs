//! `model.safetensors`: mapped, checked, converted to f32; written whole, in f32 or with its
//! matrices in 8-bit integers.

use crate::disk;
use crate::error::{Error, Result};
use crate::nn::{Parameters, Spec};
use candle_core::{Device, Tensor};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A weights file whose header has been checked.
pub struct Weights {
    path: PathBuf,
    map: Mmap,
}

impl Weights {
    /// Maps a safetensors file.
    ///
    /// # Errors
    /// Where it cannot be opened, is cut short, or is not safetensors.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        // SAFETY: the map is read only, and its header is checked before any tensor is read; a
        // file cut short by another process while it is mapped is the one danger that remains.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))?;
        SafeTensors::deserialize(&map).map_err(|error| {
            Error::model(path, format!("not a whole safetensors file ({error})"))
        })?;
        Ok(Self { path: path.into(), map })
    }

    /// The parameters that `specs` name, and every other floating-point tensor of the model (an
    /// untrained pooler, say), to be saved as it was.
    ///
    /// # Errors
    /// Where a tensor is missing, or of another shape or kind than the configuration says.
    pub fn parameters(
        &self,
        specs: Vec<Spec>,
    ) -> Result<(Parameters, BTreeMap<String, Tensor>)> {
        let tensors = SafeTensors::deserialize(&self.map)
            .map_err(|error| Error::model(&self.path, error))?;
        let prefix = prefix(&tensors, &specs);
        let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        let parameters = Parameters::build(specs, &Device::Cpu, |spec| {
            let view = [spec.name.clone(), old_name(&spec.name)]
                .iter()
                .find_map(|name| tensors.tensor(&format!("{prefix}{name}")).ok())
                .ok_or_else(|| {
                    Error::model(&self.path, format!("tensor {} is missing", spec.name))
                })?;
            if view.shape() != spec.shape {
                let words = format!(
                    "tensor {} has shape {:?}, expected {:?} from config.json",
                    spec.name,
                    view.shape(),
                    spec.shape
                );
                return Err(Error::model(&self.path, words));
            }
            let mut values = self.values(&spec.name, &view)?;
            if view.dtype() == Dtype::I8 {
                let scales = tensors.tensor(&format!("{prefix}{}{SCALE}", spec.name)).ok();
                let scales =
                    scales.filter(|s| spec.shape.len() == 2 && s.shape() == [spec.shape[0], 1]);
                let scales = scales.ok_or_else(|| {
                    let words = format!("tensor {} is I8 without a scale a row", spec.name);
                    Error::model(&self.path, words)
                })?;
                let rows = values.chunks_exact_mut(spec.shape[1]);
                for (row, scale) in rows.zip(self.values(SCALE, &scales)?) {
                    row.iter_mut().for_each(|x| *x *= scale);
                }
            }
            Ok(values)
        })?;
        let mut others = BTreeMap::new();
        for (name, view) in tensors.iter() {
            let Some(name) = name.strip_prefix(&prefix) else { continue };
            let name = name.strip_suffix(SCALE).unwrap_or(name);
            let known = names.iter().any(|known| known == name || old_name(known) == name);
            if !known && is_float(view.dtype()) {
                let values = self.values(name, &view)?;
                let tensor = Tensor::from_vec(values, view.shape(), &Device::Cpu)?;
                others.insert(name.to_string(), tensor);
            }
        }
        Ok((parameters, others))
    }

    /// The tensor called `name`, where there is one of that shape.
    ///
    /// # Errors
    /// Where it is no tensor of finite numbers.
    pub fn maybe(&self, name: &str, shape: &[usize]) -> Result<Option<Vec<f32>>> {
        let tensors = SafeTensors::deserialize(&self.map)
            .map_err(|error| Error::model(&self.path, error))?;
        match tensors.tensor(name) {
            Ok(view) if view.shape() == shape => self.values(name, &view).map(Some),
            _ => Ok(None),
        }
    }

    /// The numbers of a tensor; the memory that its part of the map took is given back.
    fn values(&self, name: &str, view: &TensorView) -> Result<Vec<f32>> {
        let values = to_f32(view).ok_or_else(|| {
            let words =
                format!("tensor {name} is {:?}, expected F32, F16, BF16 or I8", view.dtype());
            Error::model(&self.path, words)
        })?;
        if values.iter().any(|x| !x.is_finite()) {
            let words = format!("tensor {name} holds a number that is not finite");
            return Err(Error::model(&self.path, words));
        }
        #[cfg(unix)]
        {
            let start = view.data().as_ptr() as usize - self.map.as_ptr() as usize;
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: pages of a read-only map of a file; whoever reads them again gets the
            // same. It is advice: that it was not taken is no error.
            let _ =
                unsafe { self.map.unchecked_advise_range(advice, start, view.data().len()) };
        }
        Ok(values)
    }
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
            let (matrix, scales) = Stored::int8(tensor)?;
            stored.insert(name.clone(), matrix);
            stored.insert(format!("{name}{SCALE}"), scales);
        } else {
            stored.insert(name.clone(), Stored::Single(tensor.clone()));
        }
    }
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    // tensor by tensor: the whole file at once would cost as much memory as the model
    disk::replace_by(path, |beside| {
        let written = safetensors::serialize_to_file(stored, Some(metadata), beside);
        written.map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            other => io::Error::other(other),
        })
    })
}

/// What follows the name of a matrix of integers in that of its scales.
const SCALE: &str = "_scale";

/// A tensor as it lies in the file.
enum Stored {
    Single(Tensor),
    Int8 { shape: Vec<usize>, bytes: Vec<u8> },
}

/// A model's tensors are f32 on the CPU.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    values.expect("a model's tensors are f32 on the CPU")
}

impl Stored {
    /// `round(x / scale)` with the largest number of a row at ±127, as [`Arithmetic::Int8`]
    /// rounds; and the scales, (rows, 1).
    ///
    /// [`Arithmetic::Int8`]: crate::nn::Arithmetic::Int8
    fn int8(matrix: &Tensor) -> Result<(Self, Self)> {
        let (rows, width) = matrix.dims2()?;
        let (mut bytes, mut scales) = (Vec::with_capacity(rows * width), Vec::new());
        for row in numbers(matrix).chunks_exact(width) {
            let scale = row.iter().fold(0f32, |most, x| most.max(x.abs())) / 127.;
            let inverse = if scale > 0. { 1. / scale } else { 0. };
            bytes.extend(row.iter().map(|x| (x * inverse).round_ties_even() as i8 as u8));
            scales.push(scale);
        }
        let scales = Tensor::from_vec(scales, (rows, 1), &Device::Cpu)?;
        Ok((Self::Int8 { shape: vec![rows, width], bytes }, Self::Single(scales)))
    }
}

impl safetensors::View for Stored {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Single(_) => Dtype::F32,
            Self::Int8 { .. } => Dtype::I8,
        }
    }
    fn shape(&self) -> &[usize] {
        match self {
            Self::Single(tensor) => tensor.dims(),
            Self::Int8 { shape, .. } => shape,
        }
    }
    fn data(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Single(tensor) => {
                numbers(tensor).iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into()
            }
            Self::Int8 { bytes, .. } => bytes.into(),
        }
    }
    fn data_len(&self) -> usize {
        match self {
            Self::Single(tensor) => tensor.elem_count() * 4,
            Self::Int8 { bytes, .. } => bytes.len(),
        }
    }
}

/// What stands before every name (`bert.` in a model saved with its head).
fn prefix(tensors: &SafeTensors, specs: &[Spec]) -> String {
    let word = specs.iter().find(|spec| spec.name.ends_with("word_embeddings.weight"));
    let word = word.map_or("", |spec| spec.name.as_str());
    let mut names: Vec<&str> = tensors.names().into_iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    names.into_iter().find_map(|name| name.strip_suffix(word)).unwrap_or("").to_string()
}

/// LayerNorm as TensorFlow checkpoints call it.
fn old_name(name: &str) -> String {
    name.replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta")
}

fn is_float(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16)
}

fn to_f32(view: &TensorView) -> Option<Vec<f32>> {
    let bytes = view.data();
    let wide = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
    Some(match view.dtype() {
        Dtype::F32 => bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect(),
        Dtype::BF16 => bytes
            .chunks_exact(2)
            .map(|two| f32::from_bits(u32::from(wide(two)) << 16))
            .collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|two| half(wide(two))).collect(),
        Dtype::I8 => bytes.iter().map(|&x| f32::from(x as i8)).collect(),
        _ => return None,
    })
}

/// IEEE half precision to single: sign, exponent and mantissa moved to their wider places.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1. } else { 1. };
    let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => mantissa * 2f32.powi(-24),
        31 if mantissa == 0. => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024. + mantissa) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_of_known_numbers() {
        for (bits, value) in
            [(0x3c00, 1.), (0xc000, -2.), (0x3555, 0.333_251_95), (1, 5.960_464_5e-8)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
