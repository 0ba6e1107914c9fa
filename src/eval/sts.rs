//! Semantic textual similarity: correlation of a model's similarities with gold scores.

use super::bucket::top_fifth;
use super::geometry::Geometry;
use super::metric_id::{Aggregation, Correlation, MetricId};
use super::metrics::{Evaluator, Metrics};
use super::pairs::{PairSet, SetScores};
use super::set_geometry::{Sentences, SetGeometry};
use super::suite_report::{Estimate, SuiteReport};
use super::undefined::vector_not_finite;
use crate::data::{ReadReport, Scored, Subset};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::stats::bootstrap::Bootstrap;
use crate::vectors::{Embed, Embeddings, Similarity, distinct};

/// One or more sets of scored pairs. Each distinct sentence, over all of them, is embedded once.
///
/// As an [`Evaluator`] it gives both correlations of all four similarities under the names of
/// sentence-transformers (`spearman_cosine` …), or those of [`with_metrics`](Self::with_metrics):
/// of one set as they are; of several, their mean over the sets, then each set's behind its name.
#[derive(Debug, Clone)]
pub struct StsEvaluator {
    sets: Vec<PairSet>,
    /// Each distinct sentence once, in order of first appearance.
    sentences: Vec<String>,
    /// The two sentences of each pair of each set, as indices of `sentences`.
    places: Vec<Vec<[usize; 2]>>,
    metrics: Vec<MetricId>,
}

impl StsEvaluator {
    /// An evaluator of one set.
    pub fn new(set: PairSet) -> Self {
        Self::of_sets(vec![set])
    }

    /// An evaluator of several sets.
    pub fn of_sets(sets: Vec<PairSet>) -> Self {
        let all: Vec<&str> = sets.iter().flat_map(PairSet::sentences).collect();
        let (sentences, places) = distinct(&all);
        let sentences = sentences.into_iter().map(String::from).collect();
        let mut pairs = places.as_chunks().0.iter().copied();
        let places = sets.iter().map(|set| pairs.by_ref().take(set.len()).collect()).collect();
        let metrics =
            MetricId::product(&[Aggregation::All], &Correlation::ALL, &Similarity::ALL);
        Self { sets, sentences, places, metrics }
    }

    /// Pairs with a gold score each; the scale does not matter, larger is more similar.
    ///
    /// # Errors
    /// Where there is not one finite score for each pair.
    pub fn from_pairs(name: &str, pairs: &[(String, String)], gold: &[f64]) -> Result<Self> {
        if pairs.len() != gold.len() {
            let (pairs, scores) = (pairs.len(), gold.len());
            let message = format!("{name}: {pairs} pairs but {scores} scores; each needs one");
            return Err(Error::config(message));
        }
        if let Some(i) = gold.iter().position(|score| !score.is_finite()) {
            let message = format!("{name}: the score of pair {} is {}", i + 1, gold[i]);
            return Err(Error::config(format!("{message}; it must be a finite number")));
        }
        let subset = Subset { name: String::new(), pairs: pairs.into(), gold: gold.into() };
        let (path, report) = (name.into(), ReadReport::default());
        let scored = Scored { path, scale: None, subsets: vec![subset], report };
        Ok(Self::new(PairSet::new(name, scored)))
    }

