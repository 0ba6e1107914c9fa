//! [`TextClassifier`]: a trained model with its classification or regression head.

use super::encoder::SentenceEncoder;
use super::head_description::{HeadDescription, ProblemType};
use super::json::maybe_json;
use super::sequence_classifier;
use crate::error::{Error, Result};
use crate::heads::SequenceHead;
use crate::pooling::Pooling;
use crate::vectors::{Embed, Embeddings, Similarity, argmax, softmax};
use std::path::Path;

impl SentenceEncoder {
    /// The same with a fresh classification or regression head; `save_pretrained` writes it, and
    /// [`TextClassifier`] reads it. The architecture's own head, as transformers has it, reads the
    /// vector of the first token or the mean, so the pooling becomes that; its dense layer is
    /// BERT's pooler where the model has one.
    ///
    /// # Errors
    /// Where the head cannot be made; where the architecture's own is asked for and the model has
    /// a dense layer or mixes layers.
    pub fn with_classifier(self, description: HeadDescription, seed: u64) -> Result<Self> {
        let head = description.head.sequence_head(&self.model.encoder().config());
        let encoder = match &head {
            Some(head) => self.pooled_for(head)?,
            None => self,
        };
        let (config, outputs) = (description.head.clone(), description.outputs());
        let columns = description.columns();
        let encoder = encoder
            .with_heads(|model| model.with_classifier(config, outputs, columns, seed))?;
        let encoder = Self { head: Some(description), ..encoder };
        if let Some(head) = head {
            encoder.take_pooler(&head)?;
        }
        Ok(encoder)
    }

    /// The same with the pooling that `head` reads.
    fn pooled_for(self, head: &SequenceHead) -> Result<Self> {
        if !self.has_bare_encoder() {
            return Err(Error::config(format!(
                "the model has a module behind its encoder, which {} does not read: choose a head \
                 of the embeddings, as --head apart",
                head.class
            )));
        }
        Ok(self.with_pooling(Self::pooling_of(head)))
    }

    /// The pooling that the architecture's own head reads.
    pub(crate) fn pooling_of(head: &SequenceHead) -> Pooling {
        if head.reads_mean { Pooling::Mean } else { Pooling::Cls }
    }

    /// Whether no module stands between the encoder's last layer and the pooling, or behind it.
    pub(crate) fn has_bare_encoder(&self) -> bool {
        self.model.dense().is_none() && self.model.weighted_layers().is_none()
    }

    /// Takes for the dense layer of the head what the model's file has under its name.
    fn take_pooler(&self, head: &SequenceHead) -> Result<()> {
        for parameter in self.model.parameters().iter() {
            let stored = head.stored_name(parameter.name()).unwrap_or_default();
            let own =
                stored.strip_prefix(head.prefix).and_then(|own| self.origin.carried.get(own));
            let own = own.filter(|tensor| tensor.dims() == parameter.spec().shape);
            if let Some(tensor) = own {
                let values = tensor.flatten_all()?.to_vec1::<f32>()?;
                parameter.update(|now| now.copy_from_slice(&values))?;
            }
        }
        Ok(())
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
}

impl TextClassifier {
    /// The classifier, regressor or cross-encoder in a directory, or the hub's model of that id:
    /// one that a training run saved, a `…ForSequenceClassification` of transformers', or a
    /// CrossEncoder of sentence-transformers'.
    ///
    /// # Errors
    /// As [`SentenceEncoder::from_pretrained`]; where the model has no head, or its description and
    /// its weights contradict each other.
    pub fn from_pretrained(model: &str) -> Result<Self> {
        Self::of(SentenceEncoder::for_classification(model)?)
    }

    /// Writes the model, its temperature with it, as a directory of the form it came in: that of
    /// transformers and of a CrossEncoder where the head is the architecture's own.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_pretrained(&self, dir: impl AsRef<Path>) -> Result<()> {
        self.encoder.save_pretrained(dir)
    }

    /// The same of an encoder that was loaded with
    /// [`for_classification`](SentenceEncoder::for_classification), with its options.
    ///
    /// # Errors
    /// As [`from_pretrained`](Self::from_pretrained).
    pub fn of(encoder: SentenceEncoder) -> Result<Self> {
        let (Some(dir), Some(home)) = (&encoder.origin.base, &encoder.origin.home) else {
            return Err(Error::config("the encoder was not loaded from a directory"));
        };
        let Some(description) = HeadDescription::find(dir, home)? else {
            let message = "has no classification or regression head: neither heads.json nor a class \
                           for sequence classification in config.json; train one with --objective \
                           softmax, rdrop-classes or regression";
            return Err(Error::model(dir, message));
        };
        let encoder = encoder.with_classifier(description, 0)?;
        encoder.load_head()?;
        Ok(Self { encoder })
    }

    /// Whether the model in `dir` has a classification or regression head.
    ///
    /// # Errors
    /// Where its description is damaged.
    pub fn is_in(dir: &Path) -> Result<bool> {
        let has_config = dir.join("config.json").is_file();
        Ok(has_config && HeadDescription::find(dir, dir)?.is_some())
    }

