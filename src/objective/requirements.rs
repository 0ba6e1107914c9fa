//! [`Objective`]: what a loss is, and what it requires of model and data.

use super::Loss;
use crate::error::Result;
use crate::outputs::BatchOutput;
use std::borrow::Cow;
use std::sync::Arc;

/// The labels an objective reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LabelKind {
    /// None: sentences, or anchors with their positives and negatives.
    #[default]
    None,
    /// A score for each pair.
    Scores,
    /// A class for each text or pair.
    Classes,
    /// A relevance, or a teacher's score, for each pair, in lists of one query.
    Lists,
    /// A teacher's embedding of each text.
    TeacherEmbeddings,
}

/// The output of a head on top of the embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// Class logits, (N, C).
    Classes,
    /// A prediction, (N, 1).
    Regression,
}

/// Forward passes of a batch, by its kind: each pass is one stochastic view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// For unlabelled examples of two texts or more, an anchor and its positive.
    pairs: usize,
    /// For all other examples.
    others: usize,
}

impl Passes {
    /// Two for single sentences and labelled examples, one where a positive is given (SimCSE).
    pub const ONE_FOR_PAIRS: Self = Self { pairs: 1, others: 2 };

    /// The same number for every batch: 1 or 2, or 0 for an objective that reads masked tokens
    /// alone, which have a pass of their own.
    pub const fn fixed(passes: usize) -> Self {
        Self { pairs: passes, others: passes }
    }

    /// The passes of a batch with so many texts an example.
    pub fn count(self, texts_per_example: usize, labelled: bool) -> usize {
        if texts_per_example > 1 && !labelled { self.pairs } else { self.others }
    }
}

/// What an objective requires of data, model and batch. The default is an objective over two
/// views of single sentences.
///
/// ```
/// use twindrop::objective::{LabelKind, Passes, Requirements};
///
/// let cosent = Requirements::default()
///     .with_labels(LabelKind::Scores)
///     .with_texts_per_example(2)
///     .with_passes(Passes::fixed(1))
///     .with_in_batch_negatives();
/// assert_eq!(cosent.passes.count(2, true), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirements {
    /// The labels it reads. None.
    pub labels: LabelKind,
    /// The head it reads. None.
    pub head: Option<HeadKind>,
    /// Texts an example must have at least. 1.
    pub texts_per_example: usize,
    /// Forward passes of a batch. Two.
    pub passes: Passes,
    /// Whether it reads a language model's logits of masked tokens. False.
    pub masked_tokens: bool,
    /// Whether the loss of an example depends on the other examples of its batch, so that
    /// batches should be whole and free of duplicates. False.
    pub in_batch_negatives: bool,
    /// Whether it reads no more of the scores than which of two is higher: their scale is of no
    /// account, and pairs of one score teach nothing. False.
    pub score_order_only: bool,
    /// Whether only differences of predictions matter, so that the bias of a regression head has no
    /// gradient. False.
    pub score_differences_only: bool,
    /// Whether a prediction is the sigmoid of the head's output. False.
    pub sigmoid: bool,
}

impl Default for Requirements {
    fn default() -> Self {
        Self {
            labels: LabelKind::None,
            head: None,
            texts_per_example: 1,
            passes: Passes::fixed(2),
            masked_tokens: false,
            in_batch_negatives: false,
            score_order_only: false,
            score_differences_only: false,
            sigmoid: false,
        }
    }
}

impl Requirements {
    /// With labels of this kind.
    #[must_use]
    pub fn with_labels(self, labels: LabelKind) -> Self {
        Self { labels, ..self }
    }

    /// With this head, where there is one.
    #[must_use]
    pub fn with_head(self, head: impl Into<Option<HeadKind>>) -> Self {
        Self { head: head.into(), ..self }
    }

    /// With so many texts an example.
    #[must_use]
    pub fn with_texts_per_example(self, texts_per_example: usize) -> Self {
        Self { texts_per_example, ..self }
    }

    /// With scores of which only the order counts.
    #[must_use]
    pub fn with_score_order_only(self) -> Self {
        Self { score_order_only: true, ..self }
    }

    /// With predictions of which only differences matter.
    #[must_use]
    pub fn with_score_differences_only(self) -> Self {
        Self { score_differences_only: true, ..self }
    }

    /// With a head whose output is a logit, the sigmoid of which is the prediction.
    #[must_use]
    pub fn with_sigmoid(self) -> Self {
        Self { sigmoid: true, ..self }
    }

    /// With so many forward passes.
    #[must_use]
    pub fn with_passes(self, passes: Passes) -> Self {
        Self { passes, ..self }
    }

    /// With masked tokens.
    #[must_use]
    pub fn with_masked_tokens(self) -> Self {
        Self { masked_tokens: true, ..self }
    }

    /// With other examples of the batch as negatives.
    #[must_use]
    pub fn with_in_batch_negatives(self) -> Self {
        Self { in_batch_negatives: true, ..self }
    }

    /// What a sum of two objectives requires: the most that either does, and the head of `self`
    /// where both read one.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let passes = Passes {
            pairs: self.passes.pairs.max(other.passes.pairs),
            others: self.passes.others.max(other.passes.others),
        };
        Self {
            labels: self.labels.max(other.labels),
            head: self.head.or(other.head),
            texts_per_example: self.texts_per_example.max(other.texts_per_example),
            passes,
            masked_tokens: self.masked_tokens || other.masked_tokens,
            in_batch_negatives: self.in_batch_negatives || other.in_batch_negatives,
            score_order_only: self.score_order_only && other.score_order_only,
            score_differences_only: self.score_differences_only && other.score_differences_only,
            sigmoid: self.sigmoid || other.sigmoid,
        }
    }
}

/// A loss over the outputs of one batch. It has no parameters, no state and no randomness.
///
/// See `examples/04_objective.rs` for one written outside the crate.
pub trait Objective: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> Cow<'_, str>;

    /// What it requires of data, model and batch.
    fn requirements(&self) -> Requirements;

    /// The loss of one batch, a mean over its examples. `progress` goes from 0 at the first step
    /// of the run to 1 at its end, for weights that change.
    ///
    /// # Errors
    /// Where the outputs lack what [`requirements`](Self::requirements) names.
    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss>;

    /// The objectives this one is a weighted sum of at `progress`; none where it is no sum. An
    /// adversarial view (FGV) follows those that read labels.
    fn terms(&self, _progress: f64) -> Vec<(f64, &dyn Objective)> {
        Vec::new()
    }
}

impl<T: Objective + ?Sized> Objective for Arc<T> {
    fn name(&self) -> Cow<'_, str> {
        (**self).name()
    }

    fn requirements(&self) -> Requirements {
        (**self).requirements()
    }

    fn loss(&self, outputs: &BatchOutput, progress: f64) -> Result<Loss> {
        (**self).loss(outputs, progress)
    }

    fn terms(&self, progress: f64) -> Vec<(f64, &dyn Objective)> {
        (**self).terms(progress)
    }
}

/// The terms of `objective` that read labels, with their weights at `progress`: what an
/// adversarial view (FGV) follows.
pub fn supervised(objective: &dyn Objective, progress: f64) -> Vec<(f64, &dyn Objective)> {
    let terms = objective.terms(progress);
    if terms.is_empty() {
        let reads_labels = objective.requirements().labels != LabelKind::None;
        return if reads_labels { vec![(1., objective)] } else { Vec::new() };
    }
    let flat = terms.into_iter().flat_map(|(weight, term)| {
        supervised(term, progress).into_iter().map(move |(inner, term)| (weight * inner, term))
    });
    flat.collect()
}
