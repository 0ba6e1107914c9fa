//! The vocabulary of a static embedding model, made of a teacher's tokenizer: without its special
//! tokens, with words of one's own.

use super::panic_guard::{defect, guarded};
use super::{Sequence, Tokenizer};
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tokenizers::{
    Encoding, NormalizedString, Normalizer, OffsetReferential, OffsetType, PostProcessor,
    PreTokenizedString, PreTokenizer, Token,
};

/// The tokens of a static embedding model.
pub struct StaticVocabulary {
    /// A tokenizer that gives them, without special tokens.
    pub tokenizer: Tokenizer,
    /// The tokens, by id.
    pub tokens: Vec<String>,
    /// What the teacher reads for each token: the token alone, between its special tokens.
    pub sequences: Vec<Sequence>,
    /// The tokens of the teacher that are left out.
    pub removed: usize,
    /// The words that became tokens.
    pub added: usize,
    /// The words that are no new tokens, because the vocabulary or the list has them already, or
    /// nothing is left of them.
    pub skipped: usize,
}

/// The special tokens that a static model keeps.
#[derive(Debug, Clone, Default)]
pub struct KeptTokens {
    /// The unknown token.
    pub unknown: Option<String>,
    /// The padding token.
    pub padding: Option<String>,
}

/// A word that becomes a token.
enum Word {
    /// One piece of the pre-tokenizer: part of the model's vocabulary.
    Single(String),
    /// Several: an added token.
    Several(String),
}

impl StaticVocabulary {
    /// Of the vocabulary of `tokenizer`: without special tokens but those `kept`, without unused
    /// ones (`[unused17]`), with `words` behind.
    ///
    /// # Errors
    /// Where no token remains, or words are to be added to byte-pair encoding.
    pub fn of(tokenizer: &Tokenizer, kept: &KeptTokens, words: &[String]) -> Result<Self> {
        let text = tokenizer.inner.to_string(false).map_err(defect)?;
        let mut json: Value =
            serde_json::from_str(&text).map_err(|error| Error::config(error.to_string()))?;
        for part in ["post_processor", "padding", "truncation"] {
            json[part] = Value::Null;
        }
        add_prefix_space(&mut json["pre_tokenizer"]);
        let mut model = Model::of(&mut json);
        let (before, special) = (model.tokens.len(), added_tokens(&json));
        let own = kept.of(tokenizer);
        let found = find_words(tokenizer, &json, words, &model.tokens)?;
        model.keep(|token| !special.contains_key(token) || own.contains(&token));
        // an added token may stand outside the vocabulary
        own.iter().for_each(|token| model.push(token));
        let removed = before.saturating_sub(model.tokens.len());
        let (mut single, mut several) = (Vec::new(), Vec::new());
        for word in &found {
            match word {
                Word::Single(token) => single.push(token.as_str()),
                Word::Several(token) => several.push(token.as_str()),
            }
        }
        single.iter().try_for_each(|token| model.add(token))?;
        several.iter().for_each(|token| model.push(token));
        if model.tokens.is_empty() {
            return Err(Error::config("no token is left of the teacher's vocabulary"));
        }
        let ids = model.ids();
        let special = own.iter().map(|token| special_entry(token, special.get(*token)));
        let several = several.iter().map(|token| word_entry(token));
        let mut added: Vec<Value> = special.chain(several).collect();
        for entry in &mut added {
            entry["id"] = ids[entry["content"].as_str().unwrap_or_default()].into();
        }
        added.sort_by_key(|entry| entry["id"].as_u64());
        json["added_tokens"] = added.into();
        let tokens = model.tokens.clone();
        model.write(&mut json, kept.unknown.as_deref().filter(|token| own.contains(token)));
        let inner = guarded(|| json.to_string().parse::<tokenizers::Tokenizer>())?;
        Ok(Self {
            tokenizer: Tokenizer::new(inner.map_err(defect)?, usize::MAX)?,
            sequences: tokens
                .par_iter()
                .map(|token| read(tokenizer, token))
                .collect::<Result<_>>()?,
            removed,
            added: found.len(),
            skipped: words.len() - found.len(),
            tokens,
        })
    }
}