    /// Whether the model in `dir` is a classifier of transformers' or a CrossEncoder, and has no
    /// embeddings.
    ///
    /// # Errors
    /// Where its `config.json` or `modules.json` is damaged.
    pub fn is_sequence_in(dir: &Path) -> Result<bool> {
        let [config, modules] =
            ["config.json", "modules.json"].map(|name| maybe_json(&dir.join(name)));
        Ok(sequence_classifier::is_classifier(&config?, &modules?))
    }

    /// The encoder with its head.
    pub fn into_encoder(self) -> SentenceEncoder {
        self.encoder
    }

    /// The encoder under the head.
    pub fn encoder(&self) -> &SentenceEncoder {
        &self.encoder
    }

    /// What the head reads and gives.
    pub fn description(&self) -> &HeadDescription {
        self.encoder.head.as_ref().expect("a classifier has a head")
    }

    /// The classes in the order of the logits; empty for a regression.
    pub fn labels(&self) -> &[String] {
        &self.description().labels
    }

    /// What logits are divided by before the softmax. 1, unless calibrated.
    pub fn temperature(&self) -> f64 {
        self.description().temperature.unwrap_or(1.)
    }

    /// Logits of examples of one text or two, (N, C); of a regression its outputs, (N, 1).
    ///
    /// # Errors
    /// Where an example has another number of texts than the head reads.
    pub fn logits(&self, examples: &[Vec<&str>]) -> Result<Embeddings> {
        let expected = self.description().texts_per_example;
        let is_wrong = |texts: &Vec<&str>| expected.is_some_and(|count| count != texts.len());
        if let Some(wrong) = examples.iter().position(is_wrong) {
            return Err(Error::config(format!(
                "example {} has {} texts, but the model classifies examples of {}",
                wrong + 1,
                examples[wrong].len(),
                expected.unwrap_or(1)
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
        Ok(self.probabilities(&self.logits(examples)?))
    }

    /// The same of logits, (N, C).
    pub fn probabilities(&self, logits: &Embeddings) -> Vec<Vec<f64>> {
        logits.iter().map(|row| softmax(row, self.temperature())).collect()
    }

    /// The most probable class of each example; of equal ones the first.
    ///
    /// # Errors
    /// As [`predict_proba`](Self::predict_proba).
    pub fn predict(&self, examples: &[Vec<&str>]) -> Result<Vec<&str>> {
        self.expect(ProblemType::SingleLabelClassification)?;
        let logits = self.logits(examples)?;
        Ok(logits.iter().map(|row| self.labels()[argmax(row)].as_str()).collect())
    }

    /// The score of each example, on the scale of the training data; the output of the model, after
    /// the `activation_fn` of a CrossEncoder, where no file says that scale.
    ///
    /// # Errors
    /// As [`logits`](Self::logits), and where the head has classes.
    pub fn predict_scores(&self, examples: &[Vec<&str>]) -> Result<Vec<f64>> {
        self.expect(ProblemType::Regression)?;
        let description = self.description();
        let [low, high] = description.score_scale.unwrap_or([0., 1.]);
        let outputs = description.activated(&self.logits(examples)?)?;
        Ok(outputs.into_iter().map(|x| low + x * (high - low)).collect())
    }

    /// The documents of a query, the highest score first, each with its score; of equal ones the
    /// first is first.
    ///
    /// # Errors
    /// As [`predict_scores`](Self::predict_scores).
    pub fn rank(&self, query: &str, documents: &[&str]) -> Result<Vec<(usize, f64)>> {
        let examples: Vec<Vec<&str>> =
            documents.iter().map(|document| vec![query, document]).collect();
        let scores = self.predict_scores(&examples)?;
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(ranked)
    }

    /// Calibrates the probabilities: the temperature with the least negative log likelihood of
    /// `gold`, the classes of examples with these `logits` (Guo et al. 2017). Predicted classes stay
    /// the same; [`save_pretrained`](Self::save_pretrained) saves it.
    ///
    /// # Errors
    /// Where the head is a regression; where the best temperature is 0 or infinite: all examples
    /// are classified rightly, or no better than by chance.
    pub fn calibrate(&mut self, logits: &Embeddings, gold: &[usize]) -> Result<f64> {
        self.expect(ProblemType::SingleLabelClassification)?;
        let temperature = best_temperature(logits, gold)?;
        if let Some(head) = &mut self.encoder.head {
            head.temperature = Some(temperature);
        }
        Ok(temperature)
    }

    fn expect(&self, problem: ProblemType) -> Result<()> {
        if self.description().problem_type == problem {
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
        Embed::logits(&self.encoder, examples)
    }

    fn similarity_function(&self) -> Similarity {
        self.encoder.similarity_function()
    }
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
        let labels = labels.iter().map(|label| label.to_string()).collect();
        HeadDescription::classes(head.parse().unwrap(), texts, labels)
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
                assert_eq!(label, ["x", "y", "z"][argmax(logits)]);
            }
        }
    }

    #[test]
    fn a_regression_predicts_on_the_scale_of_its_data() {
        let description =
            HeadDescription::regression("joined".parse().unwrap(), 2, Some([1., 5.]));
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
        let path = folder.path().join("heads.json");
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
        assert!(
            error
                .err()
                .unwrap()
                .to_string()
                .contains("has no classification or regression head")
        );
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
