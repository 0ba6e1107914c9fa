//! The heads that a run's objectives read, put on its model.

use super::TrainingTask;
use super::config::RunConfig;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::heads::{ClassifierConfig, HeadLayout, SequenceHead};
use crate::nn::Activation;
use crate::objective::{HeadKind, LabelKind, Requirements};
use crate::pooling::Pooling;
use crate::sentence_encoder::{HeadDescription, SentenceEncoder};

/// The model with a dense layer, a classifier, a projection and a head for masked words, those
/// that are asked for or read. Heads that the model came with go on from where they are.
pub(super) fn add_heads(
    encoder: SentenceEncoder,
    config: &RunConfig,
    sets: &[Dataset],
    tasks: &[TrainingTask],
    notes: &mut Vec<String>,
) -> Result<SentenceEncoder> {
    let seed = config.seed;
    let mut encoder = match config.dense {
        Some(dense) => encoder.with_heads(|model| model.with_dense(dense, seed))?,
        None => encoder,
    };
    if let Some(description) = classifier(&encoder, config, sets, tasks)? {
        let head = description.head.sequence_head(&encoder.model().encoder().config());
        let before = encoder.model().pooling();
        encoder = encoder.with_classifier(description, seed)?;
        notes.extend(head.map(|head| head_note(config, &head, before)));
    } else if config.head.is_some() {
        let message = "a head is configured, but no objective uses it: add softmax, regression or \
                     rdrop over classes, or remove the head";
        return Err(Error::config(message));
    }
    if let Some(projection) = config.projection.clone() {
        encoder = encoder.with_heads(|model| model.with_projection(projection, seed))?;
    }
    if tasks.iter().any(|task| task.objective.requirements().masked_tokens) {
        encoder = encoder.with_heads(|model| model.with_masked_head(seed))?;
    }
    notes.extend(encoder.restore_heads()?);
    Ok(encoder)
}

/// What the architecture's own head reads, and how to have another.
fn head_note(config: &RunConfig, head: &SequenceHead, before: Pooling) -> String {
    let reads = if head.reads_mean { "the mean of the tokens" } else { "the first token" };
    let instead = match config.head {
        None => format!("; --head apart reads embeddings of {before} pooling instead"),
        Some(_) => String::new(),
    };
    format!("the head is that of {}, which reads {reads}{instead}", head.class)
}

/// Texts of an example as a task's loader has them: one where a pair is joined, or where nobody
/// needs the labels and texts stand alone.
pub(super) fn columns(config: &RunConfig, set: &Dataset, task: &TrainingTask) -> usize {
    let alone = task.objective.requirements().labels == LabelKind::None && set.is_labelled();
    if alone || joins(config, task) { 1 } else { set.width() }
}

/// Whether a task reads the two texts of an example as one sequence.
pub(super) fn joins(config: &RunConfig, task: &TrainingTask) -> bool {
    task.objective.requirements().head.is_some()
        && config.head.as_ref().is_some_and(|head| head.is_joined())
}

/// The head of examples of `columns` texts: what is configured; else, of single texts, the
/// architecture's own where the run trains nothing but heads and chooses no other pooling; else
/// features of embeddings.
fn head_config(
    encoder: &SentenceEncoder,
    config: &RunConfig,
    columns: usize,
    tasks: &[TrainingTask],
) -> Result<ClassifierConfig> {
    let model = encoder.model();
    let pooling_of = |head: &ClassifierConfig| {
        let head = head.sequence_head(&model.encoder().config())?;
        Some((SentenceEncoder::pooling_of(&head), head.class))
    };
    if let Some(head) = &config.head {
        if let (Some((needed, class)), Some(chosen)) = (pooling_of(head), config.pooling)
            && needed != chosen
        {
            return Err(Error::config(format!(
                "pooling {chosen}: the head of {class} reads {needed} pooling; omit --pooling, or \
                 choose --head apart"
            )));
        }
        return Ok(head.clone());
    }
    let sequence = ClassifierConfig::of(HeadLayout::Sequence);
    let has_pooling = pooling_of(&sequence)
        .is_some_and(|(needed, _)| config.pooling.is_none_or(|chosen| chosen == needed));
    let only_heads = tasks.iter().all(|task| task.objective.requirements().head.is_some());
    let is_sequence = columns == 1 && encoder.has_bare_encoder() && has_pooling && only_heads;
    Ok(if is_sequence { sequence } else { ClassifierConfig::default() })
}

