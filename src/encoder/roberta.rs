//! RoBERTa (Liu et al. 2019), and what is built like it: XLM-RoBERTa and CamemBERT.

use super::bert::{BertConfig, BertFamily, BertSpec};
use super::check;
use serde::{Deserialize, Serialize};

/// A BERT whose positions are counted on from the padding token: the first is `pad_token_id + 1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RobertaConfig(pub BertConfig);

impl BertFamily for RobertaConfig {
    fn complete(fields: &mut serde_json::Map<String, serde_json::Value>) {
        fields.entry("pad_token_id").or_insert(1.into());
    }

    fn check(&self) -> Result<(), String> {
        self.0.check()?;
        check::padding(self.0.pad_token_id, self.0.max_position_embeddings)
    }

    fn spec(&self) -> BertSpec {
        BertSpec { padding: Some(self.0.pad_token_id), ..self.0.spec() }
    }
}
