//! Isotropic embeddings: whitening (Su et al. 2021, arXiv 2103.15316), and
//! all-but-the-top (Mu & Viswanath 2018, arXiv 1702.01417).

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;

use super::Embeddings;
use super::covariance::{Covariance, centred};
use super::units::ROWS;
use crate::error::{Error, Result};

/// `x ↦ (x − μ)·W`, fitted to vectors.
///
/// ```
/// use twindrop::vectors::{Embeddings, Whitening};
///
/// // wide along the first number, narrow along the second
/// let rows = Embeddings::new(2, vec![9., 1., 3., 1., 6., 2., 6., 0.]);
/// let whitening = Whitening::fit(&rows, None)?;
/// let even = whitening.apply(&rows);
/// for column in 0..2 {
///     let square: f32 = even.iter().map(|row| row[column] * row[column]).sum();
///     assert!((square / 3. - 1.).abs() < 1e-6); // of four rows: n − 1
/// }
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Whitening {
    mean: Vec<f64>,
    weight: Mat<f64>,
    variances: Vec<f64>,
    directions: usize,
}

impl Whitening {
    /// `W = U/√S`, its first `dim` columns, of the covariance `C = U·diag(S)·Uᵀ` with n − 1: what
    /// it gives has mean zero, variance one and no correlation. Without `dim`, all directions in
    /// which the vectors spread: most BERT models have one fewer than numbers, for the last
    /// LayerNorm keeps a weighted sum constant. Bits do not depend on the number of threads.
    ///
    /// # Errors
    /// Where a vector is not finite, all are the same, they spread in fewer than `dim`
    /// directions, or there is no `dim` and not more vectors than numbers in each.
    pub fn fit(embeddings: &Embeddings, dim: Option<usize>) -> Result<Self> {
        let spread = Covariance::of(embeddings)?;
        let kept = spread.kept(dim)?;
        let weight = Mat::from_fn(spread.mean.len(), kept, |i, j| {
            spread.directions[(i, j)] / spread.variances[j].sqrt()
        });
        Ok(spread.with(weight))
    }

    /// `W = I − Σ uuᵀ` over the `components` directions u of the largest variance: takes away
    /// the mean and what most vectors have in common, and leaves the rest as it was. The paper
    /// advises a hundredth of the width.
    ///
    /// # Errors
    /// Where a vector is not finite, or nothing would be left.
    pub fn all_but_the_top(embeddings: &Embeddings, components: usize) -> Result<Self> {
        let spread = Covariance::of(embeddings)?;
        if components >= spread.rank {
            let rank = spread.rank;
            return Err(Error::config(format!(
                "components {components}: the embeddings have rank {rank}, and at least one direction must remain"
            )));
        }
        let width = spread.mean.len();
        let mut weight = Mat::identity(width, width);
        let top = spread.directions.subcols(0, components); // (D, components)
        matmul(&mut weight, Accum::Add, top, top.transpose(), -1., Par::Seq);
        Ok(spread.with(weight))
    }

    /// `(x − μ)·W` of every row: (N, D) → (N, K).
    ///
    /// # Panics
    /// If the rows are not as wide as those it was fitted to.
    pub fn apply(&self, embeddings: &Embeddings) -> Embeddings {
        assert_eq!(embeddings.width(), self.inputs(), "vectors must have the same dimension");
        let chunks: Vec<&[f32]> =
            embeddings.as_slice().chunks(ROWS * embeddings.width()).collect();
        let applied = chunks.into_par_iter().map(|chunk| {
            let x = centred(chunk, &self.mean); // (D, ≤ ROWS)
            let mut y = Mat::<f64>::zeros(self.outputs(), x.ncols()); // (K, ≤ ROWS)
            matmul(&mut y, Accum::Replace, self.weight.transpose(), &x, 1., Par::Seq);
            (0..y.ncols()).flat_map(|j| y.col_as_slice(j)).map(|&y| y as f32).collect()
        });
        let applied: Vec<Vec<f32>> = applied.collect();
        Embeddings::new(self.outputs(), applied.concat())
    }

