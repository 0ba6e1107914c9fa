//! [`SentenceEncoder`]: a model and its tokenizer.

use super::carried_files;
use super::head_description::HeadDescription;
use super::options::EncodeOptions;
use super::preset::Preset;
use super::prompts::Prompts;
use super::settings::DirectorySettings;
use super::static_layout::StaticLayout;
use crate::error::{Error, Result};
use crate::heads::SequenceHead;
use crate::io::Digest;
use crate::model::Model;
use crate::nn::ComputeDtype;
use crate::pooling::Pooling;
use crate::tokens::Tokenizer;
use crate::vectors::{Embed, Embeddings, Similarity};
use candle_core::Tensor;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where a model came from: what a save must carry along.
#[derive(Debug, Default)]
pub(super) struct SourceDirectory {
    pub carried: BTreeMap<String, Tensor>,
    pub base: Option<PathBuf>,
    /// The directory of its encoder's configuration and weights.
    pub home: Option<PathBuf>,
    /// The directory of its tokenizer.
    pub tokenizer: Option<PathBuf>,
    /// What was passed over or guessed when it was loaded, a sentence each.
    pub notes: Vec<String>,
    /// Whether no file says how its tokens are pooled.
    pub is_pooling_assumed: bool,
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
    pub(super) model: Model,
    pub(super) tokenizer: Tokenizer,
    pub(super) normalize: bool,
    pub(super) prompts: Prompts,
    pub(super) settings: DirectorySettings,
    /// What the outputs of its classification or regression head are.
    pub(super) head: Option<HeadDescription>,
    /// Of a static embedding model, how its directory is written.
    pub(super) layout: Option<StaticLayout>,
    pub(super) origin: SourceDirectory,
}

impl SentenceEncoder {
    /// An encoder of a model and its tokenizer, both made by the caller: an own
    /// [`Encoder`](crate::encoder::Encoder), for example. It has no prompts and does not
    /// normalize; `tokenizer` cuts texts at its own maximum length.
    ///
    /// # Errors
    /// Where the tokenizer has ids that the model has no embedding for, or cuts texts at more
    /// tokens than the model has positions.
    ///
    /// See `examples/13_own_encoder.rs`.
    pub fn new(model: Model, tokenizer: Tokenizer) -> Result<Self> {
        let rows = model.encoder().vocabulary_size();
        let (size, positions) = (tokenizer.vocabulary_size(), model.encoder().max_positions());
        if size > rows {
            return Err(Error::config(format!(
                "the tokenizer has {size} ids, the model embeddings for {rows}"
            )));
        }
        if tokenizer.max_len() > positions {
            return Err(Error::config(format!(
                "the tokenizer cuts texts at {} tokens, the model has {positions} positions; \
                 use Tokenizer::with_max_len",
                tokenizer.max_len()
            )));
        }
        let (prompts, settings) = (Prompts::default(), DirectorySettings::default());
        let origin = SourceDirectory::default();
        Ok(Self {
            model,
            tokenizer,
            normalize: false,
            prompts,
            settings,
            head: None,
            layout: None,
            origin,
        })
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
        Self::new(model, tokenizer)
    }

    /// The prompts that the model knows by name.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// What was passed over, guessed or changed when the model was loaded, one sentence each:
    /// unknown keys, a pooling that no file names, flags of the tokenizer that disagree.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.origin.notes.clone();
        if let (true, Some(base)) = (self.origin.is_pooling_assumed, &self.origin.base) {
            notes.push(format!(
                "{} has no modules.json, which would say how tokens are pooled; mean pooling is \
                 used (choose another with --pooling, as cls)",
                base.display()
            ));
        }
        notes.extend(
            self.origin.tokenizer.as_deref().into_iter().flat_map(carried_files::left_out),
        );
        notes
    }

    /// Ends [`encode`](Self::encode) and training passes with an error of the kind
    /// [`Interrupted`](crate::ErrorKind::Interrupted) once `stop` is true.
    pub fn stop_when(&mut self, stop: Arc<AtomicBool>) {
        self.model.stop_when(stop);
    }

    /// The model's own similarity function (`similarity_fn_name`); cosine where none is named.
    pub fn similarity_function(&self) -> Similarity {
        self.settings.similarity.unwrap_or_default()
    }

    /// The SHA-256 of all that a vector depends on beside its text and the options: weights,
    /// tokenizer, pooling and what follows it.
    ///
    /// # Errors
    /// Where the tokenizer cannot be written down.
    pub fn fingerprint(&self) -> Result<String> {
        let mut digest = Digest::default();
        let parts = [
            self.model.encoder().config().to_string(),
            self.tokenizer.to_json()?,
            format!("{} {} {}", self.max_seq_length(), self.model.pooling(), self.normalize),
            format!("{:?}", self.model.dense().map(|dense| dense.config())),
            format!("{} {:?}", self.tokenizer.truncates_left(), self.settings.truncate_dim),
        ];
        let layout = self.layout.as_ref().map(StaticLayout::identity);
        let prompt = (!self.prompts.pooled).then(|| "prompts are not pooled".to_string());
        parts.iter().chain(&layout).chain(&prompt).for_each(|text| digest.text(text));
        for parameter in self.model.parameters().iter() {
            digest.update(parameter.name().as_bytes());
            parameter.with(|numbers| digest.numbers(numbers))?;
        }
        Ok(digest.hex())
    }

    /// The head of transformers' that the model has, if it is one.
    pub(crate) fn sequence_head(&self) -> Option<SequenceHead> {
        let description = self.head.as_ref()?;
        description.head.sequence_head(&self.model().encoder().config())
    }

    /// The tokens a sentence is cut at, special tokens included; `usize::MAX` where none is cut.
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
            return Err(Error::config(format!("max_seq_length {length}: expected at least 3")));
        }
        self.tokenizer = self.tokenizer.clone().with_max_len(length);
        Ok(())
    }

    /// The numbers in a vector: the model's width, or its `truncate_dim` where that is less.
    pub fn get_embedding_dimension(&self) -> usize {
        let width = self.model.width();
        self.settings.truncate_dim.map_or(width, |kept| kept.min(width))
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
        let origin = SourceDirectory { is_pooling_assumed: false, ..self.origin };
        Self { model: self.model.with_pooling(pooling), origin, ..self }
    }

    /// The same with another dtype in its matrix products, where the CPU has it
    /// ([`ComputeDtype::available`]).
    #[must_use]
    pub fn with_dtype(self, dtype: ComputeDtype) -> Self {
        Self { model: self.model.with_dtype(dtype), ..self }
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

impl Embed for SentenceEncoder {
    fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode(texts, &EncodeOptions::default())
    }

    fn embed_queries(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode_query(texts, &EncodeOptions::default())
    }

    fn embed_documents(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode_document(texts, &EncodeOptions::default())
    }

    /// Of classes divided by the temperature, of a regression after its activation.
    fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        let logits = self.head_logits(examples)?;
        let Some(head) = &self.head else { return Ok(logits) };
        let temperature = head.temperature.unwrap_or(1.);
        let outputs = head.activated(&logits)?.into_iter();
        let outputs = outputs.map(|x| (x / temperature) as f32).collect();
        Ok(Embeddings::new(logits.width(), outputs))
    }

    fn similarity_function(&self) -> Similarity {
        self.similarity_function()
    }
}
