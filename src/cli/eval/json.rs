//! Metrics as JSON: −1..1, null if undefined, with the reason.

use super::geometry;
use super::suite_output::{Candidate, SuiteOutput};
use crate::eval::{
    Comparison, Correlation, Difference, Estimate, Interval, MetricId, PairSet, SetScores,
    mean_and_deviation,
};
use crate::vectors::Similarity;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// One model on one file is a flat object under sentence-transformers' names; all else is written
/// set by set.
pub fn report(found: &SuiteOutput) -> Value {
    match (&found.suite, &found.candidates[..], found.rivals.is_empty()) {
        (None, [one], true) => flat(found, one),
        _ => whole(found),
    }
}

fn flat(found: &SuiteOutput, candidate: &Candidate) -> Value {
    let (set, estimates) = (&found.sets()[0], &candidate.assessment.sets[0]);
    let mut report = Map::new();
    report.insert("pairs".into(), set.len().into());
    report.insert("sentences".into(), found.evaluator.sentences().into());
    let named = || found.figures.iter().map(MetricId::to_string).zip(estimates);
    report.extend(named().map(|(name, one)| (name, json!(one.value.as_ref().ok()))));
    if found.bootstrap.draws > 0 {
        let intervals: Map<_, _> =
            named().map(|(name, one)| (name, interval(one.interval))).collect();
        report.insert("intervals".into(), intervals.into());
    }
    let reasons =
        named().filter_map(|(name, one)| Some((name, json!(one.value.as_ref().err()?))));
    let reasons: Map<_, _> = reasons.collect();
    if !reasons.is_empty() {
        report.insert("undefined".into(), reasons.into());
    }
    if let Some(geometry) = &candidate.geometry {
        report.insert("geometry".into(), geometry::json(&geometry[0]));
    }
    report.into()
}

fn whole(found: &SuiteOutput) -> Value {
    let sets = found.sets().iter().enumerate().map(|(place, set)| {
        let subsets = set.subsets.iter().filter(|subset| !subset.name.is_empty());
        let subsets: Map<_, _> =
            subsets.map(|subset| (subset.name.clone(), subset.pairs.len().into())).collect();
        let about = json!({
            "file": set.path, "pairs": set.len(),
            "sentences": found.evaluator.sentences_of(place), "subsets": subsets,
        });
        (set.name.clone(), about)
    });
    let names: Vec<String> = found.figures.iter().map(MetricId::to_string).collect();
    let mut report = json!({
        "suite": found.suite, "protocol": found.protocol.name(), "figures": names,
        "bootstrap": {
            "draws": found.bootstrap.draws, "level": found.bootstrap.level,
            "seed": found.bootstrap.seed,
        },
        "sentences": found.evaluator.sentences(),
        "sets": sets.collect::<Map<_, _>>(),
        "models": found.candidates.iter().map(|one| model(found, one)).collect::<Vec<_>>(),
    });
    if found.candidates.len() > 1 {
        report["summary"] = summary(found);
    }
    if !found.rivals.is_empty() {
        let models = found.rivals.iter().map(|one| model(found, one));
        report["compared_with"] = models.collect::<Vec<_>>().into();
        let comparisons = found.comparisons();
        let compared = comparisons.iter().map(|(one, other, how)| {
            let mut object = comparison(found, [one, other], how);
            object["model"] = about(one);
            object["with"] = about(other);
            object
        });
        report["comparisons"] = compared.collect::<Vec<_>>().into();
    }
    report
}

fn about(candidate: &Candidate) -> Value {
    json!({ "model": candidate.model, "pooling": candidate.pooling })
}

fn model(found: &SuiteOutput, candidate: &Candidate) -> Value {
    let assessment = &candidate.assessment;
    let sets = found.sets().iter().zip(assessment.scores()).zip(&assessment.sets);
    let sets = sets.enumerate().map(|(place, ((set, scores), estimates))| {
        let mut object = json!({
            "figures": figures(found, estimates), "subsets": subsets(found, set, scores),
        });
        if let Some(geometry) = &candidate.geometry {
            object["geometry"] = geometry::json(&geometry[place]);
        }
        (set.name.clone(), object)
    });
    let mut model = about(candidate);
    model["sets"] = sets.collect::<Map<_, _>>().into();
    model["average"] = figures(found, &assessment.average);
    model
}

fn figures(found: &SuiteOutput, estimates: &[Estimate]) -> Value {
    let estimates = found.figures.iter().zip(estimates);
    estimates
        .map(|(figure, one)| (figure.to_string(), estimate(one)))
        .collect::<Map<_, _>>()
        .into()
}

