//! Training curves.

use super::slug;
use crate::report::format::{number, percent};
use crate::report::log::RunLog;
use crate::report::plot::{
    Axis, ColorRole, Frame, LabelPosition, Plot, band, fitted, smoothed, width_of, window,
};
use crate::train::StepEvent;
use std::borrow::Cow;
use std::collections::HashSet;

/// The objectives that are drawn, and the terms of each: a log may name any number.
pub const DRAWN: usize = 24;

/// One quantity over steps.
type Points = Vec<(f64, f64)>;

/// Loss and terms of each objective, learning rate, gradient norm, and what the development set
/// said; the names begin with `prefix`.
pub fn curves(log: &RunLog, prefix: &str) -> Vec<Plot> {
    let last = log.steps.last().map(|step| step.step);
    let last = last.into_iter().chain(log.evaluations.last().map(|e| e.step)).max();
    let steps = || Axis::between(0., last.unwrap_or(1).max(1) as f64, 4);
    let mut plots = Vec::new();
    let mut add = |name: String, title: &str, points: Points, trend: bool| {
        let name = format!("{prefix}{}", slug(&name));
        plots.extend(curve(&name, title, steps(), &points, trend));
    };
    let objectives = log.objectives();
    for objective in objectives.iter().take(DRAWN) {
        let title = |quantity: &str| match objectives.len() {
            1 => quantity.to_string(),
            _ => format!("{quantity}, {objective}"),
        };
        let name = |quantity: &str| match objectives.len() {
            1 => quantity.to_string(),
            _ => format!("{quantity} {objective}"),
        };
        let own = || log.steps.iter().filter(|step| step.objective == **objective);
        let losses =
            own().filter_map(|step| Some((step.step as f64, finite(step.loss)?))).collect();
        add(name("loss"), &title("Loss"), losses, true);
        let terms = terms(log, objective);
        // a single term is the loss again
        for term in terms.iter().filter(|_| terms.len() > 1).take(DRAWN) {
            let value =
                |(known, value): &(Cow<str>, f64)| finite(*value).filter(|_| known == term);
            let points = own().filter_map(|step| {
                Some((step.step as f64, step.terms.iter().find_map(value)?))
            });
            add(
                name(&format!("term {term}")),
                &title(&format!("Term {term}")),
                points.collect(),
                true,
            );
        }
    }
    let of = |value: fn(&StepEvent) -> f64| {
        log.steps
            .iter()
            .filter_map(|step| Some((step.step as f64, finite(value(step))?)))
            .collect()
    };
    add("learning rate".into(), "Learning rate", of(|step| step.learning_rate), false);
    add(
        "gradient norm".into(),
        "Gradient norm, before clipping",
        of(|step| step.grad_norm),
        true,
    );
    plots.extend(judged(log, prefix, steps()));
    let ranks = log.evaluations.iter();
    let ranks = ranks.filter_map(|e| Some((e.step as f64, e.geometry?.effective_rank?)));
    let ranks: Points = ranks.collect();
    if let Some(mut frame) =
        dotted(&format!("{prefix}effective-rank"), "Effective rank on dev", steps(), &ranks)
    {
        frame.line(&ranks, ColorRole::After, 1.8);
        let (first, last) = (ranks[0].1, ranks[ranks.len() - 1].1);
        let description = format!("Effective rank from {first:.0} to {last:.0}.");
        plots.push(frame.finish(&description));
    }
    plots
}

/// A number that can be drawn.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// The terms of an objective in order of appearance.
fn terms(log: &RunLog, objective: &str) -> Vec<String> {
    let mut known = HashSet::new();
    let own = log.steps.iter().filter(|step| step.objective == objective);
    let names = own.flat_map(|step| &step.terms).map(|(name, _)| name);
    names.filter(|name| known.insert(*name)).map(ToString::to_string).collect()
}

/// A curve; where there is a `trend`, values stand behind a mean over neighbours. Nothing without
/// points.
fn curve(
    name: &str,
    title: &str,
    steps: Axis,
    points: &[(f64, f64)],
    trend: bool,
) -> Option<Plot> {
    let (first, last) = (points.first()?, points.last()?);
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let values = Axis::from_zero([low, high], 4);
    let mut frame = Frame::new(name, title, steps, values);
    frame.axes("step");
    let few = |value: f64| format!("{value:.3e}");
    let mut description = format!(
        "From {} at step {} to {} at step {}, between {} and {}",
        few(first.1),
        first.0,
        few(last.1),
        last.0,
        few(low),
        few(high)
    );
    if trend && points.len() > 1 {
        behind(&mut frame, points);
        let values: Vec<f64> = points.iter().map(|point| point.1).collect();
        let mean = smoothed(&values, window(points.len()));
        let mean: Points = points.iter().map(|point| point.0).zip(mean).collect();
        frame.line(&thinned(&mean, frame.columns()), ColorRole::After, 1.8);
        description +=
            &format!("; the line is a moving average over {} values", window(points.len()));
    } else {
        let edges = band(points, frame.columns());
        let edges = edges.iter().flat_map(|b| {
            if points.len() > frame.columns() {
                vec![(b.x, b.mean)]
            } else {
                vec![(b.x, b.low)]
            }
        });
        frame.line(&edges.collect::<Points>(), ColorRole::After, 1.8);
    }
    Some(frame.finish(&(description + ".")))
}

