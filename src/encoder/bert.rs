//! BERT (Devlin et al. 2019): post-norm transformer over word, position and type embeddings; and
//! what its descendants made of it.

mod config;
mod layer;
mod spec;

pub use config::BertConfig;
pub(super) use spec::{BUCKETS, BertFamily, BertSpec, DropoutRates, LayerNames};

use super::{Config, Encoder, fields, run_layers};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use crate::tokens::Tokens;
use crate::view::ViewSample;
use layer::{BertLayer, LayerContext, LinearNames};
use spec::{POSITIONS, TYPES, WORDS};
use std::sync::Arc;

/// The encoder of BERT or of a descendant; a pooler is not part of it.
#[derive(Debug)]
pub struct Bert {
    spec: BertSpec,
    words: Parameter,
    positions: Parameter,
    types: Option<Parameter>,
    norm: LinearNames,
    bridge: Option<LinearNames>,
    distances: Option<Parameter>,
    layers: Vec<BertLayer>,
    config: serde_json::Value,
}

impl Bert {
    /// The tensors of a BERT of this configuration, named as transformers names them.
    pub fn specs(config: &BertConfig) -> Vec<ParamSpec> {
        config.spec().specs()
    }

    /// A BERT over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn new(config: BertConfig, parameters: &Parameters) -> Result<Self> {
        config.check().map_err(|words| Error::new(ErrorKind::Model, words))?;
        Self::over(config.spec(), config.saved(), parameters)
    }

    /// The model of a plan over `parameters`, with the `config` that it will be saved with.
    pub(super) fn over(
        spec: BertSpec,
        config: serde_json::Value,
        parameters: &Parameters,
    ) -> Result<Self> {
        let layers = spec.layers.iter().map(|prefix| BertLayer::new(&spec, parameters, prefix));
        let table = |name: &str| parameters.get(name);
        Ok(Self {
            words: table(WORDS)?,
            positions: table(POSITIONS)?,
            types: (spec.types > 0).then(|| table(TYPES)).transpose()?,
            norm: LinearNames::new(parameters, "embeddings.LayerNorm")?,
            bridge: spec.bridge.map(|name| LinearNames::new(parameters, name)).transpose()?,
            distances: spec.distances.map(table).transpose()?,
            layers: layers.collect::<Result<_>>()?,
            spec,
            config,
        })
    }

    /// `LayerNorm(word + position + type)`, with the dropout and shift of the view, as wide as the model.
    fn embed(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        positions: &[u32],
        pass: &ViewSample,
    ) -> Result<TapeTensor> {
        let (packing, spec) = (&tokens.packing, &self.spec);
        let mut lookups = vec![
            (self.words.clone(), tokens.ids.clone()),
            (self.positions.clone(), self.rows(tokens, positions)),
        ];
        if let Some(types) = &self.types {
            // a table of one row says that token types are all the same, whatever the tokenizer does
            let rows =
                if spec.types == 1 { vec![0; tokens.ids.len()] } else { tokens.types.clone() };
            lookups.push((types.clone(), rows));
        }
        let sum = tape.embedding_sum(lookups)?;
        let x = tape.add_norm(&sum, None, None, self.norm.pair(), spec.epsilon)?;
        let rate = spec.dropout.embeddings;
        let Some(bridge) = &self.bridge else {
            return pass.apply_augmentations(tape, &x, rate, packing);
        };
        let x = pass.apply_dropout(tape, &x, rate, packing)?;
        let x = bridge.on(tape, &x)?;
        pass.apply_cutoffs(tape, &x, packing)
    }

    /// The row of the position table for each token: its position, or, where positions are
    /// counted on from the padding token, `padding + 1` more than the tokens before it that are
    /// not padding; a padding token that stands in a text has the row of its id.
    fn rows(&self, tokens: &Tokens, positions: &[u32]) -> Vec<u32> {
        let Some(padding) = self.spec.padding else { return positions.to_vec() };
        let mut rows = Vec::with_capacity(positions.len());
        for range in tokens.packing.ranges() {
            let mut passed = 0;
            for token in range {
                if tokens.ids[token] == padding {
                    passed += 1;
                    rows.push(padding);
                } else {
                    rows.push(padding + 1 + positions[token].saturating_sub(passed));
                }
            }
        }
        rows
    }

    /// The bias of each distance between these positions, (2F + 1, H).
    fn bias(&self, tape: &mut Tape, positions: &[u32]) -> Result<Option<TapeTensor>> {
        let Some(table) = &self.distances else { return Ok(None) };
        let farthest = positions.iter().copied().max().unwrap_or(0) as i32;
        let rows = (-farthest..=farthest).map(bucket).collect();
        tape.embedding_sum(vec![(table.clone(), rows)]).map(Some)
    }
}

/// The row of MPNet's table for a token `distance` places on: one for each distance to 7, then
/// logarithmically wider ones to 128, in either direction.
fn bucket(distance: i32) -> u32 {
    let (half, exact) = (BUCKETS as u32 / 2, BUCKETS as u32 / 4);
    let direction = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs();
    if distance < exact {
        return direction + distance;
    }
    let wider = (distance as f32 / exact as f32).ln() / 16f32.ln() * exact as f32;
    direction + (exact + wider as u32).min(half - 1)
}

impl Encoder for Bert {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>> {
        let (spec, packing) = (&self.spec, &tokens.packing);
        let positions: Arc<[u32]> = pass.positions(packing).into();
        let x = self.embed(tape, tokens, &positions, pass)?; // (T, D)
        let bias = self.bias(tape, &positions)?.map(|bias| (bias, positions));
        let context = LayerContext { spec, pass, packing, bias };
        run_layers(x, keep, |number, x| self.layers[number].on(tape, x, number + 1, &context))
    }

    fn width(&self) -> usize {
        self.spec.width
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn max_positions(&self) -> usize {
        self.spec.positions - self.spec.padding.map_or(0, |padding| padding as usize + 1)
    }

    fn word_embeddings(&self) -> &Parameter {
        &self.words
    }

    /// Eight matrices as wide as the model and one of the feed-forward block's a layer.
    fn activations_per_token(&self) -> usize {
        let (width, inner) = (self.spec.width, self.spec.inner);
        2 * width + self.layers() * (8 * width + inner)
    }

    fn config(&self) -> serde_json::Value {
        self.config.clone()
    }
}

impl<C: BertFamily> Config for C {
    fn read(mut json: serde_json::Value) -> Result<Self, String> {
        if let Some(fields) = json.as_object_mut() {
            C::complete(fields);
        }
        let config: Self = fields(json)?;
        config.check()?;
        Ok(config)
    }

    fn specs(&self) -> Vec<ParamSpec> {
        self.spec().specs()
    }

    fn build(&self, parameters: &Parameters) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Bert::over(self.spec(), self.saved(), parameters)?))
    }
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// The first distance of each bucket, by transformers' `relative_position_bucket`.
    #[test]
    fn buckets_of_distances_are_those_of_transformers() {
        let firsts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];
        for (nth, &first) in firsts.iter().enumerate() {
            let nth = nth as u32;
            assert_eq!(bucket(-first), nth, "{first}");
            assert_eq!(bucket(first), if first == 0 { 0 } else { 16 + nth }, "{first}");
            if first > 8 {
                assert_eq!(bucket(1 - first), nth - 1, "before {first}");
            }
        }
        assert_eq!((bucket(-4000), bucket(4000)), (15, 31));
    }
}
