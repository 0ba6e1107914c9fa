//! Static embedding models distilled from a teacher, as model2vec does it
//! (github.com/MinishLab/model2vec): the teacher embeds each token of its vocabulary alone, the
//! vectors are reduced to their principal components, and frequent tokens count less.

mod options;

pub use options::{DistillOptions, PcaDims};

use crate::error::{Error, Result};
use crate::pooling::Pooling;
use crate::sentence_encoder::{CardSection, SentenceEncoder, StaticFormat};
use crate::tokens::{KeptTokens, Sequence, StaticVocabulary, Tokens};
use crate::vectors::{Embeddings, PrincipalComponents};
use crate::view::ViewSample;
use rayon::prelude::*;
use std::path::Path;

/// A static embedding model and how it came about.
pub struct Distilled {
    /// The model.
    pub encoder: SentenceEncoder,
    /// Its tokens, by id.
    pub tokens: Vec<String>,
    /// The tokens of the teacher that were left out: special ones, and unused ones.
    pub removed: usize,
    /// The words of one's own that became tokens.
    pub added: usize,
    /// Those that were tokens already, came again, or were empty once normalized.
    pub skipped: usize,
    /// The dimensions of the teacher.
    pub inputs: usize,
    /// The share of the variance that the dimensions kept explain; `None` without PCA.
    pub explained: Option<f64>,
    /// What was done otherwise than asked for, a sentence each.
    pub notes: Vec<String>,
}

