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

/// What all layers of one look at a batch read.
pub(super) struct LayerContext<'a> {
    pub plan: &'a BertSpec,
    pub pass: &'a ViewSample,
    pub packing: &'a Arc<Packing>,
    /// A bias for each distance and head, (2F + 1, H), and the positions it is between.
    pub bias: Option<(TapeTensor, Arc<[u32]>)>,
}

impl BertLayer {
    /// The layer whose tensors' names begin with `prefix`.
    pub fn new(plan: &BertSpec, parameters: &Parameters, prefix: &str) -> Result<Self> {
        let dense = |part: &str| LinearNames::new(parameters, &format!("{prefix}.{part}"));
        let parts = &plan.parts;
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
        look: &LayerContext,
    ) -> Result<TapeTensor> {
        let (plan, rates) = (look.plan, &look.plan.dropout);
        let drop = |rate: Option<f32>, site| {
            rate.and_then(|rate| look.pass.dropout(rate, number, site, look.packing))
        };
        let seen = self.attend(tape, x, number, look)?;
        let undropped = drop(rates.attention, RngSite::AttentionOutput).is_none()
            && drop(rates.feed_forward, RngSite::FeedForward).is_none();
        if undropped
            && let Some(y) = tape.post_norm(&seen, x, &self.post_norm_parameters(plan))?
        {
            return Ok(y);
        }
        let seen = self.attention_output.on(tape, &seen)?;
        let dropout = drop(rates.attention, RngSite::AttentionOutput);
        let norm = self.attention_norm.pair();
        let x = tape.add_norm(&seen, Some(x), dropout, norm, plan.epsilon)?;
        let inner = self.intermediate.on(tape, &x)?;
        let [weight, bias] = self.output.pair();
        let inner = tape.active_linear(&inner, plan.activation, weight, bias)?;
        let dropout = drop(rates.feed_forward, RngSite::FeedForward);
        tape.add_norm(&inner, Some(&x), dropout, self.output_norm.pair(), plan.epsilon)
    }

    fn post_norm_parameters(&self, plan: &BertSpec) -> PostNorm<'_> {
        PostNorm {
            attention_output: self.attention_output.pair(),
            attention_norm: self.attention_norm.pair(),
            intermediate: self.intermediate.pair(),
            activation: plan.activation,
            output: self.output.pair(),
            output_norm: self.output_norm.pair(),
            epsilon: plan.epsilon,
        }
    }

    fn attend(
        &self,
        tape: &mut Tape,
        x: &TapeTensor,
        number: usize,
        look: &LayerContext,
    ) -> Result<TapeTensor> {
        let layers = [&self.query, &self.key, &self.value].map(LinearNames::pair);
        let [q, k, v] = tape.linears(x, layers)?;
        let (qkv, packing) = ([&q, &k, &v], look.packing);
        let rate = look.plan.dropout.probabilities;
        let dropout = look.pass.dropout(rate, number, RngSite::Attention, packing);
        let heads = look.plan.heads;
        match &look.bias {
            None => tape.attention(qkv, packing, heads, dropout),
            Some((bias, positions)) => {
                tape.biased_attention(qkv, (bias, positions), packing, heads, dropout)
            }
        }
    }
}
