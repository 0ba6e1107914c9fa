//! The training loop on one page: see a batch twice, make the sights agree.

mod build;
mod card;
mod checkpoint;
mod config;
mod coverage;
mod event;
mod goal;
mod goals;
mod heads;
mod history;
mod identity;
mod log;
mod memory;
mod mix;
mod names;
mod optimizer;
mod part;
mod plan;
mod provenance;
mod recipes;
mod refuse;
mod report;
mod run;
mod schedule;
mod settings;
mod state;
mod stopping;
mod stream;
mod streams;
mod summary;
mod teacher;
mod tensorboard;
mod watch;

#[cfg(fuzzing)]
pub use checkpoint::hostile;
pub use checkpoint::{Keeper, Resume, SaveStrategy, run_file};
pub use config::{DataConfig, PhaseConfig, RunConfig, StageConfig};
pub use coverage::assert_every_parameter_learns;
pub use event::{Event, StepEvent};
pub use goal::Goal;
pub use identity::Changed;
pub use memory::{Bytes, Memory};
pub use mix::Mix;
pub use names::{Named, objectives};
pub use optimizer::{AdamW, AdamWConfig, clip_scale, global_norm};
pub use plan::{Phase, Plan, Stage, Turn};
pub use provenance::cpu;
pub use recipes::Recipe;
pub use report::ReportTo;
pub use run::{Run, evaluator};
pub use schedule::{Schedule, SchedulerType};
pub use settings::Settings;
pub use stopping::Best;
pub use stream::{Stream, StreamOptions};
pub use summary::{PhaseSummary, StageSummary, Summary};
pub use tensorboard::TensorBoard;
pub use watch::Watch;

use crate::error::{Error, ErrorKind, Result};
use crate::eval::{Look, StsEvaluator};
use crate::nn::Gradients;
use crate::noise::Key;
use crate::sentence_encoder::SentenceEncoder;
use history::Course;
use log::Log;
use schedule::Schedules;
use state::State;
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
    /// What writes checkpoints there, and goes on from one, if anything.
    pub keeper: Option<Keeper>,
}

/// Who hears of a run.
struct Voice<'a> {
    log: Option<Log>,
    listen: &'a mut dyn FnMut(&Event) -> Result<()>,
}

impl Voice<'_> {
    fn say(&mut self, event: &Event) -> Result<()> {
        if let Some(log) = &mut self.log {
            log.write(event)?;
        }
        (self.listen)(event)
    }

    fn warn(&mut self, step: u64, messages: impl IntoIterator<Item = String>) -> Result<()> {
        messages.into_iter().try_for_each(|message| self.say(&Event::Warning { step, message }))
    }
}