    /// μ, (D).
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// W, (D, K).
    pub fn weight(&self) -> MatRef<'_, f64> {
        self.weight.as_ref()
    }

    /// `−μ·W`, (K): with it, `x ↦ x·W + b` is a dense layer.
    pub fn bias(&self) -> Vec<f64> {
        let column = |j: usize| self.weight.col_as_slice(j).iter().zip(&self.mean);
        (0..self.outputs()).map(|j| -column(j).map(|(w, mean)| w * mean).sum::<f64>()).collect()
    }

    /// S, the variances along the principal directions of what it was fitted to, the largest
    /// first, (D).
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// In how many directions they spread by more than rounding.
    pub fn directions(&self) -> usize {
        self.directions
    }

    /// D, the width of what it reads.
    pub fn inputs(&self) -> usize {
        self.weight.nrows()
    }

    /// K, the width of what it gives.
    pub fn outputs(&self) -> usize {
        self.weight.ncols()
    }
}

impl Covariance {
    /// How many directions a whitening to `dim` numbers keeps.
    fn kept(&self, dim: Option<usize>) -> Result<usize> {
        let (rows, rank, width) = (self.rows, self.rank, self.mean.len());
        let wrong = |message: String| Err(Error::config(message));
        match dim {
            None if rows <= width => wrong(format!(
                "{rows} sentences are too few for the covariance of {width} dimensions: give more \
                 than {width}, or choose dim {rank} or less"
            )),
            None => Ok(rank),
            Some(0) => wrong("dim 0: expected at least 1".into()),
            Some(dim) if dim > width => {
                wrong(format!("dim {dim}: the embeddings have {width} dimensions"))
            }
            Some(dim) if dim > rank => wrong(format!(
                "dim {dim}: the embeddings of {rows} sentences have numerical rank {rank} of \
                 {width} dimensions; choose {rank} or less"
            )),
            Some(dim) => Ok(dim),
        }
    }

