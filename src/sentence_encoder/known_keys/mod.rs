//! Every key of every known file of a model directory: honoured, harmless with the reason, or
//! refused with the reason. A key in none of these lists is warned about.

mod config;
mod modules;
mod rules;
mod tokenizer;

use crate::error::{Error, Result, excerpt};
use crate::io;
use rules::Rules;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) use config::{MODEL2VEC, config_rules};
pub(super) use modules::{
    ADAPTER, CROSS_ENCODER_SETTINGS, CROSS_ENCODER_TRANSFORMER, DENSE, ENTRY, HARMLESS_OPTIONS,
    NORMALIZE, POOLING, SETTINGS, TRANSFORMER, WEIGHTED_LAYERS,
};
pub(super) use tokenizer::{SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, TOKENIZER_MODEL};

/// Refuses what one of `rules` refuses in the object `json` of the file at `path`, and notes its
/// keys that none of them knows.
pub(super) fn check(
    path: &Path,
    json: &Value,
    rules: &[&Rules],
    notes: &mut Vec<String>,
) -> Result<()> {
    let Some(object) = json.as_object() else { return Ok(()) };
    for (key, value) in object {
        for one in rules.iter().flat_map(|rules| rules.refused).filter(|one| one.key == key) {
            let is_supported = |text: &&str| {
                serde_json::from_str::<Value>(text).is_ok_and(|known| equal(&known, value))
            };
            if !one.except.iter().any(is_supported) {
                return Err(Error::model(
                    path,
                    format!("{key} is {}: {}", excerpt(&value.to_string(), 60), one.why),
                ));
            }
        }
    }
    note_unknown(path, object.keys().map(String::as_str), rules, notes);
    Ok(())
}

/// The keys of a `tokenizer.json` and of its model, which is read without keeping it.
pub(super) fn check_tokenizer(path: &Path, notes: &mut Vec<String>) -> Result<()> {
    if !path.is_file() {
        return Ok(());
    }
    let text = io::read_text(path, 64 << 20)?;
    // what is wrong with the file is the tokenizer's to say
    type Keys = BTreeMap<String, IgnoredAny>;
    #[derive(serde::Deserialize)]
    struct Model {
        #[serde(default)]
        model: Keys,
    }
    if let Ok(keys) = serde_json::from_str::<Keys>(&text) {
        note_unknown(path, keys.keys().map(String::as_str), &[&TOKENIZER], notes);
    }
    if let Ok(file) = serde_json::from_str::<Model>(&text) {
        let keys = file.model.keys().map(String::as_str);
        note_unknown(path, keys, &[&TOKENIZER_MODEL], notes);
    }
    Ok(())
}

fn note_unknown<'k>(
    path: &Path,
    keys: impl Iterator<Item = &'k str>,
    rules: &[&Rules],
    notes: &mut Vec<String>,
) {
    let unknown = keys.filter(|key| !rules.iter().any(|rules| rules.knows(key)));
    let names: Vec<String> = unknown.map(|key| format!("\"{key}\"")).collect();
    if names.is_empty() {
        return;
    }
    let (keys, are) = if names.len() == 1 { ("key", "is") } else { ("keys", "are") };
    let names = names.join(", ");
    notes.push(format!("{}: the {keys} {names} {are} unknown and ignored", path.display()));
}

/// Numbers are equal whether or not they have a point.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: [(&str, &Rules); 16] = [
        ("model2vec's config.json", &MODEL2VEC),
        ("config.json", &config::COMMON),
        ("modules.json", &ENTRY),
        ("sentence_bert_config.json", &TRANSFORMER),
        ("config_sentence_transformers.json", &SETTINGS),
        ("settings of a CrossEncoder", &CROSS_ENCODER_SETTINGS),
        ("Transformer of a CrossEncoder", &CROSS_ENCODER_TRANSFORMER),
        ("Pooling", &POOLING),
        ("Dense", &DENSE),
        ("Normalize", &NORMALIZE),
        ("WeightedLayerPooling", &WEIGHTED_LAYERS),
        ("adapter_config.json", &ADAPTER),
        ("tokenizer_config.json", &TOKENIZER_CONFIG),
        ("tokenizer.json", &TOKENIZER),
        ("model of tokenizer.json", &TOKENIZER_MODEL),
        ("special_tokens_map.json", &SPECIAL_TOKENS),
    ];

    #[test]
    fn no_key_is_in_two_lists_and_every_reason_is_given() {
        let kinds = config::KINDS.iter().map(|(kind, rules)| (*kind, rules));
        for (name, rules) in ALL.into_iter().chain(kinds) {
            let harmless = rules.harmless.iter().flat_map(|(_, keys)| *keys);
            let refused = rules.refused.iter().map(|one| &one.key);
            let mut keys: Vec<&str> =
                rules.honoured.iter().chain(harmless).chain(refused).copied().collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "{name}");
            assert!(rules.harmless.iter().all(|(why, _)| !why.is_empty()), "{name}");
            for one in rules.refused {
                assert!(!one.why.is_empty(), "{name}: {}", one.key);
                for text in one.except {
                    assert!(serde_json::from_str::<Value>(text).is_ok(), "{name}: {text}");
                }
            }
        }
    }

    #[test]
    fn a_key_is_read_refused_or_noted() {
        let path = Path::new("m/2_Dense/config.json");
        let mut notes = Vec::new();
        let json = json!({"in_features": 8, "colour": 1, "taste": 2, "module_input_name": "sentence_embedding"});
        check(path, &json, &[&DENSE], &mut notes).unwrap();
        let expected =
            "m/2_Dense/config.json: the keys \"colour\", \"taste\" are unknown and ignored";
        assert_eq!(notes, [expected]);
        let json = json!({"module_input_name": "token_embeddings"});
        let error = check(path, &json, &[&DENSE], &mut notes).unwrap_err().to_string();
        assert!(error.contains("module_input_name is \"token_embeddings\": "), "{error}");
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut notes = Vec::new();
        let rules = config_rules("bert");
        let json = json!({"pruned_heads": {}, "model_type": "bert"});
        check("c".as_ref(), &json, &rules, &mut notes).unwrap();
        assert!(equal(&json!(0), &json!(0.0)) && !equal(&json!(0), &json!(false)));
        assert!(notes.is_empty(), "{notes:?}");
    }
}
