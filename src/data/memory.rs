//! Datasets of texts in memory.

use super::{Dataset, Example, Label, ReadReport, Scale};
use crate::error::{Error, Result};

/// The path of data that is in no file, in messages.
const PATH: &str = "memory";

impl Dataset {
    /// Sentences without labels.
    ///
    /// ```
    /// use twindrop::data::Dataset;
    ///
    /// let data = Dataset::from_sentences(["a cat", "a dog"])?;
    /// assert_eq!((data.examples.len(), data.width()), (2, 1));
    /// # Ok::<(), twindrop::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where there are none, or one is empty.
    pub fn from_sentences<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        Self::from_texts(&["text"], texts.into_iter().map(|text| [text.into()]))
    }

    /// Pairs without labels: anchor and positive.
    ///
    /// # Errors
    /// As [`from_sentences`](Self::from_sentences).
    pub fn from_pairs<T: Into<String>>(
        pairs: impl IntoIterator<Item = (T, T)>,
    ) -> Result<Self> {
        let texts = pairs.into_iter().map(|(a, b)| [a.into(), b.into()]);
        Self::from_texts(&["anchor", "positive"], texts)
    }

    /// Triplets: anchor, positive and negative.
    ///
    /// # Errors
    /// As [`from_sentences`](Self::from_sentences).
    pub fn from_triplets<T: Into<String>>(
        triplets: impl IntoIterator<Item = [T; 3]>,
    ) -> Result<Self> {
        let texts = triplets.into_iter().map(|texts| texts.map(Into::into));
        Self::from_texts(&["anchor", "positive", "negative"], texts)
    }

    /// Pairs with a score on `scale` each.
    ///
    /// ```
    /// use twindrop::data::{Dataset, Scale};
    ///
    /// let data = Dataset::from_scored_pairs([("a cat", "a cat sat", 4.5)], Scale::FIVE)?;
    /// assert_eq!(data.unit_scores(), [0.9]);
    /// # Ok::<(), twindrop::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`from_sentences`](Self::from_sentences), and where a score is not on the scale.
    pub fn from_scored_pairs<T: Into<String>>(
        pairs: impl IntoIterator<Item = (T, T, f64)>,
        scale: Scale,
    ) -> Result<Self> {
        let mut examples = Vec::new();
        for (at, (a, b, score)) in pairs.into_iter().enumerate() {
            if !scale.contains(score) {
                let message =
                    format!("score {score}, expected {} to {}", scale.low, scale.high);
                return Err(wrong(at, &message));
            }
            let texts = vec![a.into(), b.into()];
            examples.push(Example { texts, label: Some(Label::Score(score)) });
        }
        let columns = ["sentence1", "sentence2", "score"];
        Ok(Self { scale: Some(scale), ..Self::checked(&columns, examples)? })
    }

    /// Texts with a class each; classes are numbered in the order of first appearance.
    ///
    /// # Errors
    /// As [`from_sentences`](Self::from_sentences).
    pub fn from_classes<T: Into<String>, C: Into<String>>(
        texts: impl IntoIterator<Item = (T, C)>,
    ) -> Result<Self> {
        let mut classes: Vec<String> = Vec::new();
        let examples = texts.into_iter().map(|(text, class)| {
            let class = class.into();
            let number =
                classes.iter().position(|known| *known == class).unwrap_or_else(|| {
                    classes.push(class);
                    classes.len() - 1
                });
            Example { texts: vec![text.into()], label: Some(Label::Class(number as u32)) }
        });
        let examples = examples.collect();
        Ok(Self { classes, ..Self::checked(&["text", "label"], examples)? })
    }

    fn from_texts<const N: usize>(
        columns: &[&str],
        texts: impl Iterator<Item = [String; N]>,
    ) -> Result<Self> {
        let example = |texts: [String; N]| Example { texts: texts.into(), label: None };
        Self::checked(columns, texts.map(example).collect())
    }

    fn checked(columns: &[&str], examples: Vec<Example>) -> Result<Self> {
        if examples.is_empty() {
            return Err(Error::data(PATH.as_ref(), "no examples"));
        }
        let empty = |example: &Example| example.texts.iter().any(|text| text.trim().is_empty());
        if let Some(at) = examples.iter().position(empty) {
            return Err(wrong(at, "empty text"));
        }
        Ok(Self {
            path: PATH.into(),
            examples,
            classes: Vec::new(),
            scale: None,
            scale_detected: false,
            scale_question: None,
            integer_labels: false,
            report: ReadReport { path: PATH.into(), ..ReadReport::default() },
            columns: columns.iter().map(|name| name.to_string()).collect(),
        })
    }
}

fn wrong(at: usize, message: &str) -> Error {
    Error::data(PATH.as_ref(), format!("example {}: {message}", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_kept_and_bad_examples_named() {
        let data = Dataset::from_classes([("a", "x"), ("b", "y"), ("c", "x")]).unwrap();
        assert_eq!(
            (data.class_labels(), data.classes),
            (vec![0, 1, 0], vec!["x".into(), "y".into()])
        );
        let data = Dataset::from_triplets([["a", "b", "c"]]).unwrap();
        assert_eq!((data.width(), data.is_labelled()), (3, false));
        let pairs = [("a", "b", 5.), ("c", "d", 5.1)];
        let error = Dataset::from_scored_pairs(pairs, Scale::FIVE).unwrap_err().to_string();
        assert_eq!(error, "memory: example 2: score 5.1, expected 0 to 5");
        let error = Dataset::from_pairs([("a", " ")]).unwrap_err().to_string();
        assert_eq!(error, "memory: example 1: empty text");
        let error = Dataset::from_sentences::<&str>([]).unwrap_err().to_string();
        assert_eq!(error, "memory: no examples");
    }
}
