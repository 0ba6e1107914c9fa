//! Metrics of predicted classes against gold ones.

mod confusion;
mod paired;

pub use confusion::{ClassificationMetric, ConfusionMatrix};
pub use paired::McNemar;

use super::metrics::Metrics;
use crate::error::{Error, Result};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::redraw::{mean, redraw};
use crate::vectors::argmax;

/// The bins of the expected calibration error.
const BINS: usize = 15;

/// What a classifier is worth on N examples of C classes.
///
/// ```
/// use twindrop::eval::{ClassificationMetric, ClassificationMetrics};
///
/// let classes = ["no", "yes"].map(String::from);
/// let probabilities = [0.9, 0.1, 0.4, 0.6, 0.7, 0.3, 0.2, 0.8]; // (N, C)
/// let found = ClassificationMetrics::of(&probabilities, &[0, 1, 1, 1], &classes)?;
/// assert_eq!(found.get(ClassificationMetric::Accuracy), Some(0.75));
/// assert_eq!(found.get(ClassificationMetric::F1), Some(0.8));
/// assert_eq!(found.confusion.count(1, 0), 1.0);
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClassificationMetrics {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Gold against predicted classes.
    pub confusion: ConfusionMatrix,
    /// `−Σ ln p(gold) / N`, a probability of 0 taken for 2⁻⁵², as scikit-learn does.
    pub log_loss: f64,
    /// The expected calibration error (Naeini et al. 2015; Guo et al. 2017): `Σ_b |n_b|/N ·
    /// |accuracy_b − confidence_b|` over 15 bins of equal width of the highest probability, the
    /// upper end of a bin belonging to it.
    pub ece: f64,
    gold: Vec<usize>,
    predicted: Vec<usize>,
    /// `−ln p(gold)` of each example.
    losses: Vec<f64>,
    /// The highest probability of each example.
    confidences: Vec<f64>,
}

/// Precision, recall, F1 and support of a class; none where undefined, which scikit-learn
/// calls 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassMetrics {
    /// The class.
    pub name: String,
    /// [`ConfusionMatrix::precision`]
    pub precision: Option<f64>,
    /// [`ConfusionMatrix::recall`]
    pub recall: Option<f64>,
    /// [`ConfusionMatrix::f1`]
    pub f1: Option<f64>,
    /// The examples of the class.
    pub support: usize,
}

impl ClassificationMetrics {
    /// The metrics of `probabilities`, (N, C) row-major, for the `gold` classes, (N). The
    /// predicted class has the highest probability; of equal ones it is the first.
    ///
    /// # Errors
    /// Where there is no example, the sizes disagree, a gold class is not below C, or a
    /// probability is not one.
    pub fn of(probabilities: &[f64], gold: &[usize], classes: &[String]) -> Result<Self> {
        let (count, width) = (gold.len(), classes.len());
        if count == 0 {
            return Err(Error::config("no examples to compute classification metrics of"));
        }
        if width < 2 || probabilities.len() != count * width {
            return Err(Error::config(format!(
                "{} probabilities for {count} examples of {width} classes: expected N × C, of at \
                 least two classes",
                probabilities.len()
            )));
        }
        if let Some(wrong) = gold.iter().find(|class| **class >= width) {
            let message = format!("gold class {wrong}: expected one below {width}");
            return Err(Error::config(message));
        }
        if let Some(at) = probabilities.iter().position(|p| !(-1e-6..=1. + 1e-6).contains(p)) {
            let (row, found) = (at / width + 1, probabilities[at]);
            return Err(Error::config(format!(
                "example {row} has the probability {found}: expected 0 to 1"
            )));
        }
        let rows = || probabilities.chunks_exact(width);
        let predicted: Vec<usize> = rows().map(argmax).collect();
        let confidences = rows().zip(&predicted).map(|(row, &top)| row[top]).collect();
        let losses = rows().zip(gold).map(|(row, &class)| loss(row, class)).collect();
        let confusion = ConfusionMatrix::of(gold, &predicted, width);
        let mut metrics = Self {
            classes: classes.to_vec(),
            confusion,
            log_loss: 0.,
            ece: 0.,
            gold: gold.to_vec(),
            predicted,
            losses,
            confidences,
        };
        metrics.log_loss = mean(&metrics.losses, None);
        metrics.ece = metrics.calibration_error(None);
        Ok(metrics)
    }

    /// The value of a metric of the confusion matrix; none where it has none.
    pub fn get(&self, metric: ClassificationMetric) -> Option<f64> {
        self.confusion.get(metric)
    }

    /// The gold class of each example.
    pub fn gold(&self) -> &[usize] {
        &self.gold
    }

    /// The predicted class of each example.
    pub fn predicted(&self) -> &[usize] {
        &self.predicted
    }

    /// A row for each class.
    pub fn per_class(&self) -> Vec<ClassMetrics> {
        let row = |(class, name): (usize, &String)| ClassMetrics {
            name: name.clone(),
            precision: self.confusion.precision(class),
            recall: self.confusion.recall(class),
            f1: self.confusion.f1(class),
            support: self.confusion.support(class) as usize,
        };
        self.classes.iter().enumerate().map(row).collect()
    }

