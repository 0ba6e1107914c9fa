//! [`TextClassifier`]: a trained model with its classification or regression head.

use super::encoder::SentenceEncoder;
use super::head_description::{FILE, HeadDescription, ProblemType};
use super::weights::ModelWeights;
use crate::error::{Error, Result};
use crate::vectors::{Embed, Embeddings, Similarity, softmax};

/// Where the weights of heads are.
const WEIGHTS: &str = "heads.safetensors";

impl SentenceEncoder {
    /// The same with a fresh classification or regression head; `save_pretrained` writes it, and
    /// [`TextClassifier`] reads it.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_classifier(self, description: HeadDescription, seed: u64) -> Result<Self> {
        let (head, outputs) = (description.head.clone(), description.outputs());
        let columns = description.columns();
        let encoder =
            self.with_heads(|model| model.with_classifier(head, outputs, columns, seed))?;
        Ok(Self { head: Some(description), ..encoder })
    }
}

/// A model that predicts the class, or the score, of a text or a pair of texts.
///
/// ```no_run
/// use twindrop::sentence_encoder::TextClassifier;
///
/// let model = TextClassifier::from_pretrained("path/to/trained")?;
/// let examples = [vec!["what is the capital of france ?"], vec!["who wrote hamlet ?"]];
/// for (label, probabilities) in model.predict(&examples)?.iter().zip(model.predict_proba(&examples)?) {
///     println!("{label} {probabilities:?}");
/// }
/// # Ok::<(), twindrop::Error>(())
/// ```
pub struct TextClassifier {
    encoder: SentenceEncoder,
    head: HeadDescription,
    temperature: f64,
}

impl TextClassifier {
    /// The classifier or regressor that a training run saved in a directory, or the hub's model of
    /// that id.
    ///
    /// # Errors
    /// As [`SentenceEncoder::from_pretrained`]; where the model has no head, or `heads.json` and
    /// `heads.safetensors` contradict each other.
    pub fn from_pretrained(model: &str) -> Result<Self> {
        Self::of(SentenceEncoder::from_pretrained(model)?)
    }

    /// The same of an encoder that was loaded from the directory of a classifier, with its options.
    ///
    /// # Errors
    /// As [`from_pretrained`](Self::from_pretrained).
    pub fn of(encoder: SentenceEncoder) -> Result<Self> {
        let Some(dir) = encoder.origin.base.clone() else {
            return Err(Error::config("the encoder was not loaded from a directory"));
        };
        let head = HeadDescription::read(&dir)?;
        let encoder = encoder.with_classifier(head.clone(), 0)?;
        let weights = ModelWeights::open(&dir.join(WEIGHTS))?;
        for parameter in encoder.model().parameters().iter() {
            if !parameter.name().starts_with("head.") {
                continue;
            }
            let (name, shape) = (parameter.name(), &parameter.spec().shape);
            let values = weights.maybe(name, shape)?.ok_or_else(|| {
                let message =
                    format!("tensor {name} is missing, or not {shape:?} as {FILE} has it");
                Error::model(&dir.join(WEIGHTS), message)
            })?;
            parameter.update(|now| now.copy_from_slice(&values))?;
        }
        Ok(Self { encoder, head, temperature: 1. })
    }

    /// The encoder under the head.
    pub fn encoder(&self) -> &SentenceEncoder {
        &self.encoder
    }

    /// What the head reads and gives.
    pub fn description(&self) -> &HeadDescription {
        &self.head
    }

    /// The classes in the order of the logits; empty for a regression.
    pub fn labels(&self) -> &[String] {
        &self.head.labels
    }

