//! Labelled texts or pairs and a model → what a classifier reads: features and classes.

use faer::{Mat, MatRef};

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::stats::logistic::LogisticRegression;
use crate::eval::texts::Texts;
use crate::vectors::{Embed, Embeddings, PairFeature};

/// The examples of up to three sets, their distinct texts known once.
#[derive(Debug, Clone)]
pub(in crate::eval) struct Examples {
    pub classes: Vec<String>,
    texts: Texts,
    train: Set,
    others: [Option<Set>; 2],
}

/// Where the texts of each example stand, and its class.
#[derive(Debug, Clone)]
struct Set {
    places: Vec<Vec<usize>>,
    classes: Vec<u32>,
}

/// What is asked of a classifier.
pub(in crate::eval) struct ProbeTask {
    pub train: FeatureMatrix,
    pub dev: Option<FeatureMatrix>,
    pub test: Option<FeatureMatrix>,
}

/// Examples `(F, N)`, a column each, and their classes.
pub(in crate::eval) struct FeatureMatrix {
    pub x: Mat<f64>,
    pub y: Vec<u32>,
}

impl Examples {
    /// The examples of a training set, and of a dev and a test set in its classes.
    pub fn new(train: &Dataset, others: [Option<&Dataset>; 2]) -> Result<Self> {
        let width = train.width();
        for set in [train].into_iter().chain(others.into_iter().flatten()) {
            let wrong = if set.classes.is_empty() || !(1..=2).contains(&set.width()) {
                let has = set.columns.join(", ");
                Some(format!(
                    "has {has}, expected one text or two with a class label; give the columns, as in \
                     --columns sentence1,sentence2,class"
                ))
            } else if set.width() != width {
                let (path, own) = (train.path.display(), set.width());
                Some(format!("has {own} texts per example, but {path} has {width}"))
            } else {
                None
            };
            if let Some(message) = wrong {
                return Err(Error::data(&set.path, message));
            }
        }
        let sets = || [train].into_iter().chain(others.into_iter().flatten());
        let all: Vec<&str> = sets().flat_map(Dataset::sentences).collect();
        let (texts, places) = Texts::new(&train.path.display().to_string(), &all);
        let mut places = places.chunks(width).map(<[usize]>::to_vec);
        let mut set = |data: &Dataset| -> Result<Set> {
            let places = places.by_ref().take(data.examples.len()).collect();
            Ok(Set { places, classes: classes_among(data, &train.classes)? })
        };
        let of_train = set(train)?;
        let [dev, test] = others;
        let others = [dev.map(&mut set).transpose()?, test.map(set).transpose()?];
        Ok(Self { classes: train.classes.clone(), texts, train: of_train, others })
    }

    /// Whether an example has two texts.
    pub fn are_pairs(&self) -> bool {
        self.train.places.first().is_some_and(|places| places.len() == 2)
    }

    /// The features of all examples.
    pub fn question(&self, model: &dyn Embed, features: &[PairFeature]) -> Result<ProbeTask> {
        let embeddings = self.texts.embed(model)?;
        let part = |set: &Set| FeatureMatrix::new(set, &embeddings, features);
        let [dev, test] = self.others.each_ref().map(|set| set.as_ref().map(part));
        Ok(ProbeTask { train: part(&self.train), dev, test })
    }
}

/// The classes of a set by their places among `known`.
pub(in crate::eval) fn classes_among(data: &Dataset, known: &[String]) -> Result<Vec<u32>> {
    let place = |name: &String| known.iter().position(|other| other == name);
    let places: Vec<Option<usize>> = data.classes.iter().map(place).collect();
    let of = |class: u32| {
        places[class as usize].map(|place| place as u32).ok_or_else(|| {
            let (name, count) = (&data.classes[class as usize], known.len());
            let shown = &known[..count.min(5)];
            let more = if count > 5 { ", …" } else { "" };
            let message = format!(
                "class {name:?} is not among the classes of the training set: {}",
                shown.join(", ")
            );
            Error::data(&data.path, message + more)
        })
    };
    data.class_labels().into_iter().map(of).collect()
}

