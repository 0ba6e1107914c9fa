//! MPNet (Song et al. 2020): scores have a bias by distance, one for all layers.

use super::bert::{BUCKETS, BertConfig, BertFamily, BertSpec, LayerNames};
use super::check;
use serde::{Deserialize, Serialize};

/// BERT's fields but for token types, which MPNet has not, and
/// `relative_attention_num_buckets`, the rows of its table of distances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MpnetConfig(pub BertConfig);

/// Positions are counted on from here, whatever `pad_token_id` is.
const PADDING: u32 = 1;

impl BertFamily for MpnetConfig {
    fn complete(fields: &mut serde_json::Map<String, serde_json::Value>) {
        fields.entry("pad_token_id").or_insert(PADDING.into());
        fields.entry("relative_attention_num_buckets").or_insert(BUCKETS.into());
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()?;
        let buckets = self.0.whole("relative_attention_num_buckets")?;
        if buckets != BUCKETS {
            return Err(format!(
                "relative_attention_num_buckets is {buckets}, but MPNet uses {BUCKETS}"
            ));
        }
        check::padding(PADDING, self.0.max_position_embeddings)
    }

    fn spec(&self) -> BertSpec {
        BertSpec {
            types: 0,
            padding: Some(PADDING),
            parts: PARTS,
            distances: Some("encoder.relative_attention_bias.weight"),
            ..self.0.spec()
        }
    }

    fn saved(&self) -> serde_json::Value {
        let mut json = serde_json::to_value(self).unwrap_or_default();
        json.as_object_mut().and_then(|json| json.shift_remove("type_vocab_size"));
        json
    }
}

const PARTS: LayerNames = LayerNames {
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};
