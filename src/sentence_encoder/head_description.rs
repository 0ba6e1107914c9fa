//! What the outputs of a classification or regression head are, and `heads.json`, which holds it for
//! heads that transformers has no class for.

use super::json::read_json;
use crate::error::{Error, Result};
use crate::heads::ClassifierConfig;
use crate::io;
use crate::nn::Activation;
use crate::vectors::Embeddings;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What the outputs of the head in `heads.safetensors` are, beside it in a model directory.
pub(super) const FILE: &str = "heads.json";

/// What the outputs of a head are, as Hugging Face names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemType {
    /// One logit for each class, trained by cross-entropy.
    SingleLabelClassification,
    /// One output, the score itself, trained by squared error.
    Regression,
}

/// A head, as `heads.json` or the `config.json` of a classifier describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadDescription {
    /// Its shape, as `--head` spells it.
    pub head: ClassifierConfig,
    /// Texts of an example: one, or two; none where no file says it, and the head reads either.
    pub texts_per_example: Option<usize>,
    /// What its outputs are.
    pub problem_type: ProblemType,
    /// The classes in the order of the logits; empty for a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The lowest and the highest score of the training data, which a regression predicts as 0 and
    /// 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_scale: Option<[f64; 2]>,
    /// What follows the output of a regression: what a CrossEncoder's `activation_fn` says.
    #[serde(default = "identity", skip_serializing_if = "is_identity")]
    pub activation: Activation,
    /// What logits are divided by before the softmax, where that is not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

fn identity() -> Activation {
    Activation::Identity
}

fn is_identity(activation: &Activation) -> bool {
    *activation == Activation::Identity
}

impl HeadDescription {
    /// A head with these classes, of examples of `texts` texts.
    pub fn classes(head: ClassifierConfig, texts: usize, labels: Vec<String>) -> Self {
        let problem_type = ProblemType::SingleLabelClassification;
        Self { problem_type, labels, ..Self::regression(head, texts, None) }
    }

    /// A head that predicts a score, of examples of `texts` texts.
    pub fn regression(
        head: ClassifierConfig,
        texts: usize,
        score_scale: Option<[f64; 2]>,
    ) -> Self {
        Self {
            head,
            texts_per_example: Some(texts),
            problem_type: ProblemType::Regression,
            labels: Vec::new(),
            score_scale,
            activation: Activation::Identity,
            temperature: None,
        }
    }

    /// The outputs of the head, after what follows them, row by row.
    pub(super) fn activated(&self, outputs: &Embeddings) -> Result<Vec<f64>> {
        let outputs = outputs.as_slice().iter().map(|&x| f64::from(x)).collect();
        Ok(self.activation.of_numbers(outputs)?)
    }

    /// How many outputs it has.
    pub fn outputs(&self) -> usize {
        match self.problem_type {
            ProblemType::SingleLabelClassification => self.labels.len(),
            ProblemType::Regression => 1,
        }
    }

    /// Columns of embeddings that the head reads: one where it reads a sequence.
    pub(super) fn columns(&self) -> usize {
        if self.head.is_sequence() { 1 } else { self.texts_per_example.unwrap_or(1) }
    }

    /// Writes it to `dir`.
    pub(super) fn save(&self, dir: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        io::replace_with(&dir.join(FILE), text)
    }

    /// The description in the file at `path`, checked.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let found: Self = serde_json::from_value(read_json(path)?)
            .map_err(|error| Error::model(path, error.to_string()))?;
        let wrong = |message: String| Err(Error::model(path, message));
        let texts = found.texts_per_example.unwrap_or(0);
        if !(1..=2).contains(&texts) || (found.head.is_joined() && texts == 1) {
            return wrong(format!(
                "texts_per_example is {texts}, expected 1 or 2, and 2 for a joined head"
            ));
        }
        let classes = found.labels.len();
        match found.problem_type {
            ProblemType::SingleLabelClassification if classes < 2 => {
                wrong(format!("labels: {classes} classes, expected at least two"))
            }
            ProblemType::Regression if classes > 0 => {
                wrong("labels: a regression has none".into())
            }
            _ => Ok(found),
        }
    }
}