/// The values themselves, faint: a line where there are few, else the range of each pixel.
fn behind(frame: &mut Frame, points: &[(f64, f64)]) {
    let columns = frame.columns();
    if points.len() <= columns {
        return frame.line(points, ColorRole::Rank(-1), 0.8);
    }
    let bands = band(points, columns);
    let upper = bands.iter().map(|band| (band.x, band.high));
    let lower = bands.iter().rev().map(|band| (band.x, band.low));
    frame.area(&upper.chain(lower).collect::<Points>(), ColorRole::Rank(-1), 0.45);
}

/// No more points than pixels.
fn thinned(points: &[(f64, f64)], columns: usize) -> Points {
    band(points, columns).iter().map(|band| (band.x, band.mean)).collect()
}

/// The development set's Spearman, the best marked.
fn judged(log: &RunLog, prefix: &str, steps: Axis) -> Option<Plot> {
    let points = rhos(log);
    let name = format!("{prefix}dev");
    let mut frame = dotted(&name, "Spearman × 100 on dev", steps, &points)?;
    frame.line(&points, ColorRole::After, 1.8);
    let (best, rho) = log.best()?;
    frame.dots(&[(best.step as f64, 100. * rho)], ColorRole::After, 7.);
    let label = format!("best {}", percent(rho));
    frame.label(best.step as f64, 100. * rho, &label, ColorRole::After, LabelPosition::Above);
    let description = format!(
        "Best of {} evaluations: {} at step {}.",
        points.len(),
        percent(rho),
        best.step
    );
    Some(frame.finish(&description))
}

/// A frame with a dot for each evaluation, where there are any.
fn dotted(name: &str, title: &str, steps: Axis, points: &[(f64, f64)]) -> Option<Frame> {
    (!points.is_empty()).then(|| {
        let mut frame = Frame::new(name, title, steps, headroom(points.iter().map(|p| p.1)));
        frame.axes("step");
        if points.len() <= 40 {
            frame.dots(points, ColorRole::After, 4.);
        }
        frame
    })
}

/// An axis with room for a label above the highest value.
fn headroom(values: impl Iterator<Item = f64> + Clone) -> Axis {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    Axis::linear([low, high + 0.12 * (high - low)], 4)
}

/// Spearman × 100 of each evaluation that has one.
fn rhos(log: &RunLog) -> Points {
    let defined = log.evaluations.iter().filter_map(|e| Some((e.step, e.score?)));
    defined.map(|(step, rho)| (step as f64, 100. * rho)).collect()
}

/// The development curves of several runs in one picture; nothing where none has any.
pub fn overlay(runs: &[(&str, &RunLog)]) -> Option<Plot> {
    let all: Vec<(usize, &str, Points)> = runs
        .iter()
        .enumerate()
        .map(|(number, (label, log))| (number, *label, rhos(log)))
        .filter(|(_, _, points)| !points.is_empty())
        .collect();
    let last = all.iter().filter_map(|(.., points)| points.last()).map(|point| point.0);
    let steps = Axis::between(0., last.fold(1., f64::max), 4);
    let values = all.iter().flat_map(|(.., points)| points.iter().map(|point| point.1));
    let widest = all.iter().map(|(_, label, _)| width_of(label, 11.)).fold(0., f64::max);
    let title = "Spearman × 100 on dev";
    let frame = Frame::new("runs-dev", title, steps, headroom(values));
    let mut frame = frame.with_room((widest + 8.).min(110.));
    frame.axes("step");
    let mut names = Vec::new();
    let mut description = Vec::new();
    for (number, label, points) in &all {
        let color = ColorRole::Run(*number);
        frame.line(points, color, 1.8);
        frame.dots(points, color, 4.);
        let end = points.last()?.1;
        names.push((end, fitted(label, 11., 104.), color));
        description.push(format!("{label} ends at {}", number_of(end)));
    }
    frame.names(&names);
    (!all.is_empty()).then(|| frame.finish(&(description.join("; ") + ".")))
}

fn number_of(value: f64) -> String {
    number(value, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64, objectives: &[&str]) -> RunLog {
        let step = |number: u64| StepEvent {
            step: number,
            epoch: 0.,
            objective: objectives[number as usize % objectives.len()].into(),
            loss: 1. + (number as f64).sin(),
            terms: vec![("a".into(), 0.5), ("b".into(), 0.1)],
            learning_rate: 1e-5,
            grad_norm: 2.,
            sentences: 4,
            tokens: 40,
            forward_passes: 2,
            skipped: false,
            seconds: 1.,
        };
        RunLog { steps: (1..=count).map(step).collect(), ..RunLog::default() }
    }

    #[test]
    fn every_objective_has_its_loss_and_terms() {
        let plots = curves(&log(40, &["R-Drop", "SimCSE"]), "run-");
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        let expected = [
            "run-loss-simcse",
            "run-term-a-simcse",
            "run-term-b-simcse",
            "run-loss-r-drop",
            "run-term-a-r-drop",
            "run-term-b-r-drop",
            "run-learning-rate",
            "run-gradient-norm",
        ];
        assert_eq!(names, expected);
        assert_eq!(curves(&log(40, &["R-Drop"]), "")[0].title, "Loss");
        assert!(curves(&RunLog::default(), "").is_empty());
    }

    #[test]
    fn fifty_thousand_steps_take_hardly_more_room_than_a_thousand() {
        let size = |count| curves(&log(count, &["x"]), "")[0].svg().len();
        assert!(size(50_000) < 25_000, "{}", size(50_000));
    }
}
