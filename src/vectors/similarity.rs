//! Similarity of two vectors: cosine, dot product, and the negatives of two distances.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Similarity of two vectors; larger is more similar. Sums are taken in `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Similarity {
    /// `a·b / (‖a‖‖b‖)`, in `[-1, 1]`; 0 where a vector is zero, for it has no direction.
    #[default]
    Cosine,
    /// `a·b`
    Dot,
    /// `−‖a − b‖₂`
    Euclidean,
    /// `−‖a − b‖₁`
    Manhattan,
}

impl Similarity {
    /// All four, in the order reports name them.
    pub const ALL: [Self; 4] = [Self::Cosine, Self::Dot, Self::Euclidean, Self::Manhattan];

    /// The name sentence-transformers gives it: `cosine`, `dot`, `euclidean`, `manhattan`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::Euclidean => "euclidean",
            Self::Manhattan => "manhattan",
        }
    }

    /// The similarity of two vectors `(D)`.
    ///
    /// # Panics
    /// If their widths differ.
    pub fn between(self, a: &[f32], b: &[f32]) -> f64 {
        assert_eq!(a.len(), b.len(), "vectors must have the same dimension");
        match self {
            Self::Cosine => cosine(dot(a, b), dot(a, a), dot(b, b)),
            Self::Dot => dot(a, b),
            Self::Euclidean => euclidean(a, b),
            Self::Manhattan => manhattan(a, b),
        }
    }
}

impl FromStr for Similarity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::config(format!("similarity `{text}` is unknown: use one of {names}"))
        })
    }
}

/// `1/‖x‖`; 0 of a zero vector, which stays zero.
pub(crate) fn inverse_norm(x: &[f32]) -> f64 {
    let square = dot(x, x); // of f32: neither overflows nor vanishes
    if square > 0. { 1. / square.sqrt() } else { 0. }
}

/// `x/‖x‖`; a zero vector stays zero.
pub(crate) fn normalize(x: &mut [f32]) {
    let inverse = inverse_norm(x);
    x.iter_mut().for_each(|x| *x = (f64::from(*x) * inverse) as f32);
}

/// `a·b / √(‖a‖²‖b‖²)` of a product and two squares. One root, so that a vector is exactly 1
/// with itself; squares of `f32` neither overflow nor vanish in `f64`.
pub(crate) fn cosine(product: f64, a_square: f64, b_square: f64) -> f64 {
    if a_square == 0. || b_square == 0. {
        return 0.;
    }
    (product / (a_square * b_square).sqrt()).clamp(-1., 1.)
}

/// `a·b = Σ aᵢbᵢ`
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// `−√Σ(aᵢ − bᵢ)²`
pub(crate) fn euclidean(a: &[f32], b: &[f32]) -> f64 {
    -sum(a, b, |a, b| (a - b) * (a - b)).sqrt()
}

/// `−Σ|aᵢ − bᵢ|`
pub(crate) fn manhattan(a: &[f32], b: &[f32]) -> f64 {
    -sum(a, b, |a, b| (a - b).abs())
}

