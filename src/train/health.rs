//! Training problems that raise no error: three symptoms in the numbers of a run, each reported once.

use super::StepEvent;
use crate::eval::Geometry;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Evaluations in a row that must fall.
const FALLS: usize = 3;

/// What they must fall by together: less is how a finished run trembles.
const FALL: f64 = 0.005;

/// A mean cosine above this is a collapse …
const NARROW: f64 = 0.99;

/// … and so is an effective rank below this, or below [`SHARE`] of the highest seen.
const FLAT: f64 = 2.;

/// See [`FLAT`].
const SHARE: f64 = 0.02;

/// Steps of an objective in which its agreement is looked at.
const FIRST: u64 = 10;

/// Terms that measure how far two passes disagree.
const AGREEMENTS: [&str; 3] = ["kl", "agreement", "js"];

/// Hears the numbers of a run, and answers with a sentence where they show that
///
/// - a batch has no loss at all, so nothing is learnt from it;
/// - two passes agree at once, so their agreement teaches nothing;
/// - the vectors collapse to a point or a line;
/// - the loss falls, and Spearman's ρ on dev with it.
///
/// Takes numbers and returns messages; touches no model and no disk.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HealthMonitor {
    /// By number of the task.
    objectives: Vec<ObjectiveLosses>,
    descent: Option<Descent>,
    /// The highest effective rank so far.
    highest_rank: f64,
    reported: Reported,
}

/// What was reported already.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Reported {
    agreement: bool,
    collapse: bool,
    astray: bool,
    #[serde(default)]
    zero_loss: bool,
}

/// The steps of one objective.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ObjectiveLosses {
    name: String,
    steps: u64,
    /// Of the losses since the last evaluation.
    sum: f64,
    count: u64,
}

/// Evaluations in a row, each below the one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Descent {
    /// ρ of the first.
    top: f64,
    /// ρ of the last.
    bottom: f64,
    /// Evaluations after the first.
    falls: usize,
    /// The mean loss of each objective up to the first, by number of the task.
    losses: Vec<Option<f64>>,
}

impl HealthMonitor {
    /// Takes a step of the task with this number.
    pub fn step(&mut self, task: usize, event: &StepEvent) -> Option<String> {
        if self.objectives.len() <= task {
            self.objectives.resize_with(task + 1, ObjectiveLosses::default);
        }
        let objective = &mut self.objectives[task];
        objective.name.clone_from(&event.objective);
        objective.steps += 1;
        objective.sum += event.loss;
        objective.count += 1;
        if event.loss == 0. && !std::mem::replace(&mut self.reported.zero_loss, true) {
            return Some(zero_loss(&event.objective));
        }
        if self.reported.agreement || objective.steps > FIRST {
            return None;
        }
        let zero = |term: &&(Cow<str>, f64)| {
            AGREEMENTS.contains(&&*term.0) && is_zero(term.1, event.loss)
        };
        let (name, value) = event.terms.iter().find(zero)?;
        self.reported.agreement = true;
        Some(format!(
            "{name} of {} is {} with a loss of {}: the two forward passes give the same output; \
             enable dropout in both views (--view1 dropout=0.1 --view2 dropout=0.1), or start \
             from a model whose config.json has dropout",
            event.objective,
            short(*value),
            short(event.loss)
        ))
    }

    /// Takes an evaluation: the value of `metric`, and the geometry where it is known.
    pub fn evaluation(
        &mut self,
        metric: &str,
        score: Option<f64>,
        geometry: Option<&Geometry>,
    ) -> Vec<String> {
        let losses = self.objectives.iter_mut().map(ObjectiveLosses::mean).collect();
        let collapse = geometry.and_then(|geometry| self.collapse(geometry));
        let found = [collapse, self.astray(metric, score, losses)];
        found.into_iter().flatten().collect()
    }

    /// Whether the vectors lie in a corner.
    fn collapse(&mut self, geometry: &Geometry) -> Option<String> {
        let highest = self.highest_rank;
        self.highest_rank = geometry.effective_rank.map_or(highest, |rank| rank.max(highest));
        let cosine = geometry.mean_cosine.filter(|&cosine| cosine > NARROW);
        let rank = geometry.effective_rank.filter(|&rank| rank < FLAT.max(SHARE * highest));
        if self.reported.collapse || (cosine.is_none() && rank.is_none()) {
            return None;
        }
        self.reported.collapse = true;
        let cosine = cosine
            .map(|c| format!("the mean cosine similarity of random dev sentences is {c:.4}"));
        let rank = rank.map(|rank| match highest > 0. {
            true => {
                format!("the effective rank on dev is {rank:.1}, down from {highest:.1}")
            }
            false => format!("the effective rank on dev is {rank:.1}"),
        });
        let signs: Vec<_> = cosine.into_iter().chain(rank).collect();
        Some(format!(
            "{}: representation collapse, all embeddings are nearly the same; lower the learning \
             rate, or add a contrastive objective (simcse, consert)",
            signs.join(" and ")
        ))
    }

