//! Search: are the documents that answer a query those most like it?

use std::collections::HashMap;

use crate::data::{Collection, TextEntry};
use crate::error::{Error, Result};
use crate::eval::metrics::{Evaluator, Metrics};
use crate::eval::nearest::TopDocuments;
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::redraw::{mean, redraw};
use crate::eval::tasks::ranking::{FAMILIES, figures};
use crate::eval::texts::{Texts, rows};
use crate::vectors::Embed;
use crate::vectors::Similarity;
use crate::vectors::top_k::ScoredRow;

/// Documents embedded and compared at once; memory does not grow with the corpus beyond its text.
const DOCUMENTS: usize = 4096;

/// Search through a corpus, as sentence-transformers' InformationRetrievalEvaluator does it.
///
/// For each similarity and each cutoff k, means over the queries that have an answer:
/// `cosine_accuracy@k`, `cosine_precision@k`, `cosine_recall@k`, `cosine_ndcg@k` (with the scores
/// of judgements as gains), `cosine_mrr@k` and `cosine_map@k`. Search is exact; of documents
/// equally alike, the one that comes first in the corpus is first. Undefined where no query has
/// an answer.
///
/// ```
/// use twindrop::data::{Collection, TextEntry};
/// use twindrop::vectors::{Embed, Embeddings};
/// use twindrop::eval::{Bootstrap, Evaluator, RetrievalEvaluator};
///
/// /// A sentence is how many of each vowel it holds.
/// struct Vowels;
///
/// impl Embed for Vowels {
///     fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
///         let count = |text: &&str, v| text.chars().filter(|&c| c == v).count() as f32;
///         let row = |text| "aeiou".chars().map(move |v| count(text, v));
///         Ok(Embeddings::new(5, texts.iter().flat_map(row).collect()))
///     }
/// }
///
/// let entry = |id: &str, text: &str| TextEntry { id: id.into(), text: text.into() };
/// let collection = Collection::new(
///     vec![entry("q", "a cat sat")],
///     vec![entry("1", "no"), entry("2", "a cat sat there"), entry("3", "an ant ran")],
///     &[("q", "2", 1.0)],
/// )?;
/// let found = RetrievalEvaluator::new("three", &collection)
///     .with_cutoffs(&[1, 3])?
///     .evaluate(&Vowels, &Bootstrap::default())?;
/// assert_eq!(found.get("cosine_accuracy@1"), Some(0.0)); // the ant has nothing but a
/// assert_eq!(found.get("cosine_mrr@3"), Some(0.5));
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RetrievalEvaluator {
    queries: Texts,
    /// Where the text of each query stands that has an answer, and what answers it.
    asked: Vec<RankedQuery>,
    unanswered: usize,
    corpus: Texts,
    /// The documents that have each text of the corpus.
    copies: Vec<Vec<usize>>,
    documents: usize,
    cutoffs: Vec<usize>,
    /// Empty: the model's own.
    similarities: Vec<Similarity>,
    identical: bool,
}

#[derive(Debug, Clone)]
struct RankedQuery {
    text: usize,
    /// The documents that answer it, in ascending order, and how well.
    answers: Vec<(usize, f64)>,
    /// The document of the same id.
    twin: Option<usize>,
}

impl RetrievalEvaluator {
    /// A collection, searched by cosine with k of 1, 3, 5, 10 and 100.
    pub fn new(name: &str, collection: &Collection) -> Self {
        let texts = |entries: &[TextEntry]| {
            let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
            Texts::new(name, &texts)
        };
        let (queries, query_places) = texts(&collection.queries);
        let (corpus, places) = texts(&collection.corpus);
        let mut copies = vec![Vec::new(); corpus.len()];
        places.iter().enumerate().for_each(|(document, &text)| copies[text].push(document));
        let ids = collection.corpus.iter().map(|entry| entry.id.as_str());
        let ids: HashMap<&str, usize> = ids.zip(0..).collect();
        let question = |((text, entry), judged): ((usize, &TextEntry), &Vec<_>)| {
            let answers: Vec<(usize, f64)> =
                judged.iter().copied().filter(|(_, score)| *score > 0.).collect();
            let twin = ids.get(entry.id.as_str()).copied();
            (!answers.is_empty()).then_some(RankedQuery { text, answers, twin })
        };
        let judged = query_places.into_iter().zip(&collection.queries).zip(&collection.judged);
        let asked: Vec<RankedQuery> = judged.filter_map(question).collect();
        Self {
            unanswered: collection.queries.len() - asked.len(),
            documents: collection.corpus.len(),
            cutoffs: vec![1, 3, 5, 10, 100],
            similarities: vec![Similarity::Cosine],
            identical: true,
            queries,
            asked,
            corpus,
            copies,
        }
    }

    /// The same by other similarities; by each model's own, where none is given.
    #[must_use]
    pub fn with_similarities(self, similarities: &[Similarity]) -> Self {
        Self { similarities: similarities.to_vec(), ..self }
    }

    /// The same at other numbers of documents.
    ///
    /// # Errors
    /// Where one is 0, or there is none.
    pub fn with_cutoffs(self, cutoffs: &[usize]) -> Result<Self> {
        let mut cutoffs = cutoffs.to_vec();
        cutoffs.sort_unstable();
        cutoffs.dedup();
        match cutoffs.first() {
            None | Some(0) => Err(Error::config("k: expected numbers of 1 or more")),
            _ => Ok(Self { cutoffs, ..self }),
        }
    }