fn estimate(estimate: &Estimate) -> Value {
    match &estimate.value {
        Ok(value) => json!({ "value": value, "interval": interval(estimate.interval) }),
        Err(reason) => json!({ "value": null, "reason": reason }),
    }
}

fn interval(interval: Option<Interval>) -> Value {
    interval.map_or(Value::Null, |Interval { low, high }| json!([low, high]))
}

/// The correlations of each subset by itself, and why some have none.
fn subsets(found: &SuiteOutput, set: &PairSet, scores: &SetScores) -> Value {
    let kinds: BTreeSet<(usize, usize)> = found.figures.iter().map(kind).collect();
    let (mut object, mut start) = (Map::new(), 0);
    for subset in &set.subsets {
        let range = start..start + subset.gold.len();
        start = range.end;
        let (mut values, mut reasons) = (Map::new(), Map::new());
        for &(correlation, similarity) in &kinds {
            let (correlation, similarity) =
                (Correlation::ALL[correlation], Similarity::ALL[similarity]);
            let name = MetricId { correlation, similarity, ..MetricId::default() }.to_string();
            let value = correlation.of(&subset.gold, &scores.of(similarity)[range.clone()]);
            if value.is_none() {
                let reason = scores.undefined(set, range.clone(), similarity);
                reasons.insert(name.clone(), json!(reason));
            }
            values.insert(name, json!(value));
        }
        if !reasons.is_empty() {
            values.insert("undefined".into(), reasons.into());
        }
        if !subset.name.is_empty() {
            object.insert(subset.name.clone(), values.into());
        }
    }
    object.into()
}

/// Places of a figure's correlation and similarity among all.
fn kind(figure: &MetricId) -> (usize, usize) {
    let correlation = Correlation::ALL.iter().position(|&one| one == figure.correlation);
    let similarity = Similarity::ALL.iter().position(|&one| one == figure.similarity);
    (correlation.unwrap_or(0), similarity.unwrap_or(0))
}

/// Mean and standard deviation of each figure over the models.
fn summary(found: &SuiteOutput) -> Value {
    let spread = |values: Vec<&Result<f64, String>>| {
        let undefined = values.iter().position(|value| value.is_err());
        let values: Option<Vec<f64>> =
            values.iter().map(|value| value.as_ref().ok().copied()).collect();
        let spread = values.as_deref().and_then(mean_and_deviation);
        let mut object = json!({
            "mean": spread.map(|(mean, _)| mean),
            "standard_deviation": spread.and_then(|(_, deviation)| deviation),
        });
        if let Some(place) = undefined {
            object["reason"] =
                format!("undefined for {}", found.candidates[place].model).into();
        }
        object
    };
    let column = |of: &dyn Fn(&Candidate) -> &[Estimate]| -> Value {
        let figures = found.figures.iter().enumerate().map(|(nth, figure)| {
            let values = found.candidates.iter().map(|one| &of(one)[nth].value);
            (figure.to_string(), spread(values.collect()))
        });
        figures.collect::<Map<_, _>>().into()
    };
    let sets = found.sets().iter().enumerate();
    let sets =
        sets.map(|(place, set)| (set.name.clone(), column(&|one| &one.assessment.sets[place])));
    let average = column(&|one| &one.assessment.average);
    json!({ "sets": sets.collect::<Map<_, _>>(), "average": average })
}

fn comparison(found: &SuiteOutput, sides: [&Candidate; 2], comparison: &Comparison) -> Value {
    let column = |differences: &[Difference], estimates: [&[Estimate]; 2]| -> Value {
        let column = found.figures.iter().zip(differences).enumerate();
        let differences = column.map(|(nth, (figure, one))| {
            let mut object = difference(one);
            let reason = estimates.iter().find_map(|side| side[nth].value.as_ref().err());
            if let Some(reason) = reason {
                object["reason"] = reason.as_str().into();
            }
            (figure.to_string(), object)
        });
        differences.collect::<Map<_, _>>().into()
    };
    let sets = found.sets().iter().zip(&comparison.sets).enumerate();
    let sets: Map<_, _> = sets
        .map(|(place, (set, one))| {
            let estimates = sides.map(|side| &side.assessment.sets[place][..]);
            (set.name.clone(), column(one, estimates))
        })
        .collect();
    let averages = sides.map(|side| &side.assessment.average[..]);
    let average = column(&comparison.average, averages);
    json!({ "model": null, "with": null, "sets": sets, "average": average })
}

fn difference(difference: &Difference) -> Value {
    let williams = difference
        .williams
        .map(|test| json!({ "t": test.t, "degrees_of_freedom": test.degrees, "p": test.p }));
    json!({
        "difference": difference.value, "interval": interval(difference.interval),
        "p_permutation": difference.permutation, "williams": williams,
    })
}
