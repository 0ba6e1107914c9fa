//! The training loop on one page: see a batch twice, make the sights agree.

mod build;
mod config;
mod coverage;
mod event;
mod goal;
mod goals;
mod heads;
mod mix;
mod names;
mod optimizer;
mod part;
mod plan;
mod recipes;
mod refuse;
mod run;
mod schedule;
mod settings;
mod stopping;
mod stream;
mod summary;
mod teacher;
mod watch;

pub use config::{DataConfig, PhaseConfig, RunConfig, StageConfig};
pub use coverage::assert_every_parameter_learns;
pub use event::{Event, StepEvent};
pub use goal::Goal;
pub use mix::Mix;
pub use names::{Named, objectives};
pub use optimizer::{AdamW, AdamWConfig, clip_scale, global_norm};
pub use plan::{Phase, Plan, Stage, Turn};
pub use recipes::Recipe;
pub use run::{Run, evaluator};
pub use schedule::{Schedule, SchedulerType};
pub use settings::Settings;
pub use stopping::Best;
pub use stream::{Stream, StreamOptions};
pub use summary::{PhaseSummary, StageSummary, Summary};
pub use watch::Watch;

use crate::error::{Error, ErrorKind, Result};
use crate::eval::{Look, StsEvaluator};
use crate::nn::Gradients;
use crate::noise::Key;
use crate::sentence_encoder::SentenceEncoder;
use std::path::Path;
use std::time::Instant;

/// Everything a run is made of.
pub struct Trainer<'a> {
    /// The model, changed in place.
    pub encoder: &'a SentenceEncoder,
    /// What the plan's objective numbers mean.
    pub goals: Vec<Goal>,
    /// What the plan's stream numbers mean.
    pub streams: Vec<Stream>,
    /// Which goal sees which stream when.
    pub plan: Plan,
    /// Optimiser, schedule, evaluation.
    pub settings: Settings,
    /// The development set, if any.
    pub dev: Option<&'a StsEvaluator>,
    /// Where the best model goes, if anywhere: a whole directory from the first save on.
    pub output: Option<&'a Path>,
}

impl Trainer<'_> {
    /// Runs the plan; afterwards the model holds the best parameters (without a development
    /// set, the last), and so does the output directory.
    ///
    /// # Errors
    /// Where a parameter does not learn, a number is not finite, or a file cannot be written.
    pub fn run(mut self, listen: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Best> {
        let (model, settings) = (self.encoder.model(), self.settings);
        let parameters = model.parameters();
        let steps = self.plan.steps();
        let schedules = settings.schedules(&self.plan)?;
        let mut optimizer = AdamW::new(parameters, settings.adamw);
        let [mut gradients, mut scratch] = [(); 2].map(|()| Gradients::new(parameters));
        let (mut best, mut watch) = (Best::default(), Watch::default());
        let mut snapshot = None;
        let mut unchecked: Vec<_> = self.goals.iter().map(|_| Some(PATIENCE)).collect();
        let (mut taken, mut seconds) = (0, 0.);
        let count = parameters.iter().map(crate::nn::Parameter::len).sum();
        listen(&Event::Started { steps, parameters: count })?;
        for step in 0..steps {
            let started = Instant::now();
            let turn = self.plan.turn(step);
            let goal = &self.goals[turn.phase.objective];
            gradients.clear();
            let mut event = self::step_event(goal, step + 1, schedules.rate(step));
            for micro in 0..settings.gradient_accumulation_steps {
                let number = turn.cursor * settings.gradient_accumulation_steps + micro;
                let stream = &mut self.streams[turn.phase.stream];
                let batch = stream.batch(number)?;
                let key = Key::new(settings.seed).at(step).at(micro);
                let mut passes = goal.passes(&batch, key);
                if goal.is_attacked() {
                    passes = goal.attack(model, &batch, passes, &mut scratch)?;
                }
                let ask = goal.ask(key, settings.mini_batch_size);
                let (twins, trace) = model.answer(&batch, &passes, &ask)?;
                let loss = goal.objective.loss_at(&twins, step as f64 / steps as f64)?;
                let looks = goal.looks(passes.len());
                event.add(&loss, &batch, looks, settings.gradient_accumulation_steps)?;
                let share = (loss.total / settings.gradient_accumulation_steps as f64)?;
                model.backward(&share, trace, &mut gradients)?;
            }
            let wait = &mut unchecked[turn.phase.objective];
            if let Some(left) = wait.take() {
                if event.loss == 0. && left > 0 && step + 1 < steps {
                    *wait = Some(left - 1); // a hinge that holds everywhere teaches nothing yet
                } else {
                    assert_every_parameter_learns(parameters, &gradients, &*goal.objective)?;
                }
            }
            event.grad_norm = global_norm(&mut gradients);
            finite(&event)?;
            let scale = settings.clip(event.grad_norm);
            optimizer.step(parameters, &gradients, event.learning_rate, scale)?;
            event.seconds = started.elapsed().as_secs_f64();
            (taken, seconds) = (step + 1, seconds + event.seconds);
            let warning = watch.step(turn.phase.objective, &event);
            listen(&Event::Step(event))?;
            warn(taken, warning, listen)?;
            let Some(dev) = self.dev.filter(|_| settings.evaluates_after(taken, steps)) else {
                continue;
            };
            let Look { report, geometry } = dev.look(self.encoder)?;
            let spearman_cosine = report.spearman_cosine;
            let better = best.offer(spearman_cosine, taken);
            let warnings = watch.evaluation(spearman_cosine, &geometry);
            listen(&Event::Evaluated { step: taken, spearman_cosine, best: better, geometry })?;
            warn(taken, warnings, listen)?;
            if better {
                snapshot = Some(parameters.snapshot()?);
                self.save(taken, listen)?;
            }
            if best.exhausted(settings.early_stopping_patience) && taken < steps {
                listen(&Event::EarlyStopped { step: taken })?;
                break;
            }
        }
        match snapshot {
            Some(snapshot) => parameters.restore(&snapshot)?,
            None => self.save(taken, listen)?,
        }
        listen(&Event::Finished { steps: taken, seconds })?;
        Ok(best)
    }

    /// The whole directory the first time; afterwards the weights, which are all that changed.
    fn save(&self, step: u64, listen: &mut dyn FnMut(&Event) -> Result<()>) -> Result<()> {
        let Some(directory) = self.output else { return Ok(()) };
        if directory.join("modules.json").is_file() {
            self.encoder.save_weights(directory)?;
        } else {
            self.encoder.save_pretrained(directory)?;
        }
        listen(&Event::Saved { step, directory: directory.into() })
    }
}

/// Steps without any loss before an objective is asked whether everything learns.
const PATIENCE: u64 = 20;

fn step_event(goal: &Goal, step: u64, learning_rate: f64) -> StepEvent {
    StepEvent {
        step,
        objective: goal.objective.name(),
        loss: 0.,
        terms: Vec::new(),
        learning_rate,
        grad_norm: 0.,
        sentences: 0,
        tokens: 0,
        looks: 0,
        seconds: 0.,
    }
}

fn warn(
    step: u64,
    messages: impl IntoIterator<Item = String>,
    listen: &mut dyn FnMut(&Event) -> Result<()>,
) -> Result<()> {
    messages.into_iter().try_for_each(|message| listen(&Event::Warning { step, message }))
}

fn finite(event: &StepEvent) -> Result<()> {
    if event.loss.is_finite() && event.grad_norm.is_finite() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Numerics,
        format!(
            "step {}: loss {} with gradient norm {}; lower the learning rate or check the data",
            event.step, event.loss, event.grad_norm
        ),
    ))
}
