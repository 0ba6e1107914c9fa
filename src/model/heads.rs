//! Heads and modules of a model.

use super::Model;
use crate::error::{Error, Result};
use crate::heads::{
    Classifier, ClassifierConfig, Dense, DenseConfig, MaskedHead, Projection, ProjectionConfig,
};
use crate::nn::{ParamSpec, Parameters};
use candle_core::Device;

/// The parameters of a new head.
fn initial_parameters(specs: Vec<ParamSpec>, seed: u64) -> Result<Parameters> {
    Parameters::initial(specs, seed, &Device::Cpu)
}

impl Model {
    /// The same model with a fresh classifier of `classes` classes over examples of `columns`
    /// texts.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_head(self, classes: usize, columns: usize, seed: u64) -> Result<Self> {
        self.with_classifier(ClassifierConfig::default(), classes, columns, seed)
    }

    /// The same model with a fresh classifier of the given shape; one output is a regression.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_classifier(
        self,
        config: ClassifierConfig,
        outputs: usize,
        columns: usize,
        seed: u64,
    ) -> Result<Self> {
        let model = self.encoder.config();
        let specs = Classifier::specs(&config, &model, outputs, columns, self.width());
        let parameters = self.parameters.and(initial_parameters(specs, seed)?);
        let classifier = Some(Classifier::new(config, &model, &parameters)?);
        Ok(Self { classifier, parameters, ..self })
    }

    /// The same model with a fresh projection, used in training only.
    ///
    /// # Errors
    /// Where the head cannot be made.
    pub fn with_projection(self, config: ProjectionConfig, seed: u64) -> Result<Self> {
        let specs = Projection::specs(&config, self.width());
        let parameters = self.parameters.and(initial_parameters(specs, seed)?);
        Ok(Self { projection: Some(Projection::new(config, &parameters)?), parameters, ..self })
    }

    /// The same model with a fresh dense layer after the pooling, which stays.
    ///
    /// # Errors
    /// Where it has one already.
    pub fn with_dense(self, config: DenseConfig, seed: u64) -> Result<Self> {
        if self.dense.is_some() {
            return Err(Error::config("the model already has a dense layer: omit --dense"));
        }
        let more = initial_parameters(Dense::specs(&config, self.width()), seed)?;
        self.with_dense_over(config, more)
    }

    /// The same model with the dense layer of `more`, in place of any it has.
    ///
    /// # Errors
    /// Where its tensors are missing.
    pub fn with_dense_over(self, config: DenseConfig, more: Parameters) -> Result<Self> {
        let parameters = self.parameters.and(more);
        Ok(Self { dense: Some(Dense::new(config, &parameters)?), parameters, ..self })
    }

    /// The same model with a fresh masked-language-model head.
    ///
    /// # Errors
    /// Where the head cannot be made, or several tokens share an embedding.
    pub fn with_masked_head(self, seed: u64) -> Result<Self> {
        let word_embeddings = self.encoder.word_embeddings();
        if word_embeddings.spec().shape[0] != self.encoder.vocabulary_size() {
            let message = "masked language modelling needs an embedding of its own for each token, \
                         but tokens of this model share theirs (its token mapping)";
            return Err(Error::config(message));
        }
        let specs = MaskedHead::specs(self.encoder.width(), word_embeddings);
        let parameters = self.parameters.and(initial_parameters(specs, seed)?);
        let masked = Some(MaskedHead::new(&parameters, word_embeddings)?);
        Ok(Self { masked, parameters, ..self })
    }
}
