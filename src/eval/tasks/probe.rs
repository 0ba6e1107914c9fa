//! Probing: what a linear classifier reads out of vectors that do not change.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::metrics::{Evaluator, Metrics};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::folds::folds;
use crate::eval::stats::logistic::LogisticRegression;
use crate::eval::stats::redraw::{mean, redraw};
use crate::eval::tasks::examples::{Examples, FeatureMatrix, ProbeTask};
use crate::vectors::Embed;
use crate::vectors::PairFeature;
use rayon::prelude::*;

/// How a probe is fitted; `ProbeConfig::default()` is as SentEval does it.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeConfig {
    /// What it reads of the two texts of an example. `|u − v|` and `u·v`.
    pub features: Vec<PairFeature>,
    /// The values of C tried; SentEval's where none is given: 2⁻¹ … 2⁵ chosen by folds for a test
    /// set, else 2⁻² … 2³.
    pub grid: Vec<f64>,
    /// How many folds stand in for a dev set or a test set. 10.
    pub folds: usize,
    /// The seed of the folds, below 2³² as in NumPy. 1111.
    pub seed: u64,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        let features = vec![PairFeature::Difference, PairFeature::Product];
        Self { features, grid: Vec::new(), folds: 10, seed: 1111 }
    }
}

/// A classification of texts or pairs by [`LogisticRegression`] on their frozen vectors.
///
/// The training set teaches; C is the one of a grid under which most examples of the dev set are
/// right, without a dev set most of the training set by folds. Figures are `dev_accuracy` and
/// `test_accuracy` with `dev_majority` and `test_majority`, those of calling everything by the
/// commonest class of the training set. Without a dev and a test set every example of the training
/// set is tested once, by the classifier of the other folds, whose C is chosen among them by folds
/// again. Folds are those of scikit-learn's `StratifiedKFold(folds, shuffle=True, random_state=seed)`,
/// and C is chosen by the mean accuracy of the folds rounded to 0.01 %, as in SentEval's
/// `validation.py`. Of pairs of two classes there is `test_f1`, of the second class. Undefined where the training set has one class.
///
/// ```
/// use std::path::Path;
/// use twindrop::data::{ReadOptions, read_from};
/// use twindrop::vectors::{Embed, Embeddings};
/// use twindrop::eval::{Bootstrap, Evaluator, ProbeConfig, ProbeEvaluator};
///
/// /// A text is how long it is.
/// struct Length;
///
/// impl Embed for Length {
///     fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
///         Ok(Embeddings::new(1, texts.iter().map(|text| text.len() as f32).collect()))
///     }
/// }
///
/// let text = "class\ttext\nshort\tab\nshort\tcde\nlong\tabcdefghij\nlong\tabcdefghijk\n";
/// let read = || read_from(text.as_bytes(), Path::new("f.tsv"), &ReadOptions::default());
/// let probe = ProbeEvaluator::new(&read()?, Some(&read()?), None, ProbeConfig::default())?;
/// let found = probe.evaluate(&Length, &Bootstrap::default())?;
/// assert_eq!(found.get("dev_accuracy"), Some(1.0));
/// assert_eq!(found.get("dev_majority"), Some(0.5));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProbeEvaluator {
    examples: Examples,
    config: ProbeConfig,
}

/// A classifier chosen, and what it got right.
struct ProbeOutcome {
    /// C, where one was chosen for all.
    c: Option<f64>,
    /// The share of right answers by which C was chosen.
    dev: f64,
    /// 1 for each test example that is right, else 0.
    right: Option<Vec<f64>>,
}

impl ProbeEvaluator {
    /// A probe taught by `train`.
    ///
    /// # Errors
    /// Where the examples are not one text or two with a class, differ between sets, or have a
    /// class the training set has not; where C is not above 0; or there are more folds than
    /// examples.
    pub fn new(
        train: &Dataset,
        dev: Option<&Dataset>,
        test: Option<&Dataset>,
        config: ProbeConfig,
    ) -> Result<Self> {
        if let Some(c) = config.grid.iter().find(|c| !(**c > 0. && c.is_finite())) {
            return Err(Error::config(format!("C {c}: expected a number above 0")));
        }
        if config.features.is_empty() {
            return Err(Error::config("features: expected one or more"));
        }
        if u32::try_from(config.seed).is_err() {
            let message = format!("seed {} of the folds: expected one below 2³²", config.seed);
            return Err(Error::config(message));
        }
        let examples = Examples::new(train, [dev, test])?;
        let (folds, count) = (config.folds, train.examples.len());
        if dev.is_none() && !(2..=count).contains(&folds) {
            let message = "expected at least 2 folds, and no more than examples";
            let message = format!("{folds} folds of {count} examples: {message}");
            return Err(Error::data(&train.path, message));
        }
        Ok(Self { examples, config })
    }

