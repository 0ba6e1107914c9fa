//! ALBERT (Lan et al. 2020): layers share their tensors, and tables are narrower than the model.

use super::bert::{BertConfig, BertFamily, BertSpec, DropoutRates, LayerNames};
use super::check;
use serde::{Deserialize, Serialize};

/// BERT's fields and ALBERT's own: `embedding_size`, the width E of the tables,
/// `num_hidden_groups`, among which layers are divided, and `inner_group_num`, how many layers a
/// group goes through each time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlbertConfig(pub BertConfig);

impl AlbertConfig {
    /// (E, groups, layers of a group).
    fn own(&self) -> Result<[(&'static str, usize); 3], String> {
        let size = |name| Ok::<_, String>((name, self.0.whole(name)?));
        Ok([size("embedding_size")?, size("num_hidden_groups")?, size("inner_group_num")?])
    }
}

impl BertFamily for AlbertConfig {
    fn complete(fields: &mut serde_json::Map<String, serde_json::Value>) {
        let mut standard = |name: &str, value: serde_json::Value| {
            fields.entry(name).or_insert(value);
        };
        standard("hidden_act", "gelu_new".into());
        standard("hidden_dropout_prob", 0.into());
        standard("attention_probs_dropout_prob", 0.into());
        standard("embedding_size", 128.into());
        standard("num_hidden_groups", 1.into());
        standard("inner_group_num", 1.into());
    }

    fn check(&self) -> Result<(), String> {
        let own = self.own()?;
        check::sizes(&own)?;
        self.0.check()?;
        let (groups, layers) = (own[1].1, self.0.num_hidden_layers);
        if groups > layers.max(1) {
            return Err(format!(
                "num_hidden_groups is {groups}, more than the {layers} of num_hidden_layers"
            ));
        }
        check::layers(
            "num_hidden_layers times inner_group_num",
            layers.saturating_mul(own[2].1),
        )
    }

    fn spec(&self) -> BertSpec {
        let spec = self.0.spec();
        let [embedded, groups, inner] =
            self.own().map_or([self.0.hidden_size, 1, 1], |own| own.map(|(_, size)| size));
        let count = self.0.num_hidden_layers;
        let layers = (0..count).flat_map(|number| {
            let group = number * groups / count;
            (0..inner).map(move |layer| {
                format!("encoder.albert_layer_groups.{group}.albert_layers.{layer}")
            })
        });
        BertSpec {
            embedded,
            bridge: Some("encoder.embedding_hidden_mapping_in"),
            layers: layers.collect(),
            parts: PARTS,
            dropout: DropoutRates { feed_forward: None, ..spec.dropout },
            ..spec
        }
    }
}

const PARTS: LayerNames = LayerNames {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    intermediate: "ffn",
    output: "ffn_output",
    output_norm: "full_layer_layer_norm",
};
