//! Masked language modelling (Devlin et al. 2019): which word was it?

use crate::error::Result;
use crate::nn::{Parameter, Parameters, Spec, Start, Tape, Value};

const PREFIX: &str = "cls.predictions";

/// `LayerNorm(gelu(W·h + b))·Eᵀ + c`, E the encoder's own word table.
#[derive(Debug, Clone)]
pub struct MaskedHead {
    dense: [Parameter; 2],
    norm: [Parameter; 2],
    words: Parameter,
    bias: Parameter,
}

impl MaskedHead {
    /// What it needs beside the word table, named as transformers names it.
    pub fn specs(width: usize, vocabulary: usize) -> Vec<Spec> {
        let name = |part: &str| format!("{PREFIX}.{part}");
        let deviation = 1. / (width as f64).sqrt();
        vec![
            Spec::weight(name("transform.dense.weight"), [width, width], deviation),
            Spec::vector(name("transform.dense.bias"), width, Start::Zeros),
            Spec::vector(name("transform.LayerNorm.weight"), width, Start::Ones),
            Spec::vector(name("transform.LayerNorm.bias"), width, Start::Zeros),
            Spec::vector(name("bias"), vocabulary, Start::Zeros),
        ]
    }

    /// The head over `parameters`.
    ///
    /// # Errors
    /// Where its tensors or the word table are missing.
    pub fn new(parameters: &Parameters) -> Result<Self> {
        let get = |part: &str| parameters.get(&format!("{PREFIX}.{part}"));
        Ok(Self {
            dense: [get("transform.dense.weight")?, get("transform.dense.bias")?],
            norm: [get("transform.LayerNorm.weight")?, get("transform.LayerNorm.bias")?],
            words: parameters.get("embeddings.word_embeddings.weight")?,
            bias: get("bias")?,
        })
    }

    /// Logits over the vocabulary for the tokens at `places` of the hidden states x:
    /// (T, D) → (M, V).
    ///
    /// # Errors
    /// Where the widths disagree.
    pub fn on(&self, tape: &mut Tape, x: &Value, places: &[u32]) -> Result<Value> {
        let x = tape.gather(x, places)?;
        let x = tape.linear(&x, &self.dense[0], &self.dense[1])?;
        let x = tape.gelu(&x)?;
        let x = tape.add_norm(&x, None, None, self.norm.each_ref(), 1e-12)?;
        tape.linear(&x, &self.words, &self.bias)
    }
}
