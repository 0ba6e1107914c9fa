//! The names of objectives, and the options each knows.

use super::objective_options::{self, PhaseInputs};
use super::objective_term::ObjectiveTerm;
use crate::error::{Error, Result};
use crate::objective::{
    CosineMse, Distillation, Kl, Matryoshka, Mlm, Objective, RDropTarget, Regression, Softmax,
};

/// An objective by its name.
#[derive(Debug)]
pub struct ObjectiveInfo {
    /// Its name in a run file.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// Its options, typed behind a colon: `triplet:distance=cosine,margin=0.2`.
    pub options: &'static [&'static str],
    /// What it is, in a line.
    pub about: &'static str,
    build: fn(&ObjectiveTerm, &PhaseInputs) -> Result<Box<dyn Objective>>,
}

/// Options of everything over embeddings.
const CUT: [&str; 2] = ["dims", "dim-weights"];

const KNOWN: [ObjectiveInfo; 19] = [
    ObjectiveInfo {
        name: "rdrop",
        aliases: &["r-drop"],
        options: &["preset", "alpha", "js", "label-smoothing", "temperature", "scale"],
        about: "R-Drop on scores, class labels or in-batch similarities, by the labels of the data",
        build: |part, phase| named(part, phase.rdrop(), phase),
    },
    ObjectiveInfo {
        name: "rdrop-scores",
        aliases: &[],
        options: &["preset", "alpha"],
        about: "R-Drop on the cosine similarity of scored pairs",
        build: |part, phase| objective_options::rdrop(part, phase, RDropTarget::Scores),
    },
    ObjectiveInfo {
        name: "rdrop-regression",
        aliases: &[],
        options: &["preset", "alpha"],
        about: "R-Drop on the output of a regression head",
        build: |part, phase| objective_options::rdrop(part, phase, RDropTarget::Predictions),
    },
    ObjectiveInfo {
        name: "rdrop-classes",
        aliases: &[],
        options: &["preset", "alpha", "js", "label-smoothing"],
        about: "R-Drop on the output of a classification head",
        build: |part, phase| objective_options::rdrop(part, phase, RDropTarget::Classes),
    },
    ObjectiveInfo {
        name: "rdrop-batch",
        aliases: &[],
        options: &["preset", "alpha", "js", "label-smoothing", "temperature", "scale"],
        about: "R-Drop on in-batch similarities",
        build: |part, phase| {
            let temperature = phase.temperature(part, 0.05)?;
            objective_options::rdrop(part, phase, RDropTarget::Batch { temperature })
        },
    },
    ObjectiveInfo {
        name: "kl",
        aliases: &[],
        options: &["js"],
        about: "R-Drop's KL term alone, on the output of a classification head for unlabelled texts",
        build: |part, _| Ok(Box::new(Kl { divergence: objective_options::divergence(part)? })),
    },
    ObjectiveInfo {
        name: "consert",
        aliases: &["nt-xent", "ntxent"],
        options: &["temperature", "scale", "type", "stop-gradient", "centre"],
        about: "ConSERT: NT-Xent of two views, or their cosine similarity alone",
        build: objective_options::consert,
    },
    ObjectiveInfo {
        name: "simcse",
        aliases: &["infonce", "info-nce"],
        options: &["temperature", "scale", "hard-negative-weight"],
        about: "SimCSE: InfoNCE of two views, or of anchors, positives and hard negatives",
        build: objective_options::simcse,
    },
    ObjectiveInfo {
        name: "mnrl",
        aliases: &["multiple-negatives-ranking"],
        options: &["scale", "temperature", "symmetric"],
        about: "multiple negatives ranking loss of anchors, positives and negatives",
        build: objective_options::mnrl,
    },
    ObjectiveInfo {
        name: "cosine-mse",
        aliases: &["cosine-similarity"],
        options: &[],
        about: "mean squared error between cosine similarity and score",
        build: |_, _| Ok(Box::new(CosineMse)),
    },
    ObjectiveInfo {
        name: "cosent",
        aliases: &[],
        options: &["scale", "temperature"],
        about: "CoSENT: ranking of cosine similarities by score",
        build: objective_options::cosent,
    },
    ObjectiveInfo {
        name: "angle",
        aliases: &[],
        options: &["scale", "temperature"],
        about: "AnglE: ranking of angle differences by score; as published: angle+cosent+simcse",
        build: objective_options::angle,
    },
    ObjectiveInfo {
        name: "softmax",
        aliases: &["cross-entropy"],
        options: &["label-smoothing"],
        about: "cross-entropy of a classification head",
        build: |part, _| {
            Ok(Box::new(Softmax { label_smoothing: objective_options::smoothing(part)? }))
        },
    },
    ObjectiveInfo {
        name: "regression",
        aliases: &[],
        options: &[],
        about: "mean squared error between the output of a regression head and the score",
        build: |_, _| Ok(Box::new(Regression)),
    },
    ObjectiveInfo {
        name: "triplet",
        aliases: &[],
        options: &["distance", "margin"],
        about: "triplet margin loss",
        build: objective_options::triplet,
    },
    ObjectiveInfo {
        name: "contrastive",
        aliases: &[],
        options: &["margin"],
        about: "contrastive loss of pairs scored 0 or 1, with a margin",
        build: objective_options::contrastive,
    },
    ObjectiveInfo {
        name: "online-contrastive",
        aliases: &[],
        options: &["margin"],
        about: "contrastive loss of the hard pairs of a batch",
        build: objective_options::online_contrastive,
    },
    ObjectiveInfo {
        name: "mlm",
        aliases: &["masked-lm", "masked-language-modelling"],
        options: &[],
        about: "masked language modelling",
        build: |_, _| Ok(Box::new(Mlm)),
    },
    ObjectiveInfo {
        name: "distillation",
        aliases: &["distill"],
        options: &[],
        about: "mean squared error between embeddings and a teacher's",
        build: |_, _| Ok(Box::new(Distillation)),
    },
];

