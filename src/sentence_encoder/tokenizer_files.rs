//! The tokenizer's files in a model directory.

use super::carried_files::{CARRIED, leads_out};
use super::encoder::SentenceEncoder;
use super::json::maybe_json;
use crate::error::Result;
use crate::io;
use crate::tokens::Tokenizer;
use serde_json::{Value, json};
use std::path::Path;

/// The largest file that is carried along, in bytes.
const LONGEST: u64 = 256 << 20;

/// Writes `tokenizer.json` and `tokenizer_config.json`, and copies what the base model has beside.
pub(super) fn save(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    let base = encoder.origin.tokenizer.as_deref();
    for (name, base) in CARRIED.into_iter().zip(base.into_iter().cycle()) {
        let from = base.join(name);
        if from.is_file() && !leads_out(base, name) {
            io::replace_with(&dir.join(name), io::read_bytes(&from, LONGEST)?)?;
        }
    }
    io::replace_with(&dir.join("tokenizer.json"), encoder.tokenizer.to_json()?)?;
    let config = serde_json::to_string_pretty(&config(encoder, base)?).unwrap_or_default();
    io::replace_with(&dir.join("tokenizer_config.json"), config + "\n")
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
    let is_generic =
        config["tokenizer_class"].as_str().is_none_or(|name| GENERIC.contains(&name));
    if is_generic && config["model_input_names"].is_null() {
        config["model_input_names"] = input_names(encoder);
    }
    if encoder.tokenizer.truncates_left() {
        config["truncation_side"] = "left".into();
    }
    Ok(config)
}

/// Classes that do not say what the model is given; whether that includes token types depends on
/// the version of transformers.
const GENERIC: [&str; 2] = ["PreTrainedTokenizerFast", "TokenizersBackend"];

/// What the model is given: token types where it has several.
fn input_names(encoder: &SentenceEncoder) -> Value {
    let config = encoder.model().encoder().config();
    match config["type_vocab_size"].as_u64() {
        Some(2..) => json!(["input_ids", "token_type_ids", "attention_mask"]),
        _ => json!(["input_ids", "attention_mask"]),
    }
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
