//! A run as Hugging Face's tools read it, made of its log: `trainer_state.json`, and the
//! evaluations as a table.

use super::event::{EvaluationEvent, Event, StepEvent};
use crate::error::Result;
use crate::io;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The file of the whole run, in its output directory.
const STATE: &str = "trainer_state.json";
/// The folder of evaluations, as sentence-transformers calls it.
const EVALUATIONS: &str = "eval";
/// The most means of steps that are kept; beyond it, two are merged.
const MOST: usize = 512;

/// Steps in a row: the mean of their losses, and the rest as it was at the last of them.
#[derive(Debug, Clone, PartialEq)]
struct Mean {
    last: u64,
    count: u64,
    loss: f64,
    grad_norm: f64,
    learning_rate: f64,
}

/// An evaluation; metrics that are undefined have no value.
#[derive(Debug, Clone, PartialEq)]
struct EvaluationRow {
    step: u64,
    metrics: BTreeMap<String, Option<f64>>,
}

/// What was logged so far. A function of the log alone, so a run that was stopped and one that
/// was not tell the same.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct History {
    /// Steps of one mean: a power of two.
    window: u64,
    means: Vec<Mean>,
    evaluations: Vec<EvaluationRow>,
    best: Option<(f64, u64)>,
    last: u64,
}

/// What the log does not say, as functions of the curriculum.
pub(in crate::train) struct TrainingState<'a> {
    /// Steps of the whole curriculum.
    pub steps: u64,
    /// Steps between evaluations.
    pub eval_steps: u64,
    /// Epochs after so many steps.
    pub epochs: &'a dyn Fn(u64) -> f64,
    /// The file of evaluations, if there is a development set.
    pub results_file: Option<&'a str>,
}

impl Default for History {
    fn default() -> Self {
        Self { window: 1, means: Vec::new(), evaluations: Vec::new(), best: None, last: 0 }
    }
}

impl History {
    /// Takes one line of the log; one that is cut short says nothing.
    pub fn add(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(Event::Step(step)) => self.step(&step),
            Ok(Event::Evaluated(evaluation)) => {
                let EvaluationEvent { step, score, metrics, best, .. } = evaluation;
                self.evaluations.push(EvaluationRow { step, metrics });
                if let Some(score) = score.filter(|_| best) {
                    self.best = Some((score, step));
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, event: &StepEvent) {
        self.last = event.step;
        if event.skipped || !event.is_finite() {
            return; // nothing was learnt in it
        }
        let &StepEvent { step, loss, grad_norm, learning_rate, .. } = event;
        let own = Mean { last: step, count: 1, loss, grad_norm, learning_rate };
        match self.means.last_mut() {
            Some(mean)
                if self.window > 1 && place(mean, self.window) == place(&own, self.window) =>
            {
                mean.join(&own);
            }
            _ => self.means.push(own),
        }
        if self.means.len() > MOST {
            self.widen();
        }
    }

    /// Whether the last step changed the model: its loss and gradient were finite.
    pub fn ends_finite(&self) -> bool {
        self.last == 0 || self.means.last().is_some_and(|mean| mean.last == self.last)
    }

    /// Two windows become one.
    fn widen(&mut self) {
        self.window *= 2;
        let mut wider: Vec<Mean> = Vec::with_capacity(MOST);
        for mean in std::mem::take(&mut self.means) {
            match wider.last_mut() {
                Some(last) if place(last, self.window) == place(&mean, self.window) => {
                    last.join(&mean);
                }
                _ => wider.push(mean),
            }
        }
        self.means = wider;
    }

    /// Writes the files into the output directory of the run.
    ///
    /// # Errors
    /// Where one cannot be written; the older one is then untouched.
    pub fn write(&self, output: &Path, state: &TrainingState) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.state(state)).unwrap_or_default() + "\n";
        io::replace_with(&output.join(STATE), text)?;
        let Some(file) = state.results_file.filter(|_| !self.evaluations.is_empty()) else {
            return Ok(());
        };
        let folder = output.join(EVALUATIONS);
        io::make_directory(&folder)?;
        io::replace_with(&folder.join(file), self.table(state))
    }

    /// The keys that every version of transformers knows, sorted as it sorts them. The best model
    /// is in the directory of the file itself.
    fn state(&self, state: &TrainingState) -> Value {
        json!({
            "best_metric": self.best.map(|(score, _)| score),
            "best_model_checkpoint": self.best.map(|_| "."),
            "epoch": (state.epochs)(self.last),
            "eval_steps": state.eval_steps,
            "global_step": self.last,
            "is_hyper_param_search": false,
            "is_local_process_zero": true,
            "is_world_process_zero": true,
            "log_history": self.entries(state),
            "logging_steps": self.window,
            "max_steps": state.steps,
            "num_train_epochs": (state.epochs)(state.steps).ceil() as u64,
            "total_flos": 0,
            "trial_name": null,
            "trial_params": null,
        })
    }

