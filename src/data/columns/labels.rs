//! Labels: cell → score on a scale, or class among names.

use crate::data::columns::classes::{Classes, quoted};
use crate::data::columns::scale_reading::ScaleReading;
use crate::data::{Example, Label, ReadOptions, Scale};
use crate::error::Result;

/// What the label column of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Meaning {
    Score,
    Class,
    /// Scores if the first of them is a number, else classes.
    Either,
}

/// What corpora of inference write where people did not agree on a label.
pub(in crate::data) const NO_LABEL: &str = "-";

/// The same where labels are numbers, as on the Hugging Face hub.
pub(in crate::data) const NO_LABEL_NUMBER: &str = "-1";

/// Whether a cell reads as a number.
pub(in crate::data) fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// Whether a cell is a label of natural language inference.
pub(in crate::data) fn is_inference(cell: &str) -> bool {
    ["entailment", "neutral", "contradiction"].contains(&cell)
}

/// Whether a cell is hardly a sentence.
pub(in crate::data) fn is_label(cell: &str) -> bool {
    is_number(cell) || is_inference(cell)
}

/// Reads the labels of a file one after the other.
#[derive(Debug)]
pub(in crate::data) struct LabelReader {
    scores: Scores,
    classes: Classes,
}

impl LabelReader {
    /// Labels as `options` want them.
    pub fn new(options: &ReadOptions) -> Result<Self> {
        let scores = Scores::new(options)?;
        Ok(Self { scores, classes: Classes::new(options.classes.as_deref())? })
    }

    /// The label in `cell`; or what is wrong with it. Settles what `meaning` left open.
    pub fn read(&mut self, cell: &str, meaning: &mut Meaning) -> Result<Label, String> {
        if *meaning == Meaning::Either {
            *meaning = if is_number(cell) { Meaning::Score } else { Meaning::Class };
        }
        match meaning {
            Meaning::Score => self.scores.read(cell).map(Label::Score),
            Meaning::Class | Meaning::Either => self.classes.read(cell).map(Label::Class),
        }
    }

    /// What the scores read lie on.
    pub fn scale(&self) -> ScaleReading {
        self.scores.scale()
    }

    /// The lowest and the highest score read.
    pub fn range(&self) -> (f64, f64) {
        (self.scores.low, self.scores.high)
    }

    /// The scores below 0 were none.
    pub fn forget_negative_scores(&mut self) {
        self.scores.low = self.scores.low.max(0.);
    }

    /// Whether all scores read are integers.
    pub fn are_integers(&self) -> bool {
        self.scores.integers
    }

    /// Whether a class of this name was asked for.
    pub fn is_given_class(&self, name: &str) -> bool {
        self.classes.is_given(name)
    }

    /// The names of the classes, in whose final order the labels of `examples` are put.
    pub fn settle(&mut self, examples: &mut [Example]) -> Vec<String> {
        let (names, places) = std::mem::take(&mut self.classes).settle();
        for example in examples {
            if let Some(Label::Class(class)) = &mut example.label {
                *class = places[*class as usize];
            }
        }
        names
    }
}

/// Scores, and what is known of all of them.
#[derive(Debug)]
struct Scores {
    given: Option<Scale>,
    decimal_comma: bool,
    low: f64,
    high: f64,
    integers: bool,
}

impl Scores {
    fn new(options: &ReadOptions) -> Result<Self> {
        // the fields of a scale are public, so a given one may be none
        let given = options.scale.map(|scale| Scale::new(scale.low, scale.high)).transpose()?;
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        Ok(Self { given, decimal_comma: options.decimal_comma, low, high, integers: true })
    }

