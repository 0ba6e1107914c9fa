//! Semantic textual similarity: does the model's similarity of two sentences match people's?

use super::bucket::top_fifth;
use super::correlation::{pearson, spearman};
use super::geometry::Geometry;
use super::report::StsReport;
use super::similarity::Similarity;
use super::undefined::vector_not_finite;
use crate::data::Scale;
use crate::error::{Error, ErrorKind, Result};
use crate::vectors::{Embed, Embeddings, distinct};

/// Sentence pairs and how alike people find them.
#[derive(Debug, Clone)]
pub struct StsEvaluator {
    name: String,
    /// Each distinct sentence once, in order of first appearance.
    sentences: Vec<String>,
    /// Where the two sentences of a pair stand in `sentences`.
    pairs: Vec<(usize, usize)>,
    gold: Vec<f64>,
    scale: Option<Scale>,
}

/// What a set says of a model whose vectors were computed once.
#[derive(Debug, Clone, PartialEq)]
pub struct StsResult {
    /// How well its similarities match people's.
    pub report: StsReport,
    /// How the vectors of the distinct sentences lie. Alignment is over the pairs whose score is
    /// in the top fifth of the scale: above 4 on 0..5.
    pub geometry: Geometry,
}

impl StsEvaluator {
    /// Pairs with the score people gave each; its scale does not matter, larger is more alike.
    ///
    /// # Errors
    /// Where there is not one finite score for each pair.
    pub fn new(name: &str, pairs: &[(String, String)], gold: &[f64]) -> Result<Self> {
        if pairs.len() != gold.len() {
            let (pairs, scores) = (pairs.len(), gold.len());
            let message = format!("{name}: {pairs} pairs but {scores} scores; each needs one");
            return Err(Error::config(message));
        }
        if let Some(i) = gold.iter().position(|score| !score.is_finite()) {
            let message = format!("{name}: the score of pair {} is {}", i + 1, gold[i]);
            return Err(Error::config(format!("{message}; it must be a finite number")));
        }
        let sides: Vec<&str> = pairs.iter().flat_map(|(a, b)| [a.as_str(), b]).collect();
        let (sentences, places) = distinct(&sides);
        let sentences = sentences.into_iter().map(String::from).collect();
        let pairs = places.as_chunks().0.iter().map(|&[left, right]| (left, right)).collect();
        Ok(Self { name: name.to_string(), sentences, pairs, gold: gold.to_vec(), scale: None })
    }

    /// The same with the scale of its scores, which says what the top fifth is; without it, the
    /// range from the lowest score to the highest.
    #[must_use]
    pub fn on_scale(self, scale: Scale) -> Self {
        Self { scale: Some(scale), ..self }
    }

    /// The set's name, the prefix of its metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Both correlations of all four similarities. Each distinct sentence is embedded once.
    ///
    /// # Errors
    /// Where the model cannot run, or gives a vector that is not finite.
    pub fn evaluate(&self, model: &dyn Embed) -> Result<StsReport> {
        Ok(self.report(&self.embed(model)?))
    }

