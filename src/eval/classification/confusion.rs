//! Which class was predicted for which, and the metrics that follow from that alone.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// `n[g][p]`: how many examples of class g were given class p.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// Row-major, a row for each gold class.
    counts: Vec<f64>,
}

impl ConfusionMatrix {
    /// Of as many predictions as gold classes, all below `classes`.
    ///
    /// # Panics
    /// If they differ in number, or a class is `classes` or above.
    pub fn of(gold: &[usize], predicted: &[usize], classes: usize) -> Self {
        assert_eq!(gold.len(), predicted.len(), "every example has a prediction");
        let mut matrix = Self::empty(classes);
        gold.iter().zip(predicted).for_each(|(&g, &p)| matrix.add(g, p, 1.));
        matrix
    }

    /// Without an example.
    pub(super) fn empty(classes: usize) -> Self {
        Self { classes, counts: vec![0.; classes * classes] }
    }

    /// One example more, counted `weight` times.
    pub(super) fn add(&mut self, gold: usize, predicted: usize, weight: f64) {
        assert!(predicted < self.classes, "a predicted class is one of the classes");
        self.counts[gold * self.classes + predicted] += weight;
    }

    /// C.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `n[gold][predicted]`
    pub fn count(&self, gold: usize, predicted: usize) -> f64 {
        self.counts[gold * self.classes + predicted]
    }

    /// `Σₚ n[c][p]`: the examples of a class.
    pub fn support(&self, class: usize) -> f64 {
        (0..self.classes).map(|predicted| self.count(class, predicted)).sum()
    }

    /// `Σ_g n[g][c]`: the examples that were given a class.
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|gold| self.count(gold, class)).sum()
    }

    /// `n[c][c] / Σ_g n[g][c]`; none where nothing was given the class.
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.predicted(class))
    }

    /// `n[c][c] / Σₚ n[c][p]`; none without an example of the class.
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.count(class, class), self.support(class))
    }

    /// `2 n[c][c] / (Σ_g n[g][c] + Σₚ n[c][p])`; none where the class is neither there nor
    /// predicted.
    pub fn f1(&self, class: usize) -> Option<f64> {
        ratio(2. * self.count(class, class), self.support(class) + self.predicted(class))
    }

    /// The value of a metric; none where it has none.
    pub fn get(&self, metric: ClassificationMetric) -> Option<f64> {
        let classes = 0..self.classes;
        let total: f64 = self.counts.iter().sum();
        match metric {
            ClassificationMetric::Accuracy | ClassificationMetric::F1Micro => {
                ratio(classes.map(|c| self.count(c, c)).sum(), total)
            }
            ClassificationMetric::F1 => (self.classes == 2).then(|| self.f1(1)).flatten(),
            ClassificationMetric::F1Macro => {
                let defined: Vec<f64> = classes.filter_map(|c| self.f1(c)).collect();
                ratio(defined.iter().sum(), defined.len() as f64)
            }
            ClassificationMetric::F1Weighted => {
                let weighted = classes.map(|c| self.support(c) * self.f1(c).unwrap_or(0.));
                ratio(weighted.sum(), total)
            }
            ClassificationMetric::Mcc => self.mcc(total),
        }
    }

    /// `(c·s − Σ tₖpₖ) / √((s² − Σ pₖ²)(s² − Σ tₖ²))` over s examples, c of them right, with
    /// tₖ of class k and pₖ given it: Gorodkin's (2004) correlation of C classes.
    fn mcc(&self, total: f64) -> Option<f64> {
        let classes = || 0..self.classes;
        let right: f64 = classes().map(|c| self.count(c, c)).sum();
        let gold: Vec<f64> = classes().map(|c| self.support(c)).collect();
        let predicted: Vec<f64> = classes().map(|c| self.predicted(c)).collect();
        let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let squares = total * total;
        let spread = (squares - product(&gold, &gold)).sqrt()
            * (squares - product(&predicted, &predicted)).sqrt();
        ratio(right * total - product(&gold, &predicted), spread)
    }
}

/// `x / y`, none where y is 0.
fn ratio(x: f64, y: f64) -> Option<f64> {
    (y != 0.).then(|| x / y)
}

/// A metric of a [`ConfusionMatrix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClassificationMetric {
    /// `accuracy`: the share of examples whose class is the predicted one.
    Accuracy,
    /// `f1`: of two classes, the F1 of the second (`1` beside `0`, `yes` beside `no`), as GLUE
    /// has it for MRPC and QQP.
    F1,
    /// `f1_macro`: the plain mean of the F1 of the classes that are there or predicted.
    F1Macro,
    /// `f1_micro`: the F1 over all decisions, which is the accuracy where an example has one
    /// class.
    F1Micro,
    /// `f1_weighted`: the mean of the F1 of the classes, each counted as often as it is there.
    F1Weighted,
    /// `mcc`: Matthews' correlation, of any number of classes; GLUE's metric of CoLA.
    Mcc,
}

impl ClassificationMetric {
    /// All of them, in the order they are reported.
    pub const ALL: [Self; 6] =
        [Self::Accuracy, Self::F1, Self::F1Macro, Self::F1Micro, Self::F1Weighted, Self::Mcc];

    /// Those that `classes` classes have: all but `f1`, which needs two.
    pub fn of(classes: usize) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |metric| *metric != Self::F1 || classes == 2)
    }

    /// The name that sentence-transformers gives it, where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::F1 => "f1",
            Self::F1Macro => "f1_macro",
            Self::F1Micro => "f1_micro",
            Self::F1Weighted => "f1_weighted",
            Self::Mcc => "mcc",
        }
    }

    /// Why it has no value.
    pub(super) fn undefined(self) -> &'static str {
        match self {
            Self::Mcc => "all gold classes or all predicted classes are the same",
            Self::F1 => "the second class is neither there nor predicted",
            _ => "no examples",
        }
    }
}

impl fmt::Display for ClassificationMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ClassificationMetric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::config(format!("metric `{text}` is unknown: use one of {known}"))
        })
    }
}
