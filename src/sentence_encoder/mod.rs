//! Text in, vectors out: a model with its tokenizer, and its directory on disk.

mod directory;
mod extras;
mod header;
mod options;
mod preset;
mod prompts;
mod readers;
mod tensors;
mod tokenizer_files;
mod weights;

pub use header::Header;
pub use preset::Preset;
pub use prompts::Prompts;
pub use readers::{Fault, Reader, Verdict, readers};
pub use tensors::TensorFile;

use crate::disk::Digest;
use crate::embed::{Embed, Embeddings, distinct};
use crate::error::{Error, ErrorKind, Result};
use crate::hub;
use crate::model::Model;
use crate::nn::Arithmetic;
use crate::pooling::Pooling;
use crate::tokens::{Tokenizer, Tokens};
use crate::view::Pass;
use candle_core::Tensor;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How to encode; `EncodeOptions::default()` is what sentence-transformers does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Sentences seen at once; changes speed and memory, not the result. 32.
    pub batch_size: usize,
    /// Scale every vector to length one, whatever the model says. False.
    pub normalize_embeddings: bool,
    /// Leave out the model's own scaling to length one: the vectors that a
    /// [`Whitening`](crate::eval::Whitening) is fitted to. False.
    pub skip_normalize: bool,
    /// Give vectors that are not finite instead of refusing them. False.
    pub allow_not_finite: bool,
    /// Keep only this many leading numbers of each vector.
    pub truncate_dim: Option<usize>,
    /// Cut sentences that are longer than the model (else refuse them). True.
    pub truncate_text: bool,
    /// What is put before every text; by default the model's own default prompt, where it has
    /// one, and an empty one for none. See [`SentenceEncoder::prompts`].
    pub prompt: Option<String>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            batch_size: 32,
            normalize_embeddings: false,
            skip_normalize: false,
            allow_not_finite: false,
            truncate_dim: None,
            truncate_text: true,
            prompt: None,
        }
    }
}

/// Where a model came from: what a save must carry along.
#[derive(Debug, Default)]
struct Origin {
    carried: BTreeMap<String, Tensor>,
    base: Option<PathBuf>,
}

/// A sentence embedding model.
///
/// ```no_run
/// use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
///
/// let model = SentenceEncoder::from_pretrained("path/to/all-MiniLM-L6-v2")?;
/// let vectors = model.encode(&["A cat sleeps.", "A kitten naps."], &EncodeOptions::default())?;
/// assert_eq!((vectors.rows(), vectors.width()), (2, 384));
/// # Ok::<(), twindrop::Error>(())
/// ```
pub struct SentenceEncoder {
    model: Model,
    tokenizer: Tokenizer,
    normalize: bool,
    prompts: Prompts,
    origin: Origin,
}

impl SentenceEncoder {
    /// The model in a directory, or of a hub id (`org/name`, `org/name@revision`).
    ///
    /// # Errors
    /// Where there is none, it is damaged, or of an unknown kind.
    pub fn from_pretrained(model: impl AsRef<str>) -> Result<Self> {
        directory::load(&hub::resolve(model.as_ref())?)
    }

    /// The model in a directory.
    ///
    /// # Errors
    /// Where it is missing, damaged, or of an unknown kind.
    pub fn from_directory(dir: impl AsRef<Path>) -> Result<Self> {
        directory::load(dir.as_ref())
    }

