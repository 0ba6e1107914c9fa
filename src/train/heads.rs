//! The heads that a run's objectives read, put on its model.

use super::TrainingTask;
use super::config::RunConfig;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::objective::{HeadKind, LabelKind};
use crate::sentence_encoder::{HeadDescription, ProblemType, SentenceEncoder};

/// The model with a dense layer, a classifier, a projection and a head for masked words, those
/// that are asked for or read. Heads that the model came with go on from where they are.
pub(super) fn add_heads(
    encoder: SentenceEncoder,
    config: &RunConfig,
    sets: &[Dataset],
    tasks: &[TrainingTask],
) -> Result<SentenceEncoder> {
    let seed = config.seed;
    let mut encoder = match config.dense {
        Some(dense) => encoder.with_heads(|model| model.with_dense(dense, seed))?,
        None => encoder,
    };
    if let Some(description) = classifier(config, sets, tasks)? {
        encoder = encoder.with_classifier(description, seed)?;
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
    encoder.restore_heads()?;
    Ok(encoder)
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
        && config.head.as_ref().is_some_and(|head| head.joined)
}

/// The classifier, where an objective reads one.
fn classifier(
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
    let head = config.head.clone().unwrap_or_default();
    let texts_per_example = if head.joined { 2 } else { columns };
    if kind == HeadKind::Regression {
        return Ok(Some(HeadDescription {
            head,
            texts_per_example,
            problem_type: ProblemType::Regression,
            labels: Vec::new(),
            score_scale: first.scale.map(|scale| [scale.low, scale.high]),
        }));
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
    Ok(Some(HeadDescription {
        head,
        texts_per_example,
        problem_type: ProblemType::SingleLabelClassification,
        labels: set.classes.clone(),
        score_scale: None,
    }))
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
