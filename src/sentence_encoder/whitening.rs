//! Similarity, and a whitening transform as a dense layer of the model.

use super::encoder::SentenceEncoder;
use crate::error::{Error, Result};
use crate::heads::{Dense, DenseConfig};
use crate::nn::{Activation, Parameters};
use crate::vectors::{Embeddings, Whitening};
use candle_core::Device;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

/// `(x·V + c)` whitened, where V and c are those of `dense`: `(VW, (c − μ)·W)`, the weight (K, D)
/// as a layer keeps it.
fn joined(dense: Option<&Dense>, whitening: &Whitening) -> Result<(Mat<f64>, Vec<f64>)> {
    let (weight, bias) = (whitening.weight().transpose(), whitening.bias());
    let Some(dense) = dense else { return Ok((weight.to_owned(), bias)) };
    let Activation::Identity = dense.config().activation else {
        let message = format!(
            "the model has a dense layer with activation {}, but only one with identity can be \
             merged with a whitening",
            dense.config().activation
        );
        return Err(Error::config(message));
    };
    if dense.config().residual && dense.config().out != dense.inputs() {
        let message = "the model has a dense layer with a residual matrix (use_residual), which \
                     cannot be merged with a whitening";
        return Err(Error::config(message));
    }
    let (inner, shift) = dense.numbers()?;
    let inner = Mat::from_fn(dense.config().out, dense.inputs(), |i, j| {
        let residual = f64::from(u8::from(dense.config().residual && i == j));
        f64::from(inner[i * dense.inputs() + j]) + residual
    });
    let shifted = |(k, b): (usize, f64)| {
        b + shift.iter().enumerate().map(|(i, &c)| weight[(k, i)] * f64::from(c)).sum::<f64>()
    };
    let bias = bias.into_iter().enumerate().map(shifted).collect();
    let mut both = Mat::zeros(weight.nrows(), dense.inputs());
    // on one thread: faer sums in another order for each number of them
    matmul(&mut both, Accum::Replace, weight, &inner, 1., Par::Seq);
    Ok((both, bias))
}

impl SentenceEncoder {
    /// The model's own similarity of every row of `a` with every row of `b`, (a, b).
    pub fn similarity(&self, a: &Embeddings, b: &Embeddings) -> faer::Mat<f64> {
        self.similarity_function().matrix(a, b)
    }

    /// The same with a whitening behind its pooling and before its own scaling to length one, as
    /// a dense layer that stays with the model and that sentence-transformers loads; joined with
    /// the dense layer there is, where that has no activation. Heads of training are over the old
    /// vectors: put them on afterwards.
    ///
    /// ```no_run
    /// use twindrop::data::{self, ReadOptions};
    /// use twindrop::vectors::Whitening;
    /// use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
    ///
    /// let model = SentenceEncoder::from_pretrained("MODEL")?;
    /// let data = data::read("sentences.txt".as_ref(), &ReadOptions::default())?;
    /// let texts: Vec<&str> = data.sentences().collect();
    /// let mut options = EncodeOptions::default();
    /// options.skip_normalize = true; // the layer stands before it
    /// let whitening = Whitening::fit(&model.encode(&texts, &options)?, Some(256))?;
    /// model.with_whitening(&whitening)?.save_pretrained("out")?;
    /// # Ok::<(), twindrop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the widths disagree, or the model has a dense layer with an activation.
    pub fn with_whitening(self, whitening: &Whitening) -> Result<Self> {
        let (width, inputs) = (self.model.width(), whitening.inputs());
        if width != inputs {
            let message = format!(
                "the model has {width} dimensions, but the whitening was fitted to {inputs}"
            );
            return Err(Error::config(message));
        }
        let (weight, bias) = joined(self.model.dense(), whitening)?; // (K, D), (K)
        let config = DenseConfig::new(weight.nrows(), Activation::Identity);
        let specs = Dense::specs(&config, weight.ncols());
        let parameters = Parameters::build(specs, &Device::Cpu, |spec| {
            let rows = (0..weight.nrows()).flat_map(|i| weight.row(i).iter().copied());
            let numbers: Vec<f64> =
                if spec.shape.len() == 2 { rows.collect() } else { bias.clone() };
            Ok(numbers.into_iter().map(|x| x as f32).collect())
        })?;
        self.with_heads(|model| model.with_dense_over(config, parameters))
    }
}
