//! Which evaluator a development set has, by its data and by what is trained.

use super::TrainingTask;
use crate::data::{Collection, Dataset, TextEntry};
use crate::error::{Error, Result};
use crate::eval::{
    Aggregation, BinaryClassificationEvaluator, ClassificationEvaluator, Correlation,
    Evaluator, MetricId, PairSet, RegressionEvaluator, RetrievalEvaluator, StsEvaluator,
    TripletEvaluator,
};
use crate::objective::HeadKind;
use crate::vectors::Similarity;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// An evaluator of a development set, as `--dev-evaluator` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DevEvaluator {
    /// The classes that the trained head predicts: accuracy, F1, MCC, log loss, ECE.
    Classification,
    /// The scores that the trained head predicts: Pearson, Spearman, MSE.
    Regression,
    /// The cosine of two embeddings against gold scores: Spearman, Pearson.
    Sts,
    /// Pairs of two classes or scores 0 and 1, separated by a threshold of their similarity.
    Pairs,
    /// Anchor, positive and negatives: whether the positive is more similar.
    Triplets,
    /// Anchors find their positives among those of all others: nDCG, MRR, MAP at k.
    Retrieval,
}

impl DevEvaluator {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Classification,
        Self::Regression,
        Self::Sts,
        Self::Pairs,
        Self::Triplets,
        Self::Retrieval,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::Sts => "sts",
            Self::Pairs => "pairs",
            Self::Triplets => "triplets",
            Self::Retrieval => "retrieval",
        }
    }
}

impl fmt::Display for DevEvaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DevEvaluator {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::config(format!("evaluator `{text}` is unknown: use one of {known}"))
        })
    }
}

/// What a run trains, as far as it decides how a set is evaluated.
pub(super) struct Trained<'a> {
    head: Option<HeadKind>,
    /// A training set of the head.
    set: Option<&'a Dataset>,
}

impl<'a> Trained<'a> {
    pub fn of(sets: &'a [Dataset], tasks: &[TrainingTask]) -> Self {
        let readers = || {
            let both = sets.iter().zip(tasks);
            both.filter_map(|(set, task)| Some((set, task.objective.requirements().head?)))
        };
        let classified = readers().find(|(set, _)| !set.classes.is_empty());
        let Some((set, head)) = classified.or_else(|| readers().next()) else {
            return Self { head: None, set: None };
        };
        Self { head: Some(head), set: Some(set) }
    }

    /// `set` as its evaluator reads it: integers are classes where classes are trained.
    pub fn read(&self, set: Dataset, asked: Option<DevEvaluator>) -> Dataset {
        let numbered =
            |set: &Dataset| set.classes.iter().all(|name| name.parse::<f64>().is_ok());
        let classes = match asked {
            Some(asked) => asked == DevEvaluator::Classification,
            // scores from 0 to 5 are none of the classes `entailment` and `neutral`
            None => self.head == Some(HeadKind::Classes) && self.set.is_some_and(numbered),
        };
        if classes { set.into_classes() } else { set }
    }

    /// How a set that says nothing else is evaluated, in words, where it is not by STS.
    pub fn note(&self, set: &Dataset) -> Option<String> {
        let inferred = self.inferred(set).ok().filter(|one| *one != DevEvaluator::Sts)?;
        let path = set.path.display();
        Some(format!("{path}: evaluated by {inferred}; --dev-evaluator names another"))
    }

    /// The evaluator of a set: the one that is asked for, else by its labels and the head.
    ///
    /// # Errors
    /// Where the set has not what the evaluator needs, or none is known for it.
    pub fn evaluator(
        &self,
        name: Option<&str>,
        set: &Dataset,
        asked: Option<DevEvaluator>,
    ) -> Result<Arc<dyn Evaluator>> {
        let stem = || set.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.map_or_else(stem, String::from);
        Ok(match asked.map_or_else(|| self.inferred(set), Ok)? {
            DevEvaluator::Classification => Arc::new(self.classification(&name, set)?),
            DevEvaluator::Regression => {
                self.expect_head(set, HeadKind::Regression, "regression")?;
                Arc::new(RegressionEvaluator::new(&name, set)?)
            }
            DevEvaluator::Sts => Arc::new(sts(&name, set)?),
            DevEvaluator::Pairs => Arc::new(pairs(&name, set)?),
            DevEvaluator::Triplets => Arc::new(triplets(&name, set)?),
            DevEvaluator::Retrieval => Arc::new(retrieval(&name, set)?),
        })
    }

    fn inferred(&self, set: &Dataset) -> Result<DevEvaluator> {
        let width = set.width();
        if !set.classes.is_empty() {
            return match self.head {
                Some(HeadKind::Classes) => Ok(DevEvaluator::Classification),
                _ if width == 2 && set.classes.len() == 2 => Ok(DevEvaluator::Pairs),
                _ => {
                    let message = "has classes, but no objective trains a classification head; \
                                   give scored pairs, or train softmax or rdrop-classes";
                    Err(Error::data(&set.path, message))
                }
            };
        }
        match (set.is_scored(), self.head) {
            (true, Some(HeadKind::Regression)) => Ok(DevEvaluator::Regression),
            (true, _) => Ok(DevEvaluator::Sts),
            (false, _) if width > 2 => Ok(DevEvaluator::Triplets),
            (false, _) if width == 2 => Ok(DevEvaluator::Retrieval),
            _ => {
                let has = set.columns.join(", ");
                let message = format!(
                    "has {has}, expected scored pairs, texts or pairs with a class, triplets, or \
                     pairs of anchor and positive; name the columns, as in \
                     --dev-columns sentence1,sentence2,score"
                );
                Err(Error::data(&set.path, message))
            }
        }
    }

