//! A configuration → a run: everything is checked and loaded before the first step.

use super::config::{DataConfig, PhaseConfig, RunConfig};
use super::dev::Trained;
use super::fingerprint::RunFingerprint;
use super::loaders::LoaderBuilder;
use super::objective_spec::training_task;
use super::record::Provenance;
use super::record::card::Card;
use super::summary::{RunSummary, SummaryInputs};
use super::{
    BestScore, Curriculum, DataLoader, Event, Phase, Settings, Stage, Trainer, TrainingTask,
};
use super::{
    Checkpointer, ObjectiveRegistry, ReportTo, Resume, TensorBoard, heads, memory, validate,
};
use crate::data::{Dataset, ReadReport};
use crate::error::{Error, Result};
use crate::eval::{BestMetric, Evaluator, SequentialEvaluator};
use crate::io::{self, Lock};
use crate::nn::ComputeDtype;
use crate::objective::LabelKind;
use crate::sentence_encoder::SentenceEncoder;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A run, ready to start.
pub struct Run {
    /// The model.
    pub encoder: SentenceEncoder,
    /// The development sets, as one evaluator.
    pub dev: Option<Arc<dyn Evaluator>>,
    /// The test set.
    pub test: Option<Arc<dyn Evaluator>>,
    /// What was decided and left out while each file was read.
    pub reports: Vec<ReadReport>,
    /// What a person should know of how the data are used, a sentence each.
    pub notes: Vec<String>,
    command: Vec<String>,
    tasks: Vec<TrainingTask>,
    loaders: Vec<DataLoader>,
    curriculum: Curriculum,
    settings: Settings,
    output: Option<PathBuf>,
    dtype: ComputeDtype,
    checkpointer: Checkpointer,
    config: RunConfig,
}

impl Run {
    /// Loads model and data, and checks what can be checked.
    ///
    /// # Errors
    /// Where anything of the run cannot be; nothing has been written then.
    pub fn new(config: &RunConfig) -> Result<Self> {
        if let Some(directory) = &config.output_dir {
            io::expect_free(directory, config.overwrite_output_dir)?;
        }
        Self::read(config)
    }

    /// The same for a run that was stopped, from its last checkpoint on; from the start, where
    /// it had none yet. It comes to the same bits as one that was not stopped.
    ///
    /// # Errors
    /// As [`new`](Self::new), and where there is no run in the output directory, its last
    /// checkpoint is damaged with all before it, or what it was made of has changed.
    pub fn resume(config: &RunConfig, resume: &Resume) -> Result<Self> {
        Self::read(config)?.resume_from(resume)
    }

    fn read(config: &RunConfig) -> Result<Self> {
        if config.stage.iter().all(|stage| stage.cycle.is_empty()) {
            return Err(Error::config(
                "nothing to train on: give --data, or a [[stage]] in the run file",
            ));
        }
        if config.dtype == ComputeDtype::Int8 {
            let message = "dtype int8 is for inference only; train in float32 or bfloat16";
            return Err(Error::config(message));
        }
        let phases = config.stage.iter().flat_map(|stage| &stage.cycle);
        let read = |phase: &PhaseConfig| {
            Ok(with_classes(phase, phase.data.read()?, &config.objectives))
        };
        let sets = phases.map(read).collect::<Result<Vec<_>>>()?;
        let dev = config.dev.iter().map(DataConfig::read).collect::<Result<Vec<_>>>()?;
        let test = config.test.as_ref().map(DataConfig::read).transpose()?;
        Self::with_data(config, encoder(config, &sets)?, &sets, &dev, test.as_ref())
    }

