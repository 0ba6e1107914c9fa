//! A ranked list and what answers the query → the figures of that query.

/// The families of figures, under sentence-transformers' names.
pub(in crate::eval) const FAMILIES: [&str; 6] =
    ["accuracy", "precision", "recall", "ndcg", "mrr", "map"];

/// Family by family and cutoff by cutoff, of the documents found, best first: `gains` says how
/// well each answers the query, 0 if it does not; `ideal` how well each document does that does,
/// the best first (at least one). With `hits` the number of gains above 0 among the first k:
///
/// - accuracy: whether `hits > 0`
/// - precision: `hits / k`
/// - recall: `hits / |ideal|`
/// - ndcg: `Σ gainᵢ/log₂(i + 1)` over the first k, by the same of `ideal`
/// - mrr: `1 / i` of the first hit
/// - map: `Σ (hits among the first i) / i` over hits i, by `min(k, |ideal|)`
pub(in crate::eval) fn figures(gains: &[f64], ideal: &[f64], cutoffs: &[usize]) -> Vec<f64> {
    let mut figures = vec![0.; FAMILIES.len() * cutoffs.len()];
    for (nth, &k) in cutoffs.iter().enumerate() {
        let (mut hits, mut reciprocal, mut precisions) = (0., 0., 0.);
        for (place, _) in gains.iter().take(k).enumerate().filter(|(_, gain)| **gain > 0.) {
            let rank = (place + 1) as f64;
            hits += 1.;
            precisions += hits / rank;
            if reciprocal == 0. {
                reciprocal = 1. / rank;
            }
        }
        let answers = ideal.len() as f64;
        let found = [
            f64::from(hits > 0.),
            hits / k as f64,
            hits / answers,
            discounted(gains, k) / discounted(ideal, k),
            reciprocal,
            precisions / answers.min(k as f64),
        ];
        for (family, value) in found.into_iter().enumerate() {
            figures[family * cutoffs.len() + nth] = value;
        }
    }
    figures
}

/// `Σ gainᵢ/log₂(i + 1)` over the first `k`, i from 1
fn discounted(gains: &[f64], k: usize) -> f64 {
    let ranked = gains.iter().take(k).enumerate();
    ranked.map(|(place, gain)| gain / (place as f64 + 2.).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_hand_computed_ones() {
        let found = figures(&[0., 1., 0., 3.], &[3., 1., 1.], &[1, 3, 10]);
        let (third, log3, log5) = (1. / 3., 3_f64.log2(), 5_f64.log2());
        let ideal = 3. + 1. / log3 + 0.5;
        let expected = [
            [0., 1., 1.],
            [0., third, 0.2],
            [0., third, 2. * third],
            [0., 1. / log3 / ideal, (1. / log3 + 3. / log5) / ideal],
            [0., 0.5, 0.5],
            [0., 0.5 * third, (0.5 + 0.5) * third],
        ];
        for (found, expected) in found.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-15, "{found} is not {expected}");
        }
    }

    #[test]
    fn a_perfect_list_has_the_highest_figures() {
        let found = figures(&[2., 1.], &[2., 1.], &[2, 5]);
        assert_eq!(found, [1., 1., 1., 0.4, 1., 1., 1., 1., 1., 1., 1., 1.]);
    }
}
