//! How a set of vectors lies in its space: spread out, in a cone, or in a corner.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::vectors::Embeddings;
use crate::vectors::spectral::{add_products, eigenvalues};
use crate::vectors::units::Units;

/// The shape of a set of vectors, all of them brought to length one: `u = x/‖x‖`. A zero vector
/// has no direction and stays zero. `None` is what has no value; nothing has one where a number
/// is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Geometry {
    /// `mean ‖u − u⁺‖²` over pairs that mean the same, 0..4; smaller is better. None without
    /// such pairs.
    pub alignment: Option<f64>,
    /// `log mean exp(−2‖uᵢ − uⱼ‖²)` over all i < j, −8..0; smaller is more evenly spread. None
    /// below two vectors.
    pub uniformity: Option<f64>,
    /// `mean uᵢ·uⱼ` over all i < j, −1..1: near 1, all point the same way. None below two vectors.
    pub mean_cosine: Option<f64>,
    /// `exp(−Σ pₖ log pₖ)`, `pₖ = σₖ/Σσ` over the singular values σ of the `u` (Roy & Vetterli
    /// 2007): the directions in use, 1..min(N, D). Not centred, so that both collapses show: onto
    /// a point and onto a line it is 1, where the spread about a mean would be that of noise.
    /// None where every vector is zero.
    pub effective_rank: Option<f64>,
}

impl Geometry {
    /// The geometry of all rows `(N, D)`; `alike` are the rows of pairs that mean the same.
    /// Sums have a fixed order: the bits do not depend on the number of threads.
    ///
    /// # Panics
    /// If `alike` names a row there is not.
    pub fn of(embeddings: &Embeddings, alike: &[(usize, usize)]) -> Self {
        let Some(units) = Units::of(embeddings) else { return Self::default() };
        Self {
            alignment: units.alignment(alike),
            uniformity: units.uniformity(),
            mean_cosine: units.mean_cosine(),
            effective_rank: units.effective_rank(),
        }
    }
}

/// The singular values of the rows brought to length one, the largest first, without those below
/// rounding; none where a number is not finite, or there are no vectors.
///
/// ```
/// use twindrop::{vectors::Embeddings, eval::singular_values};
///
/// let values = singular_values(&Embeddings::new(2, vec![3., 0., 0., 1., 0., 2.])).unwrap();
/// assert!((values[0] - 2f64.sqrt()).abs() < 1e-12 && (values[1] - 1.).abs() < 1e-12);
/// ```
pub fn singular_values(embeddings: &Embeddings) -> Option<Vec<f64>> {
    Units::of(embeddings)?.singular_values()
}

