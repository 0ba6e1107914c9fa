//! The geometry of a set: of all its sentences, of pairs by their score, of sentences by length.

use super::bucket::{Bucket, by_score, quartiles, top_fifth};
use super::geometry::{Geometry, singular_values};
use super::hubness::{NEIGHBOURS, hubness, occurrences};
use super::pairs::PairSet;
use super::undefined::vector_not_finite;
use crate::vectors::Embeddings;

/// How the vectors of a set lie, as a whole and in parts.
#[derive(Debug, Clone, PartialEq)]
pub struct SetGeometry {
    /// Of all distinct sentences.
    pub whole: SubsetGeometry,
    /// Of the sentences of pairs whose score is in a range: whole steps of the set's scale, or
    /// fifths of it. A score between two ranges is in the higher one.
    pub by_score: Vec<SubsetGeometry>,
    /// Of the shortest quarter of the distinct sentences and so on to the longest; those of one
    /// length are together.
    pub by_length: Vec<SubsetGeometry>,
    /// [`singular_values`](super::singular_values) of all distinct sentences; or why there are
    /// none.
    pub singular_values: Result<Vec<f64>, String>,
}

/// How the vectors of some sentences lie. Each figure is a number, or why it has none.
#[derive(Debug, Clone, PartialEq)]
pub struct SubsetGeometry {
    /// The lowest and highest score, or length, of the part; none for the whole.
    pub range: Option<(f64, f64)>,
    /// Its pairs: those with this score, or with both sentences of this length.
    pub pairs: usize,
    /// Its distinct sentences.
    pub sentences: usize,
    /// [`Geometry::alignment`]: of the pairs with this score; of the whole and by length, of the
    /// pairs whose score is in the top fifth of the scale.
    pub alignment: Result<f64, String>,
    /// [`Geometry::uniformity`]
    pub uniformity: Result<f64, String>,
    /// [`Geometry::mean_cosine`]
    pub mean_cosine: Result<f64, String>,
    /// [`Geometry::effective_rank`]
    pub effective_rank: Result<f64, String>,
    /// [`hubness`](super::hubness) over [`NEIGHBOURS`](super::NEIGHBOURS).
    pub hubness: Result<f64, String>,
}

/// A set's sentences among those of all sets, and their vectors.
pub(super) struct Sentences<'a> {
    pub texts: &'a [String],
    pub embeddings: &'a Embeddings,
    /// How long each is, by whatever measure.
    pub lengths: &'a [usize],
    /// Where the two sentences of each pair of the set stand.
    pub places: &'a [[usize; 2]],
}

impl SetGeometry {
    pub(super) fn of(set: &PairSet, sentences: &Sentences<'_>) -> Self {
        let (gold, places) = (set.gold(), sentences.places);
        let (all, top) = (distinct(places.iter().flatten()), top_fifth(set.scale, &gold));
        let alike =
            |pairs: &[usize]| pairs.iter().map(|&pair| places[pair]).collect::<Vec<_>>();
        let top = alike(&top);
        let score = |Bucket { range, places: pairs }: Bucket| {
            let own = alike(&pairs);
            let within = distinct(own.iter().flatten());
            sentences.part(Some(range), &within, pairs.len(), &own)
        };
        let lengths: Vec<usize> = all.iter().map(|&place| sentences.lengths[place]).collect();
        let length = |Bucket { range, places: within }: Bucket| {
            let within: Vec<usize> = within.into_iter().map(|at| all[at]).collect();
            let inside =
                |pair: &&[usize; 2]| pair.iter().all(|p| within.binary_search(p).is_ok());
            let own: Vec<_> = top.iter().filter(inside).copied().collect();
            let pairs = places.iter().filter(inside).count();
            sentences.part(Some(range), &within, pairs, &own)
        };
        Self {
            whole: sentences.part(None, &all, places.len(), &top),
            by_score: by_score(set.scale, &gold).into_iter().map(score).collect(),
            by_length: quartiles(&lengths).into_iter().map(length).collect(),
            singular_values: sentences.spectrum(&all),
        }
    }
}

impl Sentences<'_> {
    /// The vectors of the sentences `within`, which are in order.
    fn rows(&self, within: &[usize]) -> Embeddings {
        let rows = within.iter().flat_map(|&place| self.embeddings.row(place));
        Embeddings::new(self.embeddings.width(), rows.copied().collect())
    }

    /// Why none of the sentences `within` has a geometry.
    fn nothing(&self, within: &[usize]) -> Option<String> {
        let odd = |place: &&usize| self.embeddings.row(**place).iter().any(|x| !x.is_finite());
        let odd = within.iter().find(odd).map(|&place| vector_not_finite(&self.texts[place]));
        odd.or_else(|| within.is_empty().then(|| "no sentences".into()))
    }

    fn part(
        &self,
        range: Option<(f64, f64)>,
        within: &[usize],
        pairs: usize,
        alike: &[[usize; 2]],
    ) -> SubsetGeometry {
        let (rows, nothing, count) = (self.rows(within), self.nothing(within), within.len());
        let at = |place: usize| within.binary_search(&place).expect("a sentence of the part");
        let alike: Vec<_> = alike.iter().map(|&[left, right]| (at(left), at(right))).collect();
        let geometry = Geometry::of(&rows, &alike);
        let or_reason = |value: Option<f64>, why: &dyn Fn() -> String| {
            value.ok_or_else(|| nothing.clone().unwrap_or_else(why))
        };
        let few = || format!("{count} sentence; a distance needs at least 2");
        SubsetGeometry {
            range,
            pairs,
            sentences: count,
            alignment: or_reason(geometry.alignment, &|| {
                "no pairs with a score in the top fifth of the scale".into()
            }),
            uniformity: or_reason(geometry.uniformity, &few),
            mean_cosine: or_reason(geometry.mean_cosine, &few),
            effective_rank: or_reason(geometry.effective_rank, &|| {
                "all embeddings are zero".into()
            }),
            hubness: or_reason(hubness(&rows, NEIGHBOURS), &|| no_hubs(&rows)),
        }
    }

    /// The singular values of the sentences `within`; or why there are none.
    fn spectrum(&self, within: &[usize]) -> Result<Vec<f64>, String> {
        let why =
            || self.nothing(within).unwrap_or_else(|| "the eigendecomposition failed".into());
        singular_values(&self.rows(within)).ok_or_else(why)
    }
}

/// Why rows that are finite have no hubness.
fn no_hubs(rows: &Embeddings) -> String {
    match rows.rows() {
        few @ 0..=NEIGHBOURS => {
            let needed = NEIGHBOURS + 1;
            format!("{few} sentences; {NEIGHBOURS} nearest neighbours need at least {needed}")
        }
        _ if occurrences(rows, NEIGHBOURS).is_none() => {
            "all embeddings have the same direction".into()
        }
        _ => "all sentences are neighbours equally often".into(),
    }
}

/// Each place once, in order.
fn distinct<'a>(places: impl Iterator<Item = &'a usize>) -> Vec<usize> {
    let mut places: Vec<usize> = places.copied().collect();
    places.sort_unstable();
    places.dedup();
    places
}
