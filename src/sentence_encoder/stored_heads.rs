//! The tensors of heads in a model directory: `heads.safetensors`, or, of a classifier of transformers',
//! the weights of the model.

use super::encoder::SentenceEncoder;
use super::head_description::HeadDescription;
use super::modules::HEADS;
use super::sequence_classifier;
use super::weights::ModelWeights;
use crate::error::{Error, Result};
use crate::heads::{SequenceHead, is_training_only};
use crate::nn::Parameter;
use std::path::Path;

/// The layer that gives the logits, whose rows belong to classes.
const LAST: [&str; 2] = ["head.weight", "head.bias"];

/// Where the tensors of heads are.
struct StoredHeads {
    own: Option<ModelWeights>,
    sequence: Option<(ModelWeights, SequenceHead)>,
}

impl StoredHeads {
    /// Those of the directory that `encoder` was loaded from.
    fn of(encoder: &SentenceEncoder) -> Result<Self> {
        let origin = &encoder.origin;
        let path = origin.base.as_ref().map(|base| base.join(HEADS));
        let own = path.filter(|path| path.is_file()).map(|path| ModelWeights::open(&path));
        let head = SequenceHead::of(&encoder.model().encoder().config());
        let sequence = match (&origin.home, head) {
            (Some(home), Some(head)) if is_classifier(home)? => {
                Some((ModelWeights::in_directory(home)?, head))
            }
            _ => None,
        };
        Ok(Self { own: own.transpose()?, sequence })
    }

    /// The values of a parameter of a head, where they are there in its shape.
    fn find(&self, parameter: &Parameter) -> Result<Option<Vec<f32>>> {
        let (name, shape) = (parameter.name(), &parameter.spec().shape);
        let own = self.own.as_ref().map(|own| own.maybe(name, shape)).transpose()?;
        if let Some(found) = own.flatten() {
            return Ok(Some(found));
        }
        match &self.sequence {
            Some((weights, head)) => match head.stored_name(name) {
                Some(stored) => weights.maybe(&stored, shape),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }
}

fn is_classifier(home: &Path) -> Result<bool> {
    let config = super::json::read_json(&home.join("config.json"))?;
    Ok(sequence_classifier::class(&config).is_some())
}

impl SentenceEncoder {
    /// Takes for its heads what the directory it was loaded from holds of their names and shapes:
    /// a later stage goes on with the heads of an earlier one. The layer of the logits is taken
    /// where it has the same classes. Returns a sentence on what was taken or left, if anything.
    ///
    /// # Errors
    /// Where a file is damaged.
    pub fn restore_heads(&self) -> Result<Option<String>> {
        let (Some(base), Some(home)) = (&self.origin.base, &self.origin.home) else {
            return Ok(None);
        };
        let stored = StoredHeads::of(self)?;
        let before = HeadDescription::find(base, home)?;
        let is_same = match (&before, &self.head) {
            (Some(before), Some(now)) => {
                before.labels == now.labels && before.problem_type == now.problem_type
            }
            _ => true,
        };
        let mut taken = Vec::new();
        for parameter in self.model.parameters().iter() {
            let name = parameter.name();
            if !is_training_only(name) || (!is_same && LAST.contains(&name)) {
                continue;
            }
            if let Some(values) = stored.find(parameter)? {
                parameter.update(|now| now.copy_from_slice(&values))?;
                taken.push(name);
            }
        }
        let base = base.display();
        Ok(match (is_same, taken.is_empty()) {
            (false, _) if self.head.is_some() => Some(format!(
                "{base} has a head for other classes or scores, so the output layer starts anew"
            )),
            (_, false) => Some(format!("training goes on with the heads of {base}")),
            _ => None,
        })
    }

    /// Takes for its classification or regression head the tensors of the directory it was loaded
    /// from.
    ///
    /// # Errors
    /// Where one is missing or of another shape.
    pub(super) fn load_head(&self) -> Result<()> {
        let stored = StoredHeads::of(self)?;
        let head = self.model.parameters().iter().filter(|p| p.name().starts_with("head."));
        for parameter in head {
            let values = stored.find(parameter)?.ok_or_else(|| stored.missing(parameter))?;
            parameter.update(|now| now.copy_from_slice(&values))?;
        }
        Ok(())
    }
}

impl StoredHeads {
    /// A tensor that the description asks for and no file has.
    fn missing(&self, parameter: &Parameter) -> Error {
        let (name, shape) = (parameter.name(), &parameter.spec().shape);
        let (file, name, said) = match (&self.own, &self.sequence) {
            (Some(own), _) => (own.path(), name.to_string(), "heads.json"),
            (None, Some((weights, head))) => {
                (weights.path(), head.stored_name(name).unwrap_or_default(), "config.json")
            }
            (None, None) => {
                let message = format!("{HEADS} is missing, which heads.json describes");
                return Error::config(message);
            }
        };
        Error::model(
            file,
            format!("tensor {name} is missing, or not {shape:?} as {said} has it"),
        )
    }
}
