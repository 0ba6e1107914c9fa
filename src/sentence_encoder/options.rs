//! Options of `encode`.

/// How to encode; `EncodeOptions::default()` is what sentence-transformers does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Sentences encoded at once; changes speed and memory, not the result. 32.
    pub batch_size: usize,
    /// Scale every vector to length one, whatever the model says. False.
    pub normalize_embeddings: bool,
    /// Leave out the model's own scaling to length one and its own `truncate_dim`, for embeddings
    /// that a whitening transform is fitted to. False.
    pub skip_normalize: bool,
    /// Return embeddings that are not finite instead of an error. False.
    pub allow_not_finite: bool,
    /// Keep only this many leading dimensions [default: the model's own `truncate_dim`]. A model
    /// that scales to length one does so before.
    pub truncate_dim: Option<usize>,
    /// Truncate sentences longer than the model's maximum (else return an error). True.
    pub truncate_text: bool,
    /// Text put before every sentence; by default the model's default prompt, where it has one;
    /// an empty string for none. See [`SentenceEncoder::prompts`](super::SentenceEncoder::prompts).
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
/// let options = EncodeOptions::default()
///     .with_batch_size(64)
///     .with_normalize_embeddings(true)
///     .with_truncate_dim(128)
///     .with_prompt("query: ");
/// assert_eq!((options.batch_size, options.truncate_dim), (64, Some(128)));
/// ```
impl EncodeOptions {
    /// With another [`batch_size`](Self::batch_size).
    #[must_use]
    pub fn with_batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// With [`normalize_embeddings`](Self::normalize_embeddings) set.
    #[must_use]
    pub fn with_normalize_embeddings(self, normalize_embeddings: bool) -> Self {
        Self { normalize_embeddings, ..self }
    }

    /// With [`skip_normalize`](Self::skip_normalize) set.
    #[must_use]
    pub fn with_skip_normalize(self, skip_normalize: bool) -> Self {
        Self { skip_normalize, ..self }
    }

    /// With [`allow_not_finite`](Self::allow_not_finite) set.
    #[must_use]
    pub fn with_allow_not_finite(self, allow_not_finite: bool) -> Self {
        Self { allow_not_finite, ..self }
    }

    /// With [`truncate_dim`](Self::truncate_dim) set.
    #[must_use]
    pub fn with_truncate_dim(self, truncate_dim: usize) -> Self {
        Self { truncate_dim: Some(truncate_dim), ..self }
    }

    /// With [`truncate_text`](Self::truncate_text) set.
    #[must_use]
    pub fn with_truncate_text(self, truncate_text: bool) -> Self {
        Self { truncate_text, ..self }
    }

    /// With [`prompt`](Self::prompt) set.
    #[must_use]
    pub fn with_prompt(self, prompt: impl Into<String>) -> Self {
        Self { prompt: Some(prompt.into()), ..self }
    }
}
