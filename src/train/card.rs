//! The model card of a trained model, as people expect to see it on the hub.

use super::{BestScore, RunConfig, RunSummary, StageConfig};
use crate::error::Result;
use crate::hub;
use crate::io;
use crate::sentence_encoder::SentenceEncoder;
use std::fmt::Write;
use std::path::Path;

/// What a card is written from.
pub(super) struct Card<'a> {
    pub encoder: &'a SentenceEncoder,
    pub config: &'a RunConfig,
    pub summary: &'a RunSummary,
    /// The development set's name and what was reached on it.
    pub dev: Option<&'a str>,
    pub best: BestScore,
}

impl Card<'_> {
    /// Writes it into a model's directory. It says nothing of when and where, so that a run
    /// gives the same bytes again.
    pub fn write(&self, output: &Path) -> Result<()> {
        io::replace_with(&output.join("README.md"), self.text())
    }

    fn text(&self) -> String {
        let parts = [self.head(), self.about(), USAGE.to_string(), self.evaluation()];
        parts.into_iter().chain([self.training()]).collect::<Vec<_>>().join("\n")
    }

    /// The front matter that the hub reads.
    fn head(&self) -> String {
        let mut head = String::from(
            "---\ntags:\n- sentence-transformers\n- sentence-similarity\n- feature-extraction\n\
             - twindrop\npipeline_tag: sentence-similarity\nlibrary_name: sentence-transformers\n",
        );
        if let Some(base) = self.base().filter(|base| hub::is_name(base)) {
            let _ = writeln!(head, "base_model: {base}");
        }
        if let (Some(dev), Some((score, _))) = (self.dev, self.best.best) {
            let dev = quoted(dev);
            let _ = write!(
                head,
                "metrics:\n- spearman_cosine\nmodel-index:\n- name: Sentence embeddings\n  \
                 results:\n  - task:\n      type: semantic-similarity\n      name: Semantic \
                 Similarity\n    dataset:\n      name: {dev}\n      type: {dev}\n    metrics:\n    \
                 - type: spearman_cosine\n      value: {score}\n      name: Spearman Cosine\n"
            );
        }
        head + "---\n"
    }

    fn base(&self) -> Option<&str> {
        self.config.model.as_deref()
    }

    fn about(&self) -> String {
        let (width, length) =
            (self.encoder.get_embedding_dimension(), self.encoder.max_seq_length());
        let from = match (self.base(), &self.config.preset) {
            (Some(base), _) => format!("`{}`", name(Path::new(base))),
            (None, Some(preset)) => format!("random weights (preset `{preset}`)"),
            (None, None) => "a model in memory".into(),
        };
        let pooling = self.encoder.model().pooling();
        format!(
            "# Sentence embeddings\n\nMaps sentences of up to {length} tokens to {width}-dimensional embeddings \
             ({pooling} pooling) for cosine similarity. Trained from {from} with \
             [twindrop](https://crates.io/crates/twindrop) {}.\n",
            env!("CARGO_PKG_VERSION")
        )
    }

    fn evaluation(&self) -> String {
        match (self.dev, self.best.best) {
            (Some(dev), Some((score, step))) => format!(
                "## Evaluation\n\n| set | Spearman × 100 | after step |\n| --- | ---: | ---: |\n\
                 | {} (used for model selection) | {:.2} | {step} |\n",
                cell(dev),
                100. * score
            ),
            _ => "## Evaluation\n\nNo evaluation during training; the weights are those of the last step.\n"
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
        let _ = write!(text, "\nRun file, without paths:\n\n```toml\n{settings}```\n");
        text
    }

    /// The run file without what belongs to one machine.
    fn settings(config: &RunConfig) -> String {
        let kept = RunConfig {
            model: config.model.as_deref().map(|model| name(Path::new(model))),
            output_dir: None,
            overwrite_output_dir: false,
            dev: None,
            test: None,
            stage: Vec::new(),
            ..config.clone()
        };
        toml::to_string(&kept).unwrap_or_default().replace("overwrite-output-dir = false\n", "")
    }
}

const USAGE: &str = "## Usage

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(\"path/to/this/directory\")
embeddings = model.encode([\"The first sentence.\", \"The second.\"])
print(model.similarity(embeddings, embeddings))
```

```sh
twindrop embed --model path/to/this/directory --input sentences.txt --output vectors.npy
```
";

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

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(char::is_control, " ")
}

/// Text as a YAML scalar.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