    fn with(self, weight: Mat<f64>) -> Whitening {
        let Self { mean, variances, rank: directions, .. } = self;
        Whitening { mean, weight, variances, directions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rows` × `width` numbers about 2, of unequal spread.
    fn some(rows: usize, width: usize) -> Embeddings {
        let mut state = 5_u64;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f32).sin()
        });
        let numbers = numbers.take(rows * width).enumerate();
        let numbers = numbers.map(|(i, x)| 2. + x * (1. + (i % width) as f32) + x * x);
        Embeddings::new(width, numbers.collect())
    }

    /// The covariance of rows, by hand.
    fn covariance(rows: &Embeddings, i: usize, j: usize) -> f64 {
        let column = |at: usize| rows.iter().map(move |row| f64::from(row[at]));
        let count = rows.rows() as f64;
        let mean = |at: usize| column(at).sum::<f64>() / count;
        let (a, b) = (mean(i), mean(j));
        column(i).zip(column(j)).map(|(x, y)| (x - a) * (y - b)).sum::<f64>() / (count - 1.)
    }

    #[test]
    fn what_is_whitened_is_uncorrelated_with_variance_one() {
        let rows = some(2 * ROWS + 9, 5);
        for dim in [None, Some(3)] {
            let whitening = Whitening::fit(&rows, dim).expect("a spread");
            let even = whitening.apply(&rows);
            assert_eq!(even.width(), dim.unwrap_or(5));
            for (i, j) in (0..even.width()).flat_map(|i| (0..=i).map(move |j| (i, j))) {
                let expected = if i == j { 1. } else { 0. };
                assert!((covariance(&even, i, j) - expected).abs() < 1e-6, "{i} {j}");
            }
        }
    }

    #[test]
    fn all_but_the_top_takes_the_widest_direction_away_and_leaves_the_rest() {
        // widest along (1, 1)/√2, narrower along (1, −1)/√2, about (10, 20)
        let rows = vec![14., 24., 6., 16., 11., 19., 9., 21.];
        let rows = Embeddings::new(2, rows);
        let found = Whitening::all_but_the_top(&rows, 1).expect("a spread").apply(&rows);
        let expected = [0., 0., 0., 0., 1., -1., -1., 1.];
        for (found, expected) in found.as_slice().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let centred = Whitening::all_but_the_top(&rows, 0).expect("a spread").apply(&rows);
        assert_eq!(centred.as_slice(), [4., 4., -4., -4., 1., -1., -1., 1.]);
    }

    #[test]
    fn a_dense_layer_of_weight_and_bias_does_the_same() {
        let rows = some(40, 4);
        let whitening = Whitening::fit(&rows, Some(3)).expect("a spread");
        let (weight, bias, even) =
            (whitening.weight(), whitening.bias(), whitening.apply(&rows));
        for (x, y) in rows.iter().zip(even.iter()) {
            for (k, y) in y.iter().enumerate() {
                let sum: f64 = (0..4).map(|d| f64::from(x[d]) * weight[(d, k)]).sum();
                assert!((sum + bias[k] - f64::from(*y)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn what_has_too_little_spread_is_refused_in_words() {
        let message = |rows: &Embeddings, dim| match Whitening::fit(rows, dim) {
            Ok(whitening) => format!("{} numbers", whitening.outputs()),
            Err(error) => error.to_string(),
        };
        let few = some(4, 6);
        assert!(
            message(&few, None)
                .starts_with("4 sentences are too few for the covariance of 6 dimensions")
        );
        assert_eq!(message(&few, Some(3)), "3 numbers");
        assert!(message(&few, Some(4)).contains("4 sentences have numerical rank 3 of 6"));
        assert_eq!(message(&few, Some(7)), "dim 7: the embeddings have 6 dimensions");
        assert_eq!(message(&few, Some(0)), "dim 0: expected at least 1");
        let same = Embeddings::new(2, [0.3, -7.1].repeat(9));
        assert_eq!(
            message(&same, None),
            "all 9 sentences have the same embedding: no variance"
        );
        assert!(
            message(&Embeddings::new(2, vec![1., 2.]), None).contains("1 sentences have no")
        );
        let odd = Embeddings::new(2, vec![1., 2., 3., f32::NAN, 5., 6.]);
        assert_eq!(message(&odd, None), "embedding 2 is not finite");
        let error = Whitening::all_but_the_top(&few, 3).unwrap_err().to_string();
        assert!(
            error.contains("have rank 3, and at least one direction must remain"),
            "{error}"
        );
    }

    #[test]
    fn a_sum_that_never_changes_is_no_direction() {
        // as after a LayerNorm: the last number makes the sum of a row 1, up to rounding
        let rows = some(300, 5);
        let rows = rows.iter().flat_map(|row| {
            let row = &row[..4];
            row.iter().copied().chain([1. - row.iter().sum::<f32>()]).collect::<Vec<_>>()
        });
        let rows = Embeddings::new(5, rows.collect());
        let whitening = Whitening::fit(&rows, None).expect("a spread");
        assert_eq!((whitening.directions(), whitening.outputs()), (4, 4));
        let error = Whitening::fit(&rows, Some(5)).unwrap_err().to_string();
        assert!(error.contains("rank 4 of 5"), "{error}");
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let rows = some(3 * ROWS + 5, 150);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| {
                let whitening = Whitening::fit(&rows, None).expect("a spread");
                let top = Whitening::all_but_the_top(&rows, 3).expect("a spread");
                let applied = [whitening.apply(&rows), top.apply(&rows)];
                let applied = applied.map(|rows| rows.as_slice().to_vec()).concat();
                let bits: Vec<u32> = applied.into_iter().map(f32::to_bits).collect();
                let bias: Vec<u64> = whitening.bias().into_iter().map(f64::to_bits).collect();
                (bits, bias)
            })
        };
        let one = on(1);
        assert!(one == on(2) && one == on(7));
    }
}
