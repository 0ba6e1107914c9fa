//! Negatives that are hard to tell from positives, as sentence-transformers'
//! `mine_hard_negatives` chooses them.

use super::nearest::prepared;
use super::{Hit, SearchOptions, semantic_search};
use crate::data::shuffled;
use crate::error::{Error, Result};
use crate::vectors::top_k::ScoredRow;
use crate::vectors::{EmbeddingRows, Similarity};
use std::str::FromStr;

/// Which of the candidates become negatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampling {
    /// The nearest.
    #[default]
    Top,
    /// Any, drawn by the seed and the number of the anchor.
    Random,
}

impl FromStr for Sampling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "top" => Ok(Self::Top),
            "random" => Ok(Self::Random),
            _ => Err(Error::config(format!("sampling `{text}` is unknown: use top or random"))),
        }
    }
}

/// Which rows of a corpus may be negatives of an anchor.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HardNegativeOptions {
    /// Leave out so many of the nearest candidates, which may be positives nobody named. 0.
    pub range_min: usize,
    /// Candidates end at this rank. By default where `num_negatives` are found: `range_min +
    /// num_negatives` and the positives of an anchor, ten times the negatives where a margin or
    /// `max_score` may turn some down.
    pub range_max: Option<usize>,
    /// Leave out what is nearer than this.
    pub max_score: Option<f32>,
    /// Leave out what is farther than this.
    pub min_score: Option<f32>,
    /// A negative is farther than the farthest positive by this or more.
    pub absolute_margin: Option<f32>,
    /// The same as a fraction of the positive's score.
    pub relative_margin: Option<f32>,
    /// Negatives of an anchor, at most. 3.
    pub num_negatives: usize,
    /// Which of the candidates. The nearest.
    pub sampling: Sampling,
    /// What random sampling is a function of. 42.
    pub seed: u64,
    /// For each anchor, rows of the corpus that are never its negatives beside its positives, as
    /// those with the anchor's own text; empty for none.
    pub excluded: Vec<Vec<usize>>,
}

impl HardNegativeOptions {
    /// Finds at most `num_negatives` negatives of each anchor.
    pub fn with_num_negatives(self, num_negatives: usize) -> Self {
        Self { num_negatives, ..self }
    }

    /// Takes candidates of the ranks `range`.
    pub fn with_range(self, range: std::ops::Range<usize>) -> Self {
        Self { range_min: range.start, range_max: Some(range.end), ..self }
    }

    /// Takes candidates of at most this score.
    pub fn with_max_score(self, max_score: f32) -> Self {
        Self { max_score: Some(max_score), ..self }
    }

    /// Takes candidates of at least this score.
    pub fn with_min_score(self, min_score: f32) -> Self {
        Self { min_score: Some(min_score), ..self }
    }

    /// Takes candidates whose score is lower than that of the positive by this or more.
    pub fn with_absolute_margin(self, margin: f32) -> Self {
        Self { absolute_margin: Some(margin), ..self }
    }

    /// The same with the margin as a fraction of the positive's score.
    pub fn with_relative_margin(self, margin: f32) -> Self {
        Self { relative_margin: Some(margin), ..self }
    }

    /// Chooses among the candidates by `sampling`.
    pub fn with_sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// Draws random samples from `seed`.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

impl Default for HardNegativeOptions {
    fn default() -> Self {
        Self {
            range_min: 0,
            range_max: None,
            max_score: None,
            min_score: None,
            absolute_margin: None,
            relative_margin: None,
            num_negatives: 3,
            sampling: Sampling::Top,
            seed: 42,
            excluded: Vec::new(),
        }
    }
}

/// What was found for an anchor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HardNegatives {
    /// The cosine of each of its positives.
    pub positives: Vec<f32>,
    /// Its negatives, nearest first; fewer than asked for where there are no more.
    pub negatives: Vec<Hit>,
}

