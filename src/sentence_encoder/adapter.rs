//! PEFT's LoRA: small matrices A and B beside the weights of a base model, merged into them as
//! `W + s·B·A` with `s = α/r`, or `α/√r` for rank-stabilized LoRA.

use super::json::read_json;
use super::known_keys::{self, ADAPTER};
use crate::error::{Error, Result};
use crate::hub;
use crate::io::tensors::TensorFile;
use crate::nn::Parameters;
use candle_core::{Device, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const CONFIG: &str = "adapter_config.json";
const FILES: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

/// An adapter in a directory, and the base model it belongs to.
pub(super) struct Adapter {
    file: TensorFile,
    scale: f32,
    /// The directory of the base model.
    pub base: PathBuf,
}

/// A pair of matrices: A (r, I) and B (O, r), by their names.
struct LoraPair<'f> {
    /// The name of the weight without `.weight`.
    module: &'f str,
    a: &'f str,
    b: String,
    /// Of a table, whose rows are looked up: the product is transposed.
    is_table: bool,
}

impl Adapter {
    /// Whether `dir` holds an adapter instead of a model.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(CONFIG).is_file() && !dir.join("config.json").is_file()
    }

    /// The adapter in `dir`, whose base model must be at hand.
    pub fn open(dir: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let path = dir.join(CONFIG);
        let config = read_json(&path)?;
        let kind = config["peft_type"].as_str().unwrap_or("unknown");
        let base = config["base_model_name_or_path"].as_str().unwrap_or("");
        let wrong = |message: String| Error::model(&path, message);
        let merge =
            "merge it into that model first (PEFT's merge_and_unload), and save the result";
        if kind != "LORA" {
            return Err(wrong(format!(
                "this is a PEFT adapter of type {kind} for {base}, which is not supported; {merge}"
            )));
        }
        known_keys::check(&path, &config, &[&ADAPTER], notes)?;
        let scale = scale(&config).ok_or_else(|| {
            wrong("r and lora_alpha must be numbers, r a whole one above 0".into())
        })?;
        let home = resolve(dir, base).map_err(|error| {
            wrong(format!(
                "this is a LoRA adapter of {base:?}, which was not found: {merge} ({error})"
            ))
        })?;
        if Self::is_in(&home) || !home.join("config.json").is_file() {
            return Err(wrong(format!(
                "this is a LoRA adapter of {base:?}, and {} is no model itself; {merge}",
                home.display()
            )));
        }
        let found = FILES.iter().map(|name| dir.join(name)).find(|path| path.is_file());
        let Some(file) = found else {
            return Err(wrong(format!("{} is missing", FILES.join(" or "))));
        };
        notes.push(format!(
            "{}: a LoRA adapter, merged into its base model {}",
            path.display(),
            home.display()
        ));
        Ok(Self { file: TensorFile::open(&file)?, scale, base: home })
    }

    /// Adds the products to the weights they belong to: parameters, and tensors that are carried
    /// along.
    pub fn merge(
        &self,
        parameters: &Parameters,
        carried: &mut BTreeMap<String, Tensor>,
    ) -> Result<()> {
        let wrong = |message: String| Error::model(self.file.path(), message);
        let names: Vec<&str> = self.file.names().collect();
        if names.is_empty() {
            return Err(wrong("the adapter has no tensors".into()));
        }
        for name in names {
            let Some(pair) = pair(name) else {
                if name.contains(".lora_B.") || name.contains(".lora_embedding_B") {
                    continue; // with its A
                }
                return Err(wrong(format!("tensor {name} is not one of a LoRA adapter")));
            };
            let (shape, delta) = self.product(&pair)?;
            let target = format!("{}.weight", pair.module);
            let ends = |known: &str| target == known || target.ends_with(&format!(".{known}"));
            let add =
                |values: &mut [f32]| values.iter_mut().zip(&delta).for_each(|(w, d)| *w += d);
            if let Some(parameter) = parameters.iter().find(|parameter| ends(parameter.name()))
            {
                expect_shape(&wrong, name, &parameter.spec().shape, shape)?;
                parameter.update(add)?;
            } else if let Some((_, tensor)) = carried.iter_mut().find(|(known, _)| ends(known))
            {
                expect_shape(&wrong, name, tensor.dims(), shape)?;
                let mut values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
                add(&mut values);
                *tensor = Tensor::from_vec(values, tensor.shape(), &Device::Cpu)?;
            } else {
                return Err(wrong(format!(
                    "tensor {name}: the base model has no weight {target}"
                )));
            }
        }
        Ok(())
    }

    /// `s·B·A`, row-major, and its shape.
    fn product(&self, pair: &LoraPair) -> Result<([usize; 2], Vec<f32>)> {
        let wrong = |message: String| Error::model(self.file.path(), message);
        let dims = |name: &str| match self.file.shape(name) {
            Some([rows, columns]) => Ok((*rows, *columns)),
            Some(shape) => {
                Err(wrong(format!("tensor {name} has shape {shape:?}, expected a matrix")))
            }
            None => Err(wrong(format!("tensor {name} is missing"))),
        };
        let ((rank, inputs), (outputs, inner)) = (dims(pair.a)?, dims(&pair.b)?);
        if rank != inner {
            return Err(wrong(format!(
                "tensors {} and {} have ranks {rank} and {inner}",
                pair.a, pair.b
            )));
        }
        let (a, b) = (self.file.numbers(pair.a)?, self.file.numbers(&pair.b)?);
        let mut product = vec![0f32; outputs * inputs];
        for (row, b) in product.chunks_exact_mut(inputs).zip(b.chunks_exact(rank)) {
            for (&b, a) in b.iter().zip(a.chunks_exact(inputs)) {
                row.iter_mut().zip(a).for_each(|(sum, a)| *sum += self.scale * b * a);
            }
        }
        if !pair.is_table {
            return Ok(([outputs, inputs], product));
        }
        let column = |i: usize| product.iter().skip(i).step_by(inputs).copied();
        Ok(([inputs, outputs], (0..inputs).flat_map(column).collect()))
    }
}

fn expect_shape(
    wrong: &impl Fn(String) -> Error,
    name: &str,
    weight: &[usize],
    product: [usize; 2],
) -> Result<()> {
    if weight == product {
        return Ok(());
    }
    Err(wrong(format!(
        "tensor {name} is for a weight of shape {product:?}, but it has {weight:?}"
    )))
}

/// The base model: a directory as named, or beside the adapter, else a hub id.
fn resolve(dir: &Path, base: &str) -> Result<PathBuf> {
    let beside = dir.join(base);
    if !base.is_empty() && !Path::new(base).is_dir() && beside.is_dir() {
        return Ok(beside);
    }
    hub::resolve(base)
}

/// `α/r`, or `α/√r`.
fn scale(config: &Value) -> Option<f32> {
    let rank = config["r"].as_u64().filter(|&rank| rank > 0)? as f64;
    let alpha =
        if config["lora_alpha"].is_null() { 8. } else { config["lora_alpha"].as_f64()? };
    let stabilized = config["use_rslora"] == true;
    let scale = alpha / if stabilized { rank.sqrt() } else { rank };
    scale.is_finite().then_some(scale as f32)
}

/// The pair that the tensor `a` is the A of.
fn pair(a: &str) -> Option<LoraPair<'_>> {
    let is_table = a.contains(".lora_embedding_A");
    let mark = if is_table { ".lora_embedding_A" } else { ".lora_A" };
    let (module, end) = a.split_once(mark)?;
    let b = format!("{module}{}{end}", mark.replace("_A", "_B"));
    Some(LoraPair { module, a, b, is_table })
}