    /// The same with other metrics as an [`Evaluator`]; the first chooses the best model.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn with_metrics(self, metrics: &[MetricId]) -> Self {
        assert!(!metrics.is_empty(), "an evaluator has a metric");
        Self { metrics: metrics.into(), ..self }
    }

    /// Its sets.
    pub fn sets(&self) -> &[PairSet] {
        &self.sets
    }

    /// How many distinct sentences there are in all sets together.
    pub fn sentences(&self) -> usize {
        self.sentences.len()
    }

    /// How many distinct sentences the set at `place` has.
    pub fn sentences_of(&self, place: usize) -> usize {
        let mut found = vec![false; self.sentences.len()];
        self.places[place].iter().flatten().for_each(|&sentence| found[sentence] = true);
        found.into_iter().filter(|&found| found).count()
    }

    /// The distinct sentences of all sets, in order of first appearance.
    pub fn texts(&self) -> Vec<&str> {
        self.sentences.iter().map(String::as_str).collect()
    }

    /// The embeddings of the [`texts`](Self::texts).
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn embed(&self, model: &dyn Embed) -> Result<Embeddings> {
        let texts = self.texts();
        if texts.is_empty() {
            return Ok(Embeddings::new(1, Vec::new()));
        }
        let embeddings = model.embed(&texts)?;
        if embeddings.rows() != texts.len() {
            let (rows, texts) = (embeddings.rows(), texts.len());
            let name = self.name();
            let message =
                format!("{name}: the model returned {rows} embeddings for {texts} sentences");
            return Err(Error::new(ErrorKind::Internal, message));
        }
        Ok(embeddings)
    }

    /// A model's similarities of all pairs. Embeddings that are not finite leave metrics
    /// undefined.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn scores(&self, model: &dyn Embed) -> Result<Vec<SetScores>> {
        Ok(self.scores_of(&self.embed(model)?))
    }

    /// The similarities of all pairs by the embeddings of the [`texts`](Self::texts).
    ///
    /// # Panics
    /// If there is not one embedding for each text.
    pub fn scores_of(&self, embeddings: &Embeddings) -> Vec<SetScores> {
        assert_eq!(embeddings.rows(), self.sentences.len(), "an embedding for each text");
        let finite: Vec<bool> =
            embeddings.iter().map(|row| row.iter().all(|x| x.is_finite())).collect();
        let side = |places: &[[usize; 2]], side: usize| {
            let rows = places.iter().flat_map(|pair| embeddings.row(pair[side]));
            Embeddings::new(embeddings.width(), rows.copied().collect())
        };
        let scores = self.sets.iter().zip(&self.places).map(|(set, places)| {
            let (left, right) = (side(places, 0), side(places, 1));
            let similarities = Similarity::ALL.map(|kind| kind.paired(&left, &right));
            let sides = (0..places.len()).flat_map(|pair| [(pair, 0), (pair, 1)]);
            let odd = sides.filter(|&(pair, side)| !finite[places[pair][side]]).collect();
            SetScores::new(set.gold(), similarities).with_odd(odd)
        });
        scores.collect()
    }

    /// The geometry of the embeddings of all texts; alignment is over the pairs whose score is in
    /// the top fifth of their scale: above 4 on 0..5.
    pub fn geometry_of(&self, embeddings: &Embeddings) -> Geometry {
        let top = self.sets.iter().zip(&self.places).flat_map(|(set, places)| {
            let top = top_fifth(set.scale, &set.gold()).into_iter();
            top.map(|pair| (places[pair][0], places[pair][1]))
        });
        Geometry::of(embeddings, &top.collect::<Vec<_>>())
    }

    /// The geometry of the embeddings of the [`texts`](Self::texts), set by set; `lengths` are
    /// those of the texts, in words, tokens or whatever quartiles should be of.
    ///
    /// # Panics
    /// If there is not one embedding and one length for each text.
    pub fn set_geometry(&self, embeddings: &Embeddings, lengths: &[usize]) -> Vec<SetGeometry> {
        assert_eq!(embeddings.rows(), self.sentences.len(), "an embedding for each text");
        assert_eq!(lengths.len(), self.sentences.len(), "a length for each text");
        let sets = self.sets.iter().zip(&self.places).map(|(set, places)| {
            let sentences = Sentences { texts: &self.sentences, embeddings, lengths, places };
            SetGeometry::of(set, &sentences)
        });
        sets.collect()
    }

    /// A model's metrics on each set, with their draws.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn suite_report(
        &self,
        model: &dyn Embed,
        metrics: &[MetricId],
        bootstrap: &Bootstrap,
    ) -> Result<SuiteReport> {
        Ok(SuiteReport::new(&self.sets, self.scores(model)?, metrics, bootstrap))
    }

    /// Refuses an embedding that is not finite.
    fn expect_finite(&self, embeddings: &Embeddings) -> Result<()> {
        let odd = embeddings.iter().position(|row| !row.iter().all(|x| x.is_finite()));
        let Some(odd) = odd else { return Ok(()) };
        let (name, message) = (self.name(), vector_not_finite(&self.sentences[odd]));
        let advice = "the weights are damaged, or training diverged (lower the learning rate)";
        Err(Error::new(ErrorKind::Numerics, format!("{name}: {message}; {advice}")))
    }
}

impl Evaluator for StsEvaluator {
    fn name(&self) -> &str {
        match &self.sets[..] {
            [set] => &set.name,
            _ => "sts",
        }
    }

    fn primary_metric(&self) -> String {
        self.metrics[0].to_string()
    }

