//! Logistic regression on frozen vectors: classes by a linear map, fitted to the last digit.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::eval::stats::lbfgs::lowest;

/// Examples whose logits are computed at once: a fixed cut, so that sums have a fixed order.
const CHUNK: usize = 256;

/// No number of the slope of the mean loss is larger than this where a fit ends.
const FLAT: f64 = 1e-8;

/// A linear classifier of vectors of F numbers among C classes.
///
/// Fitted where `C Σ −log p(yᵢ | xᵢ) + ½‖W‖²` is lowest, as scikit-learn's LogisticRegression
/// says it: intercepts are free, two classes share one row of weights.
///
/// ```
/// use faer::mat;
/// use twindrop::eval::LogisticRegression;
///
/// let numbers = mat![[0.0, 1.0, 4.0, 5.0]]; // an example is a column
/// let fitted = LogisticRegression::fit(numbers.as_ref(), &[0, 0, 1, 1], 2, 1.0);
/// assert_eq!(fitted.predict(numbers.as_ref()), [0, 0, 1, 1]);
/// assert!(fitted.objective < 1.5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// `(C, F)`, or `(1, F)` of two classes: the logit of the second against the first.
    pub weights: Mat<f64>,
    /// One for each row of weights.
    pub intercepts: Vec<f64>,
    /// What the fit made lowest.
    pub objective: f64,
}

impl LogisticRegression {
    /// The fit of examples `(F, N)`, a column each, of `classes` classes; `c` is C above.
    ///
    /// # Panics
    /// If there is not one class below `classes` for each example, or `c` is not above 0.
    pub fn fit(examples: MatRef<'_, f64>, labels: &[u32], classes: usize, c: f64) -> Self {
        assert_eq!(examples.ncols(), labels.len(), "every example has a class");
        assert!(labels.iter().all(|&label| (label as usize) < classes), "classes are counted");
        assert!(c > 0. && c.is_finite(), "C is above 0");
        let (rows, features) = (if classes == 2 { 1 } else { classes }, examples.nrows());
        let count = labels.len().max(1) as f64;
        // the mean of the losses, so that a slope means the same for any number of examples
        let found = lowest(vec![0.; rows * (features + 1)], FLAT, |at| {
            let (loss, mut slope) = losses(examples, labels, at, rows);
            slope.iter_mut().for_each(|x| *x /= count);
            let weights = &at[..rows * features];
            let squares = weights.iter().map(|w| w * w).sum::<f64>();
            let decay = 1. / (c * count);
            slope.iter_mut().zip(weights).for_each(|(slope, w)| *slope += decay * w);
            (loss / count + decay * squares / 2., slope)
        });
        let (weights, intercepts) = found.at.split_at(rows * features);
        Self {
            weights: MatRef::from_column_major_slice(weights, rows, features).to_owned(),
            intercepts: intercepts.to_vec(),
            objective: found.value * c * count,
        }
    }

    /// The likeliest class of each column of `(F, N)`; of equally likely ones the first.
    ///
    /// # Panics
    /// If the examples have another number of features.
    pub fn predict(&self, examples: MatRef<'_, f64>) -> Vec<u32> {
        assert_eq!(self.weights.ncols(), examples.nrows(), "features are those of the fit");
        let classes = examples.par_col_chunks(CHUNK).map(|chunk| {
            let logits = logits(self.weights.as_ref(), &self.intercepts, chunk);
            (0..logits.ncols()).map(|i| likeliest(logits.col_as_slice(i))).collect::<Vec<_>>()
        });
        classes.collect::<Vec<_>>().concat()
    }
}

/// `Σ −log p(yᵢ | xᵢ)` at weights and then intercepts, and its slope.
fn losses(
    examples: MatRef<'_, f64>,
    labels: &[u32],
    at: &[f64],
    rows: usize,
) -> (f64, Vec<f64>) {
    let features = examples.nrows();
    let (weights, intercepts) = at.split_at(rows * features);
    let weights = MatRef::from_column_major_slice(weights, rows, features); // (C, F)
    let chunks = examples.par_col_chunks(CHUNK).zip(labels.par_chunks(CHUNK));
    let parts = chunks.map(|(chunk, labels)| {
        let mut residuals = logits(weights, intercepts, chunk); // (C, n)
        let columns = labels.iter().enumerate();
        let loss: f64 =
            columns.map(|(i, &y)| residual(residuals.col_as_slice_mut(i), y as usize)).sum();
        let mut slope = vec![0.; at.len()];
        let (of_weights, of_intercepts) = slope.split_at_mut(rows * features);
        let into = MatMut::from_column_major_slice_mut(of_weights, rows, features);
        matmul(into, Accum::Replace, &residuals, chunk.transpose(), 1., Par::Seq);
        for i in 0..residuals.ncols() {
            let column = residuals.col_as_slice(i).iter();
            of_intercepts.iter_mut().zip(column).for_each(|(sum, x)| *sum += x);
        }
        (loss, slope)
    });
    let parts: Vec<(f64, Vec<f64>)> = parts.collect();
    parts.into_iter().fold((0., vec![0.; at.len()]), |(sum, mut slope), (loss, part)| {
        slope.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        (sum + loss, slope)
    })
}