impl Trainer<'_> {
    /// Runs the plan; afterwards the model holds the best parameters (without a development
    /// set, the last), and so does the output directory.
    ///
    /// # Errors
    /// Where a parameter does not learn, too many numbers are not finite, a file cannot be
    /// written, or the run is interrupted.
    pub fn run(mut self, listen: &mut dyn FnMut(&Event) -> Result<()>) -> Result<Best> {
        let parameters = self.encoder.model().parameters();
        let steps = self.plan.steps();
        let schedules = self.settings.schedules(&self.plan)?;
        let mut buffers = [(); 2].map(|()| Gradients::new(parameters));
        let mut voice = Voice { log: None, listen };
        let (mut state, mut seconds, mut written) = (self.begin(&mut voice)?, 0., false);
        while state.progress.taken < steps {
            if state.progress.best.exhausted(self.settings.early_stopping_patience) {
                voice.say(&Event::EarlyStopped { step: state.progress.taken })?;
                break;
            }
            if self.keeper.as_ref().is_some_and(Keeper::is_stopped) {
                return Err(self.interrupted(&state, &mut voice));
            }
            let event = self.step(&mut state, &schedules, &mut buffers)?;
            seconds += event.seconds;
            let (taken, skipped) = (state.progress.taken, event.skipped);
            let objective = self.plan.turn(taken - 1).phase.objective;
            let warning =
                if skipped { None } else { state.progress.watch.step(objective, &event) };
            voice.say(&Event::Step(event))?;
            voice.warn(taken, warning)?;
            let dev = self.dev.filter(|_| self.settings.evaluates_after(taken, steps));
            if let Some(dev) = dev
                && self.evaluate(dev, &mut state, &mut voice)?
            {
                state.snapshot = Some(parameters.snapshot()?);
                self.save(taken, &mut written, &mut voice)?;
            }
            if dev.is_some() {
                self.tell(&voice)?;
            }
            let ends = taken == steps
                || state.progress.best.exhausted(self.settings.early_stopping_patience);
            if ends || self.keeper.as_ref().is_some_and(|keeper| keeper.is_due(taken)) {
                self.checkpoint(&state, &mut voice)?;
            }
        }
        let taken = state.progress.taken;
        match &state.snapshot {
            Some(best) => parameters.restore(best)?,
            None => self.save(taken, &mut written, &mut voice)?,
        }
        if let Some(output) = self.output.filter(|_| !written) {
            self.encoder.save_pretrained(output)?; // by a process that was killed, perhaps in part
        }
        voice.say(&Event::Finished { steps: taken, seconds })?;
        if let Some(log) = &mut voice.log {
            log.sync()?;
        }
        self.tell(&voice)?;
        Ok(state.progress.best)
    }

    /// The state before the first step of this process, and the log up to there.
    fn begin(&self, voice: &mut Voice) -> Result<State> {
        let parameters = self.encoder.model().parameters();
        let (steps, adamw) = (self.plan.steps(), self.settings.adamw);
        let from = self.keeper.as_ref().and_then(Keeper::from);
        let state = match from {
            Some(checkpoint) => {
                checkpoint.restore(parameters, adamw)?.with_objectives(self.goals.len())
            }
            None => State::fresh(parameters, self.goals.len(), adamw),
        };
        let log = self.output.map(|output| match from {
            Some(checkpoint) => Log::go_on(output, checkpoint.record.log_bytes),
            None => Log::begin(output),
        });
        voice.log = log.transpose()?;
        if let Some(keeper) = self.keeper.as_ref().filter(|keeper| keeper.resumes()) {
            let (step, checkpoint) =
                (state.progress.taken, from.map(|from| from.directory.clone()));
            let passed_over = keeper.passed_over().to_vec();
            voice.say(&Event::Resumed { step, steps, checkpoint, passed_over })?;
        }
        if from.is_none() {
            let count = parameters.iter().map(crate::nn::Parameter::len).sum();
            voice.say(&Event::Started { steps, parameters: count })?;
        }
        Ok(state)
    }

    /// One step: every micro-batch seen and walked back, then AdamW.
    fn step(
        &mut self,
        state: &mut State,
        schedules: &Schedules,
        [gradients, scratch]: &mut [Gradients; 2],
    ) -> Result<StepEvent> {
        let (started, step, steps) = (Instant::now(), state.progress.taken, self.plan.steps());
        let (model, settings) = (self.encoder.model(), self.settings);
        let (parameters, turn) = (model.parameters(), self.plan.turn(step));
        let goal = &self.goals[turn.phase.objective];
        gradients.clear();
        let mut event = StepEvent::begin(goal.objective.name(), step + 1, schedules.rate(step));
        for micro in 0..settings.gradient_accumulation_steps {
            let number = turn.cursor * settings.gradient_accumulation_steps + micro;
            let stream = &mut self.streams[turn.phase.stream];
            let batch = stream.batch(number)?;
            let key = Key::new(settings.seed).at(step).at(micro);
            let mut passes = goal.passes(&batch, key);
            if goal.is_attacked() {
                passes = goal.attack(model, &batch, passes, scratch)?;
            }
            let ask = goal.ask(key, settings.mini_batch_size);
            let (twins, trace) = model.answer(&batch, &passes, &ask)?;
            let loss = goal.objective.loss_at(&twins, step as f64 / steps as f64)?;
            let looks = goal.looks(passes.len());
            event.add(&loss, &batch, looks, settings.gradient_accumulation_steps)?;
            let share = (loss.total / settings.gradient_accumulation_steps as f64)?;
            model.backward(&share, trace, gradients)?;
        }
        state.progress.taken += 1;
        event.grad_norm = global_norm(gradients);
        if event.is_finite() {
            let wait = &mut state.progress.unchecked[turn.phase.objective];
            if let Some(left) = wait.take() {
                if event.loss == 0. && left > 0 && step + 1 < steps {
                    *wait = Some(left - 1); // a hinge that holds everywhere teaches nothing yet
                } else {
                    assert_every_parameter_learns(parameters, gradients, &*goal.objective)?;
                }
            }
            let scale = settings.clip(event.grad_norm);
            state.optimizer.step(parameters, gradients, event.learning_rate, scale)?;
        } else {
            event.skipped = true;
            state.progress.bad_steps += 1;
            if state.progress.bad_steps > settings.max_bad_steps {
                return Err(self.too_bad(&event, turn, state.progress.bad_steps));
            }
        }
        event.seconds = started.elapsed().as_secs_f64();
        Ok(event)
    }

    /// What to say of the last of so many steps that are not finite: on which examples it was,
    /// which its batches, asked for again, tell.
    fn too_bad(&mut self, event: &StepEvent, turn: Turn, bad: u64) -> Error {
        let StepEvent { step, loss, grad_norm, .. } = event;
        let (parts, stream) =
            (self.settings.gradient_accumulation_steps, &mut self.streams[turn.phase.stream]);
        let numbers = turn.cursor * parts..(turn.cursor + 1) * parts;
        let names: Result<Vec<String>> = numbers
            .map(|number| stream.batch(number).map(|batch| stream.name(&batch)))
            .collect();
        let examples = match names {
            Ok(names) => names.join("; "),
            Err(error) => return error,
        };
        Error::new(
            ErrorKind::Numerics,
            format!(
                "step {step}: loss {loss} with gradient norm {grad_norm}, the {bad}. step that is \
                 not finite, on {examples}; lower the learning rate or check the data"
            ),
        )
    }

    /// Looks at dev; says whether it was never better.
    fn evaluate(
        &self,
        dev: &StsEvaluator,
        state: &mut State,
        voice: &mut Voice,
    ) -> Result<bool> {
        let progress = &mut state.progress;
        let step = progress.taken;
        let Look { report, geometry } = dev.look(self.encoder)?;
        let (spearman_cosine, pearson_cosine) = (report.spearman_cosine, report.pearson_cosine);
        let best = progress.best.offer(spearman_cosine, step);
        let warnings = progress.watch.evaluation(spearman_cosine, &geometry);
        voice.say(&Event::Evaluated {
            step,
            spearman_cosine,
            pearson_cosine,
            best,
            geometry,
        })?;
        voice.warn(step, warnings)?;
        Ok(best)
    }

    /// The whole directory the first time; afterwards the weights, which are all that changed.
    fn save(&self, step: u64, written: &mut bool, voice: &mut Voice) -> Result<()> {
        let Some(directory) = self.output else { return Ok(()) };
        if *written {
            self.encoder.save_weights(directory)?;
        } else {
            self.encoder.save_pretrained(directory)?;
        }
        *written = true;
        voice.say(&Event::Saved { step, directory: directory.into() })
    }

    /// Writes down where the run is, the log first.
    fn checkpoint(&mut self, state: &State, voice: &mut Voice) -> Result<()> {
        let (Some(output), Some(keeper)) = (self.output, &mut self.keeper) else {
            return Ok(());
        };
        let bytes = voice.log.as_mut().map_or(Ok(0), Log::sync)?;
        let parameters = self.encoder.model().parameters();
        match keeper.save(output, parameters, state, &self.plan, bytes)? {
            Some(directory) => {
                self.tell(voice)?;
                voice.say(&Event::Checkpointed { step: state.progress.taken, directory })
            }
            None => Ok(()),
        }
    }

    /// What the log says, in the files that other tools read.
    fn tell(&self, voice: &Voice) -> Result<()> {
        let (Some(output), Some(log)) = (self.output, &voice.log) else { return Ok(()) };
        let each = self.settings.gradient_accumulation_steps as f64;
        let steps_of = |stream: usize| self.streams[stream].batches_per_epoch() as f64 / each;
        let course = Course {
            steps: self.plan.steps(),
            eval_steps: self.settings.eval_steps,
            epochs: &|steps| self.plan.epochs(steps, steps_of),
            dev: self.dev.map(StsEvaluator::name),
        };
        log.history().write(output, &course)
    }

    /// Keeps what was done; what to say then.
    fn interrupted(&mut self, state: &State, voice: &mut Voice) -> Error {
        let taken = state.progress.taken;
        match self.checkpoint(state, voice) {
            Ok(()) => {
                Error::new(ErrorKind::Interrupted, format!("interrupted after step {taken}"))
            }
            Err(error) => error,
        }
    }
}