    /// What logits are divided by before the softmax. 1, unless calibrated.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// Logits of examples of one text or two, (N, C); of a regression its outputs, (N, 1).
    ///
    /// # Errors
    /// Where an example has another number of texts than the head reads.
    pub fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        let expected = self.head.texts_per_example;
        if let Some(wrong) = examples.iter().position(|texts| texts.len() != expected) {
            return Err(Error::config(format!(
                "example {} has {} texts, but the model classifies examples of {expected}",
                wrong + 1,
                examples[wrong].len()
            )));
        }
        self.encoder.head_logits(examples)
    }

    /// The probability of each class, `softmax(logits / temperature)`, a row for each example.
    ///
    /// # Errors
    /// As [`logits`](Self::logits), and where the head is a regression.
    pub fn predict_proba(&self, examples: &[Vec<&str>]) -> Result<Vec<Vec<f64>>> {
        self.expect(ProblemType::SingleLabelClassification)?;
        let logits = self.logits(examples)?;
        Ok(logits.iter().map(|row| softmax(row, self.temperature)).collect())
    }

    /// The most probable class of each example; of equal ones the first.
    ///
    /// # Errors
    /// As [`predict_proba`](Self::predict_proba).
    pub fn predict(&self, examples: &[Vec<&str>]) -> Result<Vec<&str>> {
        self.expect(ProblemType::SingleLabelClassification)?;
        let logits = self.logits(examples)?;
        Ok(logits.iter().map(|row| self.labels()[first_largest(row)].as_str()).collect())
    }

    /// The score of each example, on the scale of the training data; as trained, 0 to 1, where
    /// the model does not know that scale.
    ///
    /// # Errors
    /// As [`logits`](Self::logits), and where the head has classes.
    pub fn predict_scores(&self, examples: &[Vec<&str>]) -> Result<Vec<f64>> {
        self.expect(ProblemType::Regression)?;
        let [low, high] = self.head.score_scale.unwrap_or([0., 1.]);
        let outputs = self.logits(examples)?;
        Ok(outputs.as_slice().iter().map(|&x| low + f64::from(x) * (high - low)).collect())
    }

    /// Calibrates the probabilities: the temperature with the least negative log likelihood of
    /// `gold`, the classes of `examples` (Guo et al. 2017). Predicted classes stay the same.
    ///
    /// # Errors
    /// As [`predict_proba`](Self::predict_proba); where the best temperature is 0 or infinite: all
    /// examples are classified rightly, or no better than by chance.
    pub fn calibrate(&mut self, examples: &[Vec<&str>], gold: &[usize]) -> Result<f64> {
        self.expect(ProblemType::SingleLabelClassification)?;
        let logits = self.logits(examples)?;
        self.temperature = best_temperature(&logits, gold)?;
        Ok(self.temperature)
    }

    fn expect(&self, problem: ProblemType) -> Result<()> {
        if self.head.problem_type == problem {
            return Ok(());
        }
        let message = match problem {
            ProblemType::Regression => "the model has classes; it predicts no scores",
            ProblemType::SingleLabelClassification => {
                "the model is a regression; it predicts scores, not classes"
            }
        };
        Err(Error::config(message))
    }
}

impl Embed for TextClassifier {
    fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
        self.encoder.embed(texts)
    }

    fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        Self::logits(self, examples)
    }

    fn similarity_function(&self) -> Similarity {
        self.encoder.similarity_function()
    }
}

/// The place of the largest number; of equal ones the first.
fn first_largest(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (at, x)| if *x > row[best] { at } else { best })
}