    /// The names of the metrics of so many classes, in the order they are reported.
    pub fn names(classes: usize) -> Vec<&'static str> {
        let names = ClassificationMetric::of(classes).map(ClassificationMetric::name);
        names.chain(["log_loss", "ece"]).collect()
    }

    /// All metrics by name, each with its interval over draws of the examples.
    pub fn metrics(&self, bootstrap: &Bootstrap) -> Metrics {
        let (count, width) = (self.gold.len(), self.classes.len());
        let kinds: Vec<ClassificationMetric> = ClassificationMetric::of(width).collect();
        let draws = redraw(bootstrap, count, kinds.len() + 2, |counts, row| {
            let matrix = drawn(&self.gold, &self.predicted, width, counts);
            let figures = kinds.iter().map(|&kind| matrix.get(kind).unwrap_or(f64::NAN));
            let others =
                [mean(&self.losses, Some(counts)), self.calibration_error(Some(counts))];
            row.iter_mut().zip(figures.chain(others)).for_each(|(to, figure)| *to = figure);
        });
        let mut metrics = Metrics::of(&[("examples", count), ("classes", width)]);
        let values = kinds
            .iter()
            .map(|&kind| self.get(kind).ok_or_else(|| kind.undefined().to_string()));
        let values = values.chain([Ok(self.log_loss), Ok(self.ece)]);
        for ((name, value), draws) in Self::names(width).into_iter().zip(values).zip(&draws) {
            metrics.push(name.into(), value, draws, bootstrap);
        }
        metrics
    }

    /// [`ece`](Self::ece) with each example counted so often.
    fn calibration_error(&self, counts: Option<&[u32]>) -> f64 {
        let mut bins = [0.; BINS]; // right − confidence of each bin
        for (i, &confidence) in self.confidences.iter().enumerate() {
            let bin = (confidence * BINS as f64).ceil() as usize;
            let weight = counts.map_or(1., |counts| f64::from(counts[i]));
            let right = f64::from(self.gold[i] == self.predicted[i]);
            bins[bin.clamp(1, BINS) - 1] += weight * (right - confidence);
        }
        bins.iter().map(|gap| gap.abs()).sum::<f64>() / self.gold.len() as f64
    }
}

/// The confusion matrix of examples that were drawn so often.
fn drawn(
    gold: &[usize],
    predicted: &[usize],
    classes: usize,
    counts: &[u32],
) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::empty(classes);
    for ((&gold, &predicted), &count) in gold.iter().zip(predicted).zip(counts) {
        matrix.add(gold, predicted, f64::from(count));
    }
    matrix
}

/// `−ln p(class)`, p brought to a sum of 1 and kept within the rounding of f64 from 0 and 1, as
/// scikit-learn does.
fn loss(row: &[f64], class: usize) -> f64 {
    let sum: f64 = row.iter().sum();
    -(row[class] / sum).clamp(f64::EPSILON, 1. - f64::EPSILON).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(count: usize) -> Vec<String> {
        (0..count).map(|class| class.to_string()).collect()
    }

    #[test]
    fn the_calibration_error_is_the_hand_computed_one() {
        // bins (9/15, 10/15], (10/15, 11/15] and (14/15, 1]: confidences 0.65 and 0.64 right and
        // wrong, 0.7 right, 1 wrong
        let probabilities = [0.65, 0.35, 0.64, 0.36, 0.3, 0.7, 0., 1.];
        let found =
            ClassificationMetrics::of(&probabilities, &[0, 1, 1, 0], &classes(2)).unwrap();
        let expected = ((1. - 0.65 - 0.64_f64).abs() + 0.3 + 1.) / 4.;
        assert!((found.ece - expected).abs() < 1e-15, "{}", found.ece);
        assert!(
            (found.log_loss - -(0.65_f64 * 0.36 * 0.7 * f64::EPSILON).ln() / 4.).abs() < 1e-12
        );
    }

    #[test]
    fn what_is_undefined_is_told_and_not_0() {
        let found =
            ClassificationMetrics::of(&[0.9, 0.1, 0.8, 0.2], &[0, 0], &classes(2)).unwrap();
        let metrics = found.metrics(&Bootstrap::NONE);
        let told: Vec<&str> = metrics.undefined().map(|(name, _)| name).collect();
        assert_eq!(told, ["f1", "mcc"]);
        assert_eq!(metrics.get("f1_macro"), Some(1.));
        let second = &found.per_class()[1];
        assert_eq!((second.precision, second.recall, second.f1), (None, None, None));
    }

    #[test]
    fn what_is_no_distribution_over_the_classes_is_refused() {
        let of = |probabilities: &[f64], gold: &[usize]| {
            ClassificationMetrics::of(probabilities, gold, &classes(2)).unwrap_err().to_string()
        };
        assert!(of(&[], &[]).contains("no examples"));
        assert!(of(&[0.5, 0.5, 0.5], &[0]).contains("3 probabilities for 1 examples of 2"));
        assert!(of(&[0.5, 0.5], &[2]).contains("gold class 2"));
        assert!(of(&[0.5, 0.5, f64::NAN, 0.5], &[0, 1]).contains("example 2"));
    }

    #[test]
    fn an_interval_lies_about_its_metric() {
        let gold: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let row =
            |i: usize| [0.2, 0.3, 0.5].map(|p| p * f64::from(!i.is_multiple_of(4))).into_iter();
        let probabilities: Vec<f64> = (0..90).flat_map(row).map(|p| p + 0.01).collect();
        let found = ClassificationMetrics::of(&probabilities, &gold, &classes(3)).unwrap();
        let metrics = found.metrics(&Bootstrap { draws: 300, ..Bootstrap::default() });
        for (name, estimate) in &metrics.figures {
            let (value, interval) =
                (estimate.value.clone().unwrap(), estimate.interval.unwrap());
            assert!(interval.low < value && value < interval.high, "{name}: {interval:?}");
        }
        assert_eq!(metrics.figures.len(), 7, "f1 is of two classes");
    }
}
