//! From texts to their vectors.

use super::encoder::SentenceEncoder;
use super::options::EncodeOptions;
use crate::error::{Error, ErrorKind, Result, excerpt};
use crate::tokens::Tokens;
use crate::vectors::similarity::normalize;
use crate::vectors::{Embeddings, distinct};
use crate::view::ViewSample;
use rayon::prelude::*;

impl SentenceEncoder {
    /// One vector per text, in the order given; a text that comes again is not seen again.
    ///
    /// # Errors
    /// Where an option is out of range, or a text too long and not to be cut.
    pub fn encode<T: AsRef<str>>(
        &self,
        texts: &[T],
        options: &EncodeOptions,
    ) -> Result<Embeddings> {
        let width = self.model.width();
        let own = if options.skip_normalize { width } else { self.get_embedding_dimension() };
        let kept = options.truncate_dim.unwrap_or(own);
        if kept == 0 || kept > width {
            return Err(Error::config(format!(
                "truncate_dim {kept}: the model has {width} dimensions"
            )));
        }
        if options.batch_size == 0 {
            return Err(Error::config("batch_size 0: expected at least 1"));
        }
        let (distinct, places) = distinct(texts);
        let prompt = self.prompt_of(options).unwrap_or_default();
        let skipped = if self.prompts.pooled { 0 } else { self.prompt_tokens(prompt)? };
        // a thread takes a batch through all layers and waits for nobody until batches run out
        let batches = distinct.par_chunks(options.batch_size);
        let batches = batches.map(|texts| {
            self.model.check_stop()?; // before the work of cutting texts into tokens
            let mut embedded = self.prompted(texts, prompt, skipped, options)?;
            if !options.allow_not_finite {
                finite(&embedded, texts)?;
            }
            // as sentence-transformers: the model's own module has seen all dimensions
            if self.normalize && !options.skip_normalize {
                embedded.chunks_exact_mut(width).for_each(normalize);
            }
            if options.normalize_embeddings {
                embedded.chunks_exact_mut(width).for_each(|row| normalize(&mut row[..kept]));
            }
            Ok(embedded)
        });
        // all of them, so that the first error in order is returned
        let batches: Vec<Result<Vec<f32>>> = batches.collect();
        let batches = batches.into_iter().collect::<Result<Vec<_>>>()?;
        let rows = batches.iter().flat_map(|embedded| embedded.chunks_exact(width));
        let mut data: Vec<f32> = rows.flat_map(|row| &row[..kept]).copied().collect();
        if distinct.len() < places.len() {
            let row = |&place: &usize| data[place * kept..][..kept].iter().copied();
            data = places.iter().flat_map(row).collect();
        }
        Ok(Embeddings::new(kept, data))
    }

    /// The embedding of one text, (D).
    ///
    /// ```no_run
    /// use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
    ///
    /// let model = SentenceEncoder::from_pretrained("path/to/all-MiniLM-L6-v2")?;
    /// let embedding = model.encode_one("A cat sleeps.", &EncodeOptions::default())?;
    /// assert_eq!(embedding.len(), 384);
    /// # Ok::<(), twindrop::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_one(&self, text: &str, options: &EncodeOptions) -> Result<Vec<f32>> {
        Ok(self.encode(&[text], options)?.into_data())
    }

    fn prompted(
        &self,
        texts: &[&str],
        prompt: &str,
        skipped: usize,
        options: &EncodeOptions,
    ) -> Result<Vec<f32>> {
        if prompt.is_empty() {
            return self.embed_batch(texts, skipped, options);
        }
        let texts: Vec<String> = texts.iter().map(|text| format!("{prompt}{text}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.embed_batch(&texts, skipped, options)
    }

    /// The tokens of a prompt that stand before a text, special tokens among them: those that are
    /// left out where `include_prompt` is false. As in sentence-transformers, the prompt alone is
    /// counted, without a special token at its end.
    fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        if prompt.is_empty() {
            return Ok(0);
        }
        let sequence = self.tokenizer.encode(&[prompt])?.remove(0);
        let ids = sequence.ids();
        let ends = ids.last().is_some_and(|&id| self.tokenizer.is_special(id));
        Ok(ids.len() - usize::from(ends))
    }

    /// What [`encode`](Self::encode) puts before every text: the prompt of the options, else the
    /// model's default.
    pub fn prompt_of<'a>(&'a self, options: &'a EncodeOptions) -> Option<&'a str> {
        let own = || self.prompts.default_prompt();
        options.prompt.as_deref().or_else(own).filter(|prompt| !prompt.is_empty())
    }

    /// Embeddings of texts whose first `skipped` tokens are not pooled.
    fn embed_batch(
        &self,
        texts: &[&str],
        skipped: usize,
        options: &EncodeOptions,
    ) -> Result<Vec<f32>> {
        let length = self.max_seq_length();
        let sequences = if options.truncate_text {
            self.tokenizer.encode(texts)?
        } else {
            let whole = self.tokenizer.clone().with_max_len(usize::MAX).encode(texts)?;
            if let Some(at) = whole.iter().position(|sequence| sequence.len() > length) {
                let (tokens, start) = (whole[at].len(), excerpt(texts[at], 40));
                return Err(Error::config(format!(
                    "\"{start}\" has {tokens} tokens, more than max_seq_length {length}; shorten it or allow truncation"
                )));
            }
            whole
        };
        let mut embedded = Vec::with_capacity(texts.len() * self.model.width());
        let mut tokens = 0;
        for group in sequences.chunk_by(|sequence, next| {
            tokens += sequence.len();
            let fits = tokens + next.len() <= GROUP;
            tokens *= usize::from(fits);
            fits
        }) {
            let tokens = Tokens::pack(group, (0..group.len() as u64).collect());
            embedded.extend(self.model.embed_after(&tokens, &ViewSample::plain(), skipped)?);
        }
        Ok(embedded)
    }
}

/// Tokens one thread takes through the layers at once, where a sentence alone is not longer: more
/// run no faster, and what a thread holds grows with them.
const GROUP: usize = 256;

/// A vector that is not finite would poison whatever reads it.
fn finite(embedded: &[f32], texts: &[&str]) -> Result<()> {
    let Some(at) = embedded.iter().position(|x| !x.is_finite()) else { return Ok(()) };
    let text = excerpt(texts[at * texts.len() / embedded.len()], 40);
    let message = "is not finite; the weights are damaged, or training diverged";
    Err(Error::new(ErrorKind::Numerics, format!("the embedding of \"{text}\" {message}")))
}
