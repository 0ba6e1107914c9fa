//! A layer of a post-norm transformer: attention, then feed-forward.

use super::spec::BertSpec;
use crate::error::Result;
use crate::nn::{Packing, Parameter, Parameters, PostNorm, Tape, TapeTensor};
use crate::random::RngSite;
use crate::view::ViewSample;
use std::sync::Arc;

/// A weight and a bias by the name they share.
#[derive(Debug)]
pub(super) struct LinearNames {
    weight: Parameter,
    bias: Parameter,
}

impl LinearNames {
    pub fn new(parameters: &Parameters, name: &str) -> Result<Self> {
        let get = |part| parameters.get(&format!("{name}.{part}"));
        Ok(Self { weight: get("weight")?, bias: get("bias")? })
    }

    /// `y = x·Wᵀ + b`.
    pub fn on(&self, tape: &mut Tape, x: &TapeTensor) -> Result<TapeTensor> {
        tape.linear(x, &self.weight, &self.bias)
    }

    pub fn pair(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }
}

#[derive(Debug)]
pub(super) struct BertLayer {
    query: LinearNames,
    key: LinearNames,
    value: LinearNames,
    attention_output: LinearNames,
    attention_norm: LinearNames,
    intermediate: LinearNames,
    output: LinearNames,
    output_norm: LinearNames,
}

/// What all layers of one forward pass read.
pub(super) struct LayerContext<'a> {
    pub spec: &'a BertSpec,
    pub pass: &'a ViewSample,
    pub packing: &'a Arc<Packing>,
    /// A bias for each distance and head, (2F + 1, H), and the positions it is between.
    pub bias: Option<(TapeTensor, Arc<[u32]>)>,
}

impl BertLayer {
    /// The layer whose tensors' names begin with `prefix`.
    pub fn new(spec: &BertSpec, parameters: &Parameters, prefix: &str) -> Result<Self> {
        let dense = |part: &str| LinearNames::new(parameters, &format!("{prefix}.{part}"));
        let parts = &spec.parts;
        Ok(Self {
            query: dense(parts.query)?,
            key: dense(parts.key)?,
            value: dense(parts.value)?,
            attention_output: dense(parts.attention_output)?,
            attention_norm: dense(parts.attention_norm)?,
            intermediate: dense(parts.intermediate)?,
            output: dense(parts.output)?,
            output_norm: dense(parts.output_norm)?,
        })
    }

    /// Attention, then feed-forward, each added to what it read and normalised. `number` counts
    /// layers from 1: it is the address of their noise.
    pub fn on(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        number: usize,
        context: &LayerContext,
    ) -> Result<TapeTensor> {
        let (spec, rates) = (context.spec, &context.spec.dropout);
        let drop = |rate: Option<f32>, site| {
            rate.and_then(|rate| context.pass.dropout(rate, number, site, context.packing))
        };
        let attended = self.attend(tape, x, number, context)?;
        let undropped = drop(rates.attention, RngSite::AttentionOutput).is_none()
            && drop(rates.feed_forward, RngSite::FeedForward).is_none();
        if undropped
            && let Some(y) = tape.post_norm(&attended, x, &self.post_norm_parameters(spec))?
        {
            return Ok(y);
        }
        let attended = self.attention_output.on(tape, &attended)?;
        let dropout = drop(rates.attention, RngSite::AttentionOutput);
        let norm = self.attention_norm.pair();
        let x = tape.add_norm(&attended, Some(x), dropout, norm, spec.epsilon)?;
        let inner = self.intermediate.on(tape, &x)?;
        let [weight, bias] = self.output.pair();
        let inner = tape.active_linear(&inner, spec.activation, weight, bias)?;
        let dropout = drop(rates.feed_forward, RngSite::FeedForward);
        tape.add_norm(&inner, Some(&x), dropout, self.output_norm.pair(), spec.epsilon)
    }

    fn post_norm_parameters(&self, spec: &BertSpec) -> PostNorm<'_> {
        PostNorm {
            attention_output: self.attention_output.pair(),
            attention_norm: self.attention_norm.pair(),
            intermediate: self.intermediate.pair(),
            activation: spec.activation,
            output: self.output.pair(),
            output_norm: self.output_norm.pair(),
            epsilon: spec.epsilon,
        }
    }

    fn attend(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        number: usize,
        context: &LayerContext,
    ) -> Result<TapeTensor> {
        let layers = [&self.query, &self.key, &self.value].map(LinearNames::pair);
        let [q, k, v] = tape.linears(x, layers)?;
        let (qkv, packing) = ([&q, &k, &v], context.packing);
        let rate = context.spec.dropout.probabilities;
        let dropout = context.pass.dropout(rate, number, RngSite::Attention, packing);
        let heads = context.spec.heads;
        match &context.bias {
            None => tape.attention(qkv, packing, heads, dropout),
            Some((bias, positions)) => {
                tape.biased_attention(qkv, (bias, positions), packing, heads, dropout)
            }
        }
    }
}