impl KeptTokens {
    /// Those that the tokenizer has.
    fn of(&self, tokenizer: &Tokenizer) -> Vec<&str> {
        let named = [&self.unknown, &self.padding].into_iter().flatten();
        let has = |token: &&String| tokenizer.inner.token_to_id(token).is_some();
        named.filter(has).map(String::as_str).collect()
    }
}

/// What the teacher reads for one token.
fn read(tokenizer: &Tokenizer, token: &str) -> Result<Sequence> {
    let Some(id) = tokenizer.inner.token_to_id(token) else {
        return Ok(tokenizer.encode(&[token])?.remove(0));
    };
    let one = Token::new(id, token.to_string(), (0, token.len()));
    let encoding = guarded(|| {
        let alone = Encoding::from_tokens(vec![one], 0);
        match tokenizer.inner.get_post_processor() {
            Some(template) => template.process(alone, None, true),
            None => Ok(alone),
        }
    })?;
    super::sequence_of(&encoding.map_err(defect)?)
}

/// `[unused17]` of BERT's vocabularies; like model2vec, by the beginning of a token.
fn is_unused(token: &str) -> bool {
    let Some(rest) = token.strip_prefix("[unused") else { return false };
    let digits = rest.chars().take_while(|c| c.is_numeric()).count();
    digits > 0 && rest.chars().nth(digits) == Some(']')
}

/// A word becomes the same token within a text and at its beginning.
fn add_prefix_space(part: &mut Value) {
    if part["type"] == "ByteLevel" {
        part["add_prefix_space"] = true.into();
    }
    part["pretokenizers"].as_array_mut().into_iter().flatten().for_each(add_prefix_space);
}

/// The added tokens of a `tokenizer.json`, by content.
fn added_tokens(json: &Value) -> BTreeMap<String, Value> {
    let list = json["added_tokens"].as_array().into_iter().flatten();
    let named =
        list.filter_map(|token| Some((token["content"].as_str()?.to_string(), token.clone())));
    named.collect()
}

