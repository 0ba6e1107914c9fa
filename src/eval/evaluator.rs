//! Sets of pairs and a model → its similarities, each distinct sentence embedded once.

use super::bootstrap::Bootstrap;
use super::metric_id::MetricId;
use super::pairs::{PairSet, SetScores};
use super::set_geometry::{Sentences, SetGeometry};
use super::similarity::Similarity;
use super::suite_report::SuiteReport;
use crate::error::{Error, ErrorKind, Result};
use crate::vectors::{Embed, Embeddings, distinct};

/// Sets of scored pairs whose distinct sentences, over all of them, are embedded once.
#[derive(Debug, Clone)]
pub struct SuiteEvaluator {
    sets: Vec<PairSet>,
    /// Each distinct sentence once, in order of first appearance.
    sentences: Vec<String>,
    /// Where the two sentences of each pair of each set stand in `sentences`.
    places: Vec<Vec<[usize; 2]>>,
}

impl SuiteEvaluator {
    /// An evaluator of these sets.
    pub fn new(sets: Vec<PairSet>) -> Self {
        let all: Vec<&str> = sets.iter().flat_map(PairSet::sentences).collect();
        let (sentences, places) = distinct(&all);
        let sentences = sentences.into_iter().map(String::from).collect();
        let mut pairs = places.as_chunks().0.iter().copied();
        let places = sets.iter().map(|set| pairs.by_ref().take(set.len()).collect()).collect();
        Self { sets, sentences, places }
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
        let mut seen = vec![false; self.sentences.len()];
        self.places[place].iter().flatten().for_each(|&sentence| seen[sentence] = true);
        seen.into_iter().filter(|&seen| seen).count()
    }

    /// The distinct sentences of all sets, in order of first appearance.
    pub fn texts(&self) -> Vec<&str> {
        self.sentences.iter().map(String::as_str).collect()
    }

    /// A model's similarities of all pairs, from one vector per distinct sentence. Vectors that
    /// are not finite leave figures undefined.
    ///
    /// # Errors
    /// Where the model cannot run.
    pub fn scores(&self, model: &dyn Embed) -> Result<Vec<SetScores>> {
        let texts = self.texts();
        if texts.is_empty() {
            return Ok(self.scores_of(&Embeddings::new(1, Vec::new())));
        }
        let embeddings = model.embed(&texts)?;
        if embeddings.rows() != texts.len() {
            let (rows, texts) = (embeddings.rows(), texts.len());
            let words = format!("the model returned {rows} embeddings for {texts} sentences");
            return Err(Error::new(ErrorKind::Internal, words));
        }
        Ok(self.scores_of(&embeddings))
    }

    /// The similarities of all pairs by the vectors of the [`texts`](Self::texts).
    ///
    /// # Panics
    /// If there is not one vector for each text.
    pub fn scores_of(&self, embeddings: &Embeddings) -> Vec<SetScores> {
        assert_eq!(embeddings.rows(), self.sentences.len(), "a vector for each text");
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

    /// How the vectors of the [`texts`](Self::texts) lie, set by set; `lengths` are those of the
    /// texts, in words, tokens or whatever quartiles should be of.
    ///
    /// # Panics
    /// If there is not one vector and one length for each text.
    pub fn geometry(&self, embeddings: &Embeddings, lengths: &[usize]) -> Vec<SetGeometry> {
        assert_eq!(embeddings.rows(), self.sentences.len(), "a vector for each text");
        assert_eq!(lengths.len(), self.sentences.len(), "a length for each text");
        let sets = self.sets.iter().zip(&self.places).map(|(set, places)| {
            let sentences = Sentences { texts: &self.sentences, embeddings, lengths, places };
            SetGeometry::of(set, &sentences)
        });
        sets.collect()
    }

    /// A model's figures.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn evaluate(
        &self,
        model: &dyn Embed,
        figures: &[MetricId],
        bootstrap: &Bootstrap,
    ) -> Result<SuiteReport> {
        Ok(SuiteReport::new(&self.sets, self.scores(model)?, figures, bootstrap))
    }
}