/// The temperature at which the negative log likelihood of `gold` is least: it is convex in
/// `β = 1/T`, and its slope `Σᵢ (Σⱼ pᵢⱼ zᵢⱼ − z_gold)` is found 0 by bisection of ln β.
fn best_temperature(logits: &Embeddings, gold: &[usize]) -> Result<f64> {
    const RANGE: f64 = 1e4;
    let slope = |inverse: f64| -> f64 {
        let rows = logits.iter().zip(gold).map(|(row, &gold)| {
            let probabilities = softmax(row, 1. / inverse);
            let mean: f64 = probabilities.iter().zip(row).map(|(p, &z)| p * f64::from(z)).sum();
            mean - f64::from(row[gold])
        });
        rows.sum()
    };
    let (mut low, mut high) = (-RANGE.ln(), RANGE.ln());
    if logits.rows() == 0 || slope(high.exp()) <= 0. || slope(low.exp()) >= 0. {
        return Err(Error::config(
            "no temperature calibrates the model on these examples: all are classified rightly, or \
             no better than by chance; give others",
        ));
    }
    for _ in 0..100 {
        let middle = (low + high) / 2.;
        if slope(middle.exp()) > 0. { high = middle } else { low = middle }
    }
    Ok((-(low + high) / 2.).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence_encoder::Preset;

    fn classes(labels: &[&str], texts: usize, head: &str) -> HeadDescription {
        HeadDescription {
            head: head.parse().unwrap(),
            texts_per_example: texts,
            problem_type: ProblemType::SingleLabelClassification,
            labels: labels.iter().map(|label| label.to_string()).collect(),
            score_scale: None,
        }
    }

    fn saved(description: HeadDescription) -> (tempfile::TempDir, SentenceEncoder) {
        let texts = ["a cat sleeps", "two dogs run"];
        let encoder = SentenceEncoder::fresh(Preset::Mini, texts.into_iter(), 1).unwrap();
        let encoder = encoder.with_classifier(description, 5).unwrap();
        let folder = tempfile::tempdir().unwrap();
        encoder.save_pretrained(folder.path()).unwrap();
        (folder, encoder)
    }

    #[test]
    fn a_saved_classifier_predicts_as_the_one_that_was_saved() {
        for (head, texts) in
            [("dropout=0.1", 1), ("features=u/v/product,dense", 2), ("joined", 2)]
        {
            let (folder, encoder) = saved(classes(&["x", "y", "z"], texts, head));
            let model =
                TextClassifier::from_pretrained(folder.path().to_str().unwrap()).unwrap();
            let examples = [vec!["a cat sleeps"; texts], vec!["two dogs run"; texts]];
            let logits = model.logits(&examples).unwrap();
            assert_eq!(logits, encoder.head_logits(&examples).unwrap(), "{head}");
            let probabilities = model.predict_proba(&examples).unwrap();
            for ((row, label), logits) in
                probabilities.iter().zip(model.predict(&examples).unwrap()).zip(logits.iter())
            {
                assert!((row.iter().sum::<f64>() - 1.).abs() < 1e-12);
                assert_eq!(label, ["x", "y", "z"][first_largest(logits)]);
            }
        }
    }

    #[test]
    fn a_regression_predicts_on_the_scale_of_its_data() {
        let description = HeadDescription {
            problem_type: ProblemType::Regression,
            labels: Vec::new(),
            score_scale: Some([1., 5.]),
            ..classes(&[], 2, "joined")
        };
        let (folder, encoder) = saved(description);
        let model = TextClassifier::from_pretrained(folder.path().to_str().unwrap()).unwrap();
        let examples = [vec!["a cat sleeps", "two dogs run"]];
        let output = f64::from(encoder.head_logits(&examples).unwrap().as_slice()[0]);
        assert_eq!(model.predict_scores(&examples).unwrap(), [1. + 4. * output]);
        assert!(model.predict(&examples).unwrap_err().to_string().contains("a regression"));
        assert!(model.predict_scores(&[vec!["one"]]).is_err());
    }

    #[test]
    fn a_description_that_contradicts_the_head_is_refused() {
        let (folder, _) = saved(classes(&["x", "y"], 1, "dropout=0"));
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to, expected) in [
            (
                "\"y\"\n",
                "\"y\", \"z\"\n",
                "heads.safetensors: tensor head.bias is missing, or not [3]",
            ),
            ("\"x\",", "", "labels: 1 classes, expected at least two"),
            ("\"texts_per_example\": 1", "\"texts_per_example\": 3", "texts_per_example is 3"),
            ("single_label_classification", "regression", "labels: a regression has none"),
            ("single_label_classification", "ranking", "unknown variant `ranking`"),
        ] {
            assert!(text.contains(from), "{from}");
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let error = TextClassifier::from_pretrained(folder.path().to_str().unwrap());
            let error = error.err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = TextClassifier::from_pretrained(folder.path().to_str().unwrap());
        assert!(error.err().unwrap().to_string().contains("has no heads.json"));
    }

    /// In closed form: logits 1 and 0 of which two of three are right.
    #[test]
    fn the_temperature_minimizes_the_negative_log_likelihood() {
        // p = 2/3 is right in two of three: σ(1/T) = 2/3, T = 1/ln 2
        let logits = Embeddings::new(2, vec![1., 0., 1., 0., 1., 0.]);
        let found = best_temperature(&logits, &[0, 0, 1]).unwrap();
        assert!((found - 1. / std::f64::consts::LN_2).abs() < 1e-9, "{found}");
        assert!(best_temperature(&logits, &[0, 0, 0]).is_err());
        assert!(best_temperature(&logits, &[1, 1, 0]).is_err());
    }
}
