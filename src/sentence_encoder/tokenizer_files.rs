//! The tokenizer's files in a model directory.

use super::encoder::SentenceEncoder;
use super::json::maybe_json;
use crate::error::{Error, Result};
use crate::io;
use crate::tokens::Tokenizer;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What slower readers take instead of `tokenizer.json`, or beside it; a save carries along those
/// that the base model has.
const CARRIED: [&str; 9] = [
    "added_tokens.json",
    "bpe.codes",
    "merges.txt",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "spm.model",
    "vocab.json",
    "vocab.txt",
];

/// Writes `tokenizer.json` and `tokenizer_config.json`, and copies what the base model has beside.
pub(super) fn save(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    let base = encoder.origin.tokenizer.as_deref();
    for name in base.iter().flat_map(|_| CARRIED) {
        let (from, to) = (base.unwrap_or(dir).join(name), dir.join(name));
        if from.is_file() && !same(&from, &to) {
            let content = fs::read(&from).map_err(|error| Error::io(&from, error))?;
            io::replace_with(&to, content)?;
        }
    }
    io::replace_with(&dir.join("tokenizer.json"), encoder.tokenizer.to_json()?)?;
    let config = serde_json::to_string_pretty(&config(encoder, base)?).unwrap_or_default();
    io::replace_with(&dir.join("tokenizer_config.json"), config + "\n")
}

/// Whether both paths are one file.
fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The base model's own where there is one.
fn config(encoder: &SentenceEncoder, base: Option<&Path>) -> Result<Value> {
    let mut config = match base {
        None => learnt(),
        Some(base) => match maybe_json(&base.join("tokenizer_config.json"))? {
            config if config.is_object() => config,
            _ => unnamed(&encoder.tokenizer),
        },
    };
    config["model_max_length"] = encoder.max_seq_length().into();
    if encoder.tokenizer.truncates_left() {
        config["truncation_side"] = "left".into();
    }
    Ok(config)
}

impl SentenceEncoder {
    /// The special token that the tokenizer's files call `key` (`unk_token`, `pad_token`, …).
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn special_token(&self, key: &str) -> Result<Option<String>> {
        let base = self.origin.tokenizer.as_deref();
        let map = base.map(|base| maybe_json(&base.join("special_tokens_map.json")));
        let files = [config(self, base)?, map.transpose()?.unwrap_or_default()];
        let named = files.iter().map(|file| &file[key]);
        let mut named = named.filter_map(|value| value.as_str().or(value["content"].as_str()));
        let usual = unnamed(&self.tokenizer);
        Ok(named.next().or(usual[key].as_str()).map(String::from))
    }
}

/// Of a WordPiece vocabulary that was learnt here.
fn learnt() -> Value {
    json!({
        "do_lower_case": true, "unk_token": "[UNK]", "sep_token": "[SEP]",
        "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
        "tokenize_chinese_chars": true, "strip_accents": null,
        "tokenizer_class": "BertTokenizer",
    })
}

/// Of a tokenizer of which nothing but `tokenizer.json` is known: what its special tokens are for.
fn unnamed(tokenizer: &Tokenizer) -> Value {
    let mut config = json!({ "tokenizer_class": "PreTrainedTokenizerFast" });
    for (name, tokens) in [
        ("unk_token", ["[UNK]", "<unk>"]),
        ("sep_token", ["[SEP]", "</s>"]),
        ("pad_token", ["[PAD]", "<pad>"]),
        ("cls_token", ["[CLS]", "<s>"]),
        ("mask_token", ["[MASK]", "<mask>"]),
    ] {
        if let Some(word) = tokenizer.first_special_token(&tokens) {
            config[name] = word.into();
        }
    }
    config
}