    /// The same over a model and data at hand: `sets` holds the dataset of each phase in order,
    /// stage by stage, `dev` the development sets in order; what the configuration says of model
    /// and paths is not read.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_data<'d>(
        config: &RunConfig,
        encoder: SentenceEncoder,
        sets: &[Dataset],
        dev: impl IntoIterator<Item = &'d Dataset>,
        test: Option<&'d Dataset>,
    ) -> Result<Self> {
        let dev_sets: Vec<&Dataset> = dev.into_iter().collect();
        let phases: Vec<&PhaseConfig> =
            config.stage.iter().flat_map(|stage| &stage.cycle).collect();
        let tasks = phases
            .iter()
            .zip(sets)
            .map(|(phase, set)| training_task(phase, set, &config.objectives));
        let mut tasks = tasks.collect::<Result<Vec<_>>>()?;
        heads::add_masking(&encoder, config, &mut tasks)?;
        let mut head_notes = Vec::new();
        let mut encoder = heads::add_heads(encoder, config, sets, &tasks, &mut head_notes)?;
        validate::check_compatible(config, sets, &tasks)?;
        let evaluators = Evaluators::of(config, &Trained::of(sets, &tasks), &dev_sets, test)?;
        let others = dev_sets.iter().copied().chain(test);
        let (reports, mut notes) = reports_and_notes(sets, &tasks, others);
        notes.extend(head_notes);
        if config.dev_evaluator.is_empty() {
            let trained = Trained::of(sets, &tasks);
            let said = |set: &&Dataset| trained.note(&trained.read((*set).clone(), None));
            notes.extend(dev_sets.iter().filter_map(said));
        }
        let mut built = LoaderBuilder::new(config, &encoder);
        let mut places = phases.iter().zip(sets).zip(&tasks).enumerate();
        let mut curriculum = Curriculum::default();
        for stage in &config.stage {
            let mut cycle = Vec::with_capacity(stage.cycle.len());
            for (number, ((phase, set), task)) in places.by_ref().take(stage.cycle.len()) {
                let loader = built.loader(phase, set, task)?;
                if phase.steps == 0 {
                    return Err(Error::config("a phase of 0 steps: expected at least 1"));
                }
                cycle.push(Phase { objective: number, loader, steps: phase.steps });
            }
            built.weigh(stage.mix, &mut cycle)?;
            let steps = built.steps(stage, &cycle)?;
            curriculum.stages.push(Stage {
                cycle,
                mix: stage.mix,
                steps,
                learning_rate: stage.learning_rate,
            });
        }
        let loaders = built.loaders;
        let settings = settings(config, curriculum.steps());
        settings.schedules(&curriculum)?;
        let output = config.output_dir.clone();
        let dtype = config.dtype;
        let identity = match output {
            Some(_) => RunFingerprint::of(&encoder, sets, &loaders, &dev_sets)?,
            None => RunFingerprint::default(), // nothing is kept
        };
        let checkpointer = Checkpointer::new(config, identity)?;
        encoder.stop_when(checkpointer.stop());
        if !config.report_to.is_empty() && output.is_none() {
            let message =
                "report-to tensorboard needs an output directory: give --output-dir DIR";
            return Err(Error::config(message));
        }
        Ok(Self {
            encoder,
            dev: evaluators.dev,
            test: evaluators.test,
            reports,
            notes,
            command: Vec::new(),
            tasks,
            loaders,
            curriculum,
            settings,
            output,
            dtype,
            checkpointer,
            config: config.clone(),
        })
    }

    /// The same run with its best model chosen by `dev`, any evaluator's primary metric.
    #[must_use]
    pub fn with_dev(self, dev: Arc<dyn Evaluator>) -> Self {
        Self { dev: Some(dev), ..self }
    }

    /// The same run, resumed from a checkpoint of its output directory; from the start, where
    /// there is none yet.
    ///
    /// # Errors
    /// Where no run was started there, its last checkpoint is damaged with all before it, or
    /// what the run is made of has changed.
    pub fn resume_from(mut self, resume: &Resume) -> Result<Self> {
        let Some(output) = &self.output else {
            return Err(Error::config("nothing to resume: give --output-dir DIR"));
        };
        self.checkpointer.resume(output, resume, &self.config, &self.curriculum)?;
        Ok(self)
    }

    /// The same with the command line that `provenance.json` records.
    #[must_use]
    pub fn with_command(self, command: Vec<String>) -> Self {
        Self { command, ..self }
    }

    /// Refuses a run that is expected to take more memory than it may, or than the machine has.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn check_memory(&self) -> Result<()> {
        memory::check(self.summary().memory, self.config.max_memory)
    }

    /// A flag that stops the run at its next micro-batch, mini-batch or batch of an evaluation: it
    /// writes a checkpoint of the last whole step and ends with an error of the kind
    /// [`Interrupted`](crate::ErrorKind::Interrupted).
    pub fn stop(&self) -> Arc<AtomicBool> {
        self.checkpointer.stop()
    }

    /// What the run will do, in numbers.
    pub fn summary(&self) -> RunSummary {
        let parts = SummaryInputs {
            model: self.encoder.model(),
            tasks: &self.tasks,
            loaders: &self.loaders,
            curriculum: &self.curriculum,
            learning_rate: self.settings.learning_rate,
            mini_batch: self.settings.mini_batch_size,
            dtype: self.dtype,
            keeps_best: self.dev.is_some(),
        };
        parts.summary()
    }

    /// The steps the curriculum has.
    pub fn steps(&self) -> u64 {
        self.curriculum.steps()
    }

    /// Trains; returns the model, its best parameters in place, and what was best.
    ///
    /// # Errors
    /// What [`Trainer::run`] says.
    pub fn run(
        mut self,
        callback: &mut dyn FnMut(&Event) -> Result<()>,
    ) -> Result<(SentenceEncoder, BestScore)> {
        let summary = self.summary();
        memory::check(summary.memory, self.config.max_memory)?;
        let lock = self.output.as_deref().map(|output| self.lock_output(output)).transpose()?;
        let dev = self.dev.as_ref().map(|dev| (dev.name().to_string(), dev.primary_metric()));
        let asked = self.config.report_to.contains(&ReportTo::TensorBoard);
        let runs = self.output.as_ref().filter(|_| asked).map(|output| output.join("runs"));
        let mut board = runs.map(TensorBoard::new);
        let mut callback = |event: &Event| {
            board.as_mut().map_or(Ok(()), |board| board.on_event(event))?;
            callback(event)
        };
        let trainer = Trainer {
            encoder: &mut self.encoder,
            tasks: self.tasks,
            loaders: self.loaders,
            curriculum: self.curriculum,
            settings: self.settings,
            dev: self.dev.as_deref(),
            output: self.output.as_deref(),
            checkpointer: Some(self.checkpointer),
        };
        let best = trainer.run(&mut callback)?;
        if let Some(output) = &self.output {
            let (encoder, config, summary) = (&self.encoder, &self.config, &summary);
            let dev = dev.as_ref().map(|(name, metric)| (name.as_str(), metric.as_str()));
            Card { encoder, config, summary, dev, best }.write(output)?;
        }
        drop(lock);
        Ok((self.encoder, best))
    }

    /// Makes the output directory this run's own.
    fn lock_output(&self, output: &Path) -> Result<Lock> {
        let resumes = self.checkpointer.resumes();
        let lock = io::claim_directory(output, resumes || self.config.overwrite_output_dir)?;
        if resumes {
            self.checkpointer.expect_unchanged(output)?;
        } else {
            Checkpointer::clear(output)?;
        }
        io::replace_with(&output.join("run.toml"), self.checkpointer.run())?;
        Provenance::of(&self.config, &self.command).write(output, resumes)?;
        Ok(lock)
    }
}

