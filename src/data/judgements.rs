//! Judgements of which document answers which query.

use std::collections::HashMap;

use crate::data::columns::classes::quoted;
use crate::data::columns::labels::is_number;
use crate::data::columns::role::plain_name;

/// Whether a first line of judgements names its columns: by known names, or by a word where a
/// score would stand.
pub(super) fn is_judgement_header(cells: &[&str]) -> bool {
    let [first, second] =
        [0, 1].map(|at| cells.get(at).map(|cell| plain_name(cell)).unwrap_or_default());
    let known = matches!(first.as_str(), "id" | "qid" | "queryid" | "query")
        && matches!(
            second.as_str(),
            "docid" | "pid" | "corpusid" | "docno" | "document" | "passageid" | "iter" | "q0"
        );
    let word_for_score = cells.len() > 2 && cells.last().is_some_and(|cell| !is_number(cell));
    known || (word_for_score && second.ends_with("id"))
}

/// Takes judgements one after the other.
pub(super) struct Judge<'a> {
    queries: HashMap<&'a str, usize>,
    corpus: HashMap<&'a str, usize>,
    scores: Vec<HashMap<usize, f64>>,
    /// Documents that the corpus lacks, in the order of their first judgements.
    missing: HashMap<String, usize>,
    missing_judgements: u64,
    /// The first document that the corpus lacks.
    missing_document: Option<String>,
    /// Judgements of queries that are there, and of others.
    pub known_queries: u64,
    unknown_queries: u64,
    pub unknown_query: Option<String>,
}

impl<'a> Judge<'a> {
    /// None yet; documents and queries by their ids.
    pub fn new(queries: HashMap<&'a str, usize>, corpus: HashMap<&'a str, usize>) -> Self {
        let scores = vec![HashMap::new(); queries.len()];
        Self {
            queries,
            corpus,
            scores,
            missing: HashMap::new(),
            missing_judgements: 0,
            missing_document: None,
            known_queries: 0,
            unknown_queries: 0,
            unknown_query: None,
        }
    }

    /// Takes a judgement; or why it cannot be one.
    pub fn add(&mut self, query: &str, document: &str, score: f64) -> Result<(), String> {
        if !score.is_finite() {
            return Err(format!("score {score} is not finite"));
        }
        let Some(&query_place) = self.queries.get(query) else {
            self.unknown_queries += 1;
            self.unknown_query.get_or_insert_with(|| query.to_string());
            return Ok(());
        };
        self.known_queries += 1;
        let place = match self.corpus.get(document) {
            Some(&place) => place,
            None => {
                self.missing_judgements += 1;
                self.missing_document.get_or_insert_with(|| document.to_string());
                let next = self.corpus.len() + self.missing.len();
                *self.missing.entry(document.to_string()).or_insert(next)
            }
        };
        match self.scores[query_place].insert(place, score) {
            Some(other) if other != score => {
                let (query, document) = (quoted(query), quoted(document));
                Err(format!("{document} has the scores {other} and {score} for query {query}"))
            }
            _ => Ok(()),
        }
    }

    /// The first id that is not there.
    pub fn unknown(&self) -> Option<String> {
        let query =
            self.unknown_query.as_ref().map(|id| format!("unknown query id {}", quoted(id)));
        let document = self.missing_document.as_ref();
        query.or(document.map(|id| format!("unknown document id {}", quoted(id))))
    }

    /// How many judgements name what is not there.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let plural =
            |count: u64| if count == 1 { "judgement names" } else { "judgements name" };
        if let Some(id) = &self.missing_document {
            let (count, id) = (self.missing_judgements, quoted(id));
            notes.push(format!(
                "{count} {} documents that the corpus lacks, as {id}: counted as relevant and \
                 never found",
                plural(count)
            ));
        }
        if let Some(id) = &self.unknown_query {
            let (count, id) = (self.unknown_queries, quoted(id));
            notes.push(format!(
                "{count} {} queries that are not there, as {id}: left out",
                plural(count)
            ));
        }
        notes
    }

    /// For each query the documents judged, by their places.
    pub fn finish(self) -> Vec<Vec<(usize, f64)>> {
        let sorted = |scores: HashMap<usize, f64>| {
            let mut scores: Vec<(usize, f64)> = scores.into_iter().collect();
            scores.sort_unstable_by_key(|(place, _)| *place);
            scores
        };
        self.scores.into_iter().map(sorted).collect()
    }
}
