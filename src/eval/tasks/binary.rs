//! Pairs that belong together and pairs that do not: does a threshold on similarity part them?

use crate::error::{Error, Result};
use crate::eval::metrics::{Evaluator, Metrics};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::redraw::redraw;
use crate::eval::tasks::threshold::{BinaryFigures, FIGURES, ScoreLadder};
use crate::eval::texts::{Texts, rows};
use crate::vectors::Embed;
use crate::vectors::Similarity;

/// Pairs of two kinds, as sentence-transformers' class of this name takes them.
///
/// Its figures are [`BinaryFigures`] of each similarity, `cosine_accuracy` to `manhattan_mcc`,
/// and where there are several similarities the largest of each, `max_accuracy` …; thresholds of
/// `euclidean` and `manhattan` are distances, at or below which a pair is called positive. With
/// pairs of one kind only, all are undefined.
///
/// ```
/// use twindrop::vectors::{Embed, Embeddings};
/// use twindrop::eval::{BinaryClassificationEvaluator, Bootstrap, Evaluator};
///
/// /// A word is where its first letter stands in the alphabet.
/// struct Alphabet;
///
/// impl Embed for Alphabet {
///     fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
///         let place = |text: &&str| f32::from(text.as_bytes()[0] - b'a');
///         Ok(Embeddings::new(2, texts.iter().flat_map(|text| [place(text), 1.]).collect()))
///     }
/// }
///
/// let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
/// let pairs = [pair("ant", "ape"), pair("ant", "bat"), pair("ant", "yak"), pair("bat", "zoo")];
/// let labels = [true, true, false, false];
/// let evaluator = BinaryClassificationEvaluator::new("animals", &pairs, &labels)?;
/// let found = evaluator.evaluate(&Alphabet, &Bootstrap::default())?;
/// assert_eq!(found.get("euclidean_accuracy"), Some(1.0));
/// assert_eq!(found.get("euclidean_accuracy_threshold"), Some(12.5)); // between 1 and 24
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct BinaryClassificationEvaluator {
    texts: Texts,
    /// Where both texts of a pair stand.
    pairs: Vec<[usize; 2]>,
    labels: Vec<bool>,
    similarities: Vec<Similarity>,
}

impl BinaryClassificationEvaluator {
    /// Pairs, and whether each belongs together.
    ///
    /// # Errors
    /// Where there is not one label for each pair.
    pub fn new(name: &str, pairs: &[(String, String)], labels: &[bool]) -> Result<Self> {
        if pairs.len() != labels.len() {
            let (pairs, labels) = (pairs.len(), labels.len());
            let message = format!("{name}: {pairs} pairs but {labels} labels; each needs one");
            return Err(Error::config(message));
        }
        let sides: Vec<&str> = pairs.iter().flat_map(|(a, b)| [a.as_str(), b]).collect();
        let (texts, places) = Texts::new(name, &sides);
        let (pairs, labels) = (places.as_chunks().0.to_vec(), labels.to_vec());
        Ok(Self { texts, pairs, labels, similarities: Similarity::ALL.to_vec() })
    }

    /// The same with other similarities than all four.
    #[must_use]
    pub fn with_similarities(self, similarities: &[Similarity]) -> Self {
        Self { similarities: similarities.to_vec(), ..self }
    }

    /// The pairs by each similarity; or why no threshold parts them.
    fn ladders(&self, model: &dyn Embed) -> Result<Vec<Result<ScoreLadder, String>>> {
        let embeddings = self.texts.embed(model)?;
        let side = |side: usize| rows(&embeddings, self.pairs.iter().map(|pair| pair[side]));
        let (left, right) = (side(0), side(1));
        let ladder =
            |kind: &Similarity| ScoreLadder::new(&kind.paired(&left, &right), &self.labels);
        Ok(self.similarities.iter().map(ladder).collect())
    }

    /// The names of similarities, and `max` where there are several.
    fn titles(&self) -> Vec<&'static str> {
        let names = self.similarities.iter().map(|similarity| similarity.name());
        names.chain((self.similarities.len() > 1).then_some("max")).collect()
    }

    /// The figures of each title; NaN where one has no value.
    fn fill(
        &self,
        ladders: &[Result<ScoreLadder, String>],
        counts: Option<&[u32]>,
        row: &mut [f64],
    ) {
        let (own, most) = row.split_at_mut(FIGURES * ladders.len());
        let places = own.chunks_mut(FIGURES).zip(ladders).zip(&self.similarities);
        for ((place, ladder), kind) in places {
            let Ok(ladder) = ladder else { continue };
            place.copy_from_slice(&ladder.figures(counts));
            // thresholds of distances are distances
            let sign = match kind {
                Similarity::Cosine | Similarity::Dot => 1.,
                Similarity::Euclidean | Similarity::Manhattan => -1.,
            };
            place[1] *= sign;
            place[3] *= sign;
        }
        for (nth, most) in most.iter_mut().enumerate() {
            // the larger of NaN and a number is the number
            *most = own.iter().skip(nth).step_by(FIGURES).copied().fold(f64::NAN, f64::max);
        }
    }
}

impl Evaluator for BinaryClassificationEvaluator {
    fn name(&self) -> &str {
        self.texts.name()
    }

    fn primary_metric(&self) -> String {
        format!("{}_ap", self.titles().last().expect("a similarity"))
    }

    fn results_file(&self) -> String {
        format!("binary_classification_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let (ladders, titles) = (self.ladders(model)?, self.titles());
        let mut values = vec![f64::NAN; FIGURES * titles.len()];
        self.fill(&ladders, None, &mut values);
        let draws = redraw(bootstrap, self.pairs.len(), values.len(), |counts, row| {
            self.fill(&ladders, Some(counts), row);
        });
        let positive = self.labels.iter().filter(|&&label| label).count();
        let mut metrics = Metrics::of(&[
            ("pairs", self.pairs.len()),
            ("positive", positive),
            ("sentences", self.texts.len()),
        ]);
        let reason = |place: usize| match ladders.get(place).or(ladders.first()) {
            Some(Err(reason)) => reason.clone(),
            _ => "every pair is predicted positive".into(),
        };
        for (nth, (&value, draws)) in values.iter().zip(&draws).enumerate() {
            let (place, figure) = (nth / FIGURES, BinaryFigures::NAMES[nth % FIGURES]);
            let value = if value.is_nan() { Err(reason(place)) } else { Ok(value) };
            metrics.push(format!("{}_{figure}", titles[place]), value, draws, bootstrap);
        }
        Ok(metrics)
    }
}