/// Integer labels as classes, where the objective of the phase needs classes.
fn with_classes(phase: &PhaseConfig, set: Dataset, objectives: &ObjectiveRegistry) -> Dataset {
    if !set.integer_labels {
        return set;
    }
    let classes = |set: &Dataset| {
        let task = training_task(phase, set, objectives).ok();
        task.map(|task| task.objective.requirements().labels == LabelKind::Classes)
    };
    let as_classes = set.clone().into_classes();
    match (classes(&set), classes(&as_classes)) {
        (Some(true) | None, Some(true)) => as_classes,
        _ => set,
    }
}

/// How files were read, each once, and how objectives use labels.
fn reports_and_notes<'a>(
    sets: &[Dataset],
    tasks: &[TrainingTask],
    others: impl Iterator<Item = &'a Dataset>,
) -> (Vec<ReadReport>, Vec<String>) {
    let mut reports: Vec<ReadReport> = Vec::new();
    let mut notes = Vec::new();
    let mut add = |notes: &mut Vec<String>, set: &Dataset, scale: bool| {
        if !reports.contains(&set.report) {
            notes.extend(set.report.lines());
            notes.extend(set.report.scale_line().filter(|_| scale));
            reports.push(set.report.clone());
        }
    };
    for (set, task) in sets.iter().zip(tasks) {
        let labels = task.objective.requirements().labels;
        add(&mut notes, set, labels == LabelKind::Scores);
        if labels == LabelKind::None && set.is_labelled() {
            let (name, path, width) = (task.objective.name(), set.path.display(), set.width());
            let texts = match width {
                1 => String::new(),
                _ => {
                    format!(", and each of the {width} texts of a row is a sentence of its own")
                }
            };
            notes.push(format!("{path}: {name} uses no labels: they are ignored{texts}"));
        }
    }
    notes.extend(sets.iter().zip(tasks).filter_map(|(set, task)| {
        let reads = task.objective.requirements().labels == LabelKind::Classes;
        if reads { imbalance(set) } else { None }
    }));
    others.for_each(|set| add(&mut notes, set, false));
    (reports, notes)
}

/// How many examples a class has at most for each one of the rarest, without a word.
const IMBALANCE: usize = 5;

