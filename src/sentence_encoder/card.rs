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
        let kind = ModelKind::of(encoder);
        let mut parts =
            vec![self.front_matter(kind), self.summary(kind, encoder), kind.usage(encoder)];
        parts.extend(self.sections.iter().cloned());
        parts.join("\n")
    }

    /// The YAML that the hub reads.
    fn front_matter(&self, kind: ModelKind) -> String {
        let (tags, pipeline, library) = kind.metadata();
        let tags: String = tags.iter().map(|tag| format!("- {tag}\n")).collect();
        let mut text = format!(
            "---\ntags:\n{tags}- twindrop\npipeline_tag: {pipeline}\nlibrary_name: {library}\n"
        );
        if let Some(base) = &self.base_model {
            let _ = writeln!(text, "base_model: {base}");
        }
        if let Some(CardScore { set, metric, value }) = &self.score {
            let set = quoted(set);
            let task = task(metric);
            let name = kind.title();
            let _ = write!(
                text,
                "metrics:\n- {metric}\nmodel-index:\n- name: {name}\n  results:\n  \
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

    fn summary(&self, kind: ModelKind, encoder: &SentenceEncoder) -> String {
        let width = encoder.get_embedding_dimension();
        let length = match encoder.max_seq_length() {
            usize::MAX => "any length".to_string(),
            tokens => format!("up to {tokens} tokens"),
        };
        let made = if self.is_distilled { "Distilled" } else { "Trained" };
        let from = self.origin.as_ref().map_or(String::new(), |from| format!(" from {from}"));
        let labels = encoder.head.as_ref().map_or(&[][..], |head| &head.labels);
        let what = match (kind, labels) {
            (ModelKind::Embedding, _) => {
                let pooling = encoder.model().pooling();
                let means = encoder.static_format().map_or("", |_| "static token vectors, ");
                format!(
                    "Maps sentences of {length} to {width}-dimensional embeddings ({means}{pooling} \
                     pooling)."
                )
            }
            (kind, labels) => {
                let reads =
                    if kind == ModelKind::CrossEncoder { "pairs of texts" } else { "texts" };
                let gives = match labels {
                    [] => "a score".to_string(),
                    labels if labels.len() <= SHOWN => labels.join(", "),
                    labels => format!("{} classes", labels.len()),
                };
                format!("Predicts {gives} for {reads} of {length}.")
            }
        };
        format!(
            "# {}\n\n{what} {made}{from} with twindrop {}.\n",
            kind.title(),
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// Classes that a card names.
const SHOWN: usize = 20;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelKind {
    Embedding,
    Classifier,
    CrossEncoder,
}

impl ModelKind {
    /// A classifier is one that transformers loads as that.
    fn of(encoder: &SentenceEncoder) -> Self {
        match (encoder.sequence_head(), &encoder.head) {
            (Some(_), Some(head)) if head.texts_per_example == Some(2) => Self::CrossEncoder,
            (Some(_), Some(_)) => Self::Classifier,
            _ => Self::Embedding,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Embedding => "Sentence embeddings",
            Self::Classifier => "Text classifier",
            Self::CrossEncoder => "Cross-encoder",
        }
    }

    /// Tags, pipeline and library of the hub.
    fn metadata(self) -> (&'static [&'static str], &'static str, &'static str) {
        const LIBRARY: &str = "sentence-transformers";
        match self {
            Self::Embedding => (
                &[LIBRARY, "sentence-similarity", "feature-extraction"],
                "sentence-similarity",
                LIBRARY,
            ),
            Self::Classifier => {
                (&["text-classification"], "text-classification", "transformers")
            }
            Self::CrossEncoder => {
                (&[LIBRARY, "cross-encoder", "text-classification"], "text-ranking", LIBRARY)
            }
        }
    }

    fn usage(self, encoder: &SentenceEncoder) -> String {
        let head = encoder.head.as_ref();
        let predict = match self {
            Self::Embedding if head.is_none() => "",
            _ => PREDICT,
        };
        let python = match self {
            Self::Embedding => EMBEDDING_USAGE,
            Self::Classifier => CLASSIFIER_USAGE,
            Self::CrossEncoder => CROSS_ENCODER_USAGE,
        };
        format!("## Usage\n\n{python}{predict}")
    }
}

const EMBEDDING_USAGE: &str = "```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(\"path/to/this/directory\")
embeddings = model.encode([\"The first sentence.\", \"The second.\"])
print(model.similarity(embeddings, embeddings))
```

```sh
twindrop embed --model path/to/this/directory --input sentences.txt --output vectors.npy
```
";

const CLASSIFIER_USAGE: &str = "```python
from transformers import pipeline

classifier = pipeline(\"text-classification\", model=\"path/to/this/directory\")
print(classifier([\"The first text.\", \"The second.\"]))
```
";

const CROSS_ENCODER_USAGE: &str = "```python
from sentence_transformers import CrossEncoder

model = CrossEncoder(\"path/to/this/directory\")
print(model.predict([(\"The first text.\", \"The second.\")]))
```
";

const PREDICT: &str = "
```sh
twindrop predict --model path/to/this/directory --input texts.tsv --output predictions.csv
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
