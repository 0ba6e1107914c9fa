//! Settings that cannot be combined, refused before the first step with the reason.

use super::config::RunConfig;
use super::{TrainingTask, heads};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::heads::{Norm, ProjectedViews};
use crate::objective::{LabelKind, Objective, supervised};

/// Refuses tasks that their data, their views or the run's settings cannot serve.
pub(super) fn check_compatible(
    config: &RunConfig,
    sets: &[Dataset],
    tasks: &[TrainingTask],
) -> Result<()> {
    for (task, set) in tasks.iter().zip(sets) {
        texts(task, set)?;
        scores(&*task.objective, set)?;
        projected(config, task, set)?;
        adversary(task)?;
        mini_batches(config, task)?;
    }
    joined(config, sets, tasks)?;
    class_weights(config, tasks)?;
    normalised(config)
}

fn texts(task: &TrainingTask, set: &Dataset) -> Result<()> {
    let (needs, has) = (task.objective.requirements().texts_per_example, set.width());
    // that labels are missing is said by whoever reads them
    let unlabelled =
        task.objective.requirements().labels == LabelKind::Scores && !set.is_scored();
    if needs <= has || unlabelled {
        return Ok(());
    }
    let message = format!(
        "has {has} {} per example, but {} needs {needs}",
        if has == 1 { "text" } else { "texts" },
        task.objective.name()
    );
    Err(Error::data(&set.path, message))
}

/// Scores must differ for an objective that learns their order, and lie on a known scale for others.
fn scores(objective: &dyn Objective, set: &Dataset) -> Result<()> {
    if !set.is_scored() {
        return Ok(());
    }
    let terms = objective.terms(0.);
    if !terms.is_empty() {
        return terms.into_iter().try_for_each(|(_, term)| scores(term, set));
    }
    let requirements = objective.requirements();
    if requirements.labels != LabelKind::Scores {
        return Ok(());
    }
    if !requirements.score_order_only {
        return set.expect_known_scale();
    }
    let gold = set.gold();
    match gold.first() {
        Some(first) if gold.iter().all(|score| score == first) => {
            let name = objective.name();
            let message = format!("all scores are {first}, {name} needs pairs that differ");
            Err(Error::data(&set.path, message))
        }
        _ => Ok(()),
    }
}

/// A projection of the second view needs a second view.
fn projected(config: &RunConfig, task: &TrainingTask, set: &Dataset) -> Result<()> {
    let second = config.projection.as_ref().is_some_and(|p| p.side == ProjectedViews::Second);
    let columns = heads::columns(config, set, task);
    let forward_passes = task
        .objective
        .requirements()
        .passes
        .count(columns, task.objective.requirements().labels != LabelKind::None);
    if !second || forward_passes == 2 {
        return Ok(());
    }
    let message = format!(
        "a projection with side=second, but {} takes one forward pass on these data; use side=both",
        task.objective.name()
    );
    Err(Error::config(message))
}

fn adversary(task: &TrainingTask) -> Result<()> {
    if task.is_adversarial() && supervised(&*task.objective, 1.).is_empty() {
        let message = format!(
            "an adversarial view needs the gradient of a supervised loss, but {} has none; add \
             one, as softmax+0.3*consert",
            task.objective.name()
        );
        return Err(Error::config(message));
    }
    Ok(())
}

fn mini_batches(config: &RunConfig, task: &TrainingTask) -> Result<()> {
    let Some(size) = config.mini_batch_size else { return Ok(()) };
    let why = if task.objective.requirements().masked_tokens {
        "has a masked language modelling loss, which is not a function of embeddings"
    } else if task.is_adversarial() {
        "has an adversarial view, which needs the gradient of the whole batch"
    } else {
        return Ok(());
    };
    let message = format!(
        "mini-batch-size {size}: {} {why}; omit it, or use gradient-accumulation-steps",
        task.objective.name()
    );
    Err(Error::config(message))
}

fn class_weights(config: &RunConfig, tasks: &[TrainingTask]) -> Result<()> {
    let reads =
        |task: &TrainingTask| task.objective.requirements().labels == LabelKind::Classes;
    match &config.class_weights {
        Some(weights) if !tasks.iter().any(reads) => Err(Error::config(format!(
            "class-weights {weights}: no objective reads classes; use softmax or rdrop-classes, or omit it"
        ))),
        _ => Ok(()),
    }
}

fn joined(config: &RunConfig, sets: &[Dataset], tasks: &[TrainingTask]) -> Result<()> {
    let mut pairs = sets.iter().zip(tasks);
    let wrong = pairs.find(|(set, task)| heads::joins(config, task) && set.width() != 2);
    match wrong {
        Some((set, _)) => {
            let message = format!(
                "has {} texts per example, but a joined head needs pairs: omit `joined`",
                set.width()
            );
            Err(Error::data(&set.path, message))
        }
        None => Ok(()),
    }
}

fn normalised(config: &RunConfig) -> Result<()> {
    let batch = config.projection.as_ref().is_some_and(|p| p.norm == Norm::Batch);
    if batch && config.per_device_train_batch_size < 2 {
        let message = "a projection with norm=batch needs batches of at least 2 examples";
        return Err(Error::config(message));
    }
    Ok(())
}
