//! ELECTRA (Clark et al. 2020), its discriminator: a BERT whose tables may be narrower.

use super::bert::{BertConfig, BertFamily, BertSpec};
use super::check;
use serde::{Deserialize, Serialize};

/// BERT's fields and `embedding_size`, the width E of the tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ElectraConfig(pub BertConfig);

impl BertFamily for ElectraConfig {
    fn complete(fields: &mut serde_json::Map<String, serde_json::Value>) {
        fields.entry("embedding_size").or_insert(128.into());
    }

    fn check(&self) -> Result<(), String> {
        check::sizes(&[("embedding_size", self.0.whole("embedding_size")?)])?;
        self.0.check()
    }

    fn spec(&self) -> BertSpec {
        let width = self.0.hidden_size;
        let embedded = self.0.whole("embedding_size").unwrap_or(width);
        let bridge = (embedded != width).then_some("embeddings_project");
        BertSpec { embedded, bridge, ..self.0.spec() }
    }
}
