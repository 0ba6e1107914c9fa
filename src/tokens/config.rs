//! `tokenizer_config.json`: what transformers makes of a tokenizer beyond `tokenizer.json`.

use super::panic_guard::defect;
use crate::error::{Error, Result};
use crate::io;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokenizers::normalizers::{BertNormalizer, Lowercase, NormalizerWrapper, Sequence};
use tokenizers::{ModelWrapper, TruncationDirection};

/// Classes that transformers builds as BERT's tokenizer: their normalizer is made of
/// `tokenizer_config.json`, whatever `tokenizer.json` says.
const BERT: [&str; 8] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "FunnelTokenizer",
    "LxmertTokenizer",
    "MPNetTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
];

/// The class of a `model_type` where no file names one.
const BY_MODEL: [(&str, &str); 5] = [
    ("bert", "BertTokenizer"),
    ("distilbert", "BertTokenizer"),
    ("electra", "BertTokenizer"),
    ("mpnet", "MPNetTokenizer"),
    ("nomic_bert", "BertTokenizer"),
];

/// The files that describe a tokenizer beside `tokenizer.json`.
pub(super) struct TokenizerConfig {
    path: PathBuf,
    json: Value,
    /// `special_tokens_map.json`, which older directories have instead.
    map: Value,
    /// `added_tokens.json`.
    added: Value,
    /// The tokenizer's class, without `Fast`.
    class: String,
}

fn maybe(path: &Path) -> Result<Value> {
    if !path.is_file() {
        return Ok(Value::Null);
    }
    let text = io::read_text(path, io::CONFIGURATION)?;
    serde_json::from_str(&text).map_err(|e| Error::model(path, format!("not JSON: {e}")))
}

