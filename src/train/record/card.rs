//! The model card of a trained model: its training and evaluation.

use crate::error::Result;
use crate::eval::shown;
use crate::hub;
use crate::sentence_encoder::{CardScore, ModelCard, SentenceEncoder};
use crate::train::{BestScore, DataConfig, PhaseConfig, RunConfig, RunSummary, StageConfig};
use std::fmt::Write;
use std::path::Path;

/// What the card of a trained model is written from.
pub(in crate::train) struct Card<'a> {
    pub encoder: &'a SentenceEncoder,
    pub config: &'a RunConfig,
    pub summary: &'a RunSummary,
    /// The development set and the metric that chose the model, if there is one.
    pub dev: Option<(&'a str, &'a str)>,
    pub best: BestScore,
}

impl Card<'_> {
    /// Writes it into a model's directory.
    pub fn write(&self, output: &Path) -> Result<()> {
        let base = self.config.model.as_deref();
        let origin = match (base, &self.config.preset) {
            (Some(base), _) => format!("`{}`", name(Path::new(base))),
            (None, Some(preset)) => format!("random weights (preset `{preset}`)"),
            (None, None) => "a model in memory".into(),
        };
        let score = self.dev.zip(self.best.best).map(|((set, metric), (value, _))| CardScore {
            set: set.into(),
            metric: metric.into(),
            value,
        });
        let card = ModelCard {
            base_model: base.filter(|base| hub::is_name(base)).map(String::from),
            is_distilled: false,
            origin: Some(origin),
            score,
            sections: vec![self.evaluation(), self.training()],
        };
        card.write(self.encoder, output)
    }

    fn evaluation(&self) -> String {
        match self.dev.zip(self.best.best) {
            Some(((dev, metric), (score, step))) => {
                let (title, scale) = shown(metric);
                format!(
                    "## Evaluation\n\n| set | {} | after step |\n| --- | ---: | ---: |\n\
                     | {} (used for model selection) | {} | {step} |\n",
                    cell(&title),
                    cell(dev),
                    value(score, scale)
                )
            }
            None => "## Evaluation\n\nNo evaluation during training; the weights are those of the last step.\n"
                .to_string(),
        }
    }

    fn training(&self) -> String {
        let mut text = String::from("## Training\n");
        let stages = self.config.stage.iter().zip(&self.summary.stages).enumerate();
        for (number, (config, stage)) in stages {
            let rate = stage.learning_rate;
            let _ = write!(
                text,
                "\nStage {}: {} steps, learning rate up to {rate:e}\n\n| objective | data | examples | \
                 batch | views |\n| --- | --- | ---: | ---: | --- |\n",
                number + 1,
                stage.steps
            );
            for ((objective, data), phase) in phases(config).zip(&stage.phases) {
                let views = phase.views.join(" · ");
                let _ = writeln!(
                    text,
                    "| `{}` | {} | {} | {} | {} |",
                    cell(objective),
                    cell(&data),
                    phase.examples,
                    phase.batch_size,
                    cell(&views)
                );
            }
        }
        let settings = Self::settings(self.config);
        let _ = write!(
            text,
            "\nRun file, whole but for directories: `run.toml` has them.\n\n```toml\n{settings}```\n"
        );
        text
    }

    /// The run file without what belongs to one machine.
    fn settings(config: &RunConfig) -> String {
        let kept = RunConfig {
            model: config.model.as_deref().map(|model| name(Path::new(model))),
            output_dir: None,
            overwrite_output_dir: false,
            dev: config.dev.iter().map(without_directory).collect(),
            test: config.test.as_ref().map(without_directory),
            stage: config
                .stage
                .iter()
                .map(|stage| StageConfig {
                    cycle: stage
                        .cycle
                        .iter()
                        .map(|phase| PhaseConfig {
                            data: without_directory(&phase.data),
                            teacher: phase.teacher.as_deref().map(|path| name(Path::new(path))),
                            ..phase.clone()
                        })
                        .collect(),
                    ..stage.clone()
                })
                .collect(),
            ..config.clone()
        };
        toml::to_string(&kept).unwrap_or_default().replace("overwrite-output-dir = false\n", "")
    }
}

/// A data file by its name alone.
fn without_directory(data: &DataConfig) -> DataConfig {
    DataConfig { path: name(&data.path).into(), ..data.clone() }
}

/// The objective and the file of each phase.
fn phases(stage: &StageConfig) -> impl Iterator<Item = (&str, String)> {
    stage.cycle.iter().map(|phase| (phase.objective.as_str(), name(&phase.data.path)))
}

/// The last part of a path; a hub id whole.
fn name(path: &Path) -> String {
    match path.to_str().filter(|text| hub::is_name(text)) {
        Some(id) => id.to_string(),
        None => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// Two digits of a percentage, four of an error.
fn value(score: f64, scale: f64) -> String {
    let digits = if scale > 1. { 2 } else { 4 };
    format!("{:.digits$}", scale * score)
}

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_file_of_a_card_is_whole_but_for_directories() {
        let text = "model = '/home/someone/base'\nseed = 7\noutput-dir = '/home/someone/out'\n\
                    dev = '/home/someone/dev.tsv'\n[[stage]]\nmax-steps = 3\n\
                    [[stage.cycle]]\nobjective = 'rdrop'\ndata = '/home/someone/train.tsv'\n\
                    teacher = '/home/someone/teacher.npy'\n";
        let config: RunConfig = toml::from_str(text).unwrap();
        let shown = Card::settings(&config);
        assert!(!shown.contains("/home"), "{shown}");
        let read: RunConfig = toml::from_str(&shown).unwrap();
        let phase = &read.stage[0].cycle[0];
        assert_eq!((read.seed, read.stage[0].max_steps), (7, Some(3)));
        assert_eq!(phase.data.path, Path::new("train.tsv"));
        assert_eq!(phase.teacher.as_deref(), Some("teacher.npy"));
        assert_eq!(read.dev[0].path, Path::new("dev.tsv"));
        assert_eq!(read.model.as_deref(), Some("base"));
    }
}
