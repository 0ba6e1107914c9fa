//! A model with the prompts of its task.

use super::encoder::SentenceEncoder;
use super::options::EncodeOptions;
use crate::error::Result;
use crate::vectors::{Embed, Embeddings, Similarity};

impl SentenceEncoder {
    /// Embeddings of search queries: with the model's prompt `query`, where it has one and the
    /// options name none (sentence-transformers' `encode_query`).
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_query<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        options: &EncodeOptions,
    ) -> Result<Embeddings> {
        self.encode(texts, &with_prompt(options, self.prompts().query()))
    }

    /// Embeddings of documents: with the model's prompt `document`, `passage` or `corpus`, the
    /// first it has, where the options name none (sentence-transformers' `encode_document`).
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_document<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        options: &EncodeOptions,
    ) -> Result<Embeddings> {
        self.encode(texts, &with_prompt(options, self.prompts().document()))
    }
}

/// Options whose prompt is `prompt`, if they have none.
fn with_prompt(options: &EncodeOptions, prompt: Option<&str>) -> EncodeOptions {
    let prompt = options.prompt.clone().or(prompt.map(String::from));
    EncodeOptions { prompt, ..options.clone() }
}

/// A model with chosen prompts and options, as evaluators and searches embed with it.
pub struct PromptedEncoder<'a> {
    encoder: &'a SentenceEncoder,
    options: EncodeOptions,
    query: Option<String>,
    document: Option<String>,
}

impl<'a> PromptedEncoder<'a> {
    /// The model with `options`, and its own prompts.
    pub fn new(encoder: &'a SentenceEncoder, options: EncodeOptions) -> Self {
        Self { encoder, options, query: None, document: None }
    }

    /// The same with other prompts before queries and documents, where given.
    #[must_use]
    pub fn with_prompts(self, query: Option<String>, document: Option<String>) -> Self {
        Self { query, document, ..self }
    }

    /// The prompt before queries; empty for none.
    pub fn query_prompt(&self) -> &str {
        let own = || self.encoder.prompts().query();
        self.first([self.query.as_deref(), self.options.prompt.as_deref(), own()])
    }

    /// The prompt before documents; empty for none.
    pub fn document_prompt(&self) -> &str {
        let own = || self.encoder.prompts().document();
        self.first([self.document.as_deref(), self.options.prompt.as_deref(), own()])
    }

    /// The prompt before texts that are neither; empty for none.
    pub fn text_prompt(&self) -> &str {
        self.first([None, self.options.prompt.as_deref(), None])
    }

    fn first<'s>(&'s self, prompts: [Option<&'s str>; 3]) -> &'s str {
        let known = prompts.into_iter().flatten().next();
        known.or(self.encoder.prompts().default_prompt()).unwrap_or_default()
    }

    fn encode(&self, texts: &[&str], prompt: &str) -> Result<Embeddings> {
        self.encoder.encode(texts, &self.options.clone().with_prompt(prompt))
    }
}

impl Embed for PromptedEncoder<'_> {
    fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode(texts, self.text_prompt())
    }

    fn embed_queries(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode(texts, self.query_prompt())
    }

    fn embed_documents(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encode(texts, self.document_prompt())
    }

    fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        self.encoder.head_logits(examples)
    }

    fn similarity_function(&self) -> Similarity {
        self.encoder.similarity_function()
    }
}
