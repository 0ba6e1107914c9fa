//! A set of scored pairs, and what a model finds of them.

use crate::data::{Scale, Scored, Subset};
use crate::error::{Error, ErrorKind, Result};
use crate::eval::{
    Aggregation, Bootstrap, Comparison, Correlation, Geometry, MetricId, PairSet, SetScores,
    Similarity, SuiteReport, average_ranks, singular_values,
};
use crate::train::DataConfig;
use crate::vectors::{Embed, Embeddings, distinct};

/// The figures of a report: Spearman and Pearson of the cosine.
pub fn figures() -> Vec<MetricId> {
    MetricId::product(&[Aggregation::All], &Correlation::ALL, &[Similarity::Cosine])
}

/// Scored pairs on a scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// The pairs, in one subset.
    pub set: PairSet,
    /// The range of their scores.
    pub scale: Scale,
}

/// What a model finds of a set of pairs.
#[derive(Debug, Clone)]
pub struct PairScores {
    /// Its figures, in the order of `figures`.
    pub assessment: SuiteReport,
    /// The rank of each pair's cosine, from 1.
    pub ranks: Vec<f64>,
    /// How its vectors lie.
    pub geometry: Geometry,
    /// Their singular values; empty where there are none.
    pub spectrum: Vec<f64>,
}

impl Pairs {
    /// Reads scored pairs as training does.
    ///
    /// # Errors
    /// Where there are none.
    pub fn read(config: &DataConfig) -> Result<Self> {
        let set = config.read()?;
        let scale = set.expect_scored_pairs()?;
        let pairs = set.texts(0).zip(set.texts(1)).map(|(a, b)| (a.into(), b.into())).collect();
        let subset = Subset { name: String::new(), pairs, gold: set.gold() };
        let name = set.path.file_stem().unwrap_or_default().to_string_lossy();
        let (path, subsets) = (set.path.clone(), vec![subset]);
        let scored = Scored { path, scale: Some(scale), subsets, report: set.report };
        Ok(Self { set: PairSet::new(&name, scored), scale })
    }

    /// Both sentences of each pair.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.set.subsets.iter().flat_map(|subset| &subset.pairs);
        pairs.map(|(a, b)| (a.as_str(), b.as_str()))
    }

    /// What a model finds of them, each distinct sentence embedded once.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn judge(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<PairScores> {
        let sides: Vec<&str> = self.set.sentences().collect();
        let (sentences, places) = distinct(&sides);
        let embeddings = model.embed(&sentences)?;
        if embeddings.rows() != sentences.len() {
            let (rows, texts) = (embeddings.rows(), sentences.len());
            let words = format!("the model returned {rows} embeddings for {texts} sentences");
            return Err(Error::new(ErrorKind::Internal, words));
        }
        let pairs = places.as_chunks::<2>().0;
        let side = |at: usize| {
            let rows = pairs.iter().flat_map(|pair| embeddings.row(pair[at]));
            Embeddings::new(embeddings.width(), rows.copied().collect())
        };
        let (left, right) = (side(0), side(1));
        let similarities = Similarity::ALL.map(|kind| kind.paired(&left, &right));
        let scores = SetScores::new(self.set.gold(), similarities);
        let ranks = average_ranks(scores.of(Similarity::Cosine));
        let sets = std::slice::from_ref(&self.set);
        Ok(PairScores {
            assessment: SuiteReport::new(sets, vec![scores], &figures(), bootstrap),
            ranks,
            geometry: Geometry::of(&embeddings, &self.alike(pairs)),
            spectrum: singular_values(&embeddings).unwrap_or_default(),
        })
    }

    /// How two models differ on these pairs.
    pub fn compare(&self, one: &PairScores, other: &PairScores) -> Comparison {
        one.assessment.against(&other.assessment, std::slice::from_ref(&self.set))
    }

    /// The places of pairs in the top fifth of the scale: they mean the same.
    fn alike(&self, places: &[[usize; 2]]) -> Vec<(usize, usize)> {
        let scored = places.iter().zip(self.set.gold());
        let alike = scored.filter(|(_, gold)| self.scale.unit(*gold) > 0.8);
        alike.map(|(&[left, right], _)| (left, right)).collect()
    }
}

impl PairScores {
    /// The cosine of each pair.
    pub fn cosines(&self) -> &[f64] {
        self.scores().of(Similarity::Cosine)
    }

    /// The gold score of each pair.
    pub fn gold(&self) -> &[f64] {
        self.scores().gold()
    }

    /// How far each pair's rank by cosine is above its rank by gold score, as a share of all
    /// ranks, −1..1.
    pub fn residuals(&self) -> Vec<f64> {
        let count = self.ranks.len() as f64;
        let ranks = self.ranks.iter().zip(average_ranks(self.gold()));
        ranks.map(|(cosine, gold)| (cosine - gold) / count).collect()
    }

    fn scores(&self) -> &SetScores {
        &self.assessment.scores()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sentence is its length and its number of spaces.
    struct Lengths;

    impl Embed for Lengths {
        fn embed(&self, texts: &[&str]) -> Result<Embeddings> {
            let row = |text: &&str| [text.len() as f32, text.matches(' ').count() as f32 * 9.];
            Ok(Embeddings::new(2, texts.iter().flat_map(row).collect()))
        }
    }

    fn read(text: &str) -> Result<Pairs> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("few.tsv");
        std::fs::write(&path, text).unwrap();
        Pairs::read(&DataConfig::of(path))
    }

    #[test]
    fn a_judgement_is_what_the_evaluator_says() {
        let text = "a cat\ta cat sat\t5\na cat\tno\t0\nit is a dog\tno\t1\na b c\tx\t2.5\n";
        let pairs = read(text).unwrap();
        let bootstrap = Bootstrap { draws: 100, ..Bootstrap::default() };
        let judged = pairs.judge(&Lengths, &bootstrap).unwrap();
        let texts: Vec<_> =
            pairs.texts().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let evaluator =
            crate::eval::StsEvaluator::new("few", &texts, &pairs.set.gold()).unwrap();
        let look = evaluator.on_scale(pairs.scale).evaluate_with_geometry(&Lengths).unwrap();
        let found = judged.assessment.sets[0][0].value.as_ref().ok().copied();
        assert_eq!(found, look.report.spearman_cosine);
        assert_eq!(judged.geometry, look.geometry);
        let residuals = judged.residuals();
        assert!(residuals.iter().sum::<f64>().abs() < 1e-12);
        assert!(residuals.iter().all(|residual| residual.abs() < 1.));
        let difference = &pairs.compare(&judged, &judged).sets[0][0];
        assert_eq!((difference.value, difference.permutation), (Some(0.), Some(1.)));
    }

    #[test]
    fn texts_without_scores_are_refused() {
        let error = read("a\tb\nc\td\n").unwrap_err().to_string();
        assert!(error.ends_with("expected pairs with a score"), "{error}");
    }
}