impl FeatureMatrix {
    fn new(set: &Set, embeddings: &Embeddings, features: &[PairFeature]) -> Self {
        let width = embeddings.width();
        let column = |places: &Vec<usize>| -> Vec<f64> {
            let row = |place: usize| embeddings.row(place).iter().map(|&x| f64::from(x));
            match places[..] {
                [u, v] => {
                    let of = |feature: &PairFeature| {
                        let feature = *feature;
                        row(u).zip(row(v)).map(move |(u, v)| feature.value(u, v))
                    };
                    features.iter().flat_map(of).collect()
                }
                _ => places.iter().flat_map(|&place| row(place)).collect(),
            }
        };
        let columns: Vec<f64> = set.places.iter().flat_map(column).collect();
        let pairs = set.places.first().is_some_and(|places| places.len() == 2);
        let rows = if pairs { features.len() * width } else { width };
        let x = MatRef::from_column_major_slice(&columns, rows, set.places.len()).to_owned();
        Self { x, y: set.classes.clone() }
    }

    /// The examples at `places`.
    pub fn select(&self, places: &[usize]) -> Self {
        let x = Mat::from_fn(self.x.nrows(), places.len(), |i, j| self.x[(i, places[j])]);
        Self { x, y: places.iter().map(|&place| self.y[place]).collect() }
    }

    /// 1 for each example that a classifier gets right, else 0.
    pub fn right(&self, classifier: &LogisticRegression) -> Vec<f64> {
        let called = classifier.predict(self.x.as_ref());
        called.into_iter().zip(&self.y).map(|(called, &y)| f64::from(called == y)).collect()
    }

    /// The class of all examples, if there is only one.
    pub fn only_class(&self) -> Option<u32> {
        let first = self.y.first()?;
        self.y.iter().all(|y| y == first).then_some(*first)
    }

    /// The commonest class; of equally common ones the first.
    pub fn commonest(&self) -> u32 {
        let last = self.y.iter().max().copied().unwrap_or(0);
        let count = |class| self.y.iter().filter(|&&y| y == class).count();
        (0..=last).rev().max_by_key(|&class| count(class)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_the_hand_computed_ones() {
        let embeddings = Embeddings::new(2, vec![1., -2., 3., 5.]);
        let set = Set { places: vec![vec![0, 1], vec![1, 1]], classes: vec![1, 0] };
        let both = [PairFeature::Difference, PairFeature::Product];
        let part = FeatureMatrix::new(&set, &embeddings, &both);
        assert_eq!(part.x.col_as_slice(0), [2., 7., 3., -10.]);
        assert_eq!(part.x.col_as_slice(1), [0., 0., 9., 25.]);
        let all = [PairFeature::First, PairFeature::Second, PairFeature::MaxSquare];
        let part = FeatureMatrix::new(&set, &embeddings, &all);
        assert_eq!(part.x.col_as_slice(0), [1., -2., 3., 5., 9., 25.]);
        let texts = Set { places: vec![vec![1]], classes: vec![0] };
        assert_eq!(FeatureMatrix::new(&texts, &embeddings, &both).x.col_as_slice(0), [3., 5.]);
    }

    #[test]
    fn of_equally_common_classes_the_first_is_the_commonest() {
        let part = |y: &[u32]| FeatureMatrix { x: Mat::zeros(1, y.len()), y: y.to_vec() };
        assert_eq!(part(&[2, 1, 2, 1, 0]).commonest(), 1);
        assert_eq!(part(&[2, 1, 2]).commonest(), 2);
        assert_eq!((part(&[3, 3]).only_class(), part(&[3, 1]).only_class()), (Some(3), None));
        assert_eq!(part(&[2, 1, 2]).select(&[1, 2]).y, [1, 2]);
    }
}
