//! DeBERTa v2 and v3 (He et al. 2021, arXiv 2006.03654 and 2111.09543): attention reads content
//! and distance by themselves, distances share buckets that widen with the logarithm.

mod config;

pub use config::{DebertaConfig, PosAttType};

use super::affine::Affine;
use super::{Encoder, run_layers};
use crate::error::Result;
use crate::nn::{Activation, Cutoff, Distances, Packing, Parameter, Parameters, Relative};
use crate::nn::{Dropout, Tape, TapeTensor};
use crate::random::RngSite;
use crate::tokens::Tokens;
use crate::view::ViewSample;
use std::sync::Arc;

const DISTANCES: &str = "encoder.rel_embeddings.weight";

#[derive(Debug)]
struct DebertaLayer {
    query: Affine,
    key: Affine,
    value: Affine,
    /// The keys and queries of distances, where they are not projected as tokens are.
    distance_key: Option<Affine>,
    distance_query: Option<Affine>,
    attention_output: Affine,
    attention_norm: Affine,
    intermediate: Affine,
    output: Affine,
    norm: Affine,
}

impl DebertaLayer {
    fn new(config: &DebertaConfig, parameters: &Parameters, number: usize) -> Result<Self> {
        let named = |part: &str| {
            Affine::new(parameters, &format!("encoder.layer.{number}.{part}"), true)
        };
        let [c2p, p2c] = config.readers().map(|reads| reads && !config.share_att_key);
        let own = |there: bool, part| there.then(|| named(part)).transpose();
        Ok(Self {
            query: named("attention.self.query_proj")?,
            key: named("attention.self.key_proj")?,
            value: named("attention.self.value_proj")?,
            distance_key: own(c2p, "attention.self.pos_key_proj")?,
            distance_query: own(p2c, "attention.self.pos_query_proj")?,
            attention_output: named("attention.output.dense")?,
            attention_norm: named("attention.output.LayerNorm")?,
            intermediate: named("intermediate.dense")?,
            output: named("output.dense")?,
            norm: named("output.LayerNorm")?,
        })
    }
}

/// The encoder of DeBERTa v2 and v3.
#[derive(Debug)]
pub struct Deberta {
    config: DebertaConfig,
    activation: Activation,
    tables: Vec<Parameter>,
    projection: Option<Affine>,
    norm: Affine,
    distances: Option<Parameter>,
    distance_norm: Option<Affine>,
    convolution: Option<(Affine, Affine, Activation)>,
    layers: Vec<DebertaLayer>,
}

/// What all layers of a pass share.
struct DebertaContext<'a> {
    packing: &'a Arc<Packing>,
    pass: &'a ViewSample,
    distances: Distances,
    /// The rows of the table that the batch reads, (R, D).
    table: Option<TapeTensor>,
}

impl DebertaContext<'_> {
    fn dropout(&self, rate: f32, layer: usize, site: RngSite) -> Option<Dropout> {
        self.pass.dropout(rate, layer + 1, site, self.packing)
    }
}

/// The noise address of what belongs to every sentence of a batch.
const SHARED: u64 = u64::MAX;

impl Deberta {
    /// A DeBERTa over `parameters`.
    ///
    /// # Errors
    /// Where one of its tensors is missing.
    pub fn new(config: DebertaConfig, parameters: &Parameters) -> Result<Self> {
        let tables = config.tables().into_iter();
        let tables = tables
            .map(|(name, _)| parameters.get(&format!("embeddings.{name}_embeddings.weight")));
        let named = |name: &str, biased| Affine::new(parameters, name, biased);
        let narrow = config.table_width() != config.hidden_size;
        let layers = (0..config.num_hidden_layers)
            .map(|number| DebertaLayer::new(&config, parameters, number));
        let convolution: Option<Result<_>> = (config.conv_kernel_size > 0).then(|| {
            let activation = config.convolution_activation();
            let layer = named("encoder.conv.conv", true)?;
            Ok((layer, named("encoder.conv.LayerNorm", true)?, activation))
        });
        Ok(Self {
            activation: config.activation(),
            tables: tables.collect::<Result<_>>()?,
            projection: narrow.then(|| named("embeddings.embed_proj", false)).transpose()?,
            norm: named("embeddings.LayerNorm", true)?,
            distances: config
                .reads_distances()
                .then(|| parameters.get(DISTANCES))
                .transpose()?,
            distance_norm: (config.norms_distances())
                .then(|| named("encoder.LayerNorm", true))
                .transpose()?,
            convolution: convolution.transpose()?,
            layers: layers.collect::<Result<_>>()?,
            config,
        })
    }

    /// `LayerNorm(word + position + type)`, with the dropout and shift of the view.
    fn embed(&self, tape: &mut Tape, tokens: &Tokens, pass: &ViewSample) -> Result<TapeTensor> {
        let (config, packing) = (&self.config, &tokens.packing);
        let indices = config.tables().into_iter().map(|(name, _)| match name {
            "position" => pass.positions(packing),
            "token_type" => tokens.types.clone(),
            _ => tokens.ids.clone(),
        });
        let mut x = tape.embedding_sum(self.tables.iter().cloned().zip(indices).collect())?;
        if let Some(projection) = &self.projection {
            x = projection.linear(tape, &x)?;
        }
        let x = self.norm.norm(tape, &x, config.layer_norm_eps)?;
        pass.apply_augmentations(tape, &x, config.hidden_dropout_prob, packing)
    }