    /// Whether the loss fell while the metric fell at each of the last evaluations. `losses` are
    /// the means since the evaluation before.
    fn astray(
        &mut self,
        metric: &str,
        score: Option<f64>,
        losses: Vec<Option<f64>>,
    ) -> Option<String> {
        let score = score.filter(|score| !score.is_nan());
        let descent = match (self.descent.take(), score) {
            (_, None) => return None,
            (Some(descent), Some(bottom)) if bottom < descent.bottom => {
                let falls = descent.falls + 1;
                self.descent.insert(Descent { bottom, falls, ..descent })
            }
            (_, Some(top)) => {
                self.descent = Some(Descent { top, bottom: top, falls: 0, losses });
                return None;
            }
        };
        let &mut Descent { top, bottom, falls, .. } = descent;
        if self.reported.astray || falls < FALLS || top - bottom < FALL {
            return None;
        }
        let both = descent.losses.iter().zip(losses).zip(&self.objectives);
        let both = both.filter_map(|((before, after), objective)| {
            Some((objective.name.as_str(), (*before)?, after?))
        });
        let losses: Vec<(&str, f64, f64)> = both.collect();
        if losses.is_empty() || losses.iter().any(|(_, before, after)| after >= before) {
            return None;
        }
        let changes = losses.iter().map(|(name, before, after)| {
            let (before, after) = (short(*before), short(*after));
            format!("the mean loss of {name} fell from {before} to {after}")
        });
        let changes = changes.collect::<Vec<_>>().join(" and ");
        let (top, bottom) = (100. * top, 100. * bottom);
        self.reported.astray = true;
        Some(format!(
            "{metric} × 100 on dev fell {falls} times in a row, from {top:.2} to \
             {bottom:.2}, while {changes}: overfitting, or an objective that does not match dev; stop earlier \
             (--early-stopping-patience), lower the learning rate, or change the objective"
        ))
    }
}

impl ObjectiveLosses {
    /// The mean loss since the last call.
    fn mean(&mut self) -> Option<f64> {
        let mean = (self.count > 0).then(|| self.sum / self.count as f64);
        (self.sum, self.count) = (0., 0);
        mean
    }
}

/// Why a batch may have no loss: that is no fault of the model.
fn zero_loss(objective: &str) -> String {
    let name = objective.to_ascii_lowercase();
    let why = if name.contains("cosent") || name.contains("angle") {
        "no two of its pairs that differ in score, or all in order with a wide margin"
    } else if name.contains("triplet") {
        "every triplet keeps its margin"
    } else if name.contains("contrastive") {
        "every pair is on its side of the margin"
    } else {
        "its examples are classified with certainty already"
    };
    format!(
        "the loss of {objective} is exactly 0 on this batch ({why}): nothing is learnt from it; \
         larger batches or harder examples have a loss more often"
    )
}

/// Whether a term is nothing beside its loss. Absolutely it is so only by the rounding of f64:
/// where a batch is classified with certainty, loss and agreement are both small.
fn is_zero(term: f64, loss: f64) -> bool {
    term.abs() <= 1e-7 * loss.abs() || term.abs() <= 1e-14
}