impl TokenizerConfig {
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer_config.json");
        let json = maybe(&path)?;
        let model = maybe(&dir.join("config.json"))?;
        let kind = model["model_type"].as_str().unwrap_or("");
        let named = json["tokenizer_class"].as_str().or(model["tokenizer_class"].as_str());
        let usual = BY_MODEL.iter().find(|(name, _)| *name == kind).map(|(_, class)| *class);
        // of this architecture, transformers takes tokenizer.json as it is, whatever the class
        let class = if kind == "modernbert" { "" } else { named.or(usual).unwrap_or("") };
        Ok(Self {
            class: class.strip_suffix("Fast").unwrap_or(class).to_string(),
            map: maybe(&dir.join("special_tokens_map.json"))?,
            added: maybe(&dir.join("added_tokens.json"))?,
            path,
            json,
        })
    }

    fn wrong(&self, words: impl Into<String>) -> Error {
        Error::model(&self.path, words.into())
    }

    pub fn is_bert(&self) -> bool {
        BERT.contains(&self.class.as_str())
    }

    /// Refuses `vocab.txt` for a class that reads it in another way.
    pub fn expect_bert(&self) -> Result<()> {
        if self.is_bert() || self.class.is_empty() || self.class == "PreTrainedTokenizer" {
            return Ok(());
        }
        Err(self.wrong(format!(
            "tokenizer_class {} is not supported without tokenizer.json; transformers' \
             AutoTokenizer converts it",
            self.class
        )))
    }

    /// The special token called `key` (`cls_token`, …).
    pub fn token<'a>(&'a self, key: &str, usual: &'a str) -> &'a str {
        let content = |value: &'a Value| value.as_str().or(value["content"].as_str());
        content(&self.json[key]).or_else(|| content(&self.map[key])).unwrap_or(usual)
    }

    /// BERT's normalizer as these files want it.
    pub fn bert_normalizer(&self) -> BertNormalizer {
        let on = |key: &str| self.json[key].as_bool();
        BertNormalizer::new(
            true,
            on("tokenize_chinese_chars").unwrap_or(true),
            on("strip_accents"),
            on("do_lower_case").unwrap_or(true),
        )
    }

    /// The side of a text that is cut off: `truncation_side`, else what `tokenizer.json` has.
    pub fn truncation_side(
        &self,
        inner: &tokenizers::Tokenizer,
    ) -> Result<TruncationDirection> {
        match self.json["truncation_side"].as_str() {
            Some("left") => Ok(TruncationDirection::Left),
            Some("right") => Ok(TruncationDirection::Right),
            Some(side) => Err(self.wrong(format!(
                "truncation_side is \"{side}\", expected \"left\" or \"right\""
            ))),
            None => Ok(inner.get_truncation().map(|own| own.direction).unwrap_or_default()),
        }
    }

    /// Whether `model_input_names` has token types; as the tokenizer has them, where it is absent.
    pub fn has_types(&self) -> bool {
        let names = self.json["model_input_names"].as_array();
        names.is_none_or(|names| names.iter().any(|name| name == "token_type_ids"))
    }

    /// The tokens that these files add: those that a tokenizer must have been built with.
    fn added_tokens(&self) -> Vec<(&'static str, &str)> {
        let content =
            |value: &'_ Value| value.as_str().is_some() || value["content"].is_string();
        let text = |value: &'static str, token| (value, token);
        let mut tokens = Vec::new();
        for key in ["additional_special_tokens", "extra_special_tokens"] {
            let list = match &self.json[key] {
                Value::Array(list) => list.iter().collect(),
                Value::Object(named) => named.values().collect(),
                _ => Vec::new(),
            };
            for value in list.into_iter().filter(|value| content(value)) {
                let token = value.as_str().or(value["content"].as_str()).unwrap_or_default();
                tokens.push(text(key, token));
            }
        }
        let decoder = self.json["added_tokens_decoder"].as_object();
        for value in decoder.into_iter().flat_map(|map| map.values()) {
            if let Some(token) = value["content"].as_str() {
                tokens.push(text("added_tokens_decoder", token));
            }
        }
        tokens
    }

    /// Refuses tokens of these files that `inner` does not have.
    pub fn check_added(&self, inner: &tokenizers::Tokenizer) -> Result<()> {
        let named = self.added_tokens();
        let beside = self.added.as_object().into_iter().flat_map(|map| map.keys());
        let beside = beside.map(|token| ("added_tokens.json", token.as_str()));
        let known = inner.get_added_tokens_decoder();
        let has = |token: &str| known.values().any(|added| added.content == token);
        match named.into_iter().chain(beside).find(|(_, token)| !has(token)) {
            Some((key, token)) => Err(self.wrong(format!(
                "{key} has {token:?}, which is no added token of tokenizer.json; save the \
                 tokenizer again with transformers' save_pretrained"
            ))),
            None => Ok(()),
        }
    }

    /// Makes of a `tokenizer.json` what transformers makes of it, and notes what it changes.
    pub fn adapt(
        &self,
        inner: &mut tokenizers::Tokenizer,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        self.check_flags(inner)?;
        self.check_added(inner)?;
        if self.is_bert() {
            self.normalize(inner, notes)?;
        }
        drop_dropout(inner, notes);
        Ok(())
    }

    /// BERT's normalizer with the flags of `tokenizer_config.json`, in place of the file's.
    fn normalize(
        &self,
        inner: &mut tokenizers::Tokenizer,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let wanted = self.bert_normalizer();
        let Some(found) = bert_normalizer_of(inner.get_normalizer()) else {
            notes.push(format!(
                "tokenizer.json: its normalizer is not BERT's, and transformers 5 replaces it for \
                 the class {}; name PreTrainedTokenizerFast as tokenizer_class to keep it there",
                self.class
            ));
            return Ok(());
        };
        let strips = |flags: &BertNormalizer| flags.strip_accents.unwrap_or(flags.lowercase);
        let differing = [
            ("do_lower_case", found.lowercase != wanted.lowercase, wanted.lowercase),
            ("strip_accents", strips(&found) != strips(&wanted), strips(&wanted)),
            (
                "tokenize_chinese_chars",
                found.handle_chinese_chars != wanted.handle_chinese_chars,
                wanted.handle_chinese_chars,
            ),
        ];
        let mut changes = false;
        for (key, differs, value) in differing {
            if differs {
                changes = true;
                let whence = if self.json[key].is_null() { ", its default" } else { "" };
                notes.push(format!(
                    "tokenizer_config.json: {key} is {value}{whence}; tokenizer.json says \
                     otherwise, and the first is used, as in transformers"
                ));
            }
        }
        if changes {
            set_normalizer(inner, wanted.into())?;
        }
        Ok(())
    }

    /// Refuses what transformers would build otherwise than `tokenizer.json` has it.
    fn check_flags(&self, inner: &tokenizers::Tokenizer) -> Result<()> {
        let part = |part: serde_json::Result<String>| part.unwrap_or_default();
        let normalizer = part(serde_json::to_string(&inner.get_normalizer()));
        let splits = part(serde_json::to_string(&inner.get_pre_tokenizer()));
        let template = part(serde_json::to_string(&inner.get_post_processor()));
        let has = |text: &str, kind: &str| text.contains(&format!("\"type\":\"{kind}\""));
        let albert = self.class == "AlbertTokenizer";
        let sentence_piece = albert || self.class == "DebertaV2Tokenizer";
        let spaced = splits.contains("\"add_prefix_space\":true");
        let byte_level = has(&splits, "ByteLevel");
        let flags = [
            ("do_lower_case", sentence_piece, has(&normalizer, "Lowercase")),
            ("keep_accents", albert, !has(&normalizer, "StripAccents")),
            ("split_by_punct", sentence_piece, has(&splits, "Punctuation")),
            ("add_prefix_space", byte_level, spaced),
        ];
        for (key, is_read, found) in flags {
            if is_read && let Some(asked) = self.json[key].as_bool().filter(|&on| on != found) {
                return Err(self.wrong(format!(
                    "{key} is {asked}, but tokenizer.json was saved with {found}; make them agree, \
                     or save the tokenizer again with transformers"
                )));
            }
        }
        for (key, usual) in [("cls_token", "[CLS]"), ("sep_token", "[SEP]")] {
            let token = self.token(key, usual);
            let quoted = serde_json::to_string(token).unwrap_or_default();
            if self.is_bert() && !self.json[key].is_null() && !template.contains(&quoted) {
                return Err(self.wrong(format!(
                    "{key} is {token:?}, which the post_processor of tokenizer.json does not add; \
                     make them agree"
                )));
            }
        }
        Ok(())
    }
}

