//! Objectives by name, and the views each expects.

use super::Goal;
use super::config::PhaseConfig;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::objective::{ConSert, CosineMse, Needs, Objective, Over, RDrop, SimCse, Sum};
use crate::view::{Augment, NetworkDropout, View};

const KNOWN: &str =
    "rdrop, rdrop-scores, rdrop-classes, rdrop-batch, consert, simcse, cosine-mse";

/// The goal of a phase over `dataset`, which decides what a plain `rdrop` is over: scores,
/// classes, or the sentences of the batch.
pub(super) fn goal(phase: &PhaseConfig, dataset: &Dataset) -> Result<Goal> {
    let parts = phase.objective.split('+').map(|part| {
        let (weight, name) = match part.split_once('*') {
            Some((weight, name)) => (weight.trim().parse().ok(), name),
            None => (Some(1.), part),
        };
        let weight = weight.filter(|weight: &f64| weight.is_finite());
        let unknown = || {
            Error::config(format!("objective `{part}`: use a weight and a name, 0.15*consert"))
        };
        Ok((weight.ok_or_else(unknown)?, name.trim()))
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let contrast_only = parts.iter().all(|(_, name)| *name == "consert");
    let mut objectives = Vec::with_capacity(parts.len());
    for (weight, name) in parts {
        objectives.push((weight, objective(name, phase, dataset)?));
    }
    let asks = |needs| objectives.iter().any(|(_, objective)| objective.needs() == needs);
    if asks(Needs::Scores) && asks(Needs::Classes) {
        let words = "one part needs scores, another classes; data have one or the other";
        return Err(Error::config(format!("objective `{}`: {words}", phase.objective)));
    }
    if asks(Needs::Classes) && dataset.classes.len() == 1 {
        let words = format!("every line is of the class {:?}", dataset.classes[0]);
        return Err(Error::data(&dataset.path, words + ", expected two classes or more"));
    }
    let objective = match objectives.len() {
        1 if objectives[0].0 == 1. => objectives.remove(0).1,
        _ => Box::new(Sum(objectives)),
    };
    let [first, second] =
        if contrast_only { published_consert() } else { [View::DROPOUT, View::DROPOUT] };
    let views = [phase.view1.clone().unwrap_or(first), phase.view2.clone().unwrap_or(second)];
    Ok(Goal { objective, views })
}

/// Feature cutoff against shuffle, network dropout off: `unsup-consert-base`.
fn published_consert() -> [View; 2] {
    [Augment::FeatureCutoff(0.2), Augment::Shuffle]
        .map(|augment| View { augment: vec![augment], dropout: NetworkDropout::Off })
}

fn objective(name: &str, phase: &PhaseConfig, dataset: &Dataset) -> Result<Box<dyn Objective>> {
    let temperature = |standard: f64| match phase.temperature {
        None => Ok(standard),
        Some(t) if t.is_finite() && t > 0. => Ok(t),
        Some(t) => Err(Error::config(format!("temperature {t}: expected more than 0"))),
    };
    let alpha = phase.alpha.unwrap_or(0.5);
    if !alpha.is_finite() || alpha < 0. {
        return Err(Error::config(format!("alpha {alpha}: expected 0 or more")));
    }
    let rdrop = |over| Ok(Box::new(RDrop { alpha, over }) as Box<dyn Objective>);
    match name {
        "rdrop" if dataset.is_scored() => rdrop(Over::Scores),
        "rdrop" if !dataset.classes.is_empty() => rdrop(Over::Classes),
        "rdrop" | "rdrop-batch" => rdrop(Over::Batch { temperature: temperature(0.05)? }),
        "rdrop-scores" => rdrop(Over::Scores),
        "rdrop-classes" => rdrop(Over::Classes),
        "consert" => Ok(Box::new(ConSert { temperature: temperature(0.1)? })),
        "simcse" => {
            Ok(Box::new(SimCse { temperature: temperature(0.05)?, ..SimCse::default() }))
        }
        "cosine-mse" => Ok(Box::new(CosineMse)),
        _ => Err(Error::config(format!("objective `{name}` is unknown: use one of {KNOWN}"))),
    }
}
