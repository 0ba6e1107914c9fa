//! The model card (`README.md`) of a model directory.

use super::encoder::SentenceEncoder;
use crate::error::Result;
use crate::io;
use std::fmt::Write;
use std::path::Path;

/// What a model card says beside what the model itself tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelCard {
    /// The hub id of the model before training.
    pub base_model: Option<String>,
    /// What it was trained from, in words.
    pub origin: Option<String>,
    /// Whether it was distilled from a teacher, and not trained.
    pub is_distilled: bool,
    /// The score that chose the model.
    pub score: Option<CardScore>,
    /// Sections after the usage, in Markdown.
    pub sections: Vec<String>,
}

/// A metric on a development set.
#[derive(Debug, Clone)]
pub(crate) struct CardScore {
    pub set: String,
    pub metric: String,
    pub value: f64,
}

/// How a model was distilled.
#[cfg(feature = "train")]
#[derive(Debug, Clone)]
pub(crate) struct CardSection {
    /// The teacher: a hub id, or a directory.
    pub base_model: String,
    /// A section in Markdown.
    pub text: String,
}

#[cfg(feature = "train")]
impl SentenceEncoder {
    /// Writes the card of a model that was distilled.
    pub(crate) fn write_distilled_card(
        &self,
        section: CardSection,
        directory: &Path,
    ) -> Result<()> {
        let base_model =
            Some(section.base_model.clone()).filter(|name| crate::hub::is_name(name));
        // of a directory its name alone: the card says nothing of where
        let own = Path::new(&section.base_model).file_name();
        let own = own.map(|name| name.to_string_lossy().into_owned());
        let teacher = base_model.clone().or(own).unwrap_or_default();
        let card = ModelCard {
            origin: Some(format!("`{teacher}`")),
            base_model,
            is_distilled: true,
            sections: vec![section.text],
            ..ModelCard::default()
        };
        card.write(self, directory)
    }
}

impl ModelCard {
    /// Writes it into a model's directory. It says nothing of when and where, so that a run
    /// gives the same bytes again.
    pub fn write(&self, encoder: &SentenceEncoder, directory: &Path) -> Result<()> {
        io::replace_with(&directory.join("README.md"), self.text(encoder))
    }

    fn text(&self, encoder: &SentenceEncoder) -> String {
        let mut parts = vec![self.front_matter(), self.summary(encoder), USAGE.to_string()];
        parts.extend(self.sections.iter().cloned());
        parts.join("\n")
    }

    /// The YAML that the hub reads.
    fn front_matter(&self) -> String {
        let mut text = String::from(
            "---\ntags:\n- sentence-transformers\n- sentence-similarity\n- feature-extraction\n\
             - twindrop\npipeline_tag: sentence-similarity\nlibrary_name: sentence-transformers\n",
        );
        if let Some(base) = &self.base_model {
            let _ = writeln!(text, "base_model: {base}");
        }
        if let Some(CardScore { set, metric, value }) = &self.score {
            let set = quoted(set);
            let task = task(metric);
            let _ = write!(
                text,
                "metrics:\n- {metric}\nmodel-index:\n- name: Sentence embeddings\n  results:\n  \
                 - task:\n      type: {}\n      name: {}\n    \
                 dataset:\n      name: {set}\n      type: {set}\n    metrics:\n    - type: {metric}\n      \
                 value: {value}\n      name: {}\n",
                task.0,
                task.1,
                title(metric)
            );
        }
        text + "---\n"
    }

    fn summary(&self, encoder: &SentenceEncoder) -> String {
        let width = encoder.get_embedding_dimension();
        let length = match encoder.max_seq_length() {
            usize::MAX => "any length".to_string(),
            tokens => format!("up to {tokens} tokens"),
        };
        let pooling = encoder.model().pooling();
        let means = encoder.static_format().map_or("", |_| "static token vectors, ");
        let made = if self.is_distilled { "Distilled" } else { "Trained" };
        let from = self.origin.as_ref().map_or(String::new(), |from| format!(" from {from}"));
        format!(
            "# Sentence embeddings\n\nMaps sentences of {length} to {width}-dimensional \
             embeddings ({means}{pooling} pooling). {made}{from} with twindrop {}.\n",
            env!("CARGO_PKG_VERSION")
        )
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

/// The task of a metric, as Hugging Face names it.
fn task(metric: &str) -> (&'static str, &'static str) {
    let of_classes =
        ["accuracy", "f1", "f1_macro", "f1_micro", "f1_weighted", "mcc", "log_loss"];
    let ends = |end: &&str| metric == *end || metric.ends_with(&format!("_{end}"));
    let of_similarity = ["cosine", "dot", "euclidean", "manhattan", "max"];
    match of_classes.iter().any(ends) && !of_similarity.iter().any(|name| metric.contains(name))
    {
        true => ("text-classification", "Text Classification"),
        false => ("semantic-similarity", "Semantic Similarity"),
    }
}

/// `spearman_cosine` → `Spearman Cosine`, as sentence-transformers titles it.
fn title(metric: &str) -> String {
    let words = metric.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Text as a YAML scalar.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