/// That the classes of a set are of very different sizes.
fn imbalance(set: &Dataset) -> Option<String> {
    let mut counts = vec![0; set.classes.len()];
    set.class_labels().into_iter().for_each(|class| counts[class as usize] += 1);
    let (most, least) = (counts.iter().max()?, counts.iter().min()?);
    if *most < IMBALANCE * least.max(&1) {
        return None;
    }
    let name =
        |count: &usize| counts.iter().position(|c| c == count).map(|at| &set.classes[at]);
    Some(format!(
        "{}: class imbalance: {:?} has {most} of {} examples, {:?} has {least}; accuracy follows the \
         common classes, f1_macro (--metric-for-best-model) counts all the same",
        set.path.display(),
        name(most)?,
        set.examples.len(),
        name(least)?
    ))
}

/// How the sets of a run are evaluated.
struct Evaluators {
    dev: Option<Arc<dyn Evaluator>>,
    test: Option<Arc<dyn Evaluator>>,
}

impl Evaluators {
    fn of(
        config: &RunConfig,
        trained: &Trained,
        dev: &[&Dataset],
        test: Option<&Dataset>,
    ) -> Result<Self> {
        let asked = &config.dev_evaluator;
        if asked.len() > 1 && asked.len() != dev.len() {
            return Err(Error::config(format!(
                "{} evaluators for {} development sets: give one for all, or one for each",
                asked.len(),
                dev.len()
            )));
        }
        let (metric, greater) =
            (config.metric_for_best_model.as_deref(), config.greater_is_better);
        if dev.is_empty() && (metric.is_some() || greater.is_some() || !asked.is_empty()) {
            let message = "metric-for-best-model, greater-is-better and dev-evaluator need a \
                           development set: give --dev FILE";
            return Err(Error::config(message));
        }
        let asked_of = |number: usize| asked.get(number).or(asked.first()).copied();
        let evaluator = |set: &Dataset, name: Option<&str>, number: usize| {
            let asked = asked_of(number);
            trained.evaluator(name, &trained.read(set.clone(), asked), asked)
        };
        let each = dev.iter().enumerate().map(|(number, set)| {
            let name = config.dev.get(number).and_then(|data| data.name.as_deref());
            evaluator(set, name, number)
        });
        let mut each = each.collect::<Result<Vec<_>>>()?;
        let test = test.map(|set| evaluator(set, None, 0)).transpose()?;
        // of several sets the metric carries a name that the test set has not
        let test_metric = metric.filter(|_| each.len() == 1);
        let test = test.map(|test| Arc::new(BestMetric::new(test, test_metric, greater)) as _);
        let dev = match each.len() {
            0 => return Ok(Self { dev: None, test }),
            1 => each.remove(0),
            _ => Arc::new(SequentialEvaluator::new(each)),
        };
        Ok(Self { dev: Some(Arc::new(BestMetric::new(dev, metric, greater))), test })
    }
}

/// Whether an objective of the run reads a classification or regression head.
fn reads_head(config: &RunConfig, sets: &[Dataset]) -> bool {
    let phases = config.stage.iter().flat_map(|stage| &stage.cycle).zip(sets);
    let mut tasks = phases.map(|(phase, set)| training_task(phase, set, &config.objectives));
    tasks.any(|task| task.is_ok_and(|task| task.objective.requirements().head.is_some()))
}

/// The model a run starts from.
fn encoder(config: &RunConfig, sets: &[Dataset]) -> Result<SentenceEncoder> {
    let mut encoder = match (&config.model, &config.preset) {
        (Some(_), Some(_)) => {
            return Err(Error::config("both a model and a preset are given: choose one"));
        }
        (None, None) => {
            return Err(Error::config("no model: give --model DIR, or --preset tiny or mini"));
        }
        (Some(model), None) if reads_head(config, sets) => {
            SentenceEncoder::for_classification(model)?
        }
        (Some(model), None) => SentenceEncoder::from_pretrained(model)?,
        (None, Some(preset)) => {
            let texts = sets.iter().flat_map(Dataset::sentences);
            SentenceEncoder::fresh(preset.parse()?, texts, config.seed)?
        }
    };
    if let Some(pooling) = config.pooling {
        encoder = encoder.with_pooling(pooling);
    }
    if let Some(length) = config.max_seq_length {
        encoder.set_max_seq_length(length)?;
    }
    Ok(encoder.with_dtype(config.dtype))
}

fn settings(config: &RunConfig, steps: u64) -> Settings {
    Settings {
        learning_rate: config.learning_rate,
        lr_scheduler_type: config.lr_scheduler_type,
        warmup_steps: config.warmup_steps,
        max_grad_norm: config.max_grad_norm,
        gradient_accumulation_steps: config.gradient_accumulation_steps,
        mini_batch_size: config.mini_batch_size,
        adamw: config.optimizer,
        eval_steps: config.eval_steps.unwrap_or(steps.div_ceil(10)),
        early_stopping_patience: config.early_stopping_patience,
        max_bad_steps: config.max_bad_steps,
        seed: config.seed,
    }
}
