//! Training curves and warnings of each run.

use super::section::{PageBlock, Section, by_run};
use crate::report::Report;
use crate::report::chart::{DRAWN, curves};
use crate::report::format::{count, escaped, number, percent};
use crate::report::log::RunLog;
use crate::report::plot::window;

pub fn section(report: &Report) -> Section {
    let blocks = by_run(report, |run, prefix| match &run.log {
        Err(reason) => vec![PageBlock::paragraph(&format!("No training curves: {reason}."))],
        Ok(log) => blocks_of(log, prefix),
    });
    Section { id: "training", title: "Training", blocks }
}

fn blocks_of(log: &RunLog, prefix: &str) -> Vec<PageBlock> {
    let mut blocks = vec![PageBlock::paragraph(&summary(log))];
    let plots = curves(log, prefix);
    if !plots.is_empty() {
        blocks.push(PageBlock::Figure(plots, escaped(&caption(log))));
    }
    if !log.warnings.is_empty() {
        let item = |(step, text): &(u64, String)| {
            format!("<li>Step {}: <bdi>{}</bdi></li>\n", number(*step as f64, 0), escaped(text))
        };
        let items: String = log.warnings.iter().map(item).collect();
        blocks.push(PageBlock::Html(format!("<p>Warnings:</p>\n<ul>\n{items}</ul>")));
    }
    if let Some((lines, first)) = &log.unread {
        let lines = count(*lines, "line");
        let text =
            format!("{lines} of log.jsonl could not be read and were skipped ({first}).");
        blocks.push(PageBlock::paragraph(&text));
    }
    blocks
}

/// The run in a few sentences.
fn summary(log: &RunLog) -> String {
    let taken = log.steps.last().map_or(0, |step| step.step);
    let mut text = match log.planned {
        Some(planned) if planned != taken => {
            format!("{} of {} steps", number(taken as f64, 0), number(planned as f64, 0))
        }
        _ => count(taken as usize, "step"),
    };
    if let Some(parameters) = log.parameters {
        text += &format!(" of {} parameters", number(parameters as f64, 0));
    }
    if let Some(step) = log.stopped_early {
        text += &format!("; stopped early after step {}", number(step as f64, 0));
    }
    text += ".";
    if !log.finished {
        text += " The run has not finished according to its log.";
    }
    if let Some((best, rho)) = log.best() {
        let step = number(best.step as f64, 0);
        text += &format!(
            " The best of {} on the development set has a Spearman × 100 of {}, at step {step}; this model was \
             kept.",
            count(log.evaluations.len(), "evaluation"),
            percent(rho)
        );
    }
    text
}

fn caption(log: &RunLog) -> String {
    let steps = |objective: &&str| {
        let count = log.steps.iter().filter(|step| step.objective == **objective).count();
        window(count).to_string()
    };
    let objectives = log.objectives();
    let mut windows: Vec<String> = objectives.iter().take(DRAWN).map(steps).collect();
    windows.dedup();
    let pale = match log.steps.len() {
        0..=300 => "the value of each step",
        _ => "the range of values within a pixel",
    };
    let mut text = match windows.as_slice() {
        [] => String::new(),
        [one] if one == "1" => "Lines: the value of each step.".into(),
        windows => format!(
            "Pale: {pale}. Dark: moving average over {} values. The learning rate is not smoothed.",
            windows.join(" and ")
        ),
    };
    if !log.evaluations.is_empty() {
        text += " Dots: evaluations on the development set.";
    }
    if objectives.len() > DRAWN {
        text += &format!(" Of {} objectives, the first {DRAWN} are drawn.", objectives.len());
    }
    text.trim_start().into()
}
