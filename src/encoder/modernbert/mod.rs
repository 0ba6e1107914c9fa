//! ModernBERT (Warner et al. 2024): pre-norm, rotary positions, a gate in the feed-forward block,
//! and most layers attend to near tokens only.

mod config;

pub use config::{ModernBertConfig, Rope, RopeByLayer};

use super::affine::Affine;
use super::{Encoder, run_layers};
use crate::error::Result;
use crate::nn::{Activation, Cutoff, Dropout, Packing, Parameter, Parameters, Rotation};
use crate::nn::{LocalWindow, Tape, TapeTensor};
use crate::random::RngSite;
use crate::tokens::Tokens;
use crate::view::ViewSample;
use std::sync::Arc;

const WORDS: &str = "embeddings.tok_embeddings.weight";

#[derive(Debug)]
struct ModernBertLayer {
    /// None in the first layer: the embeddings are normal already.
    attention_norm: Option<Affine>,
    query_key_value: Affine,
    attention_output: Affine,
    norm: Affine,
    inner: Affine,
    outer: Affine,
    is_local: bool,
}

impl ModernBertLayer {
    fn new(config: &ModernBertConfig, parameters: &Parameters, number: usize) -> Result<Self> {
        let named = |part: &str, biased| {
            Affine::new(parameters, &format!("layers.{number}.{part}"), biased)
        };
        let attention_norm = (number > 0).then(|| named("attn_norm", config.norm_bias));
        Ok(Self {
            attention_norm: attention_norm.transpose()?,
            query_key_value: named("attn.Wqkv", config.attention_bias)?,
            attention_output: named("attn.Wo", config.attention_bias)?,
            norm: named("mlp_norm", config.norm_bias)?,
            inner: named("mlp.Wi", config.mlp_bias)?,
            outer: named("mlp.Wo", config.mlp_bias)?,
            is_local: config.is_local(number),
        })
    }
}

/// The encoder of ModernBERT.
#[derive(Debug)]
pub struct ModernBert {
    config: ModernBertConfig,
    activation: Activation,
    words: Parameter,
    norm: Affine,
    layers: Vec<ModernBertLayer>,
    final_norm: Affine,
}

/// What all layers of a pass share.
struct ModernBertContext<'a> {
    packing: &'a Arc<Packing>,
    pass: &'a ViewSample,
    /// The angles of layers of global attention, and of local ones.
    rotations: [Rotation; 2],
    window: LocalWindow,
}

impl ModernBertContext<'_> {
    fn dropout(&self, rate: f32, layer: usize, site: RngSite) -> Option<Dropout> {
        self.pass.dropout(rate, layer + 1, site, self.packing)
    }
}

impl ModernBert {
    /// A ModernBERT over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn new(config: ModernBertConfig, parameters: &Parameters) -> Result<Self> {
        let layers = (0..config.num_hidden_layers)
            .map(|number| ModernBertLayer::new(&config, parameters, number));
        Ok(Self {
            activation: config.activation(),
            words: parameters.get(WORDS)?,
            norm: Affine::new(parameters, "embeddings.norm", config.norm_bias)?,
            layers: layers.collect::<Result<_>>()?,
            final_norm: Affine::new(parameters, "final_norm", config.norm_bias)?,
            config,
        })
    }

    fn context<'a>(
        &self,
        packing: &'a Arc<Packing>,
        pass: &'a ViewSample,
    ) -> ModernBertContext<'a> {
        let config = &self.config;
        let positions: Arc<[u32]> = pass.positions(packing).into();
        let rotations = [false, true].map(|is_local| {
            let theta = config.theta(is_local);
            let tokens = positions.iter().map(|&position| (position, theta));
            Rotation::new(tokens, config.hidden_size / config.num_attention_heads, false)
        });
        let reach = u32::try_from(config.local_attention / 2).unwrap_or(u32::MAX);
        ModernBertContext {
            packing,
            pass,
            rotations,
            window: LocalWindow::new(reach, positions),
        }
    }

    /// Attention to the norm of x, added to x; then the gated block likewise.
    fn layer(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &TapeTensor,
        context: &ModernBertContext,
    ) -> Result<TapeTensor> {
        let (layer, config) = (&self.layers[number], &self.config);
        let attended = self.attention(tape, number, x, context)?;
        let dropout =
            context.dropout(config.attention_dropout, number, RngSite::AttentionOutput);
        let x = tape.add(&attended, x, dropout)?;
        let normal = layer.norm.norm(tape, &x, config.norm_eps)?;
        let wide = layer.inner.linear(tape, &normal)?; // (T, 2·I)
        let inner = config.intermediate_size;
        let (a, b) = (tape.columns(&wide, 0..inner)?, tape.columns(&wide, inner..2 * inner)?);
        let gated = tape.gate(&a, &b, self.activation)?; // (T, I)
        let dropout = context.dropout(config.mlp_dropout, number, RngSite::FeedForward);
        let gated = tape.dropout_cutoff(&gated, dropout, Cutoff::default())?;
        let outer = layer.outer.linear(tape, &gated)?;
        tape.add(&outer, &x, None)
    }

    fn attention(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &TapeTensor,
        context: &ModernBertContext,
    ) -> Result<TapeTensor> {
        let (layer, config) = (&self.layers[number], &self.config);
        let (width, heads) = (config.hidden_size, config.num_attention_heads);
        let normal = match &layer.attention_norm {
            Some(norm) => norm.norm(tape, x, config.norm_eps)?,
            None => x.clone(),
        };
        let all = layer.query_key_value.linear(tape, &normal)?; // (T, 3·D)
        let mut part = |nth: usize| tape.columns(&all, nth * width..(nth + 1) * width);
        let (q, k, v) = (part(0)?, part(1)?, part(2)?);
        drop(all);
        let rotation = &context.rotations[usize::from(layer.is_local)];
        let q = tape.rotate(&q, heads, rotation)?;
        let k = tape.rotate(&k, heads, rotation)?;
        let dropout = context.dropout(config.attention_dropout, number, RngSite::Attention);
        let (inputs, packing) = ([&q, &k, &v], context.packing);
        let attended = match layer.is_local {
            true => tape.local_attention(inputs, packing, heads, &context.window, dropout)?,
            false => tape.attention(inputs, packing, heads, dropout)?,
        };
        layer.attention_output.linear(tape, &attended)
    }
}

impl Encoder for ModernBert {
    /// The last hidden state is the norm of the last layer's output, as in transformers.
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>> {
        let context = self.context(&tokens.packing, pass);
        let x = tape.embedding_sum(vec![(self.words.clone(), tokens.ids.clone())])?;
        let x = self.norm.norm(tape, &x, self.config.norm_eps)?;
        let x =
            pass.apply_augmentations(tape, &x, self.config.embedding_dropout, &tokens.packing)?;
        run_layers(x, keep, |number, x| {
            let x = self.layer(tape, number, x, &context)?;
            match number + 1 == self.layers.len() {
                true => self.final_norm.norm(tape, &x, self.config.norm_eps),
                false => Ok(x),
            }
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
        &self.words
    }

    /// Eight matrices as wide as the model and three of the feed-forward block's a layer.
    fn activations_per_token(&self) -> usize {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        4 * width + self.layers() * (8 * width + 3 * inner)
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).unwrap_or_default()
    }
}
