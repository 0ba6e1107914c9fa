//! Reads `log.jsonl`, one [`Event`](crate::train::Event) per line.

use crate::error::Result;
use crate::io;
use crate::train::{EvaluationEvent, Event, StepEvent};
use std::collections::HashSet;
use std::path::Path;

/// The largest log that is read, in bytes: three million steps.
const LONGEST: u64 = 1 << 30;

/// A run from its first step to its last, as far as its log goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunLog {
    /// In order; steps taken again after a restart replace those before it.
    pub steps: Vec<StepEvent>,
    /// In order.
    pub evaluations: Vec<EvaluationEvent>,
    /// Step and message.
    pub warnings: Vec<(u64, String)>,
    /// Steps that were planned.
    pub planned: Option<u64>,
    /// Trainable numbers.
    pub parameters: Option<u64>,
    /// Where it stopped for want of progress.
    pub stopped_early: Option<u64>,
    /// Whether it came to its end.
    pub finished: bool,
    /// Lines that could not be read, and what is wrong with the first.
    pub unread: Option<(usize, String)>,
}

impl RunLog {
    /// Reads a log. Lines that cannot be read are counted: a run may be writing the last one.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = io::read_bytes(path, LONGEST)?;
        Ok(Self::of(&String::from_utf8_lossy(&bytes)))
    }

    fn of(text: &str) -> Self {
        let mut log = Self::default();
        for (number, line) in text.lines().enumerate() {
            match serde_json::from_str(line) {
                Ok(event) => log.take(event),
                Err(_) if line.trim().is_empty() => {}
                Err(error) => {
                    let message = || format!("line {}: {error}", number + 1);
                    let (lines, _) = log.unread.get_or_insert_with(|| (0, message()));
                    *lines += 1;
                }
            }
        }
        log
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Started { steps, parameters } => {
                (self.planned, self.parameters) = (Some(steps), Some(parameters as u64));
            }
            Event::Step(step) => {
                while self.steps.last().is_some_and(|last| last.step >= step.step) {
                    self.steps.pop();
                }
                self.steps.push(step);
            }
            Event::Evaluated(evaluation) => {
                while self.evaluations.last().is_some_and(|last| last.step >= evaluation.step) {
                    self.evaluations.pop();
                }
                self.evaluations.push(evaluation);
            }
            Event::Warning { step, message } => self.warnings.push((step, message)),
            Event::EarlyStopped { step } => self.stopped_early = Some(step),
            Event::Finished { .. } => self.finished = true,
            _ => {}
        }
    }

    /// The objectives in the order in which they first had a turn.
    pub fn objectives(&self) -> Vec<&str> {
        let mut known = HashSet::new();
        let names = self.steps.iter().map(|step| &*step.objective);
        names.filter(|name| known.insert(*name)).collect()
    }

    /// The evaluation with the highest score, the first of equals.
    pub fn best(&self) -> Option<(&EvaluationEvent, f64)> {
        let defined = self.evaluations.iter().filter_map(|e| Some((e, e.score?)));
        defined.fold(None, |best, other| match best {
            Some((_, rho)) if rho >= other.1 => best,
            _ => Some(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Geometry;

    fn line(event: &Event) -> String {
        serde_json::to_string(event).unwrap() + "\n"
    }

    fn step(step: u64, loss: f64) -> Event {
        Event::Step(StepEvent {
            step,
            epoch: 0.5,
            objective: "R-Drop".into(),
            loss,
            terms: vec![("mse".into(), 0.5)],
            learning_rate: 1e-5,
            grad_norm: 2.,
            sentences: 4,
            tokens: 40,
            forward_passes: 2,
            skipped: false,
            seconds: 1.,
        })
    }

    fn evaluated(step: u64, rho: f64) -> Event {
        let geometry = Geometry { effective_rank: Some(9.), ..Geometry::default() };
        Event::Evaluated(EvaluationEvent {
            step,
            epoch: 0.5,
            dev: "dev".into(),
            metric: "spearman_cosine".into(),
            score: Some(rho),
            best: true,
            metrics: [("spearman_cosine".to_string(), Some(rho))].into(),
            geometry: Some(geometry),
        })
    }

    #[test]
    fn a_log_holds_what_the_events_said() {
        let warning = Event::Warning { step: 2, message: "<b>".into() };
        let events = [
            Event::Started { steps: 3, parameters: 9 },
            step(1, 0.7),
            step(2, f64::NAN),
            evaluated(2, 0.8),
            warning,
            step(3, 0.5),
            evaluated(3, 0.8),
            Event::Saved { step: 2, directory: "x".into() },
            Event::Finished { steps: 3, seconds: 1.5 },
        ];
        let text: String = events.iter().map(line).collect();
        let log = RunLog::of(&text);
        let losses: Vec<f64> = log.steps.iter().map(|step| step.loss).collect();
        assert!(losses[0] == 0.7 && losses[1].is_nan() && losses[2] == 0.5);
        assert_eq!(log.steps[0].terms, [("mse".into(), 0.5)]);
        assert_eq!((log.planned, log.parameters, log.finished), (Some(3), Some(9), true));
        assert_eq!(log.warnings, [(2, "<b>".to_string())]);
        assert_eq!(log.evaluations[1].geometry.unwrap().effective_rank, Some(9.));
        assert_eq!(log.best().map(|(best, rho)| (best.step, rho)), Some((2, 0.8)));
        assert_eq!(log.objectives(), ["R-Drop"]);
        assert_eq!(log.unread, None);
    }

    #[test]
    fn a_line_that_is_cut_off_or_unknown_hides_no_other() {
        let text = line(&step(1, 0.7)) + "{\"event\":\"dreamt\"}\n\n{\"event\":\"st";
        let log = RunLog::of(&text);
        assert_eq!(log.steps.len(), 1);
        let (lines, message) = log.unread.unwrap();
        assert!(lines == 1 && message.starts_with("line 4: "), "{message}");
    }

    #[test]
    fn steps_taken_again_replace_those_before_the_restart() {
        let text: String =
            [step(1, 0.1), step(2, 0.2), step(3, 0.3), step(2, 0.9)].iter().map(line).collect();
        let steps = RunLog::of(&text).steps;
        assert_eq!(steps.iter().map(|s| s.step).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(steps[1].loss, 0.9);
    }
}