    /// The values of C tried.
    fn grid(&self, dev: bool, test: bool) -> Vec<f64> {
        let powers = if test && !dev { -1..6 } else { -2..4 };
        let usual = || powers.map(|power| 2_f64.powi(power)).collect();
        if self.config.grid.is_empty() { usual() } else { self.config.grid.clone() }
    }

    fn fit(&self, part: &FeatureMatrix, c: f64) -> LogisticRegression {
        LogisticRegression::fit(part.x.as_ref(), &part.y, self.examples.classes.len(), c)
    }

    /// The first C of the best score, and that score.
    fn best(&self, scores: impl Iterator<Item = f64>, grid: &[f64]) -> (f64, f64) {
        let tried = grid.iter().copied().zip(scores);
        let best = tried.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.expect("a grid has a value")
    }

    /// The places in each fold, and those in the others.
    fn splits(&self, part: &FeatureMatrix) -> Vec<(Vec<usize>, Vec<usize>)> {
        let folds = folds(&part.y, self.config.folds, self.config.seed as u32);
        let split = |fold| (0..folds.len()).partition(|&i| folds[i] == fold);
        (0..self.config.folds).map(split).collect()
    }

    /// The C of the best mean accuracy over the folds, and that accuracy.
    fn by_folds(&self, part: &FeatureMatrix, grid: &[f64]) -> (f64, f64) {
        let splits = self.splits(part);
        let accuracies = splits.par_iter().map(|(out, rest)| -> Vec<f64> {
            let (out, rest) = (part.select(out), part.select(rest));
            let accuracy = |&c: &f64| mean(&out.right(&self.fit(&rest, c)), None);
            grid.iter().map(accuracy).collect()
        });
        let accuracies: Vec<Vec<f64>> = accuracies.collect(); // [fold][C]
        let of = |nth| accuracies.iter().map(|fold| fold[nth]).sum::<f64>();
        let scores = (0..grid.len()).map(|nth| rounded(of(nth) / accuracies.len() as f64));
        self.best(scores, grid)
    }

    fn outcome(
        &self,
        train: &FeatureMatrix,
        dev: Option<&FeatureMatrix>,
        test: Option<&FeatureMatrix>,
    ) -> ProbeOutcome {
        let grid = self.grid(dev.is_some(), test.is_some());
        let (c, share) = match (dev, test) {
            (Some(dev), _) => {
                let score = |&c: &f64| mean(&dev.right(&self.fit(train, c)), None);
                let scores: Vec<f64> = grid.par_iter().map(score).collect();
                self.best(scores.into_iter(), &grid)
            }
            (None, Some(_)) => self.by_folds(train, &grid),
            (None, None) => return self.nested(train, &grid),
        };
        let right = test.map(|test| test.right(&self.fit(train, c)));
        ProbeOutcome { c: Some(c), dev: share, right }
    }

    /// Every example tested by a classifier of other folds, whose C is chosen among these.
    fn nested(&self, part: &FeatureMatrix, grid: &[f64]) -> ProbeOutcome {
        let splits = self.splits(part);
        let folds = splits.par_iter().map(|(out, rest)| {
            let rest = part.select(rest);
            let (c, share) = self.by_folds(&rest, grid);
            (share, part.select(out).right(&self.fit(&rest, c)))
        });
        let folds: Vec<(f64, Vec<f64>)> = folds.collect();
        let mut right = vec![0.; part.y.len()];
        for ((out, _), (_, answers)) in splits.iter().zip(&folds) {
            out.iter().zip(answers).for_each(|(&place, &answer)| right[place] = answer);
        }
        let shares: Vec<f64> = folds.into_iter().map(|(share, _)| share).collect();
        ProbeOutcome { c: None, dev: mean(&shares, None), right: Some(right) }
    }
}

