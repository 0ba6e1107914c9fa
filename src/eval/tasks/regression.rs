//! Metrics of predicted scores against gold ones.

use crate::error::{Error, Result};
use crate::eval::metric_id::Correlation;
use crate::eval::metrics::Metrics;
use crate::eval::stats::bootstrap::Bootstrap;
use crate::eval::stats::correlation::{pearson, spearman};
use crate::eval::stats::redraw::{mean, redraw};
use crate::eval::stats::resample::Resampler;
use crate::eval::undefined::Undefined;

/// What a regression is worth on N examples: how its *predictions* agree with gold scores.
///
/// ```
/// use twindrop::eval::RegressionMetrics;
///
/// let found = RegressionMetrics::of(&[0.1, 0.5, 0.6], &[0.0, 0.5, 1.0])?;
/// assert_eq!(found.spearman, Some(1.0));
/// assert!((found.mse - (0.01 + 0.16) / 3.0).abs() < 1e-12);
/// # Ok::<(), twindrop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RegressionMetrics {
    /// Pearson's r; none where [undefined](Undefined).
    pub pearson: Option<f64>,
    /// Spearman's ρ; none where [undefined](Undefined).
    pub spearman: Option<f64>,
    /// `Σ (prediction − gold)² / N`, in the unit of the gold scores.
    pub mse: f64,
    predictions: Vec<f64>,
    gold: Vec<f64>,
}

impl RegressionMetrics {
    /// The names of its metrics, in the order they are reported.
    pub const NAMES: [&'static str; 3] = ["pearson", "spearman", "mse"];

    /// The metrics of `predictions`, (N), for `gold` scores, (N).
    ///
    /// # Errors
    /// Where there is no example, or the sizes disagree.
    pub fn of(predictions: &[f64], gold: &[f64]) -> Result<Self> {
        if gold.is_empty() || predictions.len() != gold.len() {
            let message =
                format!("{} predictions for {} scores", predictions.len(), gold.len());
            return Err(Error::config(message + ": expected as many, and at least one"));
        }
        Ok(Self {
            pearson: pearson(gold, predictions),
            spearman: spearman(gold, predictions),
            mse: mean(&squares(predictions, gold), None),
            predictions: predictions.to_vec(),
            gold: gold.to_vec(),
        })
    }

    /// The prediction for each example.
    pub fn predictions(&self) -> &[f64] {
        &self.predictions
    }

    /// The gold score of each example.
    pub fn gold(&self) -> &[f64] {
        &self.gold
    }

    /// All metrics by name, each with its interval over draws of the examples.
    pub fn metrics(&self, bootstrap: &Bootstrap) -> Metrics {
        let both = [Correlation::Pearson, Correlation::Spearman];
        let resampler = Resampler::new(&self.gold, &[&self.predictions], &both);
        let draws = resampler.draws(bootstrap.key("resample"), bootstrap.draws);
        let reason = || reason(&self.gold, &self.predictions);
        let mut metrics = Metrics::of(&[("examples", self.gold.len())]);
        for ((name, value), draws) in
            Self::NAMES.into_iter().zip([self.pearson, self.spearman]).zip(&draws)
        {
            metrics.push(name.into(), value.ok_or_else(reason), draws, bootstrap);
        }
        let squares = squares(&self.predictions, &self.gold);
        let draws = redraw(bootstrap, squares.len(), 1, |counts, row| {
            row[0] = mean(&squares, Some(counts));
        });
        let mse = if self.mse.is_nan() {
            Err("a prediction is not finite".into())
        } else {
            Ok(self.mse)
        };
        metrics.push("mse".into(), mse, &draws[0], bootstrap);
        metrics
    }
}

/// Why predictions have no correlation with gold scores.
fn reason(gold: &[f64], predictions: &[f64]) -> String {
    match Undefined::of(gold, predictions) {
        Some(Undefined::TooFew(few)) => {
            format!("{few} examples; a correlation needs at least 2")
        }
        Some(Undefined::NotFinite) => "a prediction is not finite".into(),
        Some(Undefined::Constant) => "all predictions are equal".into(),
        Some(other) => other.to_string(),
        None => "not a number".into(),
    }
}

fn squares(predictions: &[f64], gold: &[f64]) -> Vec<f64> {
    predictions.iter().zip(gold).map(|(x, y)| (x - y) * (x - y)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_predictions_have_an_error_and_no_correlation() {
        let found = RegressionMetrics::of(&[0.5; 3], &[0., 0.5, 1.]).unwrap();
        let metrics = found.metrics(&Bootstrap { draws: 20, ..Bootstrap::default() });
        let undefined: Vec<(&str, &str)> = metrics.undefined().collect();
        let reason = "all predictions are equal";
        assert_eq!(undefined, [("pearson", reason), ("spearman", reason)]);
        assert!((metrics.get("mse").unwrap() - 1. / 6.).abs() < 1e-15);
        assert!(RegressionMetrics::of(&[], &[]).is_err());
        assert!(RegressionMetrics::of(&[1.], &[1., 2.]).is_err());
    }

    #[test]
    fn intervals_hold_their_metrics() {
        let gold: Vec<f64> = (0..50).map(f64::from).collect();
        let predictions: Vec<f64> = gold.iter().map(|x| x + 9. * (7. * x).sin()).collect();
        let found = RegressionMetrics::of(&predictions, &gold).unwrap();
        for (name, one) in
            found.metrics(&Bootstrap { draws: 200, ..Bootstrap::default() }).figures
        {
            let (value, interval) = (one.value.unwrap(), one.interval.unwrap());
            assert!(interval.low < value && value < interval.high, "{name}: {interval:?}");
        }
    }
}
