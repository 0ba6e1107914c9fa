//! `heads.json`: what the outputs of a classification or regression head are.

use super::json::read_json;
use crate::error::{Error, Result};
use crate::heads::ClassifierConfig;
use crate::io;
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

/// A head as `heads.json` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadDescription {
    /// Its shape, as `--head` spells it.
    pub head: ClassifierConfig,
    /// Texts of an example: one, or two.
    pub texts_per_example: usize,
    /// What its outputs are.
    pub problem_type: ProblemType,
    /// The classes in the order of the logits; empty for a regression.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The lowest and the highest score of the training data, which a regression predicts as 0 and
    /// 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_scale: Option<[f64; 2]>,
}

impl HeadDescription {
    /// How many outputs it has.
    pub fn outputs(&self) -> usize {
        match self.problem_type {
            ProblemType::SingleLabelClassification => self.labels.len(),
            ProblemType::Regression => 1,
        }
    }

    /// Columns of embeddings that the head reads: one where a pair is joined.
    pub(super) fn columns(&self) -> usize {
        if self.head.joined { 1 } else { self.texts_per_example }
    }

    /// Writes it to `dir`, or takes away that of another run where there is none.
    pub(super) fn save(description: Option<&Self>, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let Some(description) = description else {
            if path.is_file() {
                std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
            }
            return Ok(());
        };
        let text = serde_json::to_string_pretty(description).unwrap_or_default() + "\n";
        io::replace_with(&path, text)
    }

    /// The description in `dir`, checked.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        if !path.is_file() {
            let message = format!(
                "has no {FILE}, so it is no classifier or regressor of twindrop's; train one with \
                 --objective softmax, rdrop-classes or regression"
            );
            return Err(Error::model(dir, message));
        }
        let found: Self = serde_json::from_value(read_json(&path)?)
            .map_err(|error| Error::model(&path, error.to_string()))?;
        let wrong = |message: String| Err(Error::model(&path, message));
        let pairs = if found.head.joined { 2 } else { found.texts_per_example };
        if !(1..=2).contains(&found.texts_per_example) || pairs != found.texts_per_example {
            return wrong(format!(
                "texts_per_example is {}, expected 1 or 2, and 2 for a joined head",
                found.texts_per_example
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