    /// Means and evaluations in the order of their steps.
    fn entries(&self, state: &TrainingState) -> Vec<Value> {
        let trained = self.means.iter().map(|mean| {
            let entry = json!({
                "epoch": (state.epochs)(mean.last),
                "grad_norm": mean.grad_norm,
                "learning_rate": mean.learning_rate,
                "loss": mean.loss / mean.count as f64,
                "step": mean.last,
            });
            (mean.last, entry)
        });
        let evaluated = self.evaluations.iter().map(|evaluation| {
            let mut entry = Map::new();
            entry.insert("epoch".into(), (state.epochs)(evaluation.step).into());
            let metrics = evaluation.metrics.iter();
            entry.extend(metrics.map(|(name, value)| (format!("eval_{name}"), json!(value))));
            entry.insert("step".into(), evaluation.step.into());
            (evaluation.step, entry.into())
        });
        let mut entries: Vec<(u64, Value)> = trained.chain(evaluated).collect();
        entries.sort_by_key(|(step, _)| *step); // stable: a step comes before its evaluation
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// `epoch,steps,` and a column for each metric; undefined metrics are empty.
    fn table(&self, state: &TrainingState) -> String {
        let first = self.evaluations.first().into_iter().flat_map(|row| row.metrics.keys());
        let names: Vec<&String> = first.collect();
        let mut table = String::from("epoch,steps");
        names.iter().for_each(|name| table += &format!(",{}", column(name)));
        for EvaluationRow { step, metrics } in &self.evaluations {
            table += &format!("\n{},{step}", (state.epochs)(*step));
            for name in &names {
                let value = metrics.get(*name).copied().flatten();
                table += &value.map_or(",".into(), |value| format!(",{value}"));
            }
        }
        table + "\n"
    }
}

/// The column of a metric: sentence-transformers calls that of `spearman_cosine`
/// `cosine_spearman`.
fn column(metric: &str) -> String {
    match metric.split_once('_') {
        Some((correlation @ ("pearson" | "spearman"), similarity)) => {
            format!("{similarity}_{correlation}")
        }
        _ => metric.into(),
    }
}

/// Which window a mean lies in.
fn place(mean: &Mean, window: u64) -> u64 {
    mean.last.saturating_sub(1) / window
}

impl Mean {
    fn join(&mut self, later: &Self) {
        let (loss, count) = (self.loss + later.loss, self.count + later.count);
        *self = Self { loss, count, ..later.clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, loss: f64) -> String {
        let mut event = StepEvent::begin("mse".into(), step, 0.1);
        (event.loss, event.grad_norm) = (loss, 1.);
        serde_json::to_string(&Event::Step(event)).unwrap()
    }

    fn of(lines: impl IntoIterator<Item = String>) -> History {
        let mut history = History::default();
        lines.into_iter().for_each(|line| history.add(&line));
        history
    }

    const COURSE: TrainingState = TrainingState {
        steps: 2_000,
        eval_steps: 10,
        epochs: &|steps| steps as f64 / 100.,
        results_file: Some("dev.csv"),
    };

    #[test]
    fn a_long_run_is_told_in_means_of_as_many_steps_each() {
        let history = of((1..=2_000).map(|n| step(n, n as f64)));
        assert_eq!((history.window, history.means.len()), (4, 500));
        let entries = history.entries(&COURSE);
        assert_eq!((&entries[0]["loss"], &entries[0]["step"]), (&json!(2.5), &json!(4)));
        assert_eq!(entries[499]["loss"], json!(1998.5));
        let short = of((1..=512).map(|n| step(n, n as f64)));
        assert_eq!((short.window, short.means.len()), (1, 512));
    }

    #[test]
    fn a_step_that_taught_nothing_is_in_no_mean() {
        let history = of([step(1, 1.), step(2, f64::NAN), step(3, 3.)]);
        let losses: Vec<f64> = history.means.iter().map(|mean| mean.loss).collect();
        assert_eq!((losses, history.last), (vec![1., 3.], 3));
        assert!(history.ends_finite() && of([]).ends_finite());
        assert!(!of([step(1, 1.), step(2, f64::NAN)]).ends_finite());
    }

    #[test]
    fn the_last_best_evaluation_is_the_best_and_undefined_figures_are_empty() {
        let evaluated = |step: u64, score: Option<f64>, best: bool| {
            json!({"event": "evaluated", "step": step, "dev": "dev", "metric": "spearman_cosine",
                   "score": score, "best": best,
                   "metrics": {"spearman_cosine": score, "pearson_cosine": score}})
            .to_string()
        };
        let lines = [
            evaluated(10, Some(0.5), true),
            evaluated(20, Some(0.25), false),
            evaluated(30, None, false),
        ];
        let history = of(lines);
        let state = history.state(&COURSE);
        assert_eq!(
            (&state["best_metric"], &state["best_model_checkpoint"]),
            (&json!(0.5), &json!("."))
        );
        let table = "epoch,steps,cosine_pearson,cosine_spearman\n\
                     0.1,10,0.5,0.5\n0.2,20,0.25,0.25\n0.3,30,,\n";
        assert_eq!(history.table(&COURSE), table);
    }

    #[test]
    fn a_line_cut_short_says_nothing() {
        let history = of([step(1, 1.), step(2, 2.)[..20].into(), String::new()]);
        assert_eq!((history.last, history.means.len()), (1, 1));
    }
}