/// Negatives for each of `anchors` `(N, D)` among the rows of `corpus` `(M, D)`, by the cosine.
/// `positives[i]` are the rows of the corpus that belong to anchor `i`, and are never negatives.
///
/// ```
/// use twindrop::vectors::Embeddings;
/// use twindrop::vectors::search::{HardNegativeOptions, mine_hard_negatives};
///
/// let corpus = Embeddings::new(2, vec![1., 0., 1., 0.2, 0., 1.]);
/// let anchors = Embeddings::new(2, vec![1., 0.1]);
/// let mined = mine_hard_negatives(&anchors, &corpus, &[vec![0]], &HardNegativeOptions::default())?;
/// assert_eq!(mined[0].negatives[0].corpus_id, 1);
/// # Ok::<(), twindrop::Error>(())
/// ```
///
/// # Errors
/// Where the options leave no candidate, a positive is no row of the corpus, an anchor has none,
/// widths differ, or rows cannot be read.
pub fn mine_hard_negatives(
    anchors: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    positives: &[Vec<usize>],
    options: &HardNegativeOptions,
) -> Result<Vec<HardNegatives>> {
    mine(anchors, corpus, positives, options, None)
}

/// The score of each of some rows of the corpus for an anchor, by their numbers.
pub type Rescore<'a> = dyn Fn(usize, &[usize]) -> Result<Vec<f32>> + 'a;

/// The same with the scores of another model, as a cross-encoder: `rescore` gives those of the
/// positives of an anchor and of its candidates, the nearest by the cosine up to `range_max`. Bounds
/// and margins apply to these scores, candidates are ordered by them, and `range_min` leaves out the
/// highest.
///
/// # Errors
/// As [`mine_hard_negatives`], and where `rescore` fails.
pub fn mine_hard_negatives_by(
    anchors: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    positives: &[Vec<usize>],
    options: &HardNegativeOptions,
    rescore: &Rescore,
) -> Result<Vec<HardNegatives>> {
    mine(anchors, corpus, positives, options, Some(rescore))
}

fn mine(
    anchors: &dyn EmbeddingRows,
    corpus: &dyn EmbeddingRows,
    positives: &[Vec<usize>],
    options: &HardNegativeOptions,
    rescore: Option<&Rescore>,
) -> Result<Vec<HardNegatives>> {
    let most = positives.iter().map(Vec::len).max().unwrap_or(0);
    if positives.len() != anchors.rows() || positives.iter().any(Vec::is_empty) {
        return Err(Error::config("each anchor needs a positive"));
    }
    if let Some(row) = positives.iter().flatten().find(|row| **row >= corpus.rows()) {
        let rows = corpus.rows();
        return Err(Error::config(format!("positive {row}: the corpus has {rows} rows")));
    }
    if !options.excluded.is_empty() && options.excluded.len() != positives.len() {
        let (lists, anchors) = (options.excluded.len(), positives.len());
        return Err(Error::config(format!("excluded: {lists} lists for {anchors} anchors")));
    }
    let also = options.excluded.iter().map(Vec::len).max().unwrap_or(0);
    let range_max = range_max(options, most)?;
    let top_k = range_max.saturating_add(most).saturating_add(also);
    let search = SearchOptions { top_k, ..SearchOptions::default() };
    let found = semantic_search(anchors, corpus, &search)?;
    let mut mined = Vec::with_capacity(found.len());
    for (anchor, (hits, positives)) in found.into_iter().zip(positives).enumerate() {
        let excluded = options.excluded.get(anchor).map_or(&[][..], Vec::as_slice);
        let may_be_negative =
            |hit: &Hit| ![positives, excluded].iter().any(|rows| rows.contains(&hit.corpus_id));
        let mut hits: Vec<Hit> = hits.into_iter().filter(may_be_negative).collect();
        let scores = match rescore {
            Some(rescore) => {
                hits.truncate(range_max);
                rescored(&mut hits, anchor, positives, rescore)?
            }
            None => scores(anchors, anchor, corpus, positives)?,
        };
        let least = scores.iter().copied().fold(f32::INFINITY, f32::min);
        let candidates = hits.into_iter().filter(|hit| fits(hit, least, options));
        let candidates = candidates.take(range_max).skip(options.range_min).collect();
        let negatives = sampled(candidates, anchor, options);
        mined.push(HardNegatives { positives: scores, negatives });
    }
    Ok(mined)
}