/// `Σ f(aᵢ, bᵢ)` in eight lanes: a fixed order, and one the compiler can vectorise.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(f64::from(a[lane]), f64::from(b[lane]));
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| f(f64::from(a), f64::from(b)));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Embeddings;

    /// `rows` × `width` numbers in [-1, 1], different for each `seed`.
    fn some(seed: u64, rows: usize, width: usize) -> Embeddings {
        let mut state = seed;
        let numbers = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f32).sin()
        });
        Embeddings::new(width, numbers.take(rows * width).collect())
    }

    #[test]
    fn each_similarity_is_the_hand_computed_one() {
        // 3·1 + 4·(−2) = −5, norms 5 and √5, differences (2, 6)
        let (a, b) = ([3., 4.], [1., -2.]);
        assert!((Similarity::Cosine.between(&a, &b) + 1. / 5_f64.sqrt()).abs() < 1e-15);
        assert_eq!(Similarity::Dot.between(&a, &b), -5.);
        assert_eq!(Similarity::Euclidean.between(&a, &b), -40_f64.sqrt());
        assert_eq!(Similarity::Manhattan.between(&a, &b), -8.);
    }

    #[test]
    fn sums_longer_than_the_lanes_miss_no_number() {
        let ramp: Vec<f32> = (1..=19).map(|i| i as f32).collect();
        assert_eq!(Similarity::Dot.between(&ramp, &ramp), 2470.);
        assert_eq!(Similarity::Manhattan.between(&ramp, &[0.; 19]), -190.);
    }

    #[test]
    fn a_zero_vector_has_cosine_zero() {
        assert_eq!(Similarity::Cosine.between(&[0., 0.], &[1., 2.]), 0.);
        assert_eq!(Similarity::Cosine.between(&[0., 0.], &[-0., 0.]), 0.);
        let (zero, one) = (Embeddings::new(2, vec![0.; 2]), Embeddings::new(2, vec![1.; 2]));
        assert_eq!(Similarity::Cosine.matrix(&zero, &one)[(0, 0)], 0.);
    }

    #[test]
    fn a_vector_is_exactly_one_with_itself_at_any_length() {
        for row in some(3, 50, 7).iter() {
            for length in [1., 1e-38, 1e-18, 1e18, 1e38] {
                let scaled: Vec<f32> = row.iter().map(|v| v * length).collect();
                assert_eq!(Similarity::Cosine.between(&scaled, &scaled), 1.);
                let scaled = Embeddings::new(scaled.len(), scaled);
                assert_eq!(Similarity::Cosine.paired(&scaled, &scaled), [1.]);
            }
        }
    }

    #[test]
    fn the_matrix_holds_what_pairs_give() {
        // more rows than a tile on both sides, neither a multiple of it
        let (a, b) = (some(1, 131, 37), some(2, 70, 37));
        for similarity in Similarity::ALL {
            let matrix = similarity.matrix(&a, &b);
            assert_eq!((matrix.nrows(), matrix.ncols()), (131, 70));
            for (i, a) in a.iter().enumerate() {
                for (j, b) in b.iter().enumerate() {
                    let (one, other) = (matrix[(i, j)], similarity.between(a, b));
                    assert!(
                        (one - other).abs() < 1e-12,
                        "{similarity:?} {i} {j}: {one} {other}"
                    );
                }
            }
        }
    }

    #[test]
    fn pairs_are_rows_with_the_same_number() {
        let (a, b) = (some(1, 9, 5), some(2, 9, 5));
        for similarity in Similarity::ALL {
            let matrix = similarity.matrix(&a, &b);
            for (i, value) in similarity.paired(&a, &b).into_iter().enumerate() {
                assert!((value - matrix[(i, i)]).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn nearly_equal_vectors_keep_their_distance() {
        // ‖a‖² + ‖b‖² − 2a·b has no digit of 1e-14 left
        let a = some(4, 1, 37);
        let mut numbers = a.as_slice().to_vec();
        numbers[5] = numbers[5].next_up();
        let b = Embeddings::new(37, numbers);
        let distance = Similarity::Euclidean.matrix(&a, &b)[(0, 0)];
        let paired = Similarity::Euclidean.paired(&a, &b)[0];
        assert!(distance < 0. && (distance / paired - 1.).abs() < 1e-14);
    }

    #[test]
    fn no_rows_give_an_empty_matrix() {
        let (none, two) = (Embeddings::new(3, vec![]), some(1, 2, 3));
        for similarity in Similarity::ALL {
            assert_eq!(similarity.matrix(&none, &two).nrows(), 0);
            assert_eq!(similarity.matrix(&two, &none).ncols(), 0);
            assert!(similarity.paired(&none, &none).is_empty());
        }
    }
}
