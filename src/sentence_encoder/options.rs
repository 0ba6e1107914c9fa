//! How texts are encoded.

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
    /// one, and an empty one for none. See [`SentenceEncoder::prompts`](super::SentenceEncoder::prompts).
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

/// ```
/// use twindrop::sentence_encoder::EncodeOptions;
///
/// let options = EncodeOptions::default().with_batch_size(64).normalized().truncated_to(128);
/// assert_eq!((options.batch_size, options.truncate_dim), (64, Some(128)));
/// ```
impl EncodeOptions {
    /// The same with `sentences` sentences seen at once.
    #[must_use]
    pub fn with_batch_size(self, sentences: usize) -> Self {
        Self { batch_size: sentences, ..self }
    }

    /// The same with every vector scaled to length one.
    #[must_use]
    pub fn normalized(self) -> Self {
        Self { normalize_embeddings: true, ..self }
    }

    /// The same with only the first `numbers` numbers of each vector kept.
    #[must_use]
    pub fn truncated_to(self, numbers: usize) -> Self {
        Self { truncate_dim: Some(numbers), ..self }
    }

    /// The same with sentences that are longer than the model refused instead of cut.
    #[must_use]
    pub fn refusing_long_texts(self) -> Self {
        Self { truncate_text: false, ..self }
    }
}
