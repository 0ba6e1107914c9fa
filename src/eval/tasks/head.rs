//! Evaluators of a model's own head: classification and regression.

use crate::data::Dataset;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::classification::ClassificationMetrics;
use crate::eval::metrics::{Evaluator, Metrics};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::tasks::examples::classes_among;
use crate::eval::tasks::regression::RegressionMetrics;
use crate::vectors::{Embed, Embeddings, softmax};

/// Texts or pairs with a class, which the model's own classification head predicts.
///
/// Metrics are those of [`ClassificationMetrics`]; the primary one is `accuracy`.
#[derive(Debug, Clone)]
pub struct ClassificationEvaluator {
    examples: HeadExamples,
    gold: Vec<usize>,
    classes: Vec<String>,
}

/// Scored pairs, whose score the model's own regression head predicts.
///
/// Metrics are those of [`RegressionMetrics`], scores brought to 0 … 1 as training sees them; the
/// primary one is `spearman`.
#[derive(Debug, Clone)]
pub struct RegressionEvaluator {
    examples: HeadExamples,
    gold: Vec<f64>,
}

/// What a head reads.
#[derive(Debug, Clone)]
struct HeadExamples {
    name: String,
    texts: Vec<Vec<String>>,
}

impl HeadExamples {
    fn of(name: &str, set: &Dataset) -> Self {
        let texts = set.examples.iter().map(|example| example.texts.clone()).collect();
        Self { name: name.into(), texts }
    }

    /// Logits of `outputs` columns, all finite.
    fn logits(&self, model: &dyn Embed, outputs: usize) -> Result<Embeddings> {
        let texts = self.texts.iter().map(|one| one.iter().map(String::as_str).collect());
        let logits = model.logits(&texts.collect::<Vec<Vec<&str>>>())?;
        if logits.width() != outputs {
            let (name, found) = (&self.name, logits.width());
            return Err(Error::config(format!(
                "{name}: the head has {found} outputs, but {outputs} are needed: evaluate with the \
                 classes or scores that it was trained on"
            )));
        }
        if let Some(row) = logits.iter().position(|row| row.iter().any(|x| !x.is_finite())) {
            let message = format!(
                "{}: the prediction for example {} is not finite; the weights are damaged, or \
                 training diverged",
                self.name,
                row + 1
            );
            return Err(Error::new(ErrorKind::Numerics, message));
        }
        Ok(logits)
    }
}

impl ClassificationEvaluator {
    /// The examples of `set`, under a name; `classes` are those of the head, in its order.
    ///
    /// # Errors
    /// Where `set` has no classes, only one, or one that is not among `classes`.
    pub fn new(name: &str, set: &Dataset, classes: &[String]) -> Result<Self> {
        if set.classes.is_empty() {
            let has = set.columns.join(", ");
            let message = format!("has {has}, expected texts with a class label");
            return Err(Error::data(&set.path, message));
        }
        let gold = classes_among(set, classes)?;
        if let [first, rest @ ..] = &gold[..]
            && rest.iter().all(|class| class == first)
        {
            let message = format!("all examples have the class {:?}", classes[*first as usize]);
            return Err(Error::data(&set.path, message + ", expected at least two classes"));
        }
        let gold = gold.into_iter().map(|class| class as usize).collect();
        Ok(Self { examples: HeadExamples::of(name, set), gold, classes: classes.to_vec() })
    }

    /// The class of each example, as its place among the model's classes.
    pub fn gold(&self) -> &[usize] {
        &self.gold
    }

    /// The metrics of a model, with its predictions.
    ///
    /// # Errors
    /// Where the model has no head, or one of other classes.
    pub fn classify(&self, model: &dyn Embed) -> Result<ClassificationMetrics> {
        let logits = self.examples.logits(model, self.classes.len())?;
        let probabilities: Vec<f64> = logits.iter().flat_map(|row| softmax(row, 1.)).collect();
        ClassificationMetrics::of(&probabilities, &self.gold, &self.classes)
    }
}

