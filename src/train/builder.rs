//! [`Training`]: a run built in code.

use super::{
    BestScore, DataConfig, Event, PhaseConfig, Resume, Run, RunConfig, SaveStrategy,
    StageConfig,
};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::eval::Evaluator;
use crate::io;
use crate::objective::Objective;
use crate::sentence_encoder::SentenceEncoder;
use crate::view::View;
use std::path::PathBuf;
use std::sync::Arc;

/// An objective and the data it is computed on.
#[derive(Clone)]
pub struct Task {
    objective: TaskObjective,
    data: Dataset,
    phase: PhaseConfig,
}

#[derive(Clone)]
enum TaskObjective {
    Named(String),
    Own(Arc<dyn Objective>),
}

impl Task {
    /// An objective over a dataset.
    pub fn new(objective: impl Objective + 'static, data: Dataset) -> Self {
        Self::of(TaskObjective::Own(Arc::new(objective)), data)
    }

    /// An objective by its name in run files, with options and weights:
    /// `rdrop+0.15*consert:temperature=0.1`.
    pub fn named(objective: &str, data: Dataset) -> Self {
        Self::of(TaskObjective::Named(objective.into()), data)
    }

    fn of(objective: TaskObjective, data: Dataset) -> Self {
        let phase = PhaseConfig::of("", DataConfig::of(data.path.clone()));
        Self { objective, data, phase }
    }

    /// The two views of a batch; network dropout in both by default.
    #[must_use]
    pub fn views(mut self, view1: View, view2: View) -> Self {
        (self.phase.view1, self.phase.view2) = (Some(view1), Some(view2));
        self
    }

    /// Steps before the next task of the alternation. 1.
    #[must_use]
    pub fn steps(mut self, steps: u64) -> Self {
        self.phase.steps = steps;
        self
    }

    /// Examples of a batch, where different from the run's.
    #[must_use]
    pub fn batch_size(mut self, examples: usize) -> Self {
        self.phase.per_device_train_batch_size = Some(examples);
        self
    }
}

/// When checkpoints are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CheckpointEvery {
    /// After so many steps.
    Steps(u64),
    /// After so many minutes.
    Minutes(f64),
}

/// What a run ended with.
pub struct TrainingReport {
    /// The model, with the parameters of the best evaluation.
    pub encoder: SentenceEncoder,
    /// The best score and its step.
    pub best: BestScore,
}

type Callback<'a> = Box<dyn FnMut(&Event) -> Result<()> + 'a>;

/// A training run built in code: one task, or several that alternate.
///
/// ```
/// use twindrop::data::{Dataset, Scale};
/// use twindrop::objective::{RDrop, RDropTarget, SimCse};
/// use twindrop::sentence_encoder::{Preset, SentenceEncoder};
/// use twindrop::train::{Task, Training};
///
/// let sentences = ["a cat sits", "a dog runs", "it rains", "the sun shines"];
/// let pairs = [("a cat sits", "a cat sat", 4.5), ("a dog runs", "it rains", 0.5)];
/// let encoder = SentenceEncoder::fresh(Preset::Tiny, sentences.into_iter(), 42)?;
/// let report = Training::new(encoder)
///     .task(Task::new(RDrop::over(RDropTarget::Scores), Dataset::from_scored_pairs(pairs, Scale::FIVE)?))
///     .task(Task::new(SimCse::default(), Dataset::from_sentences(sentences)?))
///     .learning_rate(1e-3)
///     .max_steps(4)
///     .run()?;
/// assert_eq!(report.encoder.get_embedding_dimension(), 128);
/// # Ok::<(), twindrop::Error>(())
/// ```
pub struct Training<'a> {
    encoder: SentenceEncoder,
    config: RunConfig,
    stage: StageConfig,
    tasks: Vec<Task>,
    dev: Option<Arc<dyn Evaluator>>,
    resume: Option<Resume>,
    callbacks: Vec<Callback<'a>>,
}

