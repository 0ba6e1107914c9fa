//! Masked language modelling (Devlin et al. 2019): which word was it?

use crate::error::Result;
use crate::nn::{Init, ParamSpec, Parameter, Parameters, Tape, TapeTensor};

const PREFIX: &str = "cls.predictions";

/// `LayerNorm(gelu(W·h + b))·Eᵀ + c`, E the encoder's own word table.
#[derive(Debug, Clone)]
pub struct MaskedHead {
    dense: [Parameter; 2],
    norm: [Parameter; 2],
    embeddings: Parameter,
    bias: Parameter,
}

impl MaskedHead {
    /// What it needs beside the word table `words` (V, E) of an encoder `width` wide, named as
    /// transformers names it.
    pub fn specs(width: usize, embeddings: &Parameter) -> Vec<ParamSpec> {
        let (vocabulary, inner) = (embeddings.spec().shape[0], embeddings.spec().shape[1]);
        let name = |part: &str| format!("{PREFIX}.{part}");
        let deviation = 1. / (width as f64).sqrt();
        vec![
            ParamSpec::weight(name("transform.dense.weight"), [inner, width], deviation),
            ParamSpec::vector(name("transform.dense.bias"), inner, Init::Zeros),
            ParamSpec::vector(name("transform.LayerNorm.weight"), inner, Init::Ones),
            ParamSpec::vector(name("transform.LayerNorm.bias"), inner, Init::Zeros),
            ParamSpec::vector(name("bias"), vocabulary, Init::Zeros),
        ]
    }

    /// The head over `parameters` and the encoder's word table.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn new(parameters: &Parameters, embeddings: &Parameter) -> Result<Self> {
        let get = |part: &str| parameters.get(&format!("{PREFIX}.{part}"));
        Ok(Self {
            dense: [get("transform.dense.weight")?, get("transform.dense.bias")?],
            norm: [get("transform.LayerNorm.weight")?, get("transform.LayerNorm.bias")?],
            embeddings: embeddings.clone(),
            bias: get("bias")?,
        })
    }

    /// Logits over the vocabulary for the tokens at `places` of the hidden states x:
    /// (T, D) → (M, V).
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn forward(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        places: &[u32],
    ) -> Result<TapeTensor> {
        let x = tape.gather(x, places)?;
        let x = tape.linear(&x, &self.dense[0], &self.dense[1])?;
        let x = tape.gelu(&x)?;
        let x = tape.add_norm(&x, None, None, self.norm.each_ref(), 1e-12)?;
        tape.linear(&x, &self.embeddings, &self.bias)
    }
}