    /// An untrained model of a preset, its vocabulary learnt from `texts`.
    ///
    /// # Errors
    /// Where no vocabulary can be learnt.
    pub fn fresh<'a>(
        preset: Preset,
        texts: impl Iterator<Item = &'a str> + Send,
        seed: u64,
    ) -> Result<Self> {
        let (model, tokenizer) = preset.build(texts, seed)?;
        let (prompts, origin) = (Prompts::default(), Origin::default());
        Ok(Self { model, tokenizer, normalize: false, prompts, origin })
    }

    /// Writes the model as a directory that sentence-transformers, text-embeddings-inference
    /// and candle load.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_pretrained(&self, dir: impl AsRef<Path>) -> Result<()> {
        directory::save(self, dir.as_ref())
    }

    /// Writes only the weights of a model that was saved to `dir` before.
    ///
    /// # Errors
    /// Where they cannot be written; the old weights are then untouched.
    pub fn save_weights(&self, dir: impl AsRef<Path>) -> Result<()> {
        directory::save_weights(self, dir.as_ref())
    }

    /// Writes the model as a directory of the same form, its matrices in 8-bit integers with a
    /// scale a row; when loaded, it computes in [`Arithmetic::Int8`].
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_quantized(&self, dir: impl AsRef<Path>) -> Result<()> {
        directory::save_quantized(self, dir.as_ref())
    }

    /// One vector per text, in the order given; a text that comes again is not seen again.
    ///
    /// # Errors
    /// Where an option is out of range, or a text too long and not to be cut.
    pub fn encode<T: AsRef<str>>(
        &self,
        texts: &[T],
        options: &EncodeOptions,
    ) -> Result<Embeddings> {
        let width = self.get_embedding_dimension();
        let kept = options.truncate_dim.unwrap_or(width);
        if kept == 0 || kept > width {
            return Err(Error::config(format!(
                "truncate_dim {kept}: the model has {width} numbers"
            )));
        }
        if options.batch_size == 0 {
            return Err(Error::config("batch_size 0: at least one sentence at a time"));
        }
        let (distinct, places) = distinct(texts);
        let prompt = self.prompt_of(options)?.unwrap_or_default();
        // a thread takes a batch through all layers and waits for nobody until batches run out
        let batches = distinct.par_chunks(options.batch_size);
        let batches = batches.map(|texts| {
            let mut seen = self.prompted(texts, prompt, options)?;
            if !options.allow_not_finite {
                finite(&seen, texts)?;
            }
            let own = self.normalize && !options.skip_normalize;
            if own || options.normalize_embeddings {
                seen.chunks_exact_mut(width).for_each(|row| normalize(&mut row[..kept]));
            }
            Ok(seen)
        });
        let batches: Vec<Result<Vec<f32>>> = batches.collect(); // all: the first error is told
        let batches = batches.into_iter().collect::<Result<Vec<_>>>()?;
        let rows = batches.iter().flat_map(|seen| seen.chunks_exact(width));
        let mut data: Vec<f32> = rows.flat_map(|row| &row[..kept]).copied().collect();
        if distinct.len() < places.len() {
            let row = |&place: &usize| data[place * kept..][..kept].iter().copied();
            data = places.iter().flat_map(row).collect();
        }
        Ok(Embeddings::new(kept, data))
    }

    fn prompted(
        &self,
        texts: &[&str],
        prompt: &str,
        options: &EncodeOptions,
    ) -> Result<Vec<f32>> {
        if prompt.is_empty() {
            return self.see(texts, options);
        }
        let texts: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        self.see(&texts.iter().map(String::as_str).collect::<Vec<_>>(), options)
    }

    /// What [`encode`](Self::encode) puts before every text: the prompt of the options, else the
    /// model's default.
    ///
    /// # Errors
    /// Where the model does not pool the tokens of a prompt, which is not known here.
    pub fn prompt_of<'a>(&'a self, options: &'a EncodeOptions) -> Result<Option<&'a str>> {
        let own = || self.prompts.default_prompt();
        let prompt = options.prompt.as_deref().or_else(own).filter(|prompt| !prompt.is_empty());
        if prompt.is_some() && !self.prompts.pooled {
            let words = "include_prompt is false in the model's pooling: that a prompt is left out of it is not known here; encode with an empty prompt";
            return Err(Error::config(words));
        }
        Ok(prompt)
    }

    /// The prompts that the model knows by name.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// The SHA-256 of all that a vector depends on beside its text and the options: weights,
    /// tokenizer, pooling and what follows it.
    ///
    /// # Errors
    /// Where the tokenizer cannot be written down.
    pub fn fingerprint(&self) -> Result<String> {
        let mut digest = Digest::default();
        let said = [
            self.model.encoder().config().to_string(),
            self.tokenizer.to_json()?,
            format!("{} {} {}", self.max_seq_length(), self.model.pooling(), self.normalize),
            format!("{:?}", self.model.dense().map(|dense| dense.config())),
        ];
        said.iter().for_each(|text| digest.text(text));
        for parameter in self.model.parameters().iter() {
            digest.update(parameter.name().as_bytes());
            parameter.with(|numbers| digest.numbers(numbers))?;
        }
        Ok(digest.hex())
    }

    fn see(&self, texts: &[&str], options: &EncodeOptions) -> Result<Vec<f32>> {
        let length = self.max_seq_length();
        let sequences = if options.truncate_text {
            self.tokenizer.encode(texts)?
        } else {
            let whole = self.tokenizer.clone().with_max_len(usize::MAX).encode(texts)?;
            if let Some(at) = whole.iter().position(|sequence| sequence.len() > length) {
                let (tokens, start) = (whole[at].len(), beginning(texts[at]));
                return Err(Error::config(format!(
                    "\"{start}\" has {tokens} tokens, the model sees {length}; shorten it or let it be cut"
                )));
            }
            whole
        };
        let mut seen = Vec::with_capacity(texts.len() * self.get_embedding_dimension());
        let mut tokens = 0;
        for group in sequences.chunk_by(|sequence, next| {
            tokens += sequence.len();
            let fits = tokens + next.len() <= GROUP;
            tokens *= usize::from(fits);
            fits
        }) {
            let tokens = Tokens::pack(group, (0..group.len() as u64).collect());
            seen.extend(self.model.see(&tokens, &Pass::plain())?);
        }
        Ok(seen)
    }

    /// Cosine similarity of every row of `a` with every row of `b`, (a, b).
    pub fn similarity(&self, a: &Embeddings, b: &Embeddings) -> faer::Mat<f64> {
        crate::eval::Similarity::Cosine.matrix(a, b)
    }

    /// The tokens a sentence is cut at, special tokens included.
    pub fn max_seq_length(&self) -> usize {
        self.tokenizer.max_len()
    }

    /// Cuts sentences elsewhere.
    ///
    /// # Errors
    /// Where the model has fewer positions, or none is left for a word.
    pub fn set_max_seq_length(&mut self, length: usize) -> Result<()> {
        let positions = self.model.encoder().max_positions();
        if length > positions {
            return Err(Error::config(format!(
                "max_seq_length {length}: the model has {positions} positions"
            )));
        }
        if length < 3 {
            return Err(Error::config(format!(
                "max_seq_length {length}: a sentence needs 3 tokens"
            )));
        }
        self.tokenizer = self.tokenizer.clone().with_max_len(length);
        Ok(())
    }

    /// D, the numbers in a vector.
    pub fn get_embedding_dimension(&self) -> usize {
        self.model.width()
    }

    /// The tensors that its file held beyond what the encoder asks for (an untrained pooler,
    /// say), sorted; a save carries them along.
    pub fn unused_tensors(&self) -> impl Iterator<Item = &str> {
        self.origin.carried.keys().map(String::as_str)
    }

    /// Whether the model scales every vector to length one by itself.
    pub fn normalizes(&self) -> bool {
        self.normalize
    }

    /// Encoder, pooling and head.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The same with another pooling.
    #[must_use]
    pub fn with_pooling(self, pooling: Pooling) -> Self {
        Self { model: self.model.with_pooling(pooling), ..self }
    }

    /// The same with other arithmetic in its matrix products, where the machine has it
    /// ([`Arithmetic::available`]).
    #[must_use]
    pub fn with_dtype(self, dtype: Arithmetic) -> Self {
        Self { model: self.model.with_arithmetic(dtype), ..self }
    }

    /// The same with a fresh classification head.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_head(self, classes: usize, columns: usize, seed: u64) -> Result<Self> {
        self.with_heads(|model| model.with_head(classes, columns, seed))
    }

    /// The same with heads put on its model.
    ///
    /// # Errors
    /// What `put` says.
    pub fn with_heads(self, put: impl FnOnce(Model) -> Result<Model>) -> Result<Self> {
        Ok(Self { model: put(self.model)?, ..self })
    }
}

/// Tokens one thread takes through the layers at once, where a sentence alone is not longer: more
/// run no faster, and what a thread holds grows with them.
const GROUP: usize = 256;

/// `x/‖x‖`; zero stays zero.
fn normalize(x: &mut [f32]) {
    let length = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt().max(1e-12);
    x.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
}

/// A vector that is not finite would poison whatever reads it.
fn finite(seen: &[f32], texts: &[&str]) -> Result<()> {
    let Some(at) = seen.iter().position(|x| !x.is_finite()) else { return Ok(()) };
    let text = beginning(texts[at * texts.len() / seen.len()]);
    let words = "is not finite; the weights are damaged, or training diverged";
    Err(Error::new(ErrorKind::Numerics, format!("the vector of \"{text}\" {words}")))
}

/// Enough of a text to know it by.
fn beginning(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    if start.len() < text.len() { start + "…" } else { start }
}

impl Embed for SentenceEncoder {
    fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode(texts, &EncodeOptions::default())
    }
}
