//! What an objective promises, and what it asks for.

use super::Loss;
use crate::error::Result;
use crate::outputs::BatchOutput;

/// What an objective asks of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelKind {
    /// Sentences, or unlabelled anchors with their positives.
    None,
    /// Pairs with a score.
    Scores,
    /// Texts or pairs with a class.
    Classes,
    /// Texts with a teacher's embeddings of them.
    TeacherEmbeddings,
}

/// What a head on top of the embeddings says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// Logits over the classes, (N, C).
    Classes,
    /// One number, (N, 1).
    Regression,
}

/// How the sights of a batch should agree.
pub trait Objective: Send + Sync {
    /// The loss of one batch, a mean over its examples.
    ///
    /// # Errors
    /// Where the twins lack what the objective needs.
    fn loss(&self, twins: &BatchOutput) -> Result<Loss>;

    /// What it asks of its data.
    fn label_kind(&self) -> LabelKind;

    /// Which head of the model it reads.
    fn head(&self) -> Option<HeadKind> {
        None
    }

    /// The texts an example must have at least.
    fn texts_per_example(&self) -> usize {
        1
    }

    /// Whether it reads masked tokens.
    fn masks(&self) -> bool {
        false
    }

    /// What it is a sum of, each with its weight.
    fn parts(&self) -> &[(f64, Box<dyn Objective>)] {
        &[]
    }
    /// [`loss`](Self::loss) at a `progress` from 0 to 1 through the run, where weights move.
    /// # Errors
    /// As there.
    fn loss_at(&self, twins: &BatchOutput, _progress: f64) -> Result<Loss> {
        self.loss(twins)
    }

    /// How often a batch must be seen, given the texts of an example: once or twice.
    fn passes(&self, _columns: usize, _labelled: bool) -> usize {
        2
    }

    /// Whether other examples of the batch are part of an example's loss.
    fn uses_in_batch_negatives(&self) -> bool {
        false
    }

    /// Its name in logs.
    fn name(&self) -> String;
}