/// A loss in few digits: `0.4121`, `6.5e-6`.
fn short(loss: f64) -> String {
    if loss == 0. {
        "0".into()
    } else if loss.abs() < 1e-3 {
        format!("{loss:.1e}")
    } else {
        format!("{loss:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: u64, loss: f64, terms: &[(&'static str, f64)]) -> StepEvent {
        let terms = terms.iter().map(|&(name, value)| (name.into(), value)).collect();
        StepEvent {
            step,
            epoch: 0.,
            objective: "R-Drop over scores".into(),
            loss,
            terms,
            learning_rate: 1e-3,
            grad_norm: 1.,
            sentences: 0,
            tokens: 0,
            forward_passes: 2,
            skipped: false,
            seconds: 0.,
        }
    }

    const HEALTHY: Geometry = Geometry {
        alignment: Some(0.3),
        uniformity: Some(-2.),
        mean_cosine: Some(0.2),
        effective_rank: Some(100.),
    };

    /// The warnings after losses of the tasks 0, 1, … and ρ after each round of them.
    fn warnings_of(rounds: &[(&[f64], f64)]) -> Vec<String> {
        let (mut monitor, mut warnings) = (HealthMonitor::default(), Vec::new());
        for (round, (losses, spearman)) in rounds.iter().enumerate() {
            for (task, &loss) in losses.iter().enumerate().filter(|(_, loss)| !loss.is_nan()) {
                warnings.extend(monitor.step(task, &event(round as u64, loss, &[("kl", 0.1)])));
            }
            warnings.extend(monitor.evaluation(
                "spearman_cosine",
                Some(*spearman),
                Some(&HEALTHY),
            ));
        }
        warnings
    }

    #[test]
    fn three_falls_of_dev_under_a_falling_loss_are_told_once() {
        let rounds: [(&[f64], f64); 7] = [
            (&[0.9], 0.70),
            (&[0.7], 0.75),
            (&[0.6], 0.74),
            (&[0.65], 0.72), // the loss may tremble between
            (&[0.4], 0.71),
            (&[0.3], 0.70),
            (&[0.2], 0.60),
        ];
        assert!(warnings_of(&rounds[..4]).is_empty());
        let warnings = warnings_of(&rounds);
        let [sentence] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(
            sentence.starts_with(
                "spearman_cosine × 100 on dev fell 3 times in a row, from 75.00 to 71.00, \
                 while the mean loss of R-Drop over scores fell from 0.7000 to 0.4000: "
            ),
            "{sentence}"
        );
    }

    #[test]
    fn a_loss_is_compared_with_its_own_objective() {
        // two tasks in turn: each falls, though their mean over all steps rises
        let falling: [(&[f64], f64); 4] =
            [(&[0.2, 3.], 0.8), (&[0.2, 3.], 0.7), (&[0.1], 0.6), (&[0.1, 2.9], 0.5)];
        let warnings = warnings_of(&falling);
        assert!(
            warnings.len() == 1 && warnings[0].contains("from 0.2000 to 0.1000 and the"),
            "{warnings:?}"
        );
        // one of the two does not
        let mixed: [(&[f64], f64); 4] =
            [(&[0.2, 3.], 0.8), (&[0.2, 3.], 0.7), (&[0.1, 3.], 0.6), (&[0.1, 3.1], 0.5)];
        assert!(warnings_of(&mixed).is_empty());
        // another stage: no objective has a loss before and after
        let staged: [(&[f64], f64); 4] =
            [(&[9.], 0.8), (&[8.], 0.7), (&[7.], 0.6), (&[f64::NAN, 1.], 0.5)];
        assert!(warnings_of(&staged).is_empty());
    }

    #[test]
    fn a_healthy_curve_is_left_alone() {
        let rising = (0..20).map(|i| 0.5 + f64::from(i) / 50.);
        let trembling = (0..20).map(|i| 0.85 - f64::from(i % 3) / 100.);
        let finished = (0..20).map(|i| 0.85 - f64::from(i) / 1e4);
        for curve in [rising.collect::<Vec<f64>>(), trembling.collect(), finished.collect()] {
            let losses: Vec<[f64; 1]> = (0..20).map(|i| [1. / f64::from(i + 1)]).collect();
            let rounds: Vec<(&[f64], f64)> =
                losses.iter().map(|l| &l[..]).zip(curve.iter().copied()).collect();
            assert_eq!(warnings_of(&rounds), [""; 0], "{curve:?}");
        }
        // dev falls, but so does nothing else: the loss says so itself
        let rising_loss: [(&[f64], f64); 4] =
            [(&[0.2], 0.8), (&[0.3], 0.7), (&[0.4], 0.6), (&[0.5], 0.5)];
        assert!(warnings_of(&rising_loss).is_empty());
    }

    #[test]
    fn a_slow_descent_is_told_when_it_has_gone_far_enough() {
        let losses: Vec<[f64; 1]> = (0..9).map(|i| [1. / f64::from(i + 1)]).collect();
        let scores = (0..9).map(|i| 0.85 - f64::from(i) / 1e3);
        let rounds: Vec<(&[f64], f64)> = losses.iter().map(|l| &l[..]).zip(scores).collect();
        assert!(warnings_of(&rounds[..5]).is_empty());
        let warnings = warnings_of(&rounds);
        assert!(
            warnings.len() == 1 && warnings[0].contains(" in a row, from 85.00 to 84."),
            "{warnings:?}"
        );
    }

    #[test]
    fn an_undefined_score_ends_a_row_of_falls() {
        let mut monitor = HealthMonitor::default();
        for (round, score) in
            [Some(0.8), Some(0.7), None, Some(0.6), Some(0.5)].iter().enumerate()
        {
            monitor.step(0, &event(1, 1. / (round + 1) as f64, &[]));
            assert!(monitor.evaluation("spearman_cosine", *score, Some(&HEALTHY)).is_empty());
        }
    }

    #[test]
    fn a_collapse_is_told_once_with_its_numbers() {
        let mut monitor = HealthMonitor::default();
        assert!(monitor.evaluation("spearman_cosine", None, Some(&HEALTHY)).is_empty());
        let narrow = Geometry { mean_cosine: Some(0.9951), ..HEALTHY };
        let warnings = monitor.evaluation("spearman_cosine", None, Some(&narrow));
        let start = "the mean cosine similarity of random dev sentences is 0.9951: representation collapse";
        assert!(warnings.len() == 1 && warnings[0].starts_with(start), "{warnings:?}");
        let flat = Geometry { effective_rank: Some(1.), ..narrow };
        assert!(monitor.evaluation("spearman_cosine", None, Some(&flat)).is_empty());
    }

    #[test]
    fn a_rank_collapses_below_two_and_below_its_share() {
        let geometry = |rank| Geometry { effective_rank: Some(rank), ..HEALTHY };
        let warnings = |ranks: &[f64]| {
            let mut monitor = HealthMonitor::default();
            let warnings = ranks
                .iter()
                .flat_map(|&r| monitor.evaluation("spearman_cosine", None, Some(&geometry(r))));
            warnings.collect::<Vec<_>>()
        };
        assert!(warnings(&[2.1, 2.1, 90., 2.1]).is_empty());
        let start = "the effective rank on dev is 1.9: ";
        assert!(warnings(&[1.9, 1.9])[0].starts_with(start));
        let start = "the effective rank on dev is 9.9, down from 500.0: ";
        assert!(warnings(&[500., 300., 9.9])[0].starts_with(start));
        assert!(warnings(&[500., 10.1]).is_empty());
        let undefined = Geometry::default();
        assert!(HealthMonitor::default().evaluation("ap", None, Some(&undefined)).is_empty());
    }

    #[test]
    fn an_agreement_of_zero_is_told_once_and_only_early() {
        for term in AGREEMENTS {
            let mut monitor = HealthMonitor::default();
            assert_eq!(monitor.step(0, &event(1, 0.5, &[("ce", 0.5), (term, 1e-3)])), None);
            let warnings = monitor.step(1, &event(2, 0.5, &[("ce", 0.5), (term, 4e-8)]));
            let start = format!(
                "{term} of R-Drop over scores is 4.0e-8 with a loss of 0.5000: the two \
                 forward passes give the same output; "
            );
            assert!(warnings.is_some_and(|warnings| warnings.starts_with(&start)));
            assert_eq!(monitor.step(1, &event(3, 0.5, &[(term, 0.)])), None);
        }
        let mut monitor = HealthMonitor::default();
        for step in 1..=FIRST {
            assert_eq!(monitor.step(0, &event(step, 0.5, &[("kl", 1e-3)])), None);
        }
        // later it has been learnt
        assert_eq!(monitor.step(0, &event(FIRST + 1, 0.5, &[("kl", 0.)])), None);
        // but another objective is at its first step then
        assert!(monitor.step(1, &event(FIRST + 2, 0.5, &[("kl", 0.)])).is_some());
    }

    #[test]
    fn a_batch_without_a_loss_is_told_once_with_the_reason() {
        let mut monitor = HealthMonitor::default();
        let zero = StepEvent { objective: "CoSENT".into(), ..event(1, 0., &[]) };
        let warnings = monitor.step(0, &zero).unwrap();
        assert!(
            warnings.starts_with(
                "the loss of CoSENT is exactly 0 on this batch (no two of its pairs"
            ),
            "{warnings}"
        );
        assert_eq!(monitor.step(0, &zero), None);
    }

    #[test]
    fn a_small_agreement_beside_a_small_loss_is_none() {
        let mut monitor = HealthMonitor::default();
        assert_eq!(monitor.step(0, &event(1, 6e-7, &[("ce", 5e-7), ("kl", 1e-8)])), None);
        assert_eq!(monitor.step(0, &event(2, 0.5, &[("info_nce", 0.)])), None);
        assert!(monitor.step(0, &event(3, 1e-12, &[("ce", 0.), ("kl", 1e-17)])).is_some());
    }
}