/// The classifier, where an objective reads one.
fn classifier(
    encoder: &SentenceEncoder,
    config: &RunConfig,
    sets: &[Dataset],
    tasks: &[TrainingTask],
) -> Result<Option<HeadDescription>> {
    let readers = sets.iter().zip(tasks).filter_map(|(set, task)| {
        Some((set, task.objective.requirements().head?, columns(config, set, task).min(2)))
    });
    let readers: Vec<(&Dataset, HeadKind, usize)> = readers.collect();
    let Some(&(first, kind, columns)) = readers.first() else { return Ok(None) };
    if let Some((other, ..)) = readers.iter().find(|(_, other, _)| *other != kind) {
        let message = "one objective needs a classification head, another a regression head; a run has one";
        return Err(Error::data(&other.path, message));
    }
    if let Some((other, ..)) = readers.iter().find(|(.., others)| *others != columns) {
        let message = format!(
            "has {} texts per example, but {} has {}; a head needs the same number for all",
            other.width(),
            first.path.display(),
            first.width()
        );
        return Err(Error::data(&other.path, message));
    }
    let head = head_config(encoder, config, columns, tasks)?;
    let texts = if head.is_joined() { 2 } else { columns };
    if head.layout == HeadLayout::Sequence && texts != 1 {
        let message = format!(
            "has {} texts per example, but the head `sequence` reads one; choose --head joined",
            first.width()
        );
        return Err(Error::data(&first.path, message));
    }
    if kind == HeadKind::Regression {
        return Ok(Some(regression(head, texts, first, tasks)));
    }
    let mut classified = readers.iter().map(|(set, ..)| *set).filter(|s| !s.classes.is_empty());
    let Some(set) = classified.next() else {
        if tasks.iter().any(|task| task.objective.requirements().labels == LabelKind::Classes) {
            let message = "has no class labels, which the objective needs";
            return Err(Error::data(&first.path, message));
        }
        let message = "no objective trains the classification head that this objective regularizes; \
                     add one, such as softmax, on labelled data";
        return Err(Error::data(&first.path, message));
    };
    if let Some(other) = classified.find(|other| other.classes != set.classes) {
        let message = "its classes differ from those of";
        let message =
            format!("{message} {}; a head needs the same classes for all", set.path.display());
        return Err(Error::data(&other.path, message));
    }
    Ok(Some(HeadDescription::classes(head, texts, set.classes.clone())))
}

/// The head of a regression, on the scale of `set`; on no scale where relevances are learnt as they
/// are, or not learnt.
fn regression(
    head: ClassifierConfig,
    texts: usize,
    set: &Dataset,
    tasks: &[TrainingTask],
) -> HeadDescription {
    let any = |has: fn(&Requirements) -> bool| {
        tasks.iter().any(|task| has(&task.objective.requirements()))
    };
    let is_scaled = any(|needs| needs.labels == LabelKind::Scores);
    let scale = set.scale.filter(|_| is_scaled).map(|scale| [scale.low, scale.high]);
    let description = HeadDescription::regression(head, texts, scale);
    match any(|needs| needs.sigmoid) {
        true => HeadDescription { activation: Activation::Sigmoid, ..description },
        false => description,
    }
}

/// Says to the tasks that read masked words how words are masked.
pub(super) fn add_masking(
    encoder: &SentenceEncoder,
    config: &RunConfig,
    tasks: &mut [TrainingTask],
) -> Result<()> {
    let rate = config.mlm_probability;
    if !(rate > 0. && rate < 1.) {
        let message = format!("mlm_probability {rate}: expected a number between 0 and 1");
        return Err(Error::config(message));
    }
    for task in tasks.iter_mut().filter(|task| task.objective.requirements().masked_tokens) {
        task.masking = Some(encoder.tokenizer().masking(rate)?);
    }
    Ok(())
}