impl Units<'_> {
    /// `mean ‖u − u⁺‖²`
    fn alignment(&self, alike: &[(usize, usize)]) -> Option<f64> {
        let distance = |&(left, right): &(usize, usize)| {
            let both = self.row(left).zip(self.row(right));
            both.map(|(u, v)| (u - v) * (u - v)).sum::<f64>()
        };
        (!alike.is_empty())
            .then(|| alike.iter().map(distance).sum::<f64>() / alike.len() as f64)
    }

    /// `log mean exp(−2‖uᵢ − uⱼ‖²)`, tile by tile.
    fn uniformity(&self) -> Option<f64> {
        let tiles = self.chunks();
        let places = (0..tiles).flat_map(|right| (0..=right).map(move |left| (left, right)));
        let places: Vec<_> = places.collect();
        let sums = places.into_par_iter().map(|(left, right)| self.closeness(left, right));
        let sums: Vec<f64> = sums.collect();
        Some((sums.iter().sum::<f64>() / self.pairs()?).ln())
    }

    /// `Σ exp(−2‖uᵢ − uⱼ‖²)` over i < j, i in chunk `left` and j in chunk `right`.
    fn closeness(&self, left: usize, right: usize) -> f64 {
        let (u, v) = (self.chunk(left), self.chunk(right)); // (D, ≤ ROWS)
        let mut products = Mat::zeros(u.ncols(), v.ncols()); // (≤ ROWS, ≤ ROWS)
        matmul(&mut products, Accum::Replace, u.transpose(), &v, 1., Par::Seq);
        let (lefts, rights, own) = (self.squares(left), self.squares(right), left == right);
        let column = |(j, right): (usize, &f64)| {
            let kernel = |(product, left): (&f64, &f64)| {
                (-2. * (left + right - 2. * product).max(0.)).exp()
            };
            let rows = if own { j } else { lefts.len() };
            let pairs = products.col_as_slice(j)[..rows].iter().zip(&lefts);
            pairs.map(kernel).sum::<f64>()
        };
        rights.iter().enumerate().map(column).sum()
    }

    /// `(‖Σu‖² − Σ‖u‖²) / (N(N − 1))`: the mean over all pairs without visiting them.
    fn mean_cosine(&self) -> Option<f64> {
        let mut sum = vec![0.; self.embeddings.width()]; // (D)
        for i in 0..self.scales.len() {
            sum.iter_mut().zip(self.row(i)).for_each(|(sum, u)| *sum += u);
        }
        let all = sum.iter().map(|s| s * s).sum::<f64>();
        let own = self.scales.iter().filter(|&&scale| scale > 0.).count() as f64;
        Some(((all - own) / (2. * self.pairs()?)).clamp(-1., 1.))
    }

    /// `exp(−Σ p log p)` of the singular values' shares p; those below rounding count as none.
    fn effective_rank(&self) -> Option<f64> {
        let values = self.singular_values()?;
        let total = values.iter().sum::<f64>();
        let surprise = |value: &f64| -(value / total) * (value / total).ln();
        (total > 0.).then(|| values.iter().map(surprise).sum::<f64>().exp())
    }

    /// The singular values of the rows `(N, D)`, the largest first, without those below rounding.
    fn singular_values(&self) -> Option<Vec<f64>> {
        let mut squares = eigenvalues(&self.gram())?; // σ²
        squares.sort_unstable_by(|a, b| b.total_cmp(a));
        let numbers = self.embeddings.width().max(self.scales.len()) as f64;
        let floor = numbers * f64::EPSILON * squares.first().copied().unwrap_or(0.);
        Some(squares.into_iter().filter(|&square| square > floor).map(f64::sqrt).collect())
    }

    /// `Σ u·uᵀ` `(D, D)`, or the products of all rows `(N, N)` where that is smaller: the same
    /// eigenvalues other than 0. Only what is on and below the diagonal.
    fn gram(&self) -> Mat<f64> {
        let (rows, width) = (self.scales.len(), self.embeddings.width());
        let mut gram = Mat::zeros(rows.min(width), rows.min(width));
        if rows < width {
            add_products(&mut gram, self.columns(0..rows).transpose());
        } else {
            (0..self.chunks())
                .for_each(|chunk| add_products(&mut gram, self.chunk(chunk).as_ref()));
        }
        gram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::units::ROWS;

    /// `rows` × `width` numbers in [-1, 1].
    fn some(rows: usize, width: usize) -> Embeddings {
        let mut state = 7_u64;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f32).sin()
        });
        Embeddings::new(width, numbers.take(rows * width).collect())
    }

    fn close(value: Option<f64>, expected: f64) {
        let value = value.expect("defined");
        assert!((value - expected).abs() < 1e-12, "{value} is not {expected}");
    }

    #[test]
    fn an_orthonormal_basis_uses_every_direction() {
        for width in [1, 2, 5, 130] {
            let basis = (0..width * width).map(|i| if i % (width + 1) == 0 { 3. } else { 0. });
            let geometry = Geometry::of(&Embeddings::new(width, basis.collect()), &[]);
            let rank = geometry.effective_rank.expect("defined");
            assert!((rank / width as f64 - 1.).abs() < 1e-12, "{rank} of {width}");
            if width > 1 {
                close(geometry.mean_cosine, 0.);
                close(geometry.uniformity, -4.); // every squared distance is 2
            }
        }
    }

    #[test]
    fn rows_of_one_direction_have_rank_one_and_no_spread() {
        let row = [0.3, -0.2, 0.9];
        let rows = (1..=5).flat_map(|length| row.map(|x| x * length as f32 * 1e-3));
        let geometry = Geometry::of(&Embeddings::new(3, rows.collect()), &[(0, 4)]);
        close(geometry.alignment, 0.);
        close(geometry.uniformity, 0.);
        close(geometry.mean_cosine, 1.);
        assert!((geometry.effective_rank.expect("defined") - 1.).abs() < 1e-4); // f32 rounds
        let same = Embeddings::new(3, [row; 4].concat());
        close(Geometry::of(&same, &[]).effective_rank, 1.);
    }

    #[test]
    fn antipodes_are_as_far_apart_as_can_be() {
        let pair = Embeddings::new(2, vec![3., 4., -0.6, -0.8]);
        let geometry = Geometry::of(&pair, &[(0, 1)]);
        let Geometry { alignment, uniformity, mean_cosine, effective_rank } = geometry;
        assert!((alignment.expect("defined") - 4.).abs() < 1e-6); // 0.6 and 0.8 are f32
        assert!((uniformity.expect("defined") + 8.).abs() < 1e-6);
        assert!((mean_cosine.expect("defined") + 1.).abs() < 1e-6);
        assert!((effective_rank.expect("defined") - 1.).abs() < 1e-4);
    }

    #[test]
    fn effective_rank_is_the_entropy_of_the_singular_values() {
        // four times east and once north: σ = 2 and 1
        let rows = Embeddings::new(2, vec![1., 0., 2., 0., 1., 0., 5., 0., 0., 7.]);
        let entropy = -(2. / 3. * (2_f64 / 3.).ln() + 1. / 3. * (1_f64 / 3.).ln());
        close(Geometry::of(&rows, &[]).effective_rank, entropy.exp());
    }

    #[test]
    fn a_zero_vector_stays_zero() {
        let rows = Embeddings::new(2, vec![0., 0., 5., 0., 0., 2.]);
        let geometry = Geometry::of(&rows, &[(0, 1)]);
        close(geometry.alignment, 1.);
        close(geometry.uniformity, ((2. * (-2_f64).exp() + (-4_f64).exp()) / 3.).ln());
        close(geometry.mean_cosine, 0.);
        close(geometry.effective_rank, 2.);
    }

    #[test]
    fn what_has_no_value_is_none() {
        let nothing = Geometry::default();
        assert_eq!(Geometry::of(&Embeddings::new(3, vec![]), &[]), nothing);
        let one = Geometry::of(&Embeddings::new(2, vec![1., 2.]), &[]);
        assert_eq!((one.alignment, one.uniformity, one.mean_cosine), (None, None, None));
        close(one.effective_rank, 1.);
        let zeros = Geometry::of(&Embeddings::new(2, vec![0.; 6]), &[(0, 1)]);
        assert_eq!(zeros.effective_rank, None);
        for odd in [f32::NAN, f32::INFINITY] {
            let rows = Embeddings::new(2, vec![1., 2., odd, 0.]);
            assert_eq!(Geometry::of(&rows, &[(0, 1)]), nothing);
        }
    }

    #[test]
    fn tiles_sum_what_pairs_give() {
        // neither more rows than a tile nor its multiple; wider and narrower than long
        for (rows, width) in [(ROWS + 83, 5), (2 * ROWS, 70), (40, 90)] {
            let embeddings = some(rows, width);
            let units = Units::of(&embeddings).expect("finite");
            let (mut kernel, mut cosine) = (0., 0.);
            for (i, j) in (0..rows).flat_map(|j| (0..j).map(move |i| (i, j))) {
                let both = || units.row(i).zip(units.row(j));
                kernel += (-2. * both().map(|(u, v)| (u - v).powi(2)).sum::<f64>()).exp();
                cosine += both().map(|(u, v)| u * v).sum::<f64>();
            }
            let pairs = (rows * (rows - 1) / 2) as f64;
            let geometry = Geometry::of(&embeddings, &[]);
            close(geometry.uniformity, (kernel / pairs).ln());
            close(geometry.mean_cosine, cosine / pairs);
            let values = units.columns(0..rows).singular_values().expect("converges");
            let total = values.iter().sum::<f64>();
            let entropy = values.iter().map(|v| -(v / total) * (v / total).ln()).sum::<f64>();
            let rank = geometry.effective_rank.expect("defined");
            assert!((rank / entropy.exp() - 1.).abs() < 1e-9, "{rank}");
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        // many tiles, and an eigenproblem that faer would share out
        for (rows, width) in [(9 * ROWS + 17, 12), (ROWS + 200, 400)] {
            let near: Vec<f32> = some(rows, width).as_slice().iter().map(|x| x + 2.).collect();
            let embeddings = Embeddings::new(width, near);
            let alike: Vec<_> = (0..200).map(|i| (i, 2 * i)).collect();
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                let Geometry { alignment, uniformity, mean_cosine, effective_rank } =
                    pool.expect("threads").install(|| Geometry::of(&embeddings, &alike));
                [alignment, uniformity, mean_cosine, effective_rank]
                    .map(|figure| figure.expect("defined").to_bits())
            };
            assert_eq!(on(1), on(2));
            assert_eq!(on(1), on(7));
        }
    }
}
