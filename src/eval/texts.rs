//! The distinct texts of an evaluator: each is embedded once.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result, excerpt};
use crate::vectors::{Embed, Embeddings, distinct};

/// Distinct texts, in order of first appearance.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    /// What errors call the set they belong to.
    name: String,
    texts: Vec<String>,
}

impl Texts {
    /// The distinct ones of `texts`, and where each of `texts` stands among them.
    pub fn new(name: &str, texts: &[&str]) -> (Self, Vec<usize>) {
        let (texts, places) = distinct(texts);
        let texts = texts.into_iter().map(String::from).collect();
        (Self { name: name.to_string(), texts }, places)
    }

    /// The name of the set they belong to.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// A finite row for each.
    pub fn embed(&self, model: &dyn Embed) -> Result<Embeddings> {
        self.embed_by(0..self.len(), |texts| model.embed(texts))
    }

    /// A finite row for each of those in `range`, as `embed` gives it.
    pub fn embed_by(
        &self,
        range: Range<usize>,
        embed: impl Fn(&[&str]) -> Result<Embeddings>,
    ) -> Result<Embeddings> {
        let texts: Vec<&str> = self.texts[range].iter().map(String::as_str).collect();
        if texts.is_empty() {
            return Ok(Embeddings::new(1, Vec::new()));
        }
        let (name, embeddings) = (&self.name, embed(&texts)?);
        if embeddings.rows() != texts.len() {
            let (rows, texts) = (embeddings.rows(), texts.len());
            let message =
                format!("{name}: the model returned {rows} embeddings for {texts} texts");
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let odd = embeddings.iter().position(|row| !row.iter().all(|v| v.is_finite()));
        let Some(odd) = odd else { return Ok(embeddings) };
        let text = excerpt(texts[odd], 60);
        let advice = "the weights are damaged, or training diverged";
        let message = format!("{name}: the embedding of {text:?} is not finite; {advice}");
        Err(Error::new(ErrorKind::Numerics, message))
    }
}

/// The rows at `places`, one after the other.
pub(super) fn rows(embeddings: &Embeddings, places: impl Iterator<Item = usize>) -> Embeddings {
    let rows = places.flat_map(|place| embeddings.row(place));
    Embeddings::new(embeddings.width(), rows.copied().collect())
}
