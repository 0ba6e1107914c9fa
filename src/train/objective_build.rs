//! Objectives from the terms of a run file.

use super::objective_names::{ObjectiveInfo, listed, objectives};
use super::objective_options::{self as options, PhaseInputs};
use super::objective_registry::ObjectiveRegistry;
use super::objective_term::{NumberRange, ObjectiveTerm};
use crate::error::{Error, Result};
use crate::objective::{
    BinaryCrossEntropy, CosineMse, Distillation, Kl, Listwise, Matryoshka, Mlm, Objective,
    RDropTarget, Regression, Softmax, WithAgreement,
};

/// Options of every objective that reads embeddings alone.
const MATRYOSHKA: [&str; 2] = ["dims", "dim-weights"];

/// The objective of a term.
pub(super) fn objective(
    term: &ObjectiveTerm,
    phase: &PhaseInputs,
    registry: &ObjectiveRegistry,
) -> Result<Box<dyn Objective>> {
    let objective = named(term, phase, registry)?;
    let weights = term.numbers("dim-weights")?;
    match term.numbers("dims")? {
        None if weights.is_some() => Err(term.wrong("dim-weights without dims")),
        None => Ok(objective),
        Some(dims) => Matryoshka::new(objective, &dims, &weights.unwrap_or_default())
            .map(|objective| Box::new(objective) as Box<dyn Objective>)
            .map_err(|error| term.wrong(&error.to_string())),
    }
}

fn named(
    term: &ObjectiveTerm,
    phase: &PhaseInputs,
    registry: &ObjectiveRegistry,
) -> Result<Box<dyn Objective>> {
    let name = term.name.as_str();
    if let Some(own) = registry.get(name) {
        let options: Vec<&str> =
            own.options.iter().map(String::as_str).chain(MATRYOSHKA).collect();
        term.expect(name, &options)?;
        return (own.build)(term);
    }
    let Some(named) = listed(name) else {
        if name == "matryoshka" {
            return Err(
                term.wrong("Matryoshka is an option of other objectives: mnrl:dims=256/128/64")
            );
        }
        let known = objectives().iter().map(|known| known.name);
        let known: Vec<_> = known.chain(registry.names()).collect();
        let known = known.join(", ");
        return Err(Error::config(format!(
            "objective `{name}` is unknown: use one of {known}"
        )));
    };
    build(named, term, phase)
}

/// A built-in objective.
fn build(
    info: &ObjectiveInfo,
    term: &ObjectiveTerm,
    phase: &PhaseInputs,
) -> Result<Box<dyn Objective>> {
    let known: Vec<_> = info.options.iter().chain(&MATRYOSHKA).copied().collect();
    term.expect(info.name, &known)?;
    match info.name {
        "rdrop" => {
            let target = listed(phase.rdrop()).expect("the name of a built-in objective");
            build(target, term, phase)
        }
        "rdrop-scores" => options::rdrop(term, phase, RDropTarget::Scores),
        "rdrop-regression" => options::rdrop(term, phase, RDropTarget::Predictions),
        "rdrop-classes" => options::rdrop(term, phase, RDropTarget::Classes),
        "rdrop-batch" => {
            let temperature = phase.temperature(term, 0.05)?;
            options::rdrop(term, phase, RDropTarget::Batch { temperature })
        }
        "kl" => Ok(Box::new(Kl { divergence: options::divergence(term)? })),
        "consert" => options::consert(term, phase),
        "simcse" => options::simcse(term, phase),
        "mnrl" => options::mnrl(term, phase),
        "cosine-mse" => Ok(Box::new(CosineMse)),
        "cosent" => options::cosent(term, phase),
        "angle" => options::angle(term, phase),
        "softmax" => Ok(Box::new(Softmax { label_smoothing: options::smoothing(term)? })),
        "regression" => Ok(Box::new(Regression)),
        "bce" => with_agreement(term, BinaryCrossEntropy),
        "margin-mse" => with_agreement(term, Listwise::MarginMse),
        "ranknet" => with_agreement(term, Listwise::RankNet),
        "listnet" => with_agreement(term, Listwise::ListNet),
        "lambda" => with_agreement(term, Listwise::Lambda),
        "distill-kl" => {
            let temperature = phase.temperature(term, 1.)?;
            with_agreement(term, Listwise::Distill { temperature })
        }
        "triplet" => options::triplet(term, phase),
        "contrastive" => options::contrastive(term, phase),
        "online-contrastive" => options::online_contrastive(term, phase),
        "mlm" => Ok(Box::new(Mlm)),
        "distillation" => Ok(Box::new(Distillation)),
        other => Err(term.wrong(&format!("{other} cannot be built"))),
    }
}

/// The objective, with R-Drop's agreement where the term has `rdrop=α`.
fn with_agreement(
    term: &ObjectiveTerm,
    objective: impl Objective + 'static,
) -> Result<Box<dyn Objective>> {
    let objective = Box::new(objective);
    Ok(match term.number("rdrop", NumberRange::NotNegative)? {
        Some(alpha) => Box::new(WithAgreement { objective, alpha }),
        None => objective,
    })
}
