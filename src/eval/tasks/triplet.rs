//! An anchor, what is like it and what is not: does the model find the first more alike?

use crate::error::{Error, Result};
use crate::eval::metrics::{Evaluator, Metrics};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::redraw::{mean, redraw};
use crate::eval::texts::{Texts, rows};
use crate::vectors::Embed;
use crate::vectors::Similarity;

/// Triplets (anchor, positive, negative), as sentence-transformers' class of this name takes them.
///
/// `cosine_accuracy`, `dot_accuracy` … is the share of triplets in which
/// `s(anchor, positive) > s(anchor, negative) + margin`, so that a tie is wrong; `max_accuracy`
/// the largest, where there are several similarities. Undefined without a triplet.
///
/// ```
/// use twindrop::vectors::{Embed, Embeddings};
/// use twindrop::eval::{Bootstrap, Evaluator, TripletEvaluator};
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
/// let triplets = [["a", "bb", "cccc"], ["aaa", "b", "cccc"]].map(|one| one.map(String::from));
/// let found = TripletEvaluator::new("lengths", &triplets)
///     .evaluate(&Length, &Bootstrap::default())?;
/// assert_eq!(found.get("euclidean_accuracy"), Some(0.5));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TripletEvaluator {
    texts: Texts,
    /// Where the three texts of a triplet stand.
    triplets: Vec<[usize; 3]>,
    similarities: Vec<Similarity>,
    margin: f64,
}

impl TripletEvaluator {
    /// Triplets: anchor, positive and negative.
    pub fn new(name: &str, triplets: &[[String; 3]]) -> Self {
        let all: Vec<&str> = triplets.iter().flatten().map(String::as_str).collect();
        let (texts, places) = Texts::new(name, &all);
        let (triplets, similarities) =
            (places.as_chunks().0.to_vec(), Similarity::ALL.to_vec());
        Self { texts, triplets, similarities, margin: 0. }
    }

    /// The same with other similarities than all four.
    #[must_use]
    pub fn with_similarities(self, similarities: &[Similarity]) -> Self {
        Self { similarities: similarities.to_vec(), ..self }
    }

    /// The same with a margin by which the positive must be more alike, in the unit of each
    /// similarity. 0.
    ///
    /// # Errors
    /// Where it is no finite number.
    pub fn with_margin(self, margin: f64) -> Result<Self> {
        if !margin.is_finite() {
            return Err(Error::config(format!("margin {margin}: expected a finite number")));
        }
        Ok(Self { margin, ..self })
    }

    /// 1 for each triplet that a similarity gets right, else 0.
    fn right(&self, model: &dyn Embed) -> Result<Vec<Vec<f64>>> {
        let embeddings = self.texts.embed(model)?;
        let side = |side: usize| rows(&embeddings, self.triplets.iter().map(|one| one[side]));
        let [anchor, positive, negative] = [0, 1, 2].map(side);
        let right = |similarity: &Similarity| {
            let near = similarity.paired(&anchor, &positive);
            let far = similarity.paired(&anchor, &negative);
            let right = |(near, far): (f64, f64)| f64::from(near > far + self.margin);
            near.into_iter().zip(far).map(right).collect()
        };
        Ok(self.similarities.iter().map(right).collect())
    }
}

impl Evaluator for TripletEvaluator {
    fn name(&self) -> &str {
        self.texts.name()
    }

    fn primary_metric(&self) -> String {
        match &self.similarities[..] {
            [similarity] => format!("{}_accuracy", similarity.name()),
            _ => "max_accuracy".into(),
        }
    }

    fn results_file(&self) -> String {
        format!("triplet_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let right = self.right(model)?;
        let mut names: Vec<&str> = self.similarities.iter().map(|kind| kind.name()).collect();
        names.extend((names.len() > 1).then_some("max"));
        let fill = |counts: Option<&[u32]>, row: &mut [f64]| {
            let shares: Vec<f64> = right.iter().map(|right| mean(right, counts)).collect();
            let most = shares.iter().copied().fold(f64::NAN, f64::max);
            row.iter_mut().zip(shares.into_iter().chain([most])).for_each(|(to, x)| *to = x);
        };
        let mut values = vec![f64::NAN; names.len()];
        fill(None, &mut values);
        let items = self.triplets.len();
        let draws =
            redraw(bootstrap, items, names.len(), |counts, row| fill(Some(counts), row));
        let mut metrics = Metrics::of(&[("triplets", items), ("sentences", self.texts.len())]);
        for ((name, value), draws) in names.into_iter().zip(values).zip(&draws) {
            let value = if items > 0 { Ok(value) } else { Err("no triplets".into()) };
            metrics.push(format!("{name}_accuracy"), value, draws, bootstrap);
        }
        Ok(metrics)
    }
}