impl<'a> Training<'a> {
    /// A run that trains `encoder`.
    pub fn new(encoder: SentenceEncoder) -> Self {
        Self {
            encoder,
            config: RunConfig::default(),
            stage: StageConfig::default(),
            tasks: Vec::new(),
            dev: None,
            resume: None,
            callbacks: Vec::new(),
        }
    }

    /// Adds a task; several alternate, in their order.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Epochs of the first task's data. 1.
    #[must_use]
    pub fn epochs(mut self, epochs: f64) -> Self {
        self.stage.num_train_epochs = Some(epochs);
        self
    }

    /// Steps of the run, instead of epochs.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.stage.max_steps = Some(steps);
        self
    }

    /// The highest learning rate. 2e-5.
    #[must_use]
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.config.learning_rate = rate;
        self
    }

    /// Examples of a batch. 32.
    #[must_use]
    pub fn batch_size(mut self, examples: usize) -> Self {
        self.config.per_device_train_batch_size = examples;
        self
    }

    /// The random seed. 42.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Chooses the best model by the primary metric of `dev`, and stops early by it.
    #[must_use]
    pub fn evaluate(mut self, dev: impl Evaluator + 'static) -> Self {
        self.dev = Some(Arc::new(dev));
        self
    }

    /// Writes the model, its card, the log and checkpoints to a directory.
    #[must_use]
    pub fn output(mut self, directory: impl Into<PathBuf>) -> Self {
        self.config.output_dir = Some(directory.into());
        self
    }

    /// When checkpoints are written to the output directory. Every 10 minutes.
    #[must_use]
    pub fn checkpoint_every(mut self, every: CheckpointEvery) -> Self {
        self.config.save_strategy = SaveStrategy::Steps;
        (self.config.save_steps, self.config.save_minutes) = match every {
            CheckpointEvery::Steps(steps) => (Some(steps), 0.),
            CheckpointEvery::Minutes(minutes) => (None, minutes),
        };
        self
    }

    /// Resumes the run of the output directory from its last checkpoint, to the bits of a run
    /// that was not stopped. Everything else must be as it was.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = Some(resume);
        self
    }

    /// Calls `callback` with every event. An error of it ends the run.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(&Event) -> Result<()> + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Changes any other setting of the run.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut RunConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Trains.
    ///
    /// # Errors
    /// Where a setting, the data or the output directory will not do, before anything is
    /// written; and as [`Run::run`].
    pub fn run(self) -> Result<TrainingReport> {
        let Self { encoder, mut config, mut stage, tasks, dev, resume, mut callbacks } = self;
        if tasks.is_empty() {
            return Err(Error::config("nothing to train on: add a task"));
        }
        let mut sets = Vec::with_capacity(tasks.len());
        for Task { objective, data, mut phase } in tasks {
            phase.objective = match objective {
                TaskObjective::Named(name) => name,
                TaskObjective::Own(objective) => register(&mut config, objective)?,
            };
            stage.cycle.push(phase);
            sets.push(data);
        }
        config.stage = vec![stage];
        if let (Some(directory), None) = (&config.output_dir, &resume) {
            io::expect_free(directory, config.overwrite_output_dir)?;
        }
        let mut run = Run::with_data(&config, encoder, &sets, None, None)?;
        if let Some(dev) = dev {
            run = run.with_dev(dev);
        }
        if let Some(resume) = &resume {
            run = run.resume_from(resume)?;
        }
        let (encoder, best) = run
            .run(&mut |event| callbacks.iter_mut().try_for_each(|callback| callback(event)))?;
        Ok(TrainingReport { encoder, best })
    }
}

/// Registers an objective under a name made of its own, which it returns.
fn register(config: &mut RunConfig, objective: Arc<dyn Objective>) -> Result<String> {
    let name = objective.name().to_lowercase();
    let words =
        name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = format!("own-{}", words.collect::<Vec<_>>().join("-"));
    let taken = config.objectives.names().filter(|known| known.starts_with(&name)).count();
    let name = if taken == 0 { name } else { format!("{name}-{}", taken + 1) };
    config.objectives.register(&name, &[], move |_| Ok(Box::new(objective.clone())))?;
    Ok(name)
}
