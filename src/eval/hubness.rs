//! Hubs: vectors that are among the nearest of many others, which a search then finds for
//! everything (Radovanović et al. 2010).

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

use crate::vectors::Embeddings;
use crate::vectors::top_k::{ScoredRow, TopK};
use crate::vectors::units::{ROWS, Units};

/// The usual number of neighbours for hubness.
pub const NEIGHBOURS: usize = 10;

/// Cosines above this differ by the rounding of `f32` numbers alone.
const ONE_WAY: f64 = 1. - 1e-12;

/// `Nₖ(x)`: for each row, of how many other rows it is among the `neighbours` nearest by the
/// cosine. Exact; of rows equally near, the first counts. None without more rows than neighbours,
/// where a number is not finite, and where all rows point the same way, for then rounding chooses.
///
/// ```
/// use twindrop::{vectors::Embeddings, eval::occurrences};
///
/// // north, east, and between them the nearest of both
/// let rows = Embeddings::new(2, vec![0., 1., 1., 0., 1., 1.1]);
/// assert_eq!(occurrences(&rows, 1), Some(vec![1, 0, 2]));
/// ```
pub fn occurrences(embeddings: &Embeddings, neighbours: usize) -> Option<Vec<u32>> {
    let units = Units::of(embeddings)?;
    if neighbours == 0 || units.rows() <= neighbours || units.point_one_way() {
        return None;
    }
    let found =
        (0..units.chunks()).into_par_iter().map(|chunk| units.nearest(chunk, neighbours));
    let found: Vec<Vec<usize>> = found.collect();
    let mut counts = vec![0; units.rows()];
    found.iter().flatten().for_each(|&place| counts[place] += 1);
    Some(counts)
}

/// `mean (Nₖ − k)³ / (mean (Nₖ − k)²)^1.5` of the [`occurrences`] `Nₖ`: 0 where rows are
/// neighbours equally often above and below the mean, and the larger, the more a few hubs are
/// everyone's. None where those are, and where all are the same.
pub fn hubness(embeddings: &Embeddings, neighbours: usize) -> Option<f64> {
    skewness(&occurrences(embeddings, neighbours)?, neighbours)
}

/// The skewness of counts whose mean is `mean`.
fn skewness(counts: &[u32], mean: usize) -> Option<f64> {
    let moment = |power: i32| {
        let powers = counts.iter().map(|&count| (f64::from(count) - mean as f64).powi(power));
        powers.sum::<f64>() / counts.len() as f64
    };
    let variance = moment(2);
    (variance > 0.).then(|| moment(3) / variance.powf(1.5))
}

impl Units<'_> {
    /// Whether all rows have the direction of the first, or all have none.
    fn point_one_way(&self) -> bool {
        let first: Vec<f64> = self.row(0).collect();
        let along = |i: usize| self.row(i).zip(&first).map(|(u, v)| u * v).sum::<f64>();
        let zero = self.scales.iter().all(|&scale| scale == 0.);
        zero || (0..self.rows()).all(|i| along(i) > ONE_WAY)
    }

    /// The places of the `count` nearest of each row of a chunk.
    fn nearest(&self, chunk: usize, count: usize) -> Vec<usize> {
        let asked = self.chunk(chunk); // (D, ≤ ROWS)
        let mut nearest = vec![TopK::new(count, f64::NEG_INFINITY); asked.ncols()];
        for other in 0..self.chunks() {
            let others = self.chunk(other); // (D, ≤ ROWS)
            let mut cosines = Mat::zeros(others.ncols(), asked.ncols()); // (≤ ROWS, ≤ ROWS)
            matmul(&mut cosines, Accum::Replace, others.transpose(), &asked, 1., Par::Seq);
            for (j, nearest) in nearest.iter_mut().enumerate() {
                let own = chunk * ROWS + j;
                let rows = cosines.col_as_slice(j).iter().zip(other * ROWS..);
                let rows = rows.map(|(&score, row)| ScoredRow { row, score });
                nearest.offer(rows.filter(|row| row.row != own));
            }
        }
        nearest.into_iter().flat_map(TopK::into_sorted).map(|row| row.row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows at these angles, of any length.
    fn at(degrees: &[f64]) -> Embeddings {
        let rows = degrees.iter().enumerate().flat_map(|(i, angle)| {
            let (sin, cos) = angle.to_radians().sin_cos();
            [cos, sin].map(|x| (x * (1. + i as f64)) as f32)
        });
        Embeddings::new(2, rows.collect())
    }

    #[test]
    fn a_hub_is_counted_as_by_hand() {
        // nearest of 0 is 10; of 10, 0 (10 away, 25 is 15); of 25, 10; of 60 and 61 one another
        let rows = at(&[0., 10., 25., 60., 61.]);
        assert_eq!(occurrences(&rows, 1), Some(vec![1, 2, 0, 1, 1]));
        // deviations 0, 1, −1, 0, 0: third moment 0
        assert_eq!(hubness(&rows, 1), Some(0.));
        // two nearest: 0 → 10 25, 10 → 0 25, 25 → 10 0, 60 → 61 25, 61 → 60 25
        assert_eq!(occurrences(&rows, 2), Some(vec![2, 2, 4, 1, 1]));
        // deviations 0, 0, 2, −1, −1: (8 − 2)/5 over (6/5)^1.5
        let skewness = hubness(&rows, 2).expect("defined");
        assert!((skewness - 1.2 / 1.2_f64.powf(1.5)).abs() < 1e-15, "{skewness}");
    }

    #[test]
    fn of_rows_equally_near_the_first_counts() {
        let rows = Embeddings::new(2, vec![1., 0., 0., 1., 0., 2., 0., -1.]);
        // east is as far from the three others; they are one another's by their order
        assert_eq!(occurrences(&rows, 1), Some(vec![1, 2, 1, 0]));
    }

    #[test]
    fn tiles_find_what_a_search_of_all_finds() {
        let rows = 2 * ROWS + 31;
        let mut state = 11_u64;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f32).sin()
        });
        let embeddings = Embeddings::new(7, numbers.take(7 * rows).collect());
        let cosines = crate::vectors::Similarity::Cosine.matrix(&embeddings, &embeddings);
        let mut counts = vec![0; rows];
        for i in 0..rows {
            let mut others: Vec<usize> = (0..rows).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| cosines[(i, b)].total_cmp(&cosines[(i, a)]));
            others[..5].iter().for_each(|&j| counts[j] += 1);
        }
        assert_eq!(occurrences(&embeddings, 5), Some(counts));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let found = pool.expect("threads").install(|| hubness(&embeddings, 5));
            assert_eq!(found.map(f64::to_bits), hubness(&embeddings, 5).map(f64::to_bits));
        }
    }

    #[test]
    fn what_has_no_hubs_is_none() {
        let few = at(&[0., 50., 90.]);
        assert_eq!(hubness(&few, 3), None);
        assert_eq!(occurrences(&few, 2), Some(vec![2; 3]));
        assert_eq!(hubness(&few, 2), None); // each is a neighbour of both others
        assert_eq!(occurrences(&few, 0), None);
        let nearly = [0.3, 0.4, 0.3, 0.4_f32.next_up(), 0.6, 0.8];
        assert_eq!(occurrences(&Embeddings::new(2, nearly.to_vec()), 1), None);
        assert_eq!(occurrences(&Embeddings::new(2, vec![0.; 6]), 1), None);
        assert_eq!(occurrences(&Embeddings::new(2, vec![]), 1), None);
        let odd = Embeddings::new(2, vec![1., 0., f32::NAN, 1., 0., 1.]);
        assert_eq!(occurrences(&odd, 1), None);
    }
}