/// A special token, as it was if it was one.
fn special_entry(token: &str, found: Option<&Value>) -> Value {
    let usual = || {
        json!({"content": token, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    found.cloned().unwrap_or_else(usual)
}

/// A word of several pieces, found in normalized text.
fn word_entry(token: &str) -> Value {
    json!({"content": token, "single_word": false, "lstrip": true, "rstrip": true,
           "normalized": true, "special": false})
}

/// The words that become tokens, in their order.
fn find_words(
    tokenizer: &Tokenizer,
    json: &Value,
    words: &[String],
    vocabulary: &[String],
) -> Result<Vec<Word>> {
    let splits: Option<tokenizers::PreTokenizerWrapper> =
        serde_json::from_value(json["pre_tokenizer"].clone()).unwrap_or_default();
    let mut seen: BTreeSet<&str> = vocabulary.iter().map(String::as_str).collect();
    let pieces = words
        .iter()
        .map(|word| guarded(|| split(tokenizer, splits.as_ref(), word))?.map_err(defect));
    let pieces: Vec<(String, Vec<String>)> = pieces.collect::<Result<_>>()?;
    let mut found = Vec::new();
    for (normal, pieces) in &pieces {
        let token = if pieces.len() == 1 { pieces[0].as_str() } else { normal.trim() };
        if token.is_empty() || is_unused(token) || !seen.insert(token) {
            continue;
        }
        found.push(match pieces.len() {
            1 => Word::Single(token.into()),
            _ => Word::Several(token.into()),
        });
    }
    Ok(found)
}

/// A word as the tokenizer normalizes it, and the pieces it takes it apart into.
fn split(
    tokenizer: &Tokenizer,
    splits: Option<&tokenizers::PreTokenizerWrapper>,
    word: &str,
) -> tokenizers::Result<(String, Vec<String>)> {
    let mut normal = NormalizedString::from(word);
    if let Some(normalizer) = tokenizer.inner.get_normalizer() {
        normalizer.normalize(&mut normal)?;
    }
    let normal = normal.get().to_string();
    let mut pieces = PreTokenizedString::from(normal.as_str());
    if let Some(splits) = splits.filter(|_| !normal.is_empty()) {
        splits.pre_tokenize(&mut pieces)?;
    }
    let pieces = pieces.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
    let pieces = pieces.into_iter().map(|(piece, ..)| piece.to_string());
    Ok((normal.clone(), pieces.filter(|piece| !piece.is_empty()).collect()))
}

/// The tokens of the model of a `tokenizer.json`, in the order of their ids.
struct Model {
    json: Value,
    tokens: Vec<String>,
    known: HashSet<String>,
}

impl Model {
    fn of(json: &mut Value) -> Self {
        let model = json["model"].take();
        let tokens: Vec<String> = match &model["vocab"] {
            Value::Array(scored) => {
                scored.iter().filter_map(|entry| entry[0].as_str()).map(String::from).collect()
            }
            vocabulary => {
                let all = vocabulary.as_object().into_iter().flatten();
                let mut all: Vec<(&String, u64)> =
                    all.map(|(token, id)| (token, id.as_u64().unwrap_or(u64::MAX))).collect();
                all.sort_by_key(|(_, id)| *id);
                all.into_iter().map(|(token, _)| token.clone()).collect()
            }
        };
        Self { json: model, known: tokens.iter().cloned().collect(), tokens }
    }

    /// Without unused tokens, and others that are not `kept`.
    fn keep(&mut self, kept: impl Fn(&str) -> bool) {
        self.tokens.retain(|token| !is_unused(token) && kept(token));
        self.known = self.tokens.iter().cloned().collect();
    }

    /// Puts a token behind the others, if it is not there.
    fn push(&mut self, token: &str) {
        if self.known.insert(token.to_string()) {
            self.tokens.push(token.to_string());
        }
    }

    fn ids(&self) -> HashMap<&str, usize> {
        self.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect()
    }

    /// The same for a word, which byte-pair encoding would have to merge.
    fn add(&mut self, token: &str) -> Result<()> {
        if self.json["merges"].is_array() {
            let message = format!(
                "the word {token:?} cannot be added: the teacher's tokenizer is byte-pair encoding, \
                 which has no merges for it; words need a WordPiece, WordLevel or Unigram tokenizer"
            );
            return Err(Error::config(message));
        }
        self.push(token);
        Ok(())
    }

    /// The model with these tokens, in `json`.
    fn write(mut self, json: &mut Value, unknown: Option<&str>) {
        match self.json["vocab"].take() {
            Value::Array(scored) => {
                let scores = scored
                    .iter()
                    .filter_map(|entry| Some((entry[0].as_str()?, entry[1].as_f64()?)));
                let scores: BTreeMap<&str, f64> = scores.collect();
                let least = scores.values().copied().fold(f64::INFINITY, f64::min);
                let score =
                    |token: &String| scores.get(token.as_str()).copied().unwrap_or(least);
                let vocabulary: Vec<Value> =
                    self.tokens.iter().map(|token| json!([token, score(token)])).collect();
                let at = |token: &str| self.tokens.iter().position(|known| known == token);
                self.json["unk_id"] = json!(unknown.and_then(at));
                self.json["vocab"] = vocabulary.into();
            }
            _ => {
                let numbered = self.tokens.iter().enumerate();
                let vocabulary: Map<String, Value> =
                    numbered.map(|(id, token)| (token.clone(), id.into())).collect();
                self.json["vocab"] = vocabulary.into();
                if let Some(unknown) = unknown {
                    self.json["unk_token"] = unknown.into();
                }
            }
        }
        let known = &self.known;
        if let Some(merges) = self.json["merges"].as_array_mut() {
            merges.retain(|merge| {
                let parts: Vec<&str> = match merge {
                    Value::String(merge) => merge.split(' ').collect(),
                    merge => merge
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .collect(),
                };
                parts.iter().all(|part| known.contains(*part))
                    && known.contains(&parts.concat())
            });
        }
        json["model"] = self.json;
    }
}
