//! Training: the loop, its configuration, curriculum, data loading, optimizer and checkpoints.
//!
//! [`Training`] builds a run in code, [`Run`] from a [`RunConfig`] (a run file), and [`Trainer`] is
//! the loop itself.

mod builder;
mod checkpoint;
mod config;
mod curriculum;
mod dev;
mod fingerprint;
mod gradient_check;
mod heads;
mod health;
mod loader;
mod loaders;
mod memory;
mod objective_build;
mod objective_names;
mod objective_options;
mod objective_registry;
mod objective_spec;
mod objective_term;
mod optimizer;
mod phase_sampler;
mod record;
mod run;
mod schedule;
mod settings;
mod state;
mod stopping;
mod summary;
mod task;
mod teacher;
mod validate;

pub use builder::{CheckpointEvery, Task, Training, TrainingReport};
#[cfg(fuzzing)]
pub use checkpoint::hostile;
pub use checkpoint::{Checkpointer, Resume, SaveStrategy, run_file};
pub use config::{ClassWeights, DataConfig, PhaseConfig, Recipe, RunConfig, StageConfig};
pub use curriculum::{Curriculum, Phase, ScheduledStep, Stage};
pub use dev::{DevEvaluator, evaluator};
pub use fingerprint::ChangeKind;
pub use gradient_check::assert_every_parameter_learns;
pub use health::HealthMonitor;
pub use loader::{DataLoader, DataLoaderOptions};
pub use memory::{Bytes, Memory};
pub use objective_names::{ObjectiveInfo, objectives};
pub use objective_registry::ObjectiveRegistry;
pub use objective_term::{NumberRange, ObjectiveTerm};
pub use optimizer::{AdamW, AdamWConfig, clip_scale, global_norm};
pub use phase_sampler::PhaseSampler;
pub use record::{
    DataOrigin, EvaluationEvent, Event, ModelOrigin, Provenance, ReportTo, SetMetrics,
    SetResults, StepEvent, TensorBoard, TrainingResults, cpu, now,
};
pub use run::Run;
pub use schedule::{Schedule, SchedulerType};
pub use settings::Settings;
pub use stopping::BestScore;
pub use summary::{PhaseSummary, RunSummary, StageSummary};
pub use task::TrainingTask;

use crate::error::{Error, ErrorKind, Result};
use crate::eval::{Bootstrap, Evaluator};
use crate::nn::Gradients;
use crate::random::RngKey;
use crate::sentence_encoder::SentenceEncoder;
use record::history::TrainingState;
use record::log::EventLog;
use record::times::EventTimes;
use schedule::Schedules;
use state::RunState;
use std::path::Path;
use std::time::Instant;

/// Everything a run is made of.
pub struct Trainer<'a> {
    /// The model that is trained.
    pub encoder: &'a mut SentenceEncoder,
    /// What the curriculum's objective numbers mean.
    pub tasks: Vec<TrainingTask>,
    /// What the curriculum's loader numbers mean.
    pub loaders: Vec<DataLoader>,
    /// Which task sees which loader when.
    pub curriculum: Curriculum,
    /// Optimiser, schedule, evaluation.
    pub settings: Settings,
    /// Chooses the best model by its primary metric, if any.
    pub dev: Option<&'a dyn Evaluator>,
    /// Where the best model goes, if anywhere: a whole directory from the first save on.
    pub output: Option<&'a Path>,
    /// What writes checkpoints there, and goes on from one, if anything.
    pub checkpointer: Option<Checkpointer>,
}

/// Where events go: the log, the times, then the callback.
struct EventSink<'a> {
    log: Option<EventLog>,
    times: Option<EventTimes>,
    callback: &'a mut dyn FnMut(&Event) -> Result<()>,
}

impl EventSink<'_> {
    fn emit(&mut self, event: &Event) -> Result<()> {
        if let Some(log) = &mut self.log {
            log.write(event)?;
        }
        if let Some(times) = &mut self.times {
            times.write(event)?;
        }
        (self.callback)(event)
    }

    fn warn(&mut self, step: u64, messages: impl IntoIterator<Item = String>) -> Result<()> {
        messages
            .into_iter()
            .try_for_each(|message| self.emit(&Event::Warning { step, message }))
    }
}

