//! What a file holds once read: examples, and what is known of all of them together.

use std::path::PathBuf;

use super::{ReadReport, Scale};
use crate::error::{Error, Result};

/// The label of an example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Label {
    /// How alike the two sentences are, as spelled in the file: see [`Dataset::scale`].
    Score(f64),
    /// An index into [`Dataset::classes`].
    Class(u32),
}

/// One line of a file: a text, a pair, or an anchor with its positive and negatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The texts in the order of their roles, not of their columns; none is empty, unless missing
    /// ones were asked to be.
    pub texts: Vec<String>,
    /// The label, in every example of a file or in none.
    pub label: Option<Label>,
}

/// The examples of one file, at least one, all with the same number of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Where they came from.
    pub path: PathBuf,
    /// The examples in the order of the file.
    pub examples: Vec<Example>,
    /// The names of the classes, in the order of [`Label::Class`]; empty without classes.
    pub classes: Vec<String>,
    /// The range of the scores; none without scores.
    pub scale: Option<Scale>,
    /// Whether `scale` was read off the scores. It then says what fits, not what was meant: the
    /// first lines of a 0..5 file may all lie in 0..1.
    pub scale_detected: bool,
    /// What to ask where the scores fit two scales; `scale` is then the smallest usual one that
    /// holds them.
    pub scale_question: Option<String>,
    /// Whether the scores are integers of a column called `label`, so that they may be
    /// [classes](Self::into_classes).
    pub integer_labels: bool,
    /// What each column was taken for, by the header's own names where there is one.
    pub columns: Vec<String>,
    /// What was decided and left out while the file was read.
    pub report: ReadReport,
}

impl Dataset {
    /// Whether the examples carry scores.
    pub fn is_scored(&self) -> bool {
        self.scale.is_some()
    }

    /// Whether the examples carry scores or classes.
    pub fn is_labelled(&self) -> bool {
        self.is_scored() || !self.classes.is_empty()
    }

    /// The same examples with integer labels as classes, by their numbers in ascending order; as they
    /// are where the labels are something else.
    #[must_use]
    pub fn into_classes(mut self) -> Self {
        if !self.integer_labels {
            return self;
        }
        let mut numbers = self.gold();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup();
        for example in &mut self.examples {
            let score = example.label.and_then(Label::score).unwrap_or(f64::NAN);
            let place = numbers.partition_point(|&number| number < score);
            example.label = Some(Label::Class(place as u32));
        }
        let classes: Vec<String> = numbers.iter().map(f64::to_string).collect();
        self.report.scale = None;
        self.report.notes.push(format!("labels read as classes {}", classes.join(", ")));
        Self {
            classes,
            scale: None,
            scale_detected: false,
            scale_question: None,
            integer_labels: false,
            ..self
        }
    }

    /// Refuses scores of which it is not known what they lie on, for what needs to know.
    ///
    /// # Errors
    /// Where they fit two scales and none was given.
    pub fn expect_known_scale(&self) -> Result<()> {
        match &self.scale_question {
            Some(question) => Err(Error::data(&self.path, question)),
            None => Ok(()),
        }
    }

    /// The range of the scores, of pairs that have some.
    ///
    /// # Errors
    /// Where the examples are no pairs with a score.
    pub fn expect_scored_pairs(&self) -> Result<Scale> {
        self.scale.filter(|_| self.width() >= 2).ok_or_else(|| {
            let columns = self.columns.join(", ");
            Error::data(
                &self.path,
                format!(
                    "has {columns}, expected pairs with a score; name the columns, as --columns \
                     NAME=sentence1,NAME=sentence2,NAME=score"
                ),
            )
        })
    }

    /// How many texts an example has.
    pub fn width(&self) -> usize {
        self.examples.first().map_or(0, |example| example.texts.len())
    }

    /// The scores as spelled in the file; empty without scores.
    pub fn gold(&self) -> Vec<f64> {
        self.labels().filter_map(Label::score).collect()
    }

    /// The scores brought to 0..1; empty without scores.
    pub fn unit_scores(&self) -> Vec<f64> {
        let scale = self.scale.unwrap_or(Scale::UNIT);
        self.labels().filter_map(Label::score).map(|score| scale.unit(score)).collect()
    }

    /// The classes as indices into [`Dataset::classes`]; empty without classes.
    pub fn class_labels(&self) -> Vec<u32> {
        self.labels().filter_map(Label::class).collect()
    }

    /// The text at `position` of every example: `texts(0)` are the first sentences of pairs.
    pub fn texts(&self, position: usize) -> impl Iterator<Item = &str> {
        self.examples.iter().filter_map(move |e| e.texts.get(position)).map(String::as_str)
    }

    /// Every text of every example, example by example.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().flat_map(|example| &example.texts).map(String::as_str)
    }

    fn labels(&self) -> impl Iterator<Item = Label> {
        self.examples.iter().filter_map(|example| example.label)
    }
}

impl Label {
    /// The score, if it is one.
    pub fn score(self) -> Option<f64> {
        match self {
            Label::Score(score) => Some(score),
            Label::Class(_) => None,
        }
    }

    /// The class, if it is one.
    pub fn class(self) -> Option<u32> {
        match self {
            Label::Class(class) => Some(class),
            Label::Score(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(labels: [Label; 2], scale: Option<Scale>) -> Dataset {
        let texts = [["a", "b"], ["c", "d"]].map(|pair| pair.map(String::from).to_vec());
        let examples = texts.into_iter().zip(labels);
        Dataset {
            path: "f.tsv".into(),
            examples: examples.map(|(texts, l)| Example { texts, label: Some(l) }).collect(),
            classes: vec![],
            scale,
            scale_detected: false,
            scale_question: None,
            integer_labels: false,
            columns: vec![],
            report: ReadReport::default(),
        }
    }

    #[test]
    fn sentences_go_example_by_example_and_texts_by_position() {
        let data = pairs([Label::Class(1), Label::Class(0)], None);
        assert_eq!(data.sentences().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(data.texts(1).collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(data.texts(2).count(), 0);
        assert_eq!(data.width(), 2);
    }

    #[test]
    fn unit_scores_are_the_gold_on_its_scale() {
        let scale = Scale { low: 1., high: 5. };
        let data = pairs([Label::Score(1.), Label::Score(3.)], Some(scale));
        assert!(data.is_scored());
        assert_eq!((data.gold(), data.unit_scores()), (vec![1., 3.], vec![0., 0.5]));
        assert!(data.class_labels().is_empty());
    }

    #[test]
    fn integers_of_a_label_column_may_be_classes() {
        let data = pairs([Label::Score(2.), Label::Score(0.)], Some(Scale::FIVE));
        assert_eq!(data.clone().into_classes(), data);
        let classes = Dataset { integer_labels: true, ..data }.into_classes();
        assert_eq!((classes.classes.join(" ").as_str(), classes.scale), ("0 2", None));
        assert_eq!(classes.class_labels(), [1, 0]);
        assert_eq!(classes.report.notes, ["labels read as classes 0, 2"]);
    }

    #[test]
    fn classes_are_not_scores() {
        let data = pairs([Label::Class(1), Label::Class(0)], None);
        assert_eq!(data.class_labels(), [1, 0]);
        assert!(!data.is_scored() && data.gold().is_empty() && data.unit_scores().is_empty());
    }
}