/// To a hundredth of a percent, as SentEval rounds a score before it chooses C by it.
fn rounded(score: f64) -> f64 {
    (100. * (100. * score)).round_ties_even() / 10_000.
}

/// F1 of the second of two classes, of answers that are right or not; 0 where nothing is.
fn f1(part: &FeatureMatrix, right: &[f64], counts: Option<&[u32]>) -> f64 {
    let (mut hits, mut misses) = (0., 0.);
    for (place, (&y, &right)) in part.y.iter().zip(right).enumerate() {
        let weight = counts.map_or(1., |counts| f64::from(counts[place]));
        hits += weight * right * f64::from(y);
        misses += weight * (1. - right);
    }
    if hits > 0. { 2. * hits / (2. * hits + misses) } else { 0. }
}

/// 1 for each example of a class, else 0.
fn of_class(part: &FeatureMatrix, class: u32) -> Vec<f64> {
    part.y.iter().map(|&y| f64::from(y == class)).collect()
}

impl ProbeTask {
    /// Notes on the examples.
    fn about(&self, classes: usize) -> Metrics {
        let sizes = [("dev", &self.dev), ("test", &self.test)];
        let sizes = sizes.into_iter().filter_map(|(name, part)| Some((name, part.as_ref()?)));
        let sizes = [("train", &self.train)].into_iter().chain(sizes);
        let mut about: Vec<_> = sizes.map(|(name, part)| (name, part.y.len())).collect();
        about.extend([("classes", classes), ("features", self.train.x.nrows())]);
        Metrics::of(&about)
    }

    /// What is tested: without a dev and a test set the training set itself, by folds.
    fn tested(&self) -> Option<&FeatureMatrix> {
        self.test.as_ref().or(self.dev.is_none().then_some(&self.train))
    }
}

impl Evaluator for ProbeEvaluator {
    fn name(&self) -> &str {
        "probe"
    }

    fn primary_metric(&self) -> String {
        "dev_accuracy".into()
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let question = self.examples.question(model, &self.config.features)?;
        let ProbeTask { train, dev, test } = &question;
        let reason = train.only_class().map(|class| {
            format!("all training examples are {:?}", self.examples.classes[class as usize])
        });
        let outcome = match reason {
            None => Ok(self.outcome(train, dev.as_ref(), test.as_ref())),
            Some(reason) => Err(reason),
        };
        let (outcome, common) = (outcome.as_ref(), train.commonest());
        let mut metrics = question.about(self.examples.classes.len());
        metrics.about.extend(outcome.ok().and_then(|outcome| outcome.c).map(|c| ("C", c)));
        let chosen = outcome.map(|outcome| outcome.dev).map_err(String::clone);
        metrics.push("dev_accuracy".into(), chosen, &[], bootstrap);
        if let Some(dev) = dev {
            let share = mean(&of_class(dev, common), None);
            metrics.push("dev_majority".into(), Ok(share), &[], bootstrap);
        }
        if let Some(tested) = question.tested() {
            let none = Vec::new();
            let right = outcome.map(|outcome| outcome.right.as_ref().unwrap_or(&none));
            let base = of_class(tested, common);
            let draws = redraw(bootstrap, base.len(), 3, |counts, row| {
                row[0] = right.map_or(f64::NAN, |right| mean(right, Some(counts)));
                row[1] = mean(&base, Some(counts));
                row[2] = right.map_or(f64::NAN, |right| f1(tested, right, Some(counts)));
            });
            let accuracy = right.map(|right| mean(right, None)).map_err(String::clone);
            metrics.push("test_accuracy".into(), accuracy, &draws[0], bootstrap);
            let share = mean(&base, None);
            metrics.push("test_majority".into(), Ok(share), &draws[1], bootstrap);
            if self.examples.are_pairs() && self.examples.classes.len() == 2 {
                let value = right.map(|right| f1(tested, right, None)).map_err(String::clone);
                metrics.push("test_f1".into(), value, &draws[2], bootstrap);
            }
        }
        Ok(metrics)
    }
}
