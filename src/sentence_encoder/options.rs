//! [`EncodeOptions`] said one after the other.

use super::EncodeOptions;

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