/// Distils a static embedding model from `teacher`, with `words` as tokens beside the teacher's own;
/// `progress` is given the tokens done and all of them. Bits do not depend on the number of threads.
///
/// ```no_run
/// use twindrop::SentenceEncoder;
/// use twindrop::distill_static::{DistillOptions, distill};
///
/// let teacher = SentenceEncoder::from_pretrained("sentence-transformers/all-MiniLM-L6-v2")?;
/// let distilled = distill(teacher, &[], &DistillOptions::default(), &mut |_, _| ())?;
/// distilled.encoder.save_pretrained("static")?;
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where the teacher is a static model itself, an option is out of range, a word cannot be added,
/// or the teacher's vectors are not finite.
pub fn distill(
    teacher: SentenceEncoder,
    words: &[String],
    options: &DistillOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Distilled> {
    options.check()?;
    if teacher.static_format().is_some() {
        let message =
            "the teacher is a static embedding model itself; choose one with an encoder";
        return Err(Error::config(message));
    }
    let kept = KeptTokens {
        unknown: teacher.special_token("unk_token")?,
        padding: teacher.special_token("pad_token")?,
    };
    let vocabulary = StaticVocabulary::of(teacher.tokenizer(), &kept, words)?;
    // the mean of all hidden states, whatever stands behind the encoder
    let teacher = teacher.with_heads(|model| Ok(model.with_bare_pooling(Pooling::Mean)))?;
    let table = embed(&teacher, &vocabulary.sequences, progress)?;
    let inputs = table.width();
    let mut notes = Vec::new();
    let (table, explained) = reduce(table, options.pca_dims, &mut notes)?;
    let table = match options.sif_coefficient {
        Some(coefficient) => scaled(&table, &sif_weights(table.rows(), coefficient)),
        None => table,
    };
    let StaticVocabulary { tokenizer, tokens, removed, added, skipped, .. } = vocabulary;
    let encoder = SentenceEncoder::from_static_table(&table, tokenizer, options.format)?;
    Ok(Distilled { encoder, tokens, removed, added, skipped, inputs, explained, notes })
}

/// Sequences that one thread embeds at once, and those of all threads between two reports.
const GROUP: usize = 64;
const REPORTED: usize = 64 * GROUP;

/// The teacher's vector of each sequence, (V, D).
fn embed(
    teacher: &SentenceEncoder,
    sequences: &[Sequence],
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Embeddings> {
    let width = teacher.model().width();
    let mut numbers = Vec::with_capacity(sequences.len() * width);
    for block in sequences.chunks(REPORTED) {
        progress(numbers.len() / width, sequences.len());
        let groups = block.par_chunks(GROUP).map(|group| {
            let tokens = Tokens::pack(group, (0..group.len() as u64).collect());
            teacher.model().embed(&tokens, &ViewSample::plain())
        });
        let groups: Vec<Result<Vec<f32>>> = groups.collect(); // the first error is returned
        for group in groups {
            numbers.extend(group?);
        }
    }
    progress(sequences.len(), sequences.len());
    Ok(Embeddings::new(width, numbers))
}

/// The table in its first principal components, and the share of variance that they explain.
fn reduce(
    table: Embeddings,
    dims: PcaDims,
    notes: &mut Vec<String>,
) -> Result<(Embeddings, Option<f64>)> {
    let (rows, width) = (table.rows(), table.width());
    let dim = match dims {
        PcaDims::None => return Ok((table, None)),
        PcaDims::All => width,
        PcaDims::First(dim) if dim > width => {
            notes.push(format!(
                "--pca-dims {dim} is more than the {width} dimensions of the teacher: all {width} \
                 principal components are kept"
            ));
            width
        }
        PcaDims::First(dim) => dim,
    };
    if dim >= rows {
        notes.push(format!(
            "no PCA: {rows} tokens are too few for {dim} principal components; the table keeps \
             the {width} dimensions of the teacher"
        ));
        return Ok((table, None));
    }
    let PrincipalComponents { scores, explained } = PrincipalComponents::fit(&table, dim)?;
    Ok((scores, Some(explained)))
}

/// `a / (a + p)` of smooth inverse frequency (Arora et al. 2017) for each token, its probability p
/// that of its rank r by Zipf's law: `(1/r) / Σ 1/r`, r = 2 … V + 1.
pub fn sif_weights(tokens: usize, coefficient: f64) -> Vec<f64> {
    let inverse = |nth: usize| 1. / (nth + 2) as f64;
    let sum: f64 = (0..tokens).map(inverse).sum();
    (0..tokens).map(|nth| coefficient / (coefficient + inverse(nth) / sum)).collect()
}

/// Rows times their weights.
fn scaled(table: &Embeddings, weights: &[f64]) -> Embeddings {
    let rows = table.iter().zip(weights);
    let numbers =
        rows.flat_map(|(row, weight)| row.iter().map(move |&x| f64::from(x) * weight));
    Embeddings::new(table.width(), numbers.map(|x| x as f32).collect())
}

impl Distilled {
    /// Writes the model and a card that says how it was distilled from `teacher`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, teacher: &str, options: &DistillOptions, dir: &Path) -> Result<()> {
        self.encoder.save_pretrained(dir)?;
        let card = CardSection { base_model: teacher.into(), text: self.card(options) };
        self.encoder.write_distilled_card(card, dir)
    }

    fn card(&self, options: &DistillOptions) -> String {
        let explained = self.explained.map_or("no PCA".to_string(), |share| {
            format!("{:.1} % of the variance of {} dimensions", 100. * share, self.inputs)
        });
        let sif = options.sif_coefficient.map_or("none".to_string(), |a| a.to_string());
        let unknown = match options.format {
            StaticFormat::SentenceTransformers => "counted",
            StaticFormat::Model2Vec => "left out",
        };
        format!(
            "## Distillation\n\nEach token was embedded alone by the teacher (mean of its hidden \
             states, special tokens included), as model2vec does it; texts are the mean of the \
             vectors of their tokens, scaled to length one.\n\n| | |\n| --- | --- |\n\
             | tokens | {} ({} special or unused tokens left out, {} words added) |\n\
             | dimensions | {} ({explained}) |\n| SIF coefficient | {sif} |\n\
             | unknown tokens | {unknown} |\n",
            self.tokens.len(),
            self.removed,
            self.added,
            self.encoder.get_embedding_dimension()
        )
    }
}

#[cfg(test)]
mod tests;
