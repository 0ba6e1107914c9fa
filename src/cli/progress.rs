//! Training events as a progress bar on a terminal, as lines elsewhere, or as JSON.

use super::output::OutputArgs;
use crate::cli::shared::print::{figure, note};
use crate::error::Result;
use crate::eval::Geometry;
use crate::train::{EvaluationEvent, Event, StepEvent, now};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Interval between progress lines.
const EVERY: Duration = Duration::from_secs(5);

/// Callback that prints the events of a run.
pub struct TrainProgress {
    bar: Option<ProgressBar>,
    lines: bool,
    json: bool,
    steps: u64,
    /// Steps taken before this process began.
    start: u64,
    dev: String,
    sentences: f64,
    seconds: f64,
    last_line: Instant,
}

impl TrainProgress {
    /// Prints to standard error, or JSON to standard output.
    pub fn new(args: &OutputArgs) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            bar: (terminal && args.lines()).then(bar),
            lines: !terminal && args.lines(),
            json: args.json(),
            steps: 0,
            start: 0,
            dev: String::new(),
            sentences: 0.,
            seconds: 0.,
            last_line: Instant::now(),
        }
    }

    /// Prints one event.
    pub fn on_event(&mut self, event: &Event) -> Result<()> {
        if self.json {
            super::output::event(event);
            return Ok(());
        }
        match event {
            Event::Started { steps, parameters } => {
                self.steps = *steps;
                if let Some(bar) = &self.bar {
                    bar.set_length(*steps);
                }
                self.line(&format!("{steps} steps, {parameters} parameters"));
            }
            Event::Resumed { step, steps, checkpoint, passed_over } => {
                self.steps = *steps;
                self.start = *step;
                if let Some(bar) = &self.bar {
                    bar.set_length(*steps);
                    bar.set_position(*step);
                }
                for message in passed_over {
                    self.warning(*step, &format!("checkpoint skipped: {message}"));
                }
                let message = match checkpoint {
                    Some(directory) => format!("resuming from {}", directory.display()),
                    None => "no checkpoint found: starting from the beginning".into(),
                };
                self.line(&message);
            }
            Event::Step(step) => self.step(step),
            Event::Evaluated(EvaluationEvent {
                step,
                epoch,
                metric,
                score,
                best,
                geometry,
                ..
            }) => {
                self.dev = match metric.as_str() {
                    "spearman_cosine" => format!("dev {}", figure(metric, *score)),
                    other => format!("dev {other} {}", figure(other, *score)),
                };
                let mark = if *best { ", best so far" } else { "" };
                let shape = geometry.as_ref().map_or(String::new(), shape);
                let (steps, dev) = (self.steps, &self.dev);
                self.line(&format!(
                    "step {step}/{steps}, epoch {epoch:.2}: {dev}{mark}{shape}"
                ));
            }
            Event::Warning { step, message } => self.warning(*step, message),
            Event::EarlyStopped { step } => {
                self.line(&format!("stopped early after step {step}"));
            }
            Event::Finished { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            Event::Saved { .. } | Event::Checkpointed { .. } | Event::Unknown => {}
        }
        Ok(())
    }

    fn step(&mut self, step: &StepEvent) {
        if step.skipped {
            let StepEvent { loss, grad_norm, .. } = step;
            let message = format!(
                "step skipped: non-finite loss or gradient (loss {loss}, gradient norm {grad_norm})"
            );
            self.warning(step.step, &message);
        }
        self.sentences += step.sentences as f64;
        self.seconds += step.seconds;
        let terms: Vec<_> =
            step.terms.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let speed = self.sentences / self.seconds.max(1e-9);
        let message =
            format!("loss {:.4} ({}) {speed:.0} sentences/s", step.loss, terms.join(", "));
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{message} {}", self.dev));
            bar.set_position(step.step);
        } else if self.last_line.elapsed() >= EVERY {
            let own = (step.step - self.start) as f64;
            let left = self.seconds / own * (self.steps - step.step) as f64;
            self.line(&format!(
                "step {}/{}, epoch {:.2}: {message}, {left:.0} s left",
                step.step, self.steps, step.epoch
            ));
        }
    }

    /// Prints a warning, even with --quiet, above the progress bar.
    fn warning(&self, step: u64, message: &str) {
        let say = || note(format!("warning: step {step}: {message}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// A line with the time, in UTC.
    fn line(&mut self, message: &str) {
        if self.lines {
            self.last_line = Instant::now();
            note(format!("{} {message}", now()));
        }
    }
}

/// ` (uniformity -2.31, alignment 0.42, effective rank 87)`, without undefined metrics.
fn shape(geometry: &Geometry) -> String {
    let figure = |name, value: Option<f64>, digits| {
        value.map(|value| format!("{name} {value:.digits$}"))
    };
    let figures = [
        figure("uniformity", geometry.uniformity, 2),
        figure("alignment", geometry.alignment, 2),
        figure("effective rank", geometry.effective_rank, 0),
    ];
    let figures: Vec<_> = figures.into_iter().flatten().collect();
    if figures.is_empty() { String::new() } else { format!(" ({})", figures.join(", ")) }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {eta} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
