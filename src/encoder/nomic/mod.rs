//! NomicBERT (Nussbaum et al. 2024, arXiv 2402.01613): BERT with rotary positions in place of a
//! table, and a gate in the feed-forward block.

mod config;

pub use config::NomicBertConfig;

use super::affine::Affine;
use super::{Encoder, run_layers};
use crate::error::Result;
use crate::nn::{Activation, Dropout, Packing, Parameter, Parameters, Rotation};
use crate::nn::{Tape, TapeTensor};
use crate::random::RngSite;
use crate::tokens::Tokens;
use crate::view::ViewSample;
use std::sync::Arc;

#[derive(Debug)]
struct NomicLayer {
    query_key_value: Affine,
    attention_output: Affine,
    attention_norm: Affine,
    up: Affine,
    gate: Affine,
    down: Affine,
    norm: Affine,
}

impl NomicLayer {
    fn new(config: &NomicBertConfig, parameters: &Parameters, number: usize) -> Result<Self> {
        let named = |part: &str, biased| {
            Affine::new(parameters, &format!("encoder.layers.{number}.{part}"), biased)
        };
        Ok(Self {
            query_key_value: named("attn.Wqkv", config.qkv_proj_bias)?,
            attention_output: named("attn.out_proj", config.qkv_proj_bias)?,
            attention_norm: named("norm1", true)?,
            up: named("mlp.fc11", config.mlp_fc1_bias)?,
            gate: named("mlp.fc12", config.mlp_fc1_bias)?,
            down: named("mlp.fc2", config.mlp_fc2_bias)?,
            norm: named("norm2", true)?,
        })
    }
}

/// The encoder of NomicBERT.
#[derive(Debug)]
pub struct NomicBert {
    config: NomicBertConfig,
    activation: Activation,
    tables: Vec<Parameter>,
    norm: Affine,
    layers: Vec<NomicLayer>,
}

impl NomicBert {
    /// A NomicBERT over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn new(config: NomicBertConfig, parameters: &Parameters) -> Result<Self> {
        let tables = config.tables().into_iter();
        let tables = tables
            .map(|(name, _)| parameters.get(&format!("embeddings.{name}_embeddings.weight")));
        let layers = (0..config.num_hidden_layers)
            .map(|number| NomicLayer::new(&config, parameters, number));
        Ok(Self {
            activation: config.gate(),
            tables: tables.collect::<Result<_>>()?,
            norm: Affine::new(parameters, "emb_ln", true)?,
            layers: layers.collect::<Result<_>>()?,
            config,
        })
    }

    /// `LayerNorm(word + type)`, with the dropout and shift of the view.
    fn embed(&self, tape: &mut Tape, tokens: &Tokens, pass: &ViewSample) -> Result<TapeTensor> {
        let (config, packing) = (&self.config, &tokens.packing);
        let indices = config.tables().into_iter().map(|(name, _)| match name {
            "position" => pass.positions(packing),
            "token_type" => tokens.types.clone(),
            _ => tokens.ids.clone(),
        });
        let sum = tape.embedding_sum(self.tables.iter().cloned().zip(indices).collect())?;
        let x = self.norm.norm(tape, &sum, config.layer_norm_eps)?;
        pass.apply_augmentations(tape, &x, config.hidden_dropout_prob, packing)
    }

    /// The angles of each token; none where positions have a table.
    fn rotation(&self, packing: &Packing, pass: &ViewSample) -> Option<Rotation> {
        let turned = Some(self.config.turned()).filter(|&turned| turned > 0)?;
        let bases = packing
            .ranges()
            .flat_map(|range| std::iter::repeat_n(self.config.base(range.len()), range.len()));
        let tokens = pass.positions(packing).into_iter().zip(bases);
        Some(Rotation::new(tokens, turned, self.config.rotary_emb_interleaved))
    }

    fn attention(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &TapeTensor,
        rotation: Option<&Rotation>,
        packing: &Arc<Packing>,
        dropout: Option<Dropout>,
    ) -> Result<TapeTensor> {
        let layer = &self.layers[number];
        let (width, heads) = (self.config.hidden_size, self.config.num_attention_heads);
        let all = layer.query_key_value.linear(tape, x)?; // (T, 3·D)
        let mut part = |nth: usize| tape.columns(&all, nth * width..(nth + 1) * width);
        let (mut q, mut k, v) = (part(0)?, part(1)?, part(2)?);
        drop(all);
        if let Some(rotation) = rotation {
            q = tape.rotate(&q, heads, rotation)?;
            k = tape.rotate(&k, heads, rotation)?;
        }
        let attended = tape.attention([&q, &k, &v], packing, heads, dropout)?;
        layer.attention_output.linear(tape, &attended)
    }

    /// Attention, then the gated block, each added to what it read and normalised.
    fn layer(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &TapeTensor,
        rotation: Option<&Rotation>,
        packing: &Arc<Packing>,
        pass: &ViewSample,
    ) -> Result<TapeTensor> {
        let (layer, config) = (&self.layers[number], &self.config);
        let dropout = |rate, site| pass.dropout(rate, number + 1, site, packing);
        let (rate, epsilon) = (config.hidden_dropout_prob, config.layer_norm_eps);
        let inside = dropout(config.attention_probs_dropout_prob, RngSite::Attention);
        let attended = self.attention(tape, number, x, rotation, packing, inside)?;
        let outside = dropout(rate, RngSite::AttentionOutput);
        let x = layer.attention_norm.add_norm(tape, &attended, x, outside, epsilon)?;
        let (up, gate) = (layer.up.linear(tape, &x)?, layer.gate.linear(tape, &x)?);
        let gated = tape.gate(&gate, &up, self.activation)?; // (T, I)
        let down = layer.down.linear(tape, &gated)?;
        layer.norm.add_norm(tape, &down, &x, dropout(rate, RngSite::FeedForward), epsilon)
    }
}

impl Encoder for NomicBert {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>> {
        let x = self.embed(tape, tokens, pass)?; // (T, D)
        let (packing, rotation) = (&tokens.packing, self.rotation(&tokens.packing, pass));
        run_layers(x, keep, |number, x| {
            self.layer(tape, number, x, rotation.as_ref(), packing, pass)
        })
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn layers(&self) -> usize {
        self.layers.len()
    }

    fn max_positions(&self) -> usize {
        self.config.max_position_embeddings
    }

    fn word_embeddings(&self) -> &Parameter {
        &self.tables[0]
    }

    /// Eight matrices as wide as the model and three of the feed-forward block's a layer.
    fn activations_per_token(&self) -> usize {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        2 * width + self.layers() * (8 * width + 3 * inner)
    }

    fn config(&self) -> serde_json::Value {
        self.config.file()
    }
}
