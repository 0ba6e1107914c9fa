//! Labels: cell → score on a scale, or class among names.

use super::classes::{Classes, quoted};
use super::{Example, Label, ReadOptions, Scale};
use crate::error::Result;

/// What the label column of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Score,
    Class,
    /// Scores if the first of them is a number, else classes.
    Either,
}

/// Whether a cell reads as a number.
pub(super) fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// Whether a cell is a label of natural language inference.
pub(super) fn is_inference(cell: &str) -> bool {
    ["entailment", "neutral", "contradiction"].contains(&cell)
}

/// Whether a cell is hardly a sentence.
pub(super) fn is_label(cell: &str) -> bool {
    is_number(cell) || is_inference(cell)
}

/// Reads the labels of a file one after the other.
#[derive(Debug)]
pub(super) struct LabelReader {
    scores: Scores,
    classes: Classes,
}

impl LabelReader {
    /// Labels as `options` want them.
    pub fn new(options: &ReadOptions) -> Result<Self> {
        let scores = Scores::new(options.scale)?;
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

    /// The scale that holds every score read, and whether it was detected.
    pub fn scale(&self) -> (Scale, bool) {
        (self.scores.scale, self.scores.detected)
    }

    /// The names of the classes, in whose final order the labels of `examples` are put.
    pub fn settle(self, examples: &mut [Example]) -> Vec<String> {
        let (names, places) = self.classes.settle();
        for example in examples {
            if let Some(Label::Class(class)) = &mut example.label {
                *class = places[*class as usize];
            }
        }
        names
    }
}

/// Scores and the scale they lie on: 0..1 until one of them does not, where none is given.
#[derive(Debug)]
struct Scores {
    scale: Scale,
    detected: bool,
}

impl Scores {
    fn new(given: Option<Scale>) -> Result<Self> {
        // the fields of a scale are public, so a given one may be none
        let scale = given.map(|scale| Scale::new(scale.low, scale.high)).transpose()?;
        Ok(Self { scale: scale.unwrap_or(Scale::UNIT), detected: given.is_none() })
    }

    fn read(&mut self, cell: &str) -> Result<f64, String> {
        let number = cell.parse::<f64>();
        let score = number.map_err(|_| format!("score {} is not a number", quoted(cell)))?;
        if !score.is_finite() {
            return Err(format!("score {} is not finite", quoted(cell)));
        }
        if self.detected && !self.scale.contains(score) {
            self.scale = Scale::FIVE;
        }
        if !self.scale.contains(score) {
            let how = if self.detected { "detected" } else { "given" };
            return Err(format!(
                "score {cell} is outside the {how} scale {}; \
                 give the right one with --score-scale low..high, such as --score-scale 1..5",
                self.scale
            ));
        }
        Ok(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(given: Option<Scale>, cells: &[&str]) -> Result<(Scale, bool), String> {
        let options = ReadOptions { scale: given, ..ReadOptions::default() };
        let mut labels = LabelReader::new(&options).unwrap();
        for cell in cells {
            labels.read(cell, &mut Meaning::Score.clone())?;
        }
        Ok(labels.scale())
    }

    #[test]
    fn the_detected_scale_is_the_smaller_that_holds_all_scores() {
        assert_eq!(scores(None, &["0", "0.5", "1.000"]), Ok((Scale::UNIT, true)));
        assert_eq!(scores(None, &["0", "1.001", "0"]), Ok((Scale::FIVE, true)));
        for (cells, first) in [(["1", "5.1", "6"], "5.1"), (["0", "-0.1", "5"], "-0.1")] {
            let error = scores(None, &cells).unwrap_err();
            let expected = format!("score {first} is outside the detected scale 0..5; ");
            assert!(error.starts_with(&expected) && error.contains("--score-scale"), "{error}");
        }
    }

    #[test]
    fn a_given_scale_is_kept() {
        let sick = Scale { low: 1., high: 5. };
        assert_eq!(scores(Some(sick), &["1", "5"]), Ok((sick, false)));
        let error = scores(Some(sick), &["1", "0.9"]).unwrap_err();
        assert!(error.starts_with("score 0.9 is outside the given scale 1..5; "), "{error}");
    }

    #[test]
    fn a_score_is_a_finite_number() {
        let error = |cell: &str| scores(None, &[cell]).unwrap_err();
        assert_eq!(error("abc"), "score \"abc\" is not a number");
        assert_eq!(error("4,5"), "score \"4,5\" is not a number");
        for cell in ["nan", "-inf", "1e999"] {
            assert_eq!(error(cell), format!("score \"{cell}\" is not finite"));
        }
        let long = "漢".repeat(1000);
        assert_eq!(error(&long), format!("score \"{}…\" is not a number", "漢".repeat(40)));
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
