//! Several evaluators as one, and the metric that chooses the best model.

use std::sync::Arc;

use super::metrics::{Evaluator, Metrics, greater_is_better};
use crate::error::Result;
use crate::eval::stats::bootstrap::Bootstrap;
use crate::vectors::Embed;

/// Evaluators one after the other, as sentence-transformers' class of this name: each metric is
/// `{name of the evaluator}_{metric}`, and the primary one is the first's.
#[derive(Clone)]
pub struct SequentialEvaluator {
    name: String,
    evaluators: Vec<(String, Arc<dyn Evaluator>)>,
}

impl SequentialEvaluator {
    /// These evaluators. One whose name came before gets a number behind it.
    ///
    /// # Panics
    /// Without any.
    pub fn new(evaluators: Vec<Arc<dyn Evaluator>>) -> Self {
        assert!(!evaluators.is_empty(), "a sequence of evaluators has one");
        let mut named: Vec<(String, Arc<dyn Evaluator>)> = Vec::new();
        for evaluator in evaluators {
            let name = evaluator.name();
            let again = named.iter().filter(|(_, known)| known.name() == name).count();
            let name = if again == 0 { name.into() } else { format!("{name}-{}", again + 1) };
            named.push((name, evaluator));
        }
        let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
        Self { name: names.join(", "), evaluators: named }
    }
}

impl Evaluator for SequentialEvaluator {
    fn name(&self) -> &str {
        &self.name
    }

    fn primary_metric(&self) -> String {
        let (name, first) = &self.evaluators[0];
        format!("{name}_{}", first.primary_metric())
    }

    fn greater_is_better(&self) -> bool {
        self.evaluators[0].1.greater_is_better()
    }

    fn results_file(&self) -> String {
        "sequential_evaluation_results.csv".into()
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        let mut all = Metrics::default();
        for (number, (name, evaluator)) in self.evaluators.iter().enumerate() {
            let metrics = evaluator.evaluate(model, bootstrap)?;
            let figures = metrics.figures.into_iter();
            all.figures
                .extend(figures.map(|(metric, value)| (format!("{name}_{metric}"), value)));
            if number == 0 {
                all.geometry = metrics.geometry;
            }
        }
        Ok(all)
    }
}

/// An evaluator with another primary metric, named as Hugging Face's `metric_for_best_model`.
#[derive(Clone)]
pub struct BestMetric {
    evaluator: Arc<dyn Evaluator>,
    metric: String,
    greater: bool,
}

impl BestMetric {
    /// `metric` of `evaluator`, perhaps with `eval_` before it, in place of its own where given;
    /// whether a `higher` one is better is decided by its name where not said: lower for losses,
    /// errors and calibration errors.
    pub fn new(
        evaluator: Arc<dyn Evaluator>,
        metric: Option<&str>,
        higher: Option<bool>,
    ) -> Self {
        let own = || (evaluator.primary_metric(), evaluator.greater_is_better());
        let (metric, greater) = metric.map_or_else(own, |metric| {
            let metric = metric.strip_prefix("eval_").unwrap_or(metric);
            (metric.to_string(), greater_is_better(metric))
        });
        Self { greater: higher.unwrap_or(greater), evaluator, metric }
    }
}

impl Evaluator for BestMetric {
    fn name(&self) -> &str {
        self.evaluator.name()
    }

    fn primary_metric(&self) -> String {
        self.metric.clone()
    }

    fn greater_is_better(&self) -> bool {
        self.greater
    }

    fn results_file(&self) -> String {
        self.evaluator.results_file()
    }

    fn evaluate(&self, model: &dyn Embed, bootstrap: &Bootstrap) -> Result<Metrics> {
        self.evaluator.evaluate(model, bootstrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Embeddings;

    struct Nothing;

    impl Embed for Nothing {
        fn embed(&self, _: &[&str]) -> Result<Embeddings> {
            unreachable!("no evaluator asks")
        }
    }

    struct Fixed(&'static str, f64);

    impl Evaluator for Fixed {
        fn name(&self) -> &str {
            self.0
        }

        fn primary_metric(&self) -> String {
            "accuracy".into()
        }

        fn evaluate(&self, _: &dyn Embed, _: &Bootstrap) -> Result<Metrics> {
            Ok(Metrics::default().with("accuracy", self.1).with("log_loss", 1. - self.1))
        }
    }

    fn three() -> Arc<SequentialEvaluator> {
        let sets = [("rte", 0.5), ("mrpc", 0.75), ("rte", 0.25)];
        let sets = sets.map(|(name, value)| Arc::new(Fixed(name, value)) as Arc<dyn Evaluator>);
        Arc::new(SequentialEvaluator::new(sets.into()))
    }

    #[test]
    fn metrics_of_several_sets_carry_their_names() {
        let metrics = three().evaluate(&Nothing, &Bootstrap::NONE).unwrap();
        let names = metrics.figures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        let expected = ["rte_accuracy", "rte_log_loss", "mrpc_accuracy", "mrpc_log_loss"];
        assert_eq!(names[..4], expected);
        assert_eq!(metrics.get("rte-2_accuracy"), Some(0.25));
        assert_eq!(three().score(&Nothing).unwrap(), Some(0.5));
    }

    #[test]
    fn the_best_metric_is_any_of_them_and_an_unknown_one_is_told() {
        let best = BestMetric::new(three(), Some("eval_mrpc_log_loss"), None);
        assert_eq!(best.score(&Nothing).unwrap(), Some(0.25));
        assert!(!best.greater_is_better() && three().greater_is_better());
        assert!(
            BestMetric::new(three(), Some("mrpc_log_loss"), Some(true)).greater_is_better()
        );
        let unknown = BestMetric::new(three(), Some("mrr"), None).score(&Nothing);
        let message = unknown.unwrap_err().to_string();
        assert!(
            message.starts_with("metric `mrr` is unknown: use one of rte_accuracy, "),
            "{message}"
        );
    }
}