    /// [`evaluate`](Self::evaluate) and the geometry of the same vectors.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_with_geometry(&self, model: &dyn Embed) -> Result<StsResult> {
        let embeddings = self.embed(model)?;
        let geometry = Geometry::of(&embeddings, &self.alike());
        Ok(StsResult { report: self.report(&embeddings), geometry })
    }

    /// The figures of the vectors of all distinct sentences.
    fn report(&self, embeddings: &Embeddings) -> StsReport {
        let [left, right] = self.sides(embeddings);
        let figures = |similarity: Similarity| {
            let scores = similarity.paired(&left, &right);
            (spearman(&scores, &self.gold), pearson(&scores, &self.gold))
        };
        let (spearman_cosine, pearson_cosine) = figures(Similarity::Cosine);
        let (spearman_dot, pearson_dot) = figures(Similarity::Dot);
        let (spearman_euclidean, pearson_euclidean) = figures(Similarity::Euclidean);
        let (spearman_manhattan, pearson_manhattan) = figures(Similarity::Manhattan);
        StsReport {
            pairs: self.pairs.len(),
            sentences: self.sentences.len(),
            spearman_cosine,
            pearson_cosine,
            spearman_dot,
            pearson_dot,
            spearman_euclidean,
            pearson_euclidean,
            spearman_manhattan,
            pearson_manhattan,
        }
    }

    /// [`StsReport::spearman_cosine`] alone, for use while training.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn spearman(&self, model: &dyn Embed) -> Result<Option<f64>> {
        let [left, right] = self.sides(&self.embed(model)?);
        let scores = Similarity::Cosine.paired(&left, &right);
        Ok(spearman(&scores, &self.gold))
    }

    /// The left and the right vectors of the pairs, from one per distinct sentence.
    fn sides(&self, embeddings: &Embeddings) -> [Embeddings; 2] {
        let side = |of: fn(&(usize, usize)) -> usize| {
            let rows = self.pairs.iter().flat_map(|pair| embeddings.row(of(pair)));
            Embeddings::new(embeddings.width(), rows.copied().collect())
        };
        [side(|pair| pair.0), side(|pair| pair.1)]
    }

    /// The pairs whose score is in the top fifth of the scale.
    fn alike(&self) -> Vec<(usize, usize)> {
        top_fifth(self.scale, &self.gold).into_iter().map(|pair| self.pairs[pair]).collect()
    }

    /// One finite row per distinct sentence.
    fn embed(&self, model: &dyn Embed) -> Result<Embeddings> {
        if self.sentences.is_empty() {
            return Ok(Embeddings::new(1, Vec::new()));
        }
        let texts: Vec<&str> = self.sentences.iter().map(String::as_str).collect();
        let embeddings = model.embed(&texts)?;
        if embeddings.rows() != texts.len() {
            let (name, rows, texts) = (&self.name, embeddings.rows(), texts.len());
            let message =
                format!("{name}: the model returned {rows} embeddings for {texts} sentences");
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let odd = embeddings.iter().position(|row| !row.iter().all(|v| v.is_finite()));
        odd.map_or(Ok(embeddings), |i| Err(self.not_finite(texts[i])))
    }

    fn not_finite(&self, sentence: &str) -> Error {
        let advice = "the weights are damaged, or training diverged (lower the learning rate)";
        let message = format!("{}: {}; {advice}", self.name, vector_not_finite(sentence));
        Error::new(ErrorKind::Numerics, message)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Looks its vectors up, and remembers what it was asked.
    struct CachedEmbeddings {
        rows: Vec<(&'static str, [f32; 2])>,
        asked: RefCell<Vec<Vec<String>>>,
    }

    impl Embed for CachedEmbeddings {
        fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
            self.asked.borrow_mut().push(texts.iter().map(|t| t.to_string()).collect());
            let find = |text: &&str| self.rows.iter().find(|(key, _)| key == text);
            let rows = texts.iter().filter_map(find).flat_map(|(_, row)| *row);
            Ok(Embeddings::new(2, rows.collect()))
        }
    }

    fn table(rows: &[(&'static str, [f32; 2])]) -> CachedEmbeddings {
        CachedEmbeddings { rows: rows.to_vec(), asked: RefCell::default() }
    }

    fn set(pairs: &[(&str, &str)], gold: &[f64]) -> StsEvaluator {
        let owned = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string()));
        StsEvaluator::new("toy", &owned.collect::<Vec<_>>(), gold)
            .expect("a score for each pair")
    }

    const ROWS: [(&str, [f32; 2]); 4] =
        [("east", [1., 0.]), ("far east", [10., 0.]), ("north", [0., 1.]), ("west", [-2., 0.])];

    #[test]
    fn figures_are_the_hand_computed_ones() {
        // cosine 1, 0, −1; dot 10, 0, −2; euclidean −9, −√2, −3; manhattan −9, −2, −3
        let pairs = [("east", "far east"), ("east", "north"), ("east", "west")];
        let report = set(&pairs, &[3., 2., 1.]).evaluate(&table(&ROWS)).expect("a report");
        let close = |value: Option<f64>, expected: f64| {
            let value = value.expect("defined");
            assert!((value - expected).abs() < 1e-15, "{value} is not {expected}");
        };
        assert_eq!((report.pairs, report.sentences), (3, 4));
        close(report.spearman_cosine, 1.);
        close(report.pearson_cosine, 1.);
        close(report.spearman_dot, 1.);
        // deviations (22, −8, −14)/3 and (1, 0, −1): 36/3 over √(744/9 · 2)
        close(report.pearson_dot, 12. / (1488_f64 / 9.).sqrt());
        close(report.spearman_euclidean, -0.5);
        close(report.spearman_manhattan, -0.5);
        // deviations (−13, 8, 5)/3: −18/3 over √(258/9 · 2)
        close(report.pearson_manhattan, -6. / (516_f64 / 9.).sqrt());
        assert!(report.undefined().is_empty());
    }

    #[test]
    fn each_sentence_is_embedded_once_in_order_of_appearance() {
        let (model, pairs) =
            (table(&ROWS), [("west", "east"), ("east", "west"), ("east", "east")]);
        let evaluator = set(&pairs, &[1., 1., 2.]);
        assert_eq!(evaluator.spearman(&model).expect("vectors"), Some(1.));
        assert_eq!(*model.asked.borrow(), [["west", "east"]]);
    }

    #[test]
    fn the_cheap_figure_is_the_one_of_the_report() {
        let pairs = [("east", "west"), ("far east", "north"), ("west", "north")];
        let (model, evaluator) = (table(&ROWS), set(&pairs, &[0.5, 2., 1.]));
        let report = evaluator.evaluate(&model).expect("a report");
        assert_eq!(evaluator.spearman(&model).expect("vectors"), report.spearman_cosine);
    }

    #[test]
    fn a_look_embeds_once_and_agrees_with_the_report() {
        let pairs = [("east", "north"), ("east", "far east"), ("west", "north")];
        let (model, evaluator) = (table(&ROWS), set(&pairs, &[4., 5., 0.]));
        let look = evaluator.evaluate_with_geometry(&model).expect("vectors");
        assert_eq!(model.asked.borrow().len(), 1);
        assert_eq!(look.report, evaluator.evaluate(&model).expect("a report"));
        assert_eq!(look.geometry.mean_cosine, Some(-1. / 6.)); // 1, −1, −1 and three of 0
    }

    #[test]
    fn alignment_is_over_the_top_fifth_of_the_scale() {
        let pairs = [("east", "north"), ("east", "far east"), ("west", "north")];
        let alignment = |gold: [f64; 3], scale: Option<Scale>| {
            let evaluator = set(&pairs, &gold);
            let evaluator = match scale {
                Some(scale) => evaluator.on_scale(scale),
                None => evaluator,
            };
            evaluator.evaluate_with_geometry(&table(&ROWS)).expect("vectors").geometry.alignment
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
        let report = evaluator.evaluate(&table(&ROWS)).expect("a report");
        assert_eq!(report.spearman_cosine, None);
        assert_eq!((report.spearman_dot, report.undefined().len()), (Some(1.), 6));
    }

    #[test]
    fn no_pairs_leave_every_figure_undefined() {
        let (model, evaluator) = (table(&[]), set(&[], &[]));
        assert_eq!(evaluator.evaluate(&model).expect("a report").undefined().len(), 8);
        assert!(model.asked.borrow().is_empty());
    }

    #[test]
    fn a_vector_that_is_not_finite_is_named_by_its_sentence() {
        let rows = [("one", [1., 0.]), ("two", [f32::NAN, 0.]), ("six", [f32::INFINITY, 0.])];
        let error = set(&[("one", "two"), ("six", "one")], &[1., 2.]).evaluate(&table(&rows));
        let error = error.expect_err("not a report");
        assert_eq!(error.kind(), ErrorKind::Numerics);
        assert!(error.to_string().starts_with("toy: the embedding of \"two\" is not finite"));
    }

    #[test]
    fn vectors_that_are_missing_are_an_error() {
        let error = set(&[("east", "nowhere")], &[1.]).spearman(&table(&ROWS));
        let error = error.expect_err("one vector of two").to_string();
        assert_eq!(error, "toy: the model returned 1 embeddings for 2 sentences");
    }

    #[test]
    fn every_pair_needs_a_finite_score() {
        let pair = ("a".to_string(), "b".to_string());
        let error =
            StsEvaluator::new("toy", std::slice::from_ref(&pair), &[]).expect_err("no score");
        assert_eq!(error.to_string(), "toy: 1 pairs but 0 scores; each needs one");
        let error = StsEvaluator::new("toy", &[pair], &[f64::NAN]).expect_err("no number");
        assert_eq!(
            error.to_string(),
            "toy: the score of pair 1 is NaN; it must be a finite number"
        );
    }
}
