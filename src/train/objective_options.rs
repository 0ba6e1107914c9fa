//! Objectives from the options of a part.

use super::objective_term::{NumberRange, ObjectiveTerm};
use crate::data::Dataset;
use crate::error::Result;
use crate::objective::{
    Angle, CoSent, ConSert, Contrast, Contrastive, Distance, Divergence, Mnrl, Objective,
    OnlineContrastive, RDrop, RDropTarget, Reduction, SimCse, Triplet, ViewSide,
};

/// What a term reads beside its own options.
pub(super) struct PhaseInputs<'a> {
    /// τ of the phase, for terms without their own.
    pub temperature: Option<f64>,
    /// α of the phase, for terms without their own.
    pub alpha: Option<f64>,
    /// Decides the target of a plain `rdrop`.
    pub dataset: &'a Dataset,
}

impl PhaseInputs<'_> {
    /// τ, given as `temperature` or as `scale`, 1/τ.
    pub(super) fn temperature(&self, part: &ObjectiveTerm, standard: f64) -> Result<f64> {
        let temperature = part.number("temperature", NumberRange::Positive)?;
        let scale = part.number("scale", NumberRange::Positive)?;
        match (temperature, scale) {
            (Some(_), Some(_)) => {
                Err(part.wrong("scale is 1/temperature: give only one of them"))
            }
            (Some(temperature), None) => Ok(temperature),
            (None, Some(scale)) => Ok(1. / scale),
            (None, None) => Ok(self.temperature.unwrap_or(standard)),
        }
    }

    /// λ = 1/τ, likewise.
    fn scale(&self, part: &ObjectiveTerm, standard: f64) -> Result<f64> {
        Ok(1. / self.temperature(part, 1. / standard)?)
    }

    /// What a plain `rdrop` is over.
    pub(super) fn rdrop(&self) -> &'static str {
        if self.dataset.is_scored() {
            "rdrop-scores"
        } else if self.dataset.classes.is_empty() {
            "rdrop-batch"
        } else {
            "rdrop-classes"
        }
    }
}

/// R-Drop as published, but for what the part says.
pub(super) fn rdrop(
    part: &ObjectiveTerm,
    phase: &PhaseInputs,
    over: RDropTarget,
) -> Result<Box<dyn Objective>> {
    let presets = [
        ("article", Reduction::Article),
        ("readme", Reduction::Readme),
        ("glue", Reduction::Glue),
        ("roberta", Reduction::Roberta),
        ("su", Reduction::Su),
    ];
    let published = part.choice("preset", &presets)?.unwrap_or_default().rdrop(over);
    let alpha = part.number("alpha", NumberRange::NotNegative)?;
    Ok(Box::new(RDrop {
        alpha: alpha.or(phase.alpha).unwrap_or(published.alpha),
        divergence: divergence(part)?,
        label_smoothing: smoothing(part)?,
        ..published
    }))
}

pub(super) fn divergence(part: &ObjectiveTerm) -> Result<Divergence> {
    let symmetric = !part.flag("js")?;
    Ok(if symmetric { Divergence::Symmetric } else { Divergence::JensenShannon })
}

pub(super) fn smoothing(part: &ObjectiveTerm) -> Result<f64> {
    Ok(part.number("label-smoothing", NumberRange::Share)?.unwrap_or(0.))
}

pub(super) fn consert(part: &ObjectiveTerm, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    let types = [("nt-xent", Contrast::NtXent), ("cosine", Contrast::Cosine)];
    let sides =
        [("none", None), ("first", Some(ViewSide::First)), ("second", Some(ViewSide::Second))];
    let standard = ConSert::default();
    Ok(Box::new(ConSert {
        temperature: phase.temperature(part, standard.temperature)?,
        contrast: part.choice("type", &types)?.unwrap_or(standard.contrast),
        stop_gradient: part.choice("stop-gradient", &sides)?.flatten(),
        centre: part.number("centre", NumberRange::NotNegative)?.unwrap_or(standard.centre),
    }))
}

pub(super) fn simcse(part: &ObjectiveTerm, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    let standard = SimCse::default();
    let weight = part.number("hard-negative-weight", NumberRange::Finite)?;
    Ok(Box::new(SimCse {
        temperature: phase.temperature(part, standard.temperature)?,
        hard_negative_weight: weight.unwrap_or(standard.hard_negative_weight),
    }))
}

pub(super) fn triplet(part: &ObjectiveTerm, _: &PhaseInputs) -> Result<Box<dyn Objective>> {
    let distances = [("euclidean", Distance::Euclidean), ("cosine", Distance::Cosine)];
    let standard = Triplet::default();
    Ok(Box::new(Triplet {
        distance: part.choice("distance", &distances)?.unwrap_or(standard.distance),
        margin: margin(part, standard.margin)?,
    }))
}

pub(super) fn mnrl(part: &ObjectiveTerm, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    let (scale, symmetric) =
        (phase.scale(part, Mnrl::default().scale)?, part.flag("symmetric")?);
    Ok(Box::new(Mnrl { scale, symmetric }))
}

pub(super) fn cosent(part: &ObjectiveTerm, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    Ok(Box::new(CoSent { scale: phase.scale(part, CoSent::default().scale)? }))
}

pub(super) fn angle(part: &ObjectiveTerm, phase: &PhaseInputs) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Angle { scale: phase.scale(part, Angle::default().scale)? }))
}

pub(super) fn contrastive(part: &ObjectiveTerm, _: &PhaseInputs) -> Result<Box<dyn Objective>> {
    Ok(Box::new(Contrastive { margin: margin(part, Contrastive::default().margin)? }))
}

pub(super) fn online_contrastive(
    part: &ObjectiveTerm,
    _: &PhaseInputs,
) -> Result<Box<dyn Objective>> {
    let margin = margin(part, OnlineContrastive::default().margin)?;
    Ok(Box::new(OnlineContrastive { margin }))
}

fn margin(part: &ObjectiveTerm, standard: f64) -> Result<f64> {
    Ok(part.number("margin", NumberRange::NotNegative)?.unwrap_or(standard))
}
