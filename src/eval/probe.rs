//! Probing: what a linear classifier reads out of vectors that do not change.

use super::bootstrap::Bootstrap;
use super::examples::{Examples, FeatureMatrix, ProbeTask};
use super::folds::folds;
use super::logistic::LogisticRegression;
use super::metrics::{Evaluator, Metrics};
use super::redraw::{mean, redraw};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::vectors::Embed;
use crate::vectors::PairFeature;

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
    /// What the folds are a function of. 1111.
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
/// again. Undefined where the training set has one class.
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

    /// The first C under which most are right, and how many those are.
    fn best(grid: &[f64], right: impl Fn(f64) -> usize) -> (f64, usize) {
        let tried = grid.iter().map(|&c| (c, right(c)));
        let best = tried.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.expect("a grid has a value")
    }

    /// What is right of each fold by a classifier of the others.
    fn crossed(
        &self,
        part: &FeatureMatrix,
        fit: impl Fn(&FeatureMatrix) -> LogisticRegression,
    ) -> Vec<f64> {
        let (count, mut right) = (self.config.folds, vec![0.; part.y.len()]);
        let folds = folds(&part.y, count, self.config.seed);
        for fold in 0..count {
            let (out, rest): (Vec<usize>, Vec<usize>) =
                (0..folds.len()).partition(|&i| folds[i] == fold);
            let (out_part, rest) = (part.select(&out), part.select(&rest));
            let answers = out_part.right(&fit(&rest));
            out.into_iter().zip(answers).for_each(|(place, answer)| right[place] = answer);
        }
        right
    }

    /// The C under which most of a part are right by folds, and the share that is.
    fn by_folds(&self, part: &FeatureMatrix, grid: &[f64]) -> (f64, f64) {
        let right = |c| hits(&self.crossed(part, |rest| self.fit(rest, c)));
        let (c, right) = Self::best(grid, right);
        (c, right as f64 / part.y.len() as f64)
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
                let (c, right) = Self::best(&grid, |c| hits(&dev.right(&self.fit(train, c))));
                (c, right as f64 / dev.y.len() as f64)
            }
            (None, Some(_)) => self.by_folds(train, &grid),
            (None, None) => return self.nested(train, &grid),
        };
        let right = test.map(|test| test.right(&self.fit(train, c)));
        ProbeOutcome { c: Some(c), dev: share, right }
    }

    /// Every example tested by a classifier of other folds, whose C is chosen among these.
    fn nested(&self, part: &FeatureMatrix, grid: &[f64]) -> ProbeOutcome {
        let shares = std::cell::RefCell::new(Vec::new());
        let right = self.crossed(part, |rest| {
            let (c, share) = self.by_folds(rest, grid);
            shares.borrow_mut().push(share);
            self.fit(rest, c)
        });
        ProbeOutcome { c: None, dev: mean(&shares.into_inner(), None), right: Some(right) }
    }
}

fn hits(right: &[f64]) -> usize {
    right.iter().filter(|&&right| right > 0.).count()
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
            let draws = redraw(bootstrap, base.len(), 2, |counts, row| {
                row[0] = right.map_or(f64::NAN, |right| mean(right, Some(counts)));
                row[1] = mean(&base, Some(counts));
            });
            let accuracy = right.map(|right| mean(right, None)).map_err(String::clone);
            metrics.push("test_accuracy".into(), accuracy, &draws[0], bootstrap);
            let share = mean(&base, None);
            metrics.push("test_majority".into(), Ok(share), &draws[1], bootstrap);
        }
        Ok(metrics)
    }
}