/// Takes away the dropout of byte-pair encoding, and notes it.
pub(super) fn drop_dropout(inner: &mut tokenizers::Tokenizer, notes: &mut Vec<String>) {
    if let ModelWrapper::BPE(model) = inner.get_model()
        && model.dropout.is_some_and(|rate| rate > 0.)
    {
        let mut model = model.clone();
        model.dropout = None;
        inner.with_model(ModelWrapper::BPE(model));
        notes.push(
            "tokenizer.json: model.dropout is not applied; it would make the tokens of a text \
             differ from run to run"
                .into(),
        );
    }
}

/// Its flags, where a normalizer is BERT's, alone or behind a lower-casing.
fn bert_normalizer_of(normalizer: Option<&NormalizerWrapper>) -> Option<BertNormalizer> {
    match normalizer? {
        NormalizerWrapper::BertNormalizer(flags) => Some(*flags),
        NormalizerWrapper::Sequence(parts) => match parts.as_ref() {
            [NormalizerWrapper::Lowercase(_), NormalizerWrapper::BertNormalizer(flags)] => {
                Some(*flags)
            }
            _ => None,
        },
        _ => None,
    }
}

fn set_normalizer(inner: &mut tokenizers::Tokenizer, new: NormalizerWrapper) -> Result<()> {
    inner.with_normalizer(Some(new)).map_err(defect).map(|_| ())
}

/// Lower-cases every text before all else, where no normalizer does it yet:
/// sentence-transformers' `do_lower_case`.
pub(super) fn lower_case(inner: &mut tokenizers::Tokenizer) -> Result<()> {
    let is_lowercase =
        |part: &NormalizerWrapper| matches!(part, NormalizerWrapper::Lowercase(_));
    let parts: Vec<NormalizerWrapper> = match inner.get_normalizer() {
        Some(NormalizerWrapper::Sequence(parts)) => parts.as_ref().to_vec(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    if parts.iter().any(is_lowercase) {
        return Ok(());
    }
    let all = std::iter::once(Lowercase.into()).chain(parts).collect();
    set_normalizer(inner, Sequence::new(all).into())
}