/// The rank where candidates end.
fn range_max(options: &HardNegativeOptions, positives: usize) -> Result<usize> {
    let (low, many) = (options.range_min, options.num_negatives);
    if many == 0 {
        return Err(Error::config("num_negatives 0: expected at least 1"));
    }
    let choosy = options.absolute_margin.is_some()
        || options.relative_margin.is_some()
        || options.max_score.is_some();
    let usual = low + if choosy { many * 10 } else { many } + positives;
    let high = options.range_max.unwrap_or(usual);
    if many > high.saturating_sub(low) {
        return Err(Error::config(format!(
            "{many} negatives do not fit between range_min {low} and range_max {high}"
        )));
    }
    Ok(high)
}

/// The cosines of an anchor and its positives.
fn scores(
    anchors: &dyn EmbeddingRows,
    anchor: usize,
    corpus: &dyn EmbeddingRows,
    positives: &[usize],
) -> Result<Vec<f32>> {
    let one = prepared(anchors, anchor..anchor + 1, Similarity::Cosine)?;
    let score = |&row: &usize| {
        let other = prepared(corpus, row..row + 1, Similarity::Cosine)?;
        let products = one.iter().zip(&other).map(|(a, b)| f64::from(*a) * f64::from(*b));
        Ok(products.sum::<f64>() as f32)
    };
    positives.iter().map(score).collect()
}

/// Gives the candidates of an anchor other scores, and orders them by these; those of its positives.
fn rescored(
    hits: &mut [Hit],
    anchor: usize,
    positives: &[usize],
    rescore: &Rescore,
) -> Result<Vec<f32>> {
    let rows: Vec<usize> =
        positives.iter().copied().chain(hits.iter().map(|hit| hit.corpus_id)).collect();
    let mut scores = rescore(anchor, &rows)?;
    if scores.len() != rows.len() {
        let (found, expected) = (scores.len(), rows.len());
        return Err(Error::config(format!("{found} scores for {expected} candidates")));
    }
    let others = scores.split_off(positives.len());
    hits.iter_mut().zip(others).for_each(|(hit, score)| hit.score = score);
    hits.sort_unstable_by(|a, b| scored(a).order(&scored(b)));
    Ok(scores)
}

fn scored(hit: &Hit) -> ScoredRow {
    ScoredRow { row: hit.corpus_id, score: hit.score.into() }
}

/// Whether a candidate is in bounds; `positive` is the score of the farthest positive.
fn fits(hit: &Hit, positive: f32, options: &HardNegativeOptions) -> bool {
    let score = hit.score;
    let absolute = options.absolute_margin.is_none_or(|margin| score + margin <= positive);
    let relative = options
        .relative_margin
        .is_none_or(|margin| score <= positive - positive.abs() * margin);
    absolute
        && relative
        && options.max_score.is_none_or(|most| score <= most)
        && options.min_score.is_none_or(|least| score >= least)
}

fn sampled(candidates: Vec<Hit>, anchor: usize, options: &HardNegativeOptions) -> Vec<Hit> {
    match options.sampling {
        Sampling::Top => candidates.into_iter().take(options.num_negatives).collect(),
        Sampling::Random => {
            let order = shuffled(candidates.len(), options.seed, anchor as u64);
            let drawn = order.iter().take(options.num_negatives);
            let mut drawn: Vec<Hit> = drawn.map(|&at| candidates[at as usize]).collect();
            drawn.sort_unstable_by(|a, b| scored(a).order(&scored(b)));
            drawn
        }
    }
}