impl Trainer<'_> {
    /// Runs the curriculum; afterwards the model holds the best parameters (without a development
    /// set, the last), and so does the output directory.
    ///
    /// # Errors
    /// Where a parameter does not learn, too many numbers are not finite, a file cannot be
    /// written, or the run is interrupted.
    pub fn run(mut self, callback: &mut dyn FnMut(&Event) -> Result<()>) -> Result<BestScore> {
        let steps = self.curriculum.steps();
        let schedules = self.settings.schedules(&self.curriculum)?;
        let mut buffers = [(); 2].map(|()| Gradients::new(self.encoder.model().parameters()));
        let mut sink = EventSink { log: None, times: None, callback };
        let (mut state, mut seconds, mut written) = (self.begin(&mut sink)?, 0., false);
        if state.progress.is_evaluating {
            self.after_step(&mut state, &mut written, &mut sink)?;
        }
        while state.progress.taken < steps {
            if state.progress.best.exhausted(self.settings.early_stopping_patience) {
                sink.emit(&Event::EarlyStopped { step: state.progress.taken })?;
                break;
            }
            if self.is_stopped() {
                return Err(self.interrupted(&state, &mut sink));
            }
            let event = match self.step(&mut state, &schedules, &mut buffers) {
                // nothing of a step that was not ended is kept: the run goes on before it
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return Err(self.interrupted(&state, &mut sink));
                }
                ended => ended?,
            };
            seconds += event.seconds;
            let (taken, skipped) = (state.progress.taken, event.skipped);
            let objective = self.curriculum.step(taken - 1).phase.objective;
            let warning =
                if skipped { None } else { state.progress.watch.step(objective, &event) };
            sink.emit(&Event::Step(event))?;
            sink.warn(taken, warning)?;
            self.after_step(&mut state, &mut written, &mut sink)?;
        }
        self.finish(&state, written, seconds, &mut sink)?;
        Ok(state.progress.best)
    }

    /// After the last step: the best parameters in place and saved, and the files of the log.
    fn finish(
        &self,
        state: &RunState,
        mut written: bool,
        seconds: f64,
        sink: &mut EventSink,
    ) -> Result<()> {
        let taken = state.progress.taken;
        match &state.snapshot {
            Some(best) => self.encoder.model().parameters().restore(best)?,
            None => self.save(taken, &mut written, sink)?,
        }
        if let Some(output) = self.output.filter(|_| !written) {
            self.encoder.save_pretrained(output)?; // by a process that was killed, perhaps in part
        }
        for (task, without_loss) in self.tasks.iter().zip(&state.progress.unchecked) {
            if let Some(steps) = without_loss.filter(|steps| *steps > 0) {
                let name = task.objective.name();
                let reason = format!(
                    "the loss of {name} was exactly 0 in each of its {steps} steps, so nothing was \
                     learnt from it"
                );
                sink.warn(taken, Some(reason))?;
            }
        }
        sink.emit(&Event::Finished { steps: taken, seconds })?;
        if let Some(log) = &mut sink.log {
            log.sync()?;
        }
        self.write_derived_files(sink)?;
        if sink.log.as_ref().is_some_and(|log| !log.history().ends_finite()) {
            let message = format!(
                "the last step, {taken}, was skipped: its loss or gradient is not finite; the model \
                 was saved as it was before, but lower the learning rate or check the data"
            );
            return Err(Error::new(ErrorKind::Numerics, message));
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.checkpointer.as_ref().is_some_and(Checkpointer::is_stopped)
    }

    /// Evaluation, save and checkpoint, where they are due after the last step.
    fn after_step(
        &mut self,
        state: &mut RunState,
        written: &mut bool,
        sink: &mut EventSink,
    ) -> Result<()> {
        let (taken, steps) = (state.progress.taken, self.curriculum.steps());
        if let Some(dev) = self.dev.filter(|_| self.settings.evaluates_after(taken, steps)) {
            state.progress.is_evaluating = true;
            let is_best = match self.evaluate(dev, state, sink) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return Err(self.interrupted(state, sink));
                }
                evaluated => evaluated?,
            };
            state.progress.is_evaluating = false;
            if is_best {
                state.snapshot = Some(self.encoder.model().parameters().snapshot()?);
                self.save(taken, written, sink)?;
            }
            self.write_derived_files(sink)?;
        }
        let patience = self.settings.early_stopping_patience;
        let ends = taken == steps || state.progress.best.exhausted(patience);
        if ends || self.checkpointer.as_ref().is_some_and(|due| due.is_due(taken)) {
            self.checkpoint(state, sink)?;
        }
        Ok(())
    }

    /// The state before the first step of this process, and the log up to there.
    fn begin(&self, sink: &mut EventSink) -> Result<RunState> {
        let parameters = self.encoder.model().parameters();
        let (steps, adamw) = (self.curriculum.steps(), self.settings.adamw);
        let from = self.checkpointer.as_ref().and_then(Checkpointer::from);
        let state = match from {
            Some(checkpoint) => {
                checkpoint.restore(parameters, adamw)?.with_objectives(self.tasks.len())
            }
            None => RunState::fresh(parameters, self.tasks.len(), adamw),
        };
        let log = self.output.map(|output| match from {
            Some(checkpoint) => EventLog::go_on(output, checkpoint.record.log_bytes),
            None => EventLog::begin(output),
        });
        sink.log = log.transpose()?;
        let goes_on = from.is_some();
        let times = self.output.map(|output| EventTimes::open(output, goes_on));
        sink.times = times.transpose()?;
        if let Some(checkpointer) =
            self.checkpointer.as_ref().filter(|checkpointer| checkpointer.resumes())
        {
            let (step, checkpoint) =
                (state.progress.taken, from.map(|from| from.directory.clone()));
            let passed_over = checkpointer.passed_over().to_vec();
            sink.emit(&Event::Resumed { step, steps, checkpoint, passed_over })?;
        }
        if from.is_none() {
            let count = parameters.iter().map(crate::nn::Parameter::len).sum();
            sink.emit(&Event::Started { steps, parameters: count })?;
        }
        Ok(state)
    }

    /// One step: every micro-batch seen and walked back, then AdamW.
    fn step(
        &mut self,
        state: &mut RunState,
        schedules: &Schedules,
        [gradients, scratch]: &mut [Gradients; 2],
    ) -> Result<StepEvent> {
        let (started, step, steps) =
            (Instant::now(), state.progress.taken, self.curriculum.steps());
        let (model, settings) = (self.encoder.model(), self.settings);
        let turn = self.curriculum.step(step);
        let task = &self.tasks[turn.phase.objective];
        let progress = step as f64 / steps as f64;
        gradients.clear();
        let mut event = StepEvent::begin(
            task.objective.name().into_owned(),
            step + 1,
            schedules.rate(step),
        );
        for micro in 0..settings.gradient_accumulation_steps {
            if self.checkpointer.as_ref().is_some_and(Checkpointer::is_stopped) {
                return Err(Error::new(ErrorKind::Interrupted, "interrupted in a step"));
            }
            let number = turn.cursor * settings.gradient_accumulation_steps + micro;
            let loader = &mut self.loaders[turn.phase.loader];
            let batch = loader.batch(number)?;
            let key = RngKey::new(settings.seed).fold_in(step).fold_in(micro);
            let mut passes = task.view_samples(&batch, key);
            if task.is_adversarial() {
                passes =
                    task.add_adversarial_shifts(model, &batch, passes, progress, scratch)?;
            }
            let options = task.forward_options(key, settings.mini_batch_size);
            let (outputs, trace) = model.forward(&batch, &passes, &options)?;
            let loss = task.objective.loss(&outputs, progress)?;
            let forward_passes = task.forward_passes(passes.len());
            event.add(&loss, &batch, forward_passes, settings.gradient_accumulation_steps)?;
            let share = (loss.total / settings.gradient_accumulation_steps as f64)?;
            model.backward(&share, trace, gradients)?;
        }
        self.update(state, turn, gradients, &mut event)?;
        event.seconds = started.elapsed().as_secs_f64();
        Ok(event)
    }

    /// Ends a step with its gradient: AdamW, or a step that is skipped.
    fn update(
        &mut self,
        state: &mut RunState,
        turn: ScheduledStep,
        gradients: &mut Gradients,
        event: &mut StepEvent,
    ) -> Result<()> {
        let (parameters, settings) = (self.encoder.model().parameters(), self.settings);
        let task = &self.tasks[turn.phase.objective];
        state.progress.taken += 1;
        event.epoch = self.epochs(event.step);
        event.grad_norm = global_norm(gradients);
        if event.is_finite() {
            let wait = &mut state.progress.unchecked[turn.phase.objective];
            if let Some(without_loss) = wait.take() {
                if event.loss == 0. {
                    // such a batch has no gradient, whatever the model: ask in the next step
                    *wait = Some(without_loss + 1);
                } else {
                    assert_every_parameter_learns(parameters, gradients, &*task.objective)?;
                }
            }
            let scale = settings.clip(event.grad_norm);
            state.optimizer.step(parameters, gradients, event.learning_rate, scale)?;
        } else {
            event.skipped = true;
            state.progress.bad_steps += 1;
            if state.progress.bad_steps > settings.max_bad_steps {
                return Err(self.non_finite_error(event, turn, state.progress.bad_steps));
            }
        }
        Ok(())
    }

    /// What to say of the last of so many steps that are not finite: on which examples it was,
    /// which its batches, asked for again, tell.
    fn non_finite_error(&mut self, event: &StepEvent, turn: ScheduledStep, bad: u64) -> Error {
        let StepEvent { step, loss, grad_norm, .. } = event;
        let (parts, loader) =
            (self.settings.gradient_accumulation_steps, &mut self.loaders[turn.phase.loader]);
        let numbers = turn.cursor * parts..(turn.cursor + 1) * parts;
        let names: Result<Vec<String>> = numbers
            .map(|number| loader.batch(number).map(|batch| loader.name(&batch)))
            .collect();
        let examples = match names {
            Ok(names) => names.join("; "),
            Err(error) => return error,
        };
        Error::new(
            ErrorKind::Numerics,
            format!(
                "step {step}: non-finite loss or gradient (loss {loss}, gradient norm {grad_norm}; \
                 skipped steps: {bad}) on {examples}; lower the learning rate or check the data"
            ),
        )
    }

    /// Evaluates the model; says whether it is the best so far.
    fn evaluate(
        &self,
        dev: &dyn Evaluator,
        state: &mut RunState,
        sink: &mut EventSink,
    ) -> Result<bool> {
        let progress = &mut state.progress;
        let step = progress.taken;
        let metrics = dev.evaluate(self.encoder, &Bootstrap::NONE)?;
        let metric = dev.primary_metric();
        let score = metrics.expect(&metric)?;
        let greater = dev.greater_is_better();
        let best = progress.best.offer_by(score, step, greater);
        let values = metrics.values();
        let geometry = metrics.geometry;
        // of a pair as one sequence, nobody trains the embedding of a text alone
        let joined =
            self.encoder.model().classifier().is_some_and(|head| head.config().is_joined());
        let shape = geometry.as_ref().filter(|_| !joined);
        let warnings = progress.watch.evaluation(&metric, score.filter(|_| greater), shape);
        sink.emit(&Event::Evaluated(EvaluationEvent {
            step,
            epoch: self.epochs(step),
            dev: dev.name().into(),
            metric,
            score,
            best,
            metrics: values,
            geometry,
        }))?;
        sink.warn(step, warnings)?;
        Ok(best)
    }

    /// The whole directory the first time; afterwards the weights, which are all that changed.
    fn save(&self, step: u64, written: &mut bool, sink: &mut EventSink) -> Result<()> {
        let Some(directory) = self.output else { return Ok(()) };
        if *written {
            self.encoder.save_weights(directory)?;
        } else {
            self.encoder.save_pretrained(directory)?;
        }
        *written = true;
        sink.emit(&Event::Saved { step, directory: directory.into() })
    }

    /// Writes down where the run is, the log first.
    fn checkpoint(&mut self, state: &RunState, sink: &mut EventSink) -> Result<()> {
        let (Some(output), Some(checkpointer)) = (self.output, &mut self.checkpointer) else {
            return Ok(());
        };
        let bytes = sink.log.as_mut().map_or(Ok(0), EventLog::sync)?;
        match checkpointer.save(output, self.encoder, state, &self.curriculum, bytes)? {
            Some(directory) => {
                self.write_derived_files(sink)?;
                sink.emit(&Event::Checkpointed { step: state.progress.taken, directory })
            }
            None => Ok(()),
        }
    }

    /// How often the first `steps` steps go through the data.
    fn epochs(&self, steps: u64) -> f64 {
        let each = self.settings.gradient_accumulation_steps as f64;
        let steps_of = |loader: usize| self.loaders[loader].batches_per_epoch() as f64 / each;
        self.curriculum.epochs(steps, steps_of)
    }

    /// What the log says, in the files that other tools read.
    fn write_derived_files(&self, sink: &EventSink) -> Result<()> {
        let (Some(output), Some(log)) = (self.output, &sink.log) else { return Ok(()) };
        let results_file = self.dev.map(Evaluator::results_file);
        let state = TrainingState {
            steps: self.curriculum.steps(),
            eval_steps: self.settings.eval_steps,
            epochs: &|steps| self.epochs(steps),
            results_file: results_file.as_deref(),
        };
        log.history().write(output, &state)
    }

    /// Keeps what was done; what to say then.
    fn interrupted(&mut self, state: &RunState, sink: &mut EventSink) -> Error {
        let taken = state.progress.taken;
        match self.checkpoint(state, sink) {
            Ok(()) => {
                Error::new(ErrorKind::Interrupted, format!("interrupted after step {taken}"))
            }
            Err(error) => error,
        }
    }
}
