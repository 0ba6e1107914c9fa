//! Configuration of each run.

use super::html::definitions;
use super::section::{PageBlock, Section, by_run};
use crate::report::format::{escaped, isolated, list, number};
use crate::report::{Report, RunReport};
use crate::train::PhaseConfig;

pub fn section(report: &Report) -> Section {
    let blocks =
        by_run(report, |run, _| vec![PageBlock::Html(short(run)), PageBlock::Html(whole(run))]);
    Section { id: "settings", title: "Settings", blocks }
}

/// The most important settings.
fn short(run: &RunReport) -> String {
    let config = &run.config;
    let start = match (&config.model, &config.preset) {
        (Some(model), _) => isolated(model),
        (None, Some(preset)) => format!("random initialization, preset {}", isolated(preset)),
        (None, None) => "unknown".into(),
    };
    let phases: Vec<&PhaseConfig> =
        config.stage.iter().flat_map(|stage| &stage.cycle).collect();
    let objective = |phase: &&PhaseConfig| {
        let (name, path) = (escaped(&phase.objective), phase.data.path.display().to_string());
        format!("<code>{name}</code> on {}", isolated(&path))
    };
    let lengths =
        config.stage.iter().map(|stage| match (stage.max_steps, stage.num_train_epochs) {
            (Some(steps), _) => format!("{} steps", number(steps as f64, 0)),
            (None, epochs) => format!("{} epochs", epochs.unwrap_or(1.)),
        });
    definitions(&[
        ("Initial model", start),
        ("Objective", list(&phases.iter().map(objective).collect::<Vec<_>>())),
        ("Duration", escaped(&lengths.collect::<Vec<_>>().join(", then "))),
        ("Batch size", number(config.per_device_train_batch_size as f64, 0)),
        ("Learning rate", format!("{:e}", config.learning_rate).replace('-', "−")),
        ("Random seed", config.seed.to_string()),
    ])
}

fn whole(run: &RunReport) -> String {
    let label = escaped(&run.label);
    format!(
        "<details open=\"open\"><summary>Run file <code>run.toml</code></summary>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"run.toml of {label}\">\
         <pre>{}</pre></div></details>",
        escaped(run.settings.trim_end())
    )
}