/// `W·x + b` of each column: `(C, F) × (F, n) → (C, n)`
fn logits(weights: MatRef<'_, f64>, intercepts: &[f64], chunk: MatRef<'_, f64>) -> Mat<f64> {
    let mut logits = Mat::from_fn(weights.nrows(), chunk.ncols(), |row, _| intercepts[row]);
    matmul(&mut logits, Accum::Add, weights, chunk, 1., Par::Seq);
    logits
}

/// `−log p(y)` of logits, which become its slope, `p − 1[y]`. A single logit is that of class 1
/// against 0.
fn residual(logits: &mut [f64], y: usize) -> f64 {
    if let [logit] = logits {
        let (target, z) = (y as f64, *logit);
        let small = (-z.abs()).exp();
        *logit = if z >= 0. { 1. / (1. + small) } else { small / (1. + small) } - target;
        return z.max(0.) + small.ln_1p() - target * z;
    }
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|z| (z - largest).exp()).sum();
    let loss = largest + sum.ln() - logits[y];
    logits.iter_mut().for_each(|z| *z = (*z - largest).exp() / sum);
    logits[y] -= 1.;
    loss
}

fn likeliest(logits: &[f64]) -> u32 {
    if let [logit] = logits {
        return u32::from(*logit > 0.);
    }
    let best =
        (0..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::RngKey;

    fn some(classes: usize) -> (Mat<f64>, Vec<u32>) {
        let mut draws = RngKey::new(classes as u64).rng();
        let labels: Vec<u32> = (0..600).map(|_| draws.below(classes) as u32).collect();
        let examples = Mat::from_fn(5, 600, |i, j| {
            draws.normal() + if labels[j] as usize % 5 == i { 1. } else { 0. }
        });
        (examples, labels)
    }

    #[test]
    fn slopes_are_those_of_the_loss() {
        for classes in [2, 3, 7] {
            let (examples, labels) = some(classes);
            let rows = if classes == 2 { 1 } else { classes };
            let at: Vec<f64> = (0..rows * 6).map(|i| (i as f64).sin()).collect();
            let (_, slope) = losses(examples.as_ref(), &labels, &at, rows);
            for (i, slope) in slope.iter().enumerate() {
                let loss = |by: f64| {
                    let mut at = at.clone();
                    at[i] += by;
                    losses(examples.as_ref(), &labels, &at, rows).0
                };
                let measured = (loss(1e-5) - loss(-1e-5)) / 2e-5;
                assert!(
                    (slope - measured).abs() < 1e-5 * (1. + slope.abs()),
                    "{i}: {measured}"
                );
            }
        }
    }

    #[test]
    fn a_fit_cannot_be_bettered_by_a_nudge() {
        let (examples, labels) = some(3);
        let fitted = LogisticRegression::fit(examples.as_ref(), &labels, 3, 2.);
        let objective = |nudge: f64, place: usize| {
            let mut at: Vec<f64> = (0..15).map(|i| fitted.weights[(i % 3, i / 3)]).collect();
            at.extend(&fitted.intercepts);
            at[place] += nudge;
            let squares: f64 = at[..15].iter().map(|w| w * w).sum();
            2. * losses(examples.as_ref(), &labels, &at, 3).0 + squares / 2.
        };
        assert!((objective(0., 0) - fitted.objective).abs() < 1e-9);
        for place in 0..18 {
            for nudge in [1e-3, -1e-3] {
                assert!(objective(nudge, place) > fitted.objective, "{place}");
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let (examples, labels) = some(3);
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| LogisticRegression::fit(examples.as_ref(), &labels, 3, 1.))
        };
        assert_eq!(fit(1), fit(3));
    }

    #[test]
    fn far_logits_neither_overflow_nor_lose_their_loss() {
        let mut far = [800.];
        assert_eq!((residual(&mut far, 0), far[0]), (800., 1.));
        let mut three = [800., -800., 0.];
        assert_eq!((residual(&mut three, 1), three), (1600., [1., -1., 0.]));
    }
}