impl RegressionEvaluator {
    /// The examples of `set`, under a name.
    ///
    /// # Errors
    /// Where they have no scores, or it is not known on which scale.
    pub fn new(name: &str, set: &Dataset) -> Result<Self> {
        if !set.is_scored() {
            let has = set.columns.join(", ");
            let message = format!("has {has}, expected texts with a score");
            return Err(Error::data(&set.path, message));
        }
        set.expect_known_scale()?;
        Ok(Self { examples: HeadExamples::of(name, set), gold: set.unit_scores() })
    }

    /// The metrics of a model, with its predictions.
    ///
    /// # Errors
    /// Where the model has no head, or one of several outputs.
    pub fn predict(&self, model: &dyn Embed) -> Result<RegressionMetrics> {
        let logits = self.examples.logits(model, 1)?;
        let predictions: Vec<f64> = logits.as_slice().iter().map(|&x| f64::from(x)).collect();
        RegressionMetrics::of(&predictions, &self.gold)
    }
}

impl Evaluator for ClassificationEvaluator {
    fn name(&self) -> &str {
        &self.examples.name
    }

    fn primary_metric(&self) -> String {
        "accuracy".into()
    }

    fn results_file(&self) -> String {
        format!("classification_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        Ok(self.classify(model)?.metrics(bootstrap))
    }
}

impl Evaluator for RegressionEvaluator {
    fn name(&self) -> &str {
        &self.examples.name
    }

    fn primary_metric(&self) -> String {
        "spearman".into()
    }

    fn results_file(&self) -> String {
        format!("regression_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        Ok(self.predict(model)?.metrics(bootstrap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ReadOptions, read_from};

    /// The logits of an example are the lengths of its texts and half as much.
    struct Lengths;

    impl Embed for Lengths {
        fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
            Ok(Embeddings::new(1, texts.iter().map(|text| text.len() as f32).collect()))
        }

        fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
            let row = |texts: &Vec<&str>| [texts[0].len() as f32, 2.5];
            Ok(Embeddings::new(2, examples.iter().flat_map(row).collect()))
        }
    }

    fn set(lines: &str) -> Dataset {
        read_from(lines.as_bytes(), "f.tsv".as_ref(), &ReadOptions::default()).unwrap()
    }

    #[test]
    fn a_head_is_measured_by_its_own_classes_in_their_order() {
        let classes = ["long", "short"].map(String::from);
        let data = set("class\ttext\nshort\tab\nlong\tabcdef\nshort\tabcd\n");
        let evaluator = ClassificationEvaluator::new("dev", &data, &classes).unwrap();
        let found = evaluator.classify(&Lengths).unwrap();
        assert_eq!((found.gold(), found.predicted()), (&[1, 0, 1][..], &[1, 0, 0][..]));
        let metrics = evaluator.evaluate(&Lengths, &Bootstrap::NONE).unwrap();
        assert_eq!(metrics.get("accuracy"), Some(2. / 3.));
    }

    #[test]
    fn what_a_head_cannot_be_asked_is_refused() {
        let classes = ["a", "b"].map(String::from);
        let new = |lines: &str| {
            ClassificationEvaluator::new("dev", &set(lines), &classes).unwrap_err().to_string()
        };
        let unseen = new("class\ttext\na\tx\nc\ty\n");
        assert!(unseen.contains("class \"c\" is not among the classes of the training set"));
        assert!(new("class\ttext\nb\tx\nb\ty\n").contains("all examples have the class \"b\""));
        let scored = set("sentence1\tsentence2\tscore\na\tb\t0.5\nc\td\t1\n");
        let error = RegressionEvaluator::new("dev", &scored).unwrap().predict(&Lengths);
        assert!(error.unwrap_err().to_string().contains("the head has 2 outputs, but 1 are"));
    }
}
