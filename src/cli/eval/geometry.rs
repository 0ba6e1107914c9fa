//! Geometry of embeddings: a table for each set, and JSON.

use super::layout::{name, table};
use super::suite_output::{Candidate, SuiteOutput};
use crate::eval::{NEIGHBOURS, PairSet, SetGeometry, SubsetGeometry};
use serde_json::{Map, Value, json};

type Figure = Result<f64, String>;

/// The figures of a part by their names.
fn figures(part: &SubsetGeometry) -> [(&'static str, &Figure); 5] {
    [
        ("alignment", &part.alignment),
        ("uniformity", &part.uniformity),
        ("mean_cosine", &part.mean_cosine),
        ("effective_rank", &part.effective_rank),
        ("hubness", &part.hubness),
    ]
}

pub fn json(geometry: &SetGeometry) -> Value {
    let mut object = json!({ "neighbours": NEIGHBOURS, "length": "tokens" });
    object["all"] = part(&geometry.whole, "");
    let parts = |parts: &[SubsetGeometry], name: &str| {
        parts.iter().map(|one| part(one, name)).collect()
    };
    object["by_score"] = parts(&geometry.by_score, "score");
    object["by_length"] = parts(&geometry.by_length, "tokens");
    object["singular_values"] = json!(geometry.singular_values.as_ref().ok());
    if let Err(reason) = &geometry.singular_values {
        object["undefined"] = json!({ "singular_values": reason });
    }
    object
}

fn part(part: &SubsetGeometry, name: &str) -> Value {
    let mut object = Map::new();
    if let Some((low, high)) = part.range {
        object.insert(name.into(), json!([low, high]));
    }
    object.insert("pairs".into(), part.pairs.into());
    object.insert("sentences".into(), part.sentences.into());
    let mut reasons = Map::new();
    for (name, figure) in figures(part) {
        object.insert(name.into(), json!(figure.as_ref().ok()));
        if let Err(reason) = figure {
            reasons.insert(name.into(), reason.as_str().into());
        }
    }
    if !reasons.is_empty() {
        object.insert("undefined".into(), reasons.into());
    }
    object.into()
}

/// A table for each model and set, and below it why something is undefined.
pub fn tables(found: &SuiteOutput) -> Vec<String> {
    let all = found.candidates.iter().chain(&found.rivals);
    all.flat_map(|candidate| of(found, candidate)).collect()
}

fn of(found: &SuiteOutput, candidate: &Candidate) -> Vec<String> {
    let sets = found.sets().iter().zip(candidate.geometry.iter().flatten());
    let section = |(set, geometry): (&PairSet, &SetGeometry)| {
        let (title, name) = (&set.title, name(found, candidate));
        let head = format!(
            "geometry of {title}, {name} (alignment over the pairs of a score range, else over the \
             top fifth of the scale; hubness over {NEIGHBOURS} nearest neighbours)"
        );
        format!("{head}\n{}{}", rows(geometry), reasons(geometry))
    };
    sets.map(section).collect()
}

/// Every part with what a table calls it.
fn parts(geometry: &SetGeometry) -> Vec<(String, &SubsetGeometry)> {
    let range = |part: &SubsetGeometry, unit: &str| match part.range {
        Some((low, high)) if low == high => format!("{unit} {low}"),
        Some((low, high)) => format!("{unit} {low} to {high}"),
        None => "all".into(),
    };
    let scores = geometry.by_score.iter().map(|part| (range(part, "score"), part));
    let lengths = geometry.by_length.iter().map(|part| (range(part, "tokens"), part));
    [(range(&geometry.whole, ""), &geometry.whole)]
        .into_iter()
        .chain(scores)
        .chain(lengths)
        .collect()
}

fn rows(geometry: &SetGeometry) -> String {
    let figures_of = |part: &SubsetGeometry| {
        figures(part).map(|(name, figure)| match (name, figure) {
            (_, Err(_)) => "undefined".to_string(),
            ("effective_rank", Ok(value)) => format!("{value:.1}"),
            (_, Ok(value)) => format!("{value:.3}"),
        })
    };
    let names = figures(&geometry.whole).map(|(name, _)| name.replace('_', " "));
    let header = ["sentences of", "pairs", "sentences"].map(String::from);
    let mut table = table(header.into_iter().chain(names));
    for (title, part) in parts(geometry) {
        let counts = [title, part.pairs.to_string(), part.sentences.to_string()];
        table.add_row(counts.into_iter().chain(figures_of(part)));
    }
    table.to_string()
}

/// A line for each reason and the figures it is the reason of, with the parts where it is.
fn reasons(geometry: &SetGeometry) -> String {
    let mut lines: Vec<((String, &str), Vec<String>)> = Vec::new();
    for (title, part) in parts(geometry) {
        for (what, reason) in reasons_of(part) {
            match lines.iter_mut().find(|(known, _)| *known == (what.clone(), reason)) {
                Some((_, titles)) => titles.push(title.clone()),
                None => lines.push(((what, reason), vec![title.clone()])),
            }
        }
    }
    let line = |((what, reason), titles): ((String, &str), Vec<String>)| {
        format!("\n{}: {what} undefined: {reason}", titles.join(", "))
    };
    lines.into_iter().map(line).collect()
}

/// Each reason in a part, after the figures it is the reason of.
fn reasons_of(part: &SubsetGeometry) -> Vec<(String, &str)> {
    let figures = figures(part);
    fn why(figure: &Figure) -> Option<&str> {
        figure.as_ref().err().map(String::as_str)
    }
    let mut reasons: Vec<&str> = figures.iter().filter_map(|(_, one)| why(one)).collect();
    reasons.dedup();
    let notes = reasons.into_iter().map(|reason| {
        let own = figures.iter().filter(|(_, one)| why(one) == Some(reason));
        let own: Vec<String> = own.map(|(name, _)| name.replace('_', " ")).collect();
        let what =
            if own.len() == figures.len() { "all metrics".into() } else { own.join(", ") };
        (what, reason)
    });
    notes.collect()
}
