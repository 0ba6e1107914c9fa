//! A set of scored pairs, and what a model finds of them.

use crate::data::Scale;
use crate::error::Result;
use crate::eval::{
    Aggregation, Bootstrap, Comparison, Correlation, Geometry, MetricId, PairSet, SetScores,
    StsEvaluator, SuiteReport, average_ranks, singular_values,
};
use crate::train::DataConfig;
use crate::vectors::{Embed, Similarity};

/// The figures of a report: Spearman and Pearson of the cosine.
pub fn figures() -> Vec<MetricId> {
    MetricId::product(&[Aggregation::All], &Correlation::ALL, &[Similarity::Cosine])
}

/// Scored pairs.
#[derive(Debug, Clone)]
pub struct Pairs(StsEvaluator);

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
        Ok(Self(StsEvaluator::new(PairSet::of(&config.read()?)?)))
    }

    /// The pairs, in one subset.
    pub fn set(&self) -> &PairSet {
        &self.0.sets()[0]
    }

    /// The range of their scores.
    pub fn scale(&self) -> Scale {
        self.set().scale.expect("scored pairs have a scale")
    }

    /// Both sentences of each pair.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.set().subsets.iter().flat_map(|subset| &subset.pairs);
        pairs.map(|(a, b)| (a.as_str(), b.as_str()))
    }

    /// Evaluates a model on them.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn judge(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<PairScores> {
        let embeddings = self.0.embed(model)?;
        let scores = self.0.scores_of(&embeddings);
        let ranks = average_ranks(scores[0].of(Similarity::Cosine));
        Ok(PairScores {
            assessment: SuiteReport::new(self.0.sets(), scores, &figures(), bootstrap),
            ranks,
            geometry: self.0.geometry_of(&embeddings),
            spectrum: singular_values(&embeddings).unwrap_or_default(),
        })
    }

    /// How two models differ on these pairs.
    pub fn compare(&self, one: &PairScores, other: &PairScores) -> Comparison {
        one.assessment.against(&other.assessment, self.0.sets())
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
    use crate::vectors::Embeddings;

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
    fn residuals_sum_to_zero_and_a_model_does_not_differ_from_itself() {
        let text = "a cat\ta cat sat\t5\na cat\tno\t0\nit is a dog\tno\t1\na b c\tx\t2.5\n";
        let pairs = read(text).unwrap();
        let bootstrap = Bootstrap { draws: 100, ..Bootstrap::default() };
        let judged = pairs.judge(&Lengths, &bootstrap).unwrap();
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
