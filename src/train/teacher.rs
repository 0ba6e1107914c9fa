//! Whose embeddings a student learns: a second model's, or those of a file.

use super::config::PhaseConfig;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::objective::{LabelKind, Objective};
use crate::sentence_encoder::SentenceEncoder;
use crate::vectors::{Embed, Embeddings};
use std::path::Path;

/// A vector for each text of `dataset`, example by example, where the objective learns them.
pub(super) fn vectors(
    phase: &PhaseConfig,
    objective: &dyn Objective,
    dataset: &Dataset,
    width: usize,
) -> Result<Option<Embeddings>> {
    let (learns, name) =
        (objective.requirements().labels == LabelKind::TeacherEmbeddings, objective.name());
    let teacher = match (&phase.teacher, learns) {
        (Some(teacher), true) => teacher,
        (None, false) => return Ok(None),
        (Some(teacher), false) => {
            let message =
                format!("teacher {teacher}: {name} does not use a teacher; use distillation");
            return Err(Error::config(message));
        }
        (None, true) => {
            let message = "needs a teacher: give --teacher MODEL, or a file of embeddings";
            return Err(Error::config(format!("{name} {message}")));
        }
    };
    let texts: Vec<&str> = dataset.sentences().collect();
    let extension = Path::new(teacher).extension().and_then(|extension| extension.to_str());
    let vectors = match extension {
        Some("npy" | "safetensors") => Embeddings::read(teacher)?,
        _ => SentenceEncoder::from_pretrained(teacher)?.embed(&texts)?,
    };
    if vectors.rows() != texts.len() {
        let (rows, path) = (vectors.rows(), dataset.path.display());
        let message =
            format!("teacher {teacher}: {rows} embeddings for the {} texts of", texts.len());
        return Err(Error::config(format!("{message} {path}")));
    }
    if vectors.width() != width {
        let message = format!(
            "teacher {teacher}: its embeddings have {} dimensions, the student's {width}; \
             give the student --dense out={},activation=identity",
            vectors.width(),
            vectors.width()
        );
        return Err(Error::config(message));
    }
    Ok(Some(vectors))
}