/// Every objective by its name. All that see embeddings alone also know `dims` and
/// `dim-weights`, Matryoshka's widths: `mnrl:dims=256/128/64,dim-weights=1/0.5/0.25`.
pub fn objectives() -> &'static [ObjectiveInfo] {
    &KNOWN
}

/// The objective of a part.
pub(super) fn objective(
    part: &ObjectiveTerm,
    phase: &PhaseInputs,
) -> Result<Box<dyn Objective>> {
    let objective = named(part, &part.name, phase)?;
    let weights = part.numbers("dim-weights")?;
    match part.numbers("dims")? {
        None if weights.is_some() => Err(part.wrong("dim-weights without dims")),
        None => Ok(objective),
        Some(dims) => Matryoshka::new(objective, &dims, &weights.unwrap_or_default())
            .map(|objective| Box::new(objective) as Box<dyn Objective>)
            .map_err(|error| part.wrong(&error.to_string())),
    }
}

/// The name a part's objective has in the list.
pub(super) fn listed(name: &str) -> Option<&'static ObjectiveInfo> {
    KNOWN.iter().find(|known| known.name == name || known.aliases.contains(&name))
}

fn named(part: &ObjectiveTerm, name: &str, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    if let Some(own) = phase.registry.get(name) {
        let options: Vec<&str> = own.options.iter().map(String::as_str).chain(CUT).collect();
        part.expect(name, &options)?;
        return (own.build)(part);
    }
    let Some(named) = listed(name) else {
        if name == "matryoshka" {
            return Err(
                part.wrong("Matryoshka is an option of other objectives: mnrl:dims=256/128/64")
            );
        }
        let known = KNOWN.iter().map(|known| known.name);
        let known: Vec<_> = known.chain(phase.registry.names()).collect();
        let known = known.join(", ");
        return Err(Error::config(format!(
            "objective `{name}` is unknown: use one of {known}"
        )));
    };
    let options: Vec<_> = named.options.iter().chain(&CUT).copied().collect();
    part.expect(named.name, &options)?;
    (named.build)(part, phase)
}
