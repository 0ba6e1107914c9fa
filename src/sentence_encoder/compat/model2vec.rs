//! What model2vec asks of the directory of a static embedding model.

use super::files::{Files, StaticTable};
use super::issue::Issues;

/// Where model2vec looks: its own layout, then those of sentence-transformers. Of each, the folder
/// of weights and tokenizer, and the file with the configuration.
const LAYOUTS: [(&str, &str); 3] = [
    ("", "config.json"),
    ("", "config_sentence_transformers.json"),
    ("0_StaticEmbedding", "config_sentence_transformers.json"),
];

/// What model2vec 0.10 stumbles over.
pub(super) fn check(files: &Files, faults: &mut Issues) {
    let place = |folder: &str, name: &str| match folder {
        "" => name.to_string(),
        folder => format!("{folder}/{name}"),
    };
    let is_there = |(folder, config): &&(&str, &str)| {
        let own = ["model.safetensors", "tokenizer.json"].map(|name| place(folder, name));
        files.has_in_root(config) && own.iter().all(|name| files.has_in_root(name))
    };
    let Some((folder, config)) = LAYOUTS.iter().find(is_there) else {
        let why = "config.json or config_sentence_transformers.json, model.safetensors and \
                   tokenizer.json are not all there";
        faults.refuse("", why, "load and save the model with twindrop");
        return;
    };
    let own = *config == "config.json";
    let weights = place(folder, "model.safetensors");
    let name = if own { "embeddings" } else { "embedding.weight" };
    match files.table.as_ref().filter(|table| table.name == name) {
        None => {
            let why = format!("tensor {name} is missing, which is read with {config}");
            faults.refuse(&weights, why, "load and save the model with twindrop");
        }
        Some(table) => rows(table, files, &weights, faults),
    }
    modules(files, own, faults);
}

/// One row a token, unless a mapping says which.
fn rows(table: &StaticTable, files: &Files, weights: &str, faults: &mut Issues) {
    let tokens = files.vocabulary.filter(|&tokens| tokens != table.rows);
    if let Some(tokens) = tokens.filter(|_| !table.mapping) {
        let why = format!("the table has {} rows, but there are {tokens} tokens", table.rows);
        faults.refuse(weights, why, "save one row for each token");
    }
}

/// What model2vec does not read of sentence-transformers' files.
fn modules(files: &Files, own: bool, faults: &mut Issues) {
    let has = |kind: &str| files.modules.iter().any(|module| module.kind() == kind);
    let advice = "use sentence-transformers or twindrop";
    if !own {
        let why = "the model counts unknown tokens, and this program leaves them out";
        faults.differ("modules.json", why, advice);
    }
    let normalizes = own && files.root_config["normalize"] == true;
    if has("Normalize") && !normalizes {
        let why = "the module Normalize is not read, so embeddings are not of length one";
        faults.differ("modules.json", why, advice);
    }
    if has("Dense") {
        faults.differ("modules.json", "the module Dense is not read", advice);
    }
    if let Some(pooling) = files.own_pooling() {
        let why = format!("the pooling {pooling} is not read: this program uses the mean");
        faults.differ("modules.json", why, "use twindrop");
    }
}