    /// The same without the document that has the id of the query among what it finds, as BEIR
    /// evaluates sets whose queries are documents (ArguAna, Quora).
    #[must_use]
    pub fn ignoring_identical_ids(self) -> Self {
        Self { identical: false, ..self }
    }

    /// What each query finds by each similarity, among distinct texts.
    fn search(
        &self,
        model: &dyn Embed,
        similarities: &[Similarity],
    ) -> Result<Vec<Vec<Vec<ScoredRow>>>> {
        let depth = self.cutoffs.last().copied().unwrap_or(1) + usize::from(!self.identical);
        let embedded =
            self.queries.embed_by(0..self.queries.len(), |texts| model.embed_queries(texts))?;
        let queries = rows(&embedded, self.asked.iter().map(|question| question.text));
        let nearest = |&kind: &Similarity| TopDocuments::new(kind, depth, self.asked.len());
        let mut nearest: Vec<TopDocuments> = similarities.iter().map(nearest).collect();
        for first in (0..self.corpus.len()).step_by(DOCUMENTS) {
            let range = first..self.corpus.len().min(first + DOCUMENTS);
            let documents =
                self.corpus.embed_by(range, |texts| model.embed_documents(texts))?;
            nearest.iter_mut().for_each(|nearest| nearest.add(&queries, &documents, first));
        }
        Ok(nearest.into_iter().map(TopDocuments::finish).collect())
    }

    /// The figures of a query from the distinct texts it found.
    fn figures(&self, question: &RankedQuery, hits: &[ScoredRow]) -> Vec<f64> {
        let mut found = Vec::new();
        for alike in hits.chunk_by(|a, b| a.score == b.score) {
            let mut documents: Vec<usize> =
                alike.iter().flat_map(|hit| &self.copies[hit.row]).copied().collect();
            documents.sort_unstable();
            found.extend(documents);
        }
        if !self.identical {
            found.retain(|&document| Some(document) != question.twin);
        }
        let gain = |document: &usize| {
            let place = question.answers.binary_search_by_key(document, |(place, _)| *place);
            place.map_or(0., |place| question.answers[place].1)
        };
        let gains: Vec<f64> = found.iter().map(gain).collect();
        let mut ideal: Vec<f64> = question.answers.iter().map(|(_, score)| *score).collect();
        ideal.sort_unstable_by(|a, b| b.total_cmp(a));
        figures(&gains, &ideal, &self.cutoffs)
    }

    /// Those asked for, else the model's own.
    fn similarities(&self, model: &dyn Embed) -> Vec<Similarity> {
        match &self.similarities[..] {
            [] => vec![model.similarity_function()],
            asked => asked.to_vec(),
        }
    }

    fn names(&self, similarities: &[Similarity]) -> impl Iterator<Item = String> {
        similarities.iter().flat_map(move |similarity| {
            FAMILIES.iter().flat_map(move |family| {
                let name = similarity.name();
                self.cutoffs.iter().map(move |k| format!("{name}_{family}@{k}"))
            })
        })
    }
}

impl Evaluator for RetrievalEvaluator {
    fn name(&self) -> &str {
        self.queries.name()
    }

    fn primary_metric(&self) -> String {
        let similarity = self.similarities.first().map_or("cosine", |first| first.name());
        let last = self.cutoffs.iter().max().expect("a cutoff");
        let cutoff = self.cutoffs.iter().find(|cutoff| **cutoff == 10).unwrap_or(last);
        format!("{similarity}_ndcg@{cutoff}")
    }

    fn results_file(&self) -> String {
        format!("Information-Retrieval_evaluation_{}_results.csv", self.name())
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let mut columns = Vec::new(); // a value for each query, figure by figure
        let similarities = self.similarities(model);
        let searched = match self.asked.is_empty() {
            true => Vec::new(),
            false => self.search(model, &similarities)?,
        };
        for hits in searched {
            let found = self.asked.iter().zip(&hits);
            let found: Vec<Vec<f64>> =
                found.map(|(one, hits)| self.figures(one, hits)).collect();
            let width = FAMILIES.len() * self.cutoffs.len();
            columns.extend(
                (0..width).map(|nth| -> Vec<f64> {
                    found.iter().map(|figures| figures[nth]).collect()
                }),
            );
        }
        let draws = redraw(bootstrap, self.asked.len(), columns.len(), |counts, row| {
            let means = columns.iter().map(|column| mean(column, Some(counts)));
            row.iter_mut().zip(means).for_each(|(to, mean)| *to = mean);
        });
        let mut metrics = Metrics::of(&[
            ("queries", self.asked.len()),
            ("queries_without_answer", self.unanswered),
            ("documents", self.documents),
        ]);
        for (nth, name) in self.names(&similarities).enumerate() {
            let value = columns.get(nth).map(|column| mean(column, None));
            let value = value.ok_or("no query has a relevant document".to_string());
            let draws = draws.get(nth).map_or(&[][..], Vec::as_slice);
            metrics.push(name, value, draws, bootstrap);
        }
        Ok(metrics)
    }
}