    fn classification(&self, name: &str, set: &Dataset) -> Result<ClassificationEvaluator> {
        let trained = self.expect_head(set, HeadKind::Classes, "classification")?;
        ClassificationEvaluator::new(name, set, &trained.classes)
    }

    /// The training set of a head of this kind, which reads as many texts.
    fn expect_head(&self, set: &Dataset, kind: HeadKind, called: &str) -> Result<&Dataset> {
        let Some(trained) = self.set.filter(|_| self.head == Some(kind)) else {
            let message = format!(
                "the {called} evaluator needs a {called} head, which no objective of the run trains"
            );
            return Err(Error::data(&set.path, message));
        };
        let (has, needs) = (set.width(), trained.width());
        if has != needs {
            let path = trained.path.display();
            let message = format!("has {has} texts per example, but {path} has {needs}");
            return Err(Error::data(&set.path, message));
        }
        Ok(trained)
    }
}

/// An evaluator of the pairs of a scored dataset: Spearman and Pearson of the cosine.
///
/// # Errors
/// Where the data are not scored pairs.
pub fn evaluator(set: &Dataset) -> Result<StsEvaluator> {
    Ok(cosine(PairSet::of(set)?))
}

fn sts(name: &str, set: &Dataset) -> Result<StsEvaluator> {
    Ok(cosine(PairSet { name: name.into(), ..PairSet::of(set)? }))
}

fn cosine(pairs: PairSet) -> StsEvaluator {
    let cosine =
        MetricId::product(&[Aggregation::All], &Correlation::ALL, &[Similarity::Cosine]);
    StsEvaluator::new(pairs).with_metrics(&cosine)
}

/// The second class, or a score of 1, is that of pairs that belong together.
fn pairs(name: &str, set: &Dataset) -> Result<BinaryClassificationEvaluator> {
    let two = set.classes.len() == 2;
    let binary = two || (set.is_scored() && set.gold().iter().all(|&y| y == 0. || y == 1.));
    if set.width() != 2 || !binary {
        let message = "the pairs evaluator needs pairs of two classes, or with scores 0 and 1";
        return Err(Error::data(&set.path, message));
    }
    let labels: Vec<bool> = match two {
        true => set.class_labels().into_iter().map(|class| class == 1).collect(),
        false => set.gold().into_iter().map(|score| score == 1.).collect(),
    };
    let texts = set.examples.iter().map(|one| (one.texts[0].clone(), one.texts[1].clone()));
    BinaryClassificationEvaluator::new(name, &texts.collect::<Vec<_>>(), &labels)
}

fn triplets(name: &str, set: &Dataset) -> Result<TripletEvaluator> {
    if set.width() < 3 || set.is_labelled() {
        let message = "the triplets evaluator needs anchor, positive and negative";
        return Err(Error::data(&set.path, message));
    }
    let of = |texts: &[String]| -> Vec<[String; 3]> {
        let triplet =
            |negative: &String| [texts[0].clone(), texts[1].clone(), negative.clone()];
        texts[2..].iter().map(triplet).collect()
    };
    let triplets: Vec<_> = set.examples.iter().flat_map(|one| of(&one.texts)).collect();
    Ok(TripletEvaluator::new(name, &triplets))
}

/// Each distinct anchor is a query, each other distinct text a document, and its positives are the
/// answers.
fn retrieval(name: &str, set: &Dataset) -> Result<RetrievalEvaluator> {
    if set.width() < 2 || set.is_labelled() {
        let message = "the retrieval evaluator needs pairs of anchor and positive";
        return Err(Error::data(&set.path, message));
    }
    let (mut queries, mut corpus) = (Entries::of("q"), Entries::of("d"));
    let mut judged: Vec<(usize, usize)> = Vec::new();
    for one in &set.examples {
        let query = queries.place(&one.texts[0]);
        judged.push((query, corpus.place(&one.texts[1])));
        for negative in &one.texts[2..] {
            corpus.place(negative);
        }
    }
    judged.sort_unstable();
    judged.dedup();
    let id = |entries: &Entries, place: usize| entries.list[place].id.clone();
    let judged: Vec<(String, String)> =
        judged.iter().map(|&(q, d)| (id(&queries, q), id(&corpus, d))).collect();
    let judged: Vec<(&str, &str, f64)> =
        judged.iter().map(|(q, d)| (q.as_str(), d.as_str(), 1.)).collect();
    Ok(RetrievalEvaluator::new(name, &Collection::new(queries.list, corpus.list, &judged)?))
}

/// Distinct texts with their ids.
struct Entries<'a> {
    prefix: &'static str,
    list: Vec<TextEntry>,
    known: HashMap<&'a str, usize>,
}

impl<'a> Entries<'a> {
    fn of(prefix: &'static str) -> Self {
        Self { prefix, list: Vec::new(), known: HashMap::new() }
    }

    fn place(&mut self, text: &'a str) -> usize {
        let next = self.list.len();
        let place = *self.known.entry(text).or_insert(next);
        if place == next {
            let id = format!("{}{next}", self.prefix);
            self.list.push(TextEntry { id, text: text.into() });
        }
        place
    }
}