    fn read(&mut self, cell: &str) -> Result<f64, String> {
        let score = self.number(cell)?;
        if !score.is_finite() {
            return Err(format!("score {} is not finite", quoted(cell)));
        }
        if let Some(scale) = self.given.filter(|scale| !scale.contains(score)) {
            return Err(format!(
                "score {cell} is outside the given scale {scale}; give the right one with \
                 --score-scale low..high, such as --score-scale 1..5"
            ));
        }
        (self.low, self.high) = (self.low.min(score), self.high.max(score));
        self.integers &= score.fract() == 0.;
        Ok(score)
    }

    fn number(&self, cell: &str) -> Result<f64, String> {
        if let Ok(number) = cell.parse() {
            return Ok(number);
        }
        let with_point = cell.replacen(',', ".", 1).parse();
        match with_point {
            Ok(number) if self.decimal_comma => Ok(number),
            Ok(_) => Err(format!(
                "score {} has a decimal comma; give --decimal-comma to read it",
                quoted(cell)
            )),
            Err(_) => Err(format!("score {} is not a number", quoted(cell))),
        }
    }

    fn scale(&self) -> ScaleReading {
        match self.given {
            Some(scale) => ScaleReading::given(scale),
            None => ScaleReading::of(self.low, self.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(given: Option<Scale>, cells: &[&str]) -> Result<ScaleReading, String> {
        let options = ReadOptions { scale: given, ..ReadOptions::default() };
        let mut labels = LabelReader::new(&options).unwrap();
        for cell in cells {
            labels.read(cell, &mut Meaning::Score.clone())?;
        }
        Ok(labels.scale())
    }

    #[test]
    fn a_given_scale_is_kept() {
        let sick = Scale { low: 1., high: 5. };
        assert_eq!(scores(Some(sick), &["1", "5"]), Ok(ScaleReading::given(sick)));
        let error = scores(Some(sick), &["1", "0.9"]).unwrap_err();
        assert!(error.starts_with("score 0.9 is outside the given scale 1..5; "), "{error}");
    }

    #[test]
    fn a_score_is_a_finite_number() {
        let error = |cell: &str| scores(None, &[cell]).unwrap_err();
        assert_eq!(error("abc"), "score \"abc\" is not a number");
        for cell in ["inf", "-inf", "1e999"] {
            assert_eq!(error(cell), format!("score \"{cell}\" is not finite"));
        }
        let long = "漢".repeat(1000);
        assert_eq!(error(&long), format!("score \"{}…\" is not a number", "漢".repeat(40)));
    }

    #[test]
    fn a_decimal_comma_is_named_and_read_where_asked_for() {
        let error = scores(None, &["4,5"]).unwrap_err();
        assert_eq!(error, "score \"4,5\" has a decimal comma; give --decimal-comma to read it");
        let options = ReadOptions { decimal_comma: true, ..ReadOptions::default() };
        let mut labels = LabelReader::new(&options).unwrap();
        let read =
            |labels: &mut LabelReader, cell| labels.read(cell, &mut Meaning::Score.clone());
        assert_eq!(read(&mut labels, "4,5"), Ok(Label::Score(4.5)));
        assert_eq!(read(&mut labels, "1"), Ok(Label::Score(1.)));
        assert!(read(&mut labels, "1,234,5").unwrap_err().ends_with("is not a number"));
    }

    #[test]
    fn a_scale_without_extent_is_refused() {
        let scale = Some(Scale { low: 1., high: 1. });
        assert!(LabelReader::new(&ReadOptions { scale, ..ReadOptions::default() }).is_err());
    }

    #[test]
    fn the_first_label_settles_what_all_are() {
        let mut labels = LabelReader::new(&ReadOptions::default()).unwrap();
        let mut meaning = Meaning::Either;
        assert_eq!(labels.read("1", &mut meaning), Ok(Label::Score(1.)));
        assert_eq!(meaning, Meaning::Score);
        assert!(labels.read("yes", &mut meaning).is_err());
        let mut meaning = Meaning::Either;
        assert_eq!(labels.read("yes", &mut meaning), Ok(Label::Class(0)));
        assert_eq!(labels.read("1", &mut meaning), Ok(Label::Class(1)));
    }
}