    fn results_file(&self) -> String {
        format!("similarity_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let embeddings = self.embed(model)?;
        self.expect_finite(&embeddings)?;
        let scores = self.scores_of(&embeddings);
        let report = SuiteReport::new(&self.sets, scores, &self.metrics, bootstrap);
        let pairs = self.sets.iter().map(PairSet::len).sum();
        let mut metrics = Metrics::of(&[("pairs", pairs), ("sentences", self.sentences.len())]);
        let mut add = |prefix: &str, estimates: &[Estimate]| {
            for (metric, estimate) in self.metrics.iter().zip(estimates) {
                let estimate = Estimate { draws: Vec::new(), ..estimate.clone() };
                metrics.figures.push((format!("{prefix}{metric}"), estimate));
            }
        };
        match &report.sets[..] {
            [estimates] => add("", estimates),
            sets => {
                add("", &report.average);
                let names = self.sets.iter().map(|set| format!("{}_", set.name));
                names.zip(sets).for_each(|(name, estimates)| add(&name, estimates));
            }
        }
        metrics.geometry = Some(self.geometry_of(&embeddings));
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::data::Scale;

    /// Looks its vectors up, and remembers what it was asked.
    struct CachedEmbeddings {
        rows: Vec<(&'static str, [f32; 2])>,
        asked: Mutex<Vec<Vec<String>>>,
    }

    const POINT: Bootstrap = Bootstrap::NONE;

    impl Embed for CachedEmbeddings {
        fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
            self.asked.lock().unwrap().push(texts.iter().map(|t| t.to_string()).collect());
            let find = |text: &&str| self.rows.iter().find(|(key, _)| key == text);
            let rows = texts.iter().filter_map(find).flat_map(|(_, row)| *row);
            Ok(Embeddings::new(2, rows.collect()))
        }
    }

    fn table(rows: &[(&'static str, [f32; 2])]) -> CachedEmbeddings {
        CachedEmbeddings { rows: rows.to_vec(), asked: Mutex::default() }
    }

    fn set(pairs: &[(&str, &str)], gold: &[f64]) -> StsEvaluator {
        let owned = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string()));
        StsEvaluator::from_pairs("toy", &owned.collect::<Vec<_>>(), gold)
            .expect("a score for each pair")
    }

    const ROWS: [(&str, [f32; 2]); 4] =
        [("east", [1., 0.]), ("far east", [10., 0.]), ("north", [0., 1.]), ("west", [-2., 0.])];

    #[test]
    fn figures_are_the_hand_computed_ones() {
        // cosine 1, 0, −1; dot 10, 0, −2; euclidean −9, −√2, −3; manhattan −9, −2, −3
        let pairs = [("east", "far east"), ("east", "north"), ("east", "west")];
        let metrics = set(&pairs, &[3., 2., 1.]).evaluate(&table(&ROWS), &POINT).unwrap();
        let close = |name: &str, expected: f64| {
            let value = metrics.get(name).expect("defined");
            assert!((value - expected).abs() < 1e-15, "{name}: {value} is not {expected}");
        };
        assert_eq!(metrics.about, [("pairs", 3.), ("sentences", 4.)]);
        close("spearman_cosine", 1.);
        close("pearson_cosine", 1.);
        close("spearman_dot", 1.);
        // deviations (22, −8, −14)/3 and (1, 0, −1): 36/3 over √(744/9 · 2)
        close("pearson_dot", 12. / (1488_f64 / 9.).sqrt());
        close("spearman_euclidean", -0.5);
        close("spearman_manhattan", -0.5);
        // deviations (−13, 8, 5)/3: −18/3 over √(258/9 · 2)
        close("pearson_manhattan", -6. / (516_f64 / 9.).sqrt());
        assert_eq!(metrics.undefined().count(), 0);
    }

    #[test]
    fn each_sentence_is_embedded_once_in_order_of_appearance() {
        let (model, pairs) =
            (table(&ROWS), [("west", "east"), ("east", "west"), ("east", "east")]);
        let evaluator = set(&pairs, &[1., 1., 2.]);
        let metrics = evaluator.evaluate(&model, &POINT).unwrap();
        assert_eq!(metrics.get("spearman_cosine"), Some(1.));
        assert_eq!(*model.asked.lock().unwrap(), [["west", "east"]]);
    }

    #[test]
    fn chosen_metrics_come_in_their_order_with_the_geometry() {
        let pairs = [("east", "north"), ("east", "far east"), ("west", "north")];
        let pearson = MetricId { correlation: Correlation::Pearson, ..MetricId::default() };
        let evaluator = set(&pairs, &[4., 5., 0.]).with_metrics(&[pearson]);
        let metrics = evaluator.evaluate(&table(&ROWS), &POINT).unwrap();
        assert_eq!(metrics.figures.len(), 1);
        assert_eq!(evaluator.primary_metric(), "pearson_cosine");
        assert!(metrics.get("pearson_cosine").is_some());
        // 1, −1, −1 and three of 0
        assert_eq!(metrics.geometry.unwrap().mean_cosine, Some(-1. / 6.));
    }

    #[test]
    fn several_sets_have_their_mean_and_each_its_own() {
        let sets = [[3., 2., 1.], [1., 2., 3.]].into_iter().enumerate().map(|(at, gold)| {
            let pairs = [("east", "far east"), ("east", "north"), ("east", "west")];
            let mut set = set(&pairs, &gold).sets.remove(0);
            set.name = format!("set{at}");
            set
        });
        let evaluator = StsEvaluator::of_sets(sets.collect());
        let metrics = evaluator.evaluate(&table(&ROWS), &POINT).unwrap();
        assert_eq!(metrics.get("spearman_cosine"), Some(0.));
        assert_eq!(metrics.get("set0_spearman_cosine"), Some(1.));
        assert_eq!(metrics.get("set1_spearman_cosine"), Some(-1.));
    }

    #[test]
    fn alignment_is_over_the_top_fifth_of_the_scale() {
        let pairs = [("east", "north"), ("east", "far east"), ("west", "north")];
        let alignment = |gold: [f64; 3], scale: Option<Scale>| {
            let mut set = set(&pairs, &gold).sets.remove(0);
            set.scale = scale;
            let metrics = StsEvaluator::new(set).evaluate(&table(&ROWS), &POINT).unwrap();
            metrics.geometry.unwrap().alignment
        };
        assert_eq!(alignment([4., 5., 0.], None), Some(0.)); // 4 is not above 4
        let next = 4_f64.next_up();
        assert!((alignment([next, 5., 0.], None).expect("defined") - 1.).abs() < 1e-15);
        assert_eq!(alignment([3., 4.1, 0.], Some(Scale::FIVE)), Some(0.));
        assert_eq!(alignment([3., 4., 0.], Some(Scale::FIVE)), None);
        assert_eq!(alignment([1., 1., 1.], None), None);
        assert!(alignment([1., 1., 0.9], Some(Scale::UNIT)).is_some());
    }

    #[test]
    fn a_model_that_finds_all_pairs_alike_is_undefined_not_zero() {
        let evaluator = set(&[("east", "east"), ("west", "west")], &[1., 2.]);
        let metrics = evaluator.evaluate(&table(&ROWS), &POINT).unwrap();
        assert_eq!(metrics.get("spearman_cosine"), None);
        assert_eq!((metrics.get("spearman_dot"), metrics.undefined().count()), (Some(1.), 6));
    }

    #[test]
    fn no_pairs_leave_every_figure_undefined() {
        let (model, evaluator) = (table(&[]), set(&[], &[]));
        assert_eq!(evaluator.evaluate(&model, &POINT).unwrap().undefined().count(), 8);
        assert!(model.asked.lock().unwrap().is_empty());
    }

    #[test]
    fn a_vector_that_is_not_finite_is_named_by_its_sentence() {
        let rows = [("one", [1., 0.]), ("two", [f32::NAN, 0.]), ("six", [f32::INFINITY, 0.])];
        let error = set(&[("one", "two"), ("six", "one")], &[1., 2.]);
        let error = error.evaluate(&table(&rows), &POINT);
        let error = error.expect_err("no metrics");
        assert_eq!(error.kind(), ErrorKind::Numerics);
        assert!(error.to_string().starts_with("toy: the embedding of \"two\" is not finite"));
    }

    #[test]
    fn vectors_that_are_missing_are_an_error() {
        let error = set(&[("east", "nowhere")], &[1.]).evaluate(&table(&ROWS), &POINT);
        let error = error.expect_err("one vector of two").to_string();
        assert_eq!(error, "toy: the model returned 1 embeddings for 2 sentences");
    }

    #[test]
    fn every_pair_needs_a_finite_score() {
        let pair = ("a".to_string(), "b".to_string());
        let error = StsEvaluator::from_pairs("toy", std::slice::from_ref(&pair), &[])
            .expect_err("no score");
        assert_eq!(error.to_string(), "toy: 1 pairs but 0 scores; each needs one");
        let error =
            StsEvaluator::from_pairs("toy", &[pair], &[f64::NAN]).expect_err("no number");
        assert_eq!(
            error.to_string(),
            "toy: the score of pair 1 is NaN; it must be a finite number"
        );
    }
}
