//! `model.safetensors`: mapped, checked, converted to f32; written whole.

use crate::disk;
use crate::error::{Error, Result};
use crate::nn::{Parameters, Spec};
use candle_core::{Device, Tensor};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
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
        let parameters = Parameters::build(specs, |spec| {
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
            self.tensor(&spec.name, &view)
        })?;
        let mut others = BTreeMap::new();
        for (name, view) in tensors.iter() {
            let Some(name) = name.strip_prefix(&prefix) else { continue };
            let known = names.iter().any(|known| known == name || old_name(known) == name);
            if !known && is_float(view.dtype()) {
                others.insert(name.to_string(), self.tensor(name, &view)?);
            }
        }
        Ok((parameters, others))
    }

    fn tensor(&self, name: &str, view: &TensorView) -> Result<Tensor> {
        let values = to_f32(view).ok_or_else(|| {
            let words =
                format!("tensor {name} is {:?}, expected F32, F16 or BF16", view.dtype());
            Error::model(&self.path, words)
        })?;
        if values.iter().any(|x| !x.is_finite()) {
            let words = format!("tensor {name} holds a number that is not finite");
            return Err(Error::model(&self.path, words));
        }
        Ok(Tensor::from_vec(values, view.shape(), &Device::Cpu)?)
    }
}

/// Writes tensors as older readers want them: f32, names sorted, `format: pt`.
///
/// # Errors
/// Where the file cannot be written; an older one is then untouched.
pub fn save(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let bytes = safetensors::serialize(
        tensors.iter().map(|(name, t)| (name, Plain(t))),
        Some(metadata),
    )
    .map_err(|error| Error::model(path, error))?;
    disk::replace(path, |file| file.write_all(&bytes))
}

/// candle's own view of a tensor.
struct Plain<'a>(&'a Tensor);

impl safetensors::View for Plain<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        self.0.dims()
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let values = self.0.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
        let values = values.expect("a model's tensors are f32 on the CPU");
        values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into()
    }
    fn data_len(&self) -> usize {
        self.0.elem_count() * 4
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