    fn context<'a>(
        &self,
        tape: &mut Tape,
        packing: &'a Arc<Packing>,
        pass: &'a ViewSample,
    ) -> Result<DebertaContext<'a>> {
        let config = &self.config;
        let distances = Distances::new(pass.positions(packing), |far| config.place(far));
        let table = self.distances.as_ref().map(|table| {
            let rows = (0..distances.height()).map(|place| config.row(place)).collect();
            let table = tape.embedding_sum(vec![(table.clone(), rows)])?;
            match &self.distance_norm {
                Some(norm) => norm.norm(tape, &table, config.layer_norm_eps),
                None => Ok(table),
            }
        });
        Ok(DebertaContext { packing, pass, distances, table: table.transpose()? })
    }

    /// What the scores of a layer read beside content.
    fn relative(
        &self,
        tape: &mut Tape,
        number: usize,
        context: &DebertaContext,
    ) -> Result<Relative> {
        let (layer, config) = (&self.layers[number], &self.config);
        let size = (config.hidden_size / config.num_attention_heads) as f32;
        let terms =
            1 + ["c2p", "p2c"].iter().filter(|name| config.pos_att_type.has(name)).count();
        let mut relative = Relative {
            keys: None,
            queries: None,
            distances: context.distances.clone(),
            scale: 1. / (size * terms as f32).sqrt(),
        };
        let Some(table) = &context.table else { return Ok(relative) };
        let whole = Arc::new(Packing::new([table.shape().0], vec![SHARED]));
        let rate = config.hidden_dropout_prob;
        let dropout = context.pass.dropout(rate, number + 1, RngSite::Embedding, &whole);
        let table = tape.dropout_cutoff(table, dropout, Cutoff::default())?;
        let [c2p, p2c] = config.readers();
        if c2p {
            let project = layer.distance_key.as_ref().unwrap_or(&layer.key);
            relative.keys = Some(project.linear(tape, &table)?);
        }
        if p2c {
            let project = layer.distance_query.as_ref().unwrap_or(&layer.query);
            relative.queries = Some(project.linear(tape, &table)?);
        }
        Ok(relative)
    }

    /// Attention, then feed-forward, each added to what it read and normalised.
    fn layer(
        &self,
        tape: &mut Tape,
        number: usize,
        x: &TapeTensor,
        context: &DebertaContext,
    ) -> Result<TapeTensor> {
        let (layer, config) = (&self.layers[number], &self.config);
        let (rate, epsilon) = (config.hidden_dropout_prob, config.layer_norm_eps);
        let [q, k, v] =
            [&layer.query, &layer.key, &layer.value].map(|part| part.linear(tape, x));
        let relative = self.relative(tape, number, context)?;
        let inside =
            context.dropout(config.attention_probs_dropout_prob, number, RngSite::Attention);
        let (inputs, heads) = ([&q?, &k?, &v?], config.num_attention_heads);
        let attended =
            tape.relative_attention(inputs, &relative, context.packing, heads, inside)?;
        let attended = layer.attention_output.linear(tape, &attended)?;
        let dropout = context.dropout(rate, number, RngSite::AttentionOutput);
        let x = layer.attention_norm.add_norm(tape, &attended, x, dropout, epsilon)?;
        let inner = layer.intermediate.linear(tape, &x)?;
        let inner = layer.output.active_linear(tape, &inner, self.activation)?;
        let dropout = context.dropout(rate, number, RngSite::FeedForward);
        layer.norm.add_norm(tape, &inner, &x, dropout, epsilon)
    }

    /// `LayerNorm(x + f(dropout(convolution of the embeddings)))`, where there is one.
    fn convolve(
        &self,
        tape: &mut Tape,
        embeddings: &TapeTensor,
        x: TapeTensor,
        context: &DebertaContext,
    ) -> Result<TapeTensor> {
        let Some((layer, norm, activation)) = &self.convolution else { return Ok(x) };
        let config = &self.config;
        let positions = context.pass.positions(context.packing);
        let size = config.conv_kernel_size;
        let near = tape.unfold(embeddings, context.packing, &positions, size)?;
        let y = layer.linear(tape, &near)?;
        let last = self.layers.len();
        let dropout = context.dropout(config.hidden_dropout_prob, last, RngSite::FeedForward);
        let y = tape.dropout_cutoff(&y, dropout, Cutoff::default())?;
        let y = tape.activate(&y, *activation)?;
        norm.add_norm(tape, &y, &x, None, config.layer_norm_eps)
    }
}

impl Encoder for Deberta {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        pass: &ViewSample,
        keep: &[usize],
    ) -> Result<Vec<TapeTensor>> {
        let embeddings = self.embed(tape, tokens, pass)?; // (T, D)
        let context = self.context(tape, &tokens.packing, pass)?;
        run_layers(embeddings.clone(), keep, |number, x| {
            let x = self.layer(tape, number, x, &context)?;
            match number {
                0 => self.convolve(tape, &embeddings, x, &context),
                _ => Ok(x),
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
        &self.tables[0]
    }

    /// Eight matrices as wide as the model and one of the feed-forward block's a layer, and what
    /// the convolution sees.
    fn activations_per_token(&self) -> usize {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        let beside = match self.config.conv_kernel_size {
            0 => 0,
            size => (size + 3) * width,
        };
        2 * width + self.layers() * (8 * width + inner) + beside
    }

    fn config(&self) -> serde_json::Value {
        serde_json::to_value(&self.config).unwrap_or_default()
    }
}
