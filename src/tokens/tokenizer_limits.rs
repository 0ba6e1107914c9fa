//! What a `tokenizer.json` may ask for. Its normalizers rewrite a text one after the other, so a
//! hundred that double it would make a few bytes more than any memory holds; its patterns are
//! compiled, its templates repeated. Real ones stay far below these bounds.

use super::json_limits::JsonCounts;
use serde::Deserialize;
use serde_json::Value;

/// The most characters of a word that WordPiece takes apart: the work grows with their square.
pub(super) const LONGEST_WORD: usize = 10_000;

/// How many times its length a text may become.
const GROWTH: f64 = 1024.;
/// The most bytes of all patterns, and the most that their counted repetitions multiply to.
const PATTERNS: usize = 4096;
const REPETITIONS: f64 = 1000.;
/// The most values of all parts but the model: read several times over, each costs a hundred bytes.
const VALUES: usize = 1 << 16;
/// The most bytes of an added token, and of all of them: they become an automaton.
const ADDED: usize = 1024;
const ALL_ADDED: usize = 1 << 20;
/// The most objects of a model, which has a vocabulary and little else; and the fewest bytes that
/// its values take on average, beyond as many as any part may have.
const OBJECTS: usize = 1000;
const SPARSE: usize = 4;
/// The most pieces of a template, and ids of one of them.
const PIECES: usize = 64;

/// The parts that are looked at; of the model, which is nearly all of the file, values are counted.
#[derive(Deserialize)]
struct TokenizerParts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    added_tokens: Vec<AddedTokens>,
    #[serde(default)]
    model: JsonCounts,
}

#[derive(Deserialize)]
struct AddedTokens {
    content: String,
}

/// Refuses a `tokenizer.json` that asks for too much.
pub(super) fn check_limits(text: &str) -> Result<(), String> {
    let parts: TokenizerParts =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(long) = parts.added_tokens.iter().find(|added| added.content.len() > ADDED) {
        return Err(format!(
            "an added token has {} bytes, more than the limit of {ADDED}",
            long.content.len()
        ));
    }
    let added: usize = parts.added_tokens.iter().map(|added| added.content.len()).sum();
    if added > ALL_ADDED {
        return Err(format!("its added tokens have {added} bytes"));
    }
    let JsonCounts { values, objects } = parts.model;
    if values > VALUES + text.len() / SPARSE || objects > OBJECTS {
        let words = "too many for a vocabulary of that size";
        return Err(format!("its model has {values} values and {objects} objects, {words}"));
    }
    let mut asked =
        Requested { values: 0, growth: 1., patterns: 0, repetitions: 1., copies: 1. };
    for part in [&parts.normalizer, &parts.pre_tokenizer, &parts.post_processor, &parts.decoder]
    {
        asked.visit(part)?;
    }
    if asked.growth > GROWTH {
        return Err(format!(
            "its normalizers lengthen a text by a factor of {}, more than the limit of {GROWTH}",
            asked.growth
        ));
    }
    if asked.patterns > PATTERNS || asked.repetitions > REPETITIONS {
        return Err("its patterns exceed the size limit".into());
    }
    if asked.copies > 4. {
        return Err(format!(
            "its templates repeat a text {} times, more than the limit of 4",
            asked.copies
        ));
    }
    Ok(())
}

/// What all parts together ask for.
struct Requested {
    values: usize,
    growth: f64,
    patterns: usize,
    repetitions: f64,
    copies: f64,
}

impl Requested {
    fn visit(&mut self, value: &Value) -> Result<(), String> {
        self.values += 1;
        if self.values > VALUES {
            return Err(format!(
                "its normalizers and templates have more than {VALUES} values"
            ));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Object(object) => {
                self.growth *= growth(value);
                if let Some(pattern) = value["Regex"].as_str() {
                    self.patterns += pattern.len();
                    self.repetitions *= repetitions(pattern);
                    if has_back_reference(pattern) {
                        return Err(format!(
                            "its pattern {pattern:?} refers back to a group, which takes time \
                             without bound and no known tokenizer does"
                        ));
                    }
                }
                if let Some(map) = value["precompiled_charsmap"].as_str() {
                    charsmap(map)?;
                }
                self.template(value)?;
                object.values().try_for_each(|item| self.visit(item))
            }
            _ => Ok(()),
        }
    }

    /// A template: how often a text stands in it, and how many ids its special tokens have.
    fn template(&mut self, value: &Value) -> Result<(), String> {
        let mut copies = 1.;
        for name in ["single", "pair"] {
            let pieces = value[name].as_array().map_or(&[][..], Vec::as_slice);
            if pieces.len() > PIECES {
                return Err(format!(
                    "a template has {} pieces, more than the limit of {PIECES}",
                    pieces.len()
                ));
            }
            for id in ["A", "B"] {
                let same = |piece: &&Value| piece["Sequence"]["id"] == id;
                copies = f64::max(copies, pieces.iter().filter(same).count() as f64);
            }
        }
        self.copies *= copies;
        let special = value["special_tokens"].as_object().into_iter().flatten();
        let mut lengths = special.map(|(_, token)| token["ids"].as_array().map_or(0, Vec::len));
        match lengths.find(|&length| length > PIECES) {
            Some(length) => Err(format!(
                "a special token of a template has {length} ids, more than the limit of {PIECES}"
            )),
            None => Ok(()),
        }
    }
}

/// SentencePiece's map of characters, in base64: four bytes say how long its first part is, which is
/// allocated before it is read.
fn charsmap(base64: &str) -> Result<(), String> {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    // six digits of six bits, of which the last four are the next byte's
    let bits =
        base64.bytes().take(6).fold(0u64, |bits, letter| bits << 6 | u64::from(digit(letter)));
    let (declared, held) = (u32::swap_bytes((bits >> 4) as u32), base64.len() / 4 * 3);
    if base64.len() >= 6 && declared as usize > held {
        return Err(format!(
            "its precompiled_charsmap declares {declared} bytes but has {held}"
        ));
    }
    Ok(())
}

/// How many times its length a text may become by one normalizer or pre-tokenizer.
fn growth(part: &Value) -> f64 {
    match part["type"].as_str() {
        Some("Replace") => {
            let content = part["content"].as_str().map_or(0, str::len) as f64;
            match part["pattern"]["String"].as_str() {
                Some(pattern) if !pattern.is_empty() => {
                    (content / pattern.len() as f64).max(1.)
                }
                // an empty match stands before every letter
                _ => content + 1.,
            }
        }
        // as a table of its own, which maps a letter to a few
        Some("Precompiled") => 32.,
        // a byte becomes a letter of up to two
        Some("ByteLevel") => 2.,
        _ => 1.,
    }
}

/// What the counted repetitions `{n}` and `{m,n}` of a pattern multiply to.
fn repetitions(pattern: &str) -> f64 {
    let counts = pattern.split('{').skip(1).filter_map(|rest| {
        let counted = rest.split_once('}')?.0;
        counted.split(',').filter_map(|count| count.trim().parse::<f64>().ok()).reduce(f64::max)
    });
    counts.filter(|&count| count > 1.).product()
}

/// Whether a pattern asks for the text of an earlier group again: `\1`, `\k<name>`, `(?P=name)`.
fn has_back_reference(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && matches!(characters.next(), Some('1'..='9' | 'k' | 'g')) {
            return true;
        }
    }
    pattern.contains("(?P=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(tokenizer: Value) -> String {
        check_limits(&tokenizer.to_string()).err().unwrap_or_default()
    }

    #[test]
    fn what_real_tokenizers_ask_for_is_granted() {
        // all that Llama's, ALBERT's, DeepSeek's and BERT's have between them
        let normalizers = json!([
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            {"type": "Replace", "pattern": {"String": "``"}, "content": "\""},
            {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
            {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]);
        let split = |pattern: &str| {
            json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                   "invert": false})
        };
        let pre = json!([split("\\p{N}{1,3}"), split("[一-龥]+"), {"type": "ByteLevel"}]);
        let template = json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}});
        let tokenizer = json!({"normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": pre},
            "post_processor": template, "model": {"vocab": {"a": 1}},
            "added_tokens": [{"content": "[CLS]"}]});
        assert_eq!(words(tokenizer), "");
    }

    #[test]
    fn a_text_cannot_be_made_to_grow_without_bound() {
        let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
        let many = vec![double; 11];
        let error = words(json!({"normalizer": {"type": "Sequence", "normalizers": many}}));
        assert_eq!(
            error,
            "its normalizers lengthen a text by a factor of 2048, more than the limit of 1024"
        );
        let bytes = vec![json!({"type": "ByteLevel"}); 11];
        let error =
            words(json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": bytes}}));
        assert!(error.contains("2048"), "{error}");
        let empty =
            json!({"type": "Replace", "pattern": {"Regex": ""}, "content": "b".repeat(2000)});
        assert!(words(json!({ "normalizer": empty })).contains("2001"));
        let twice = json!({"Sequence": {"id": "A", "type_id": 0}});
        let template = json!({"single": vec![twice.clone(); 5]});
        assert!(words(json!({ "post_processor": template })).contains("repeat a text 5 times"));
        let template = json!({"single": vec![twice; 65]});
        assert!(words(json!({ "post_processor": template })).contains("65 pieces"));
        let ids = vec![1; 65];
        let template = json!({"special_tokens": {"x": {"ids": ids}}});
        assert!(words(json!({ "post_processor": template })).contains("65 ids"));
    }

    #[test]
    fn a_map_of_characters_is_as_long_as_it_says() {
        let map = |base64| {
            words(
                json!({"normalizer": {"type": "Precompiled", "precompiled_charsmap": base64}}),
            )
        };
        // a length of 8 and eight bytes; then, found by fuzzing, one of 128 MiB and none
        assert_eq!(map("CAAAAAAAAAAAAAAA"), "");
        let error = map("AAAACA==");
        assert_eq!(error, "its precompiled_charsmap declares 134217728 bytes but has 6");
        assert!(map("/////w==").contains("declares 4294967295 bytes"));
        assert_eq!(map(""), "");
    }

    #[test]
    fn a_pattern_that_refers_back_to_a_group_is_refused() {
        let split = |pattern: &str| {
            words(json!({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": pattern}}}))
        };
        for pattern in [r"(a+)\1", r"(?<x>a)\k<x>", r"(?P<x>a)(?P=x)"] {
            assert!(split(pattern).contains("refers back to a group"), "{pattern}");
        }
        // GPT-2's, and a backslash before a digit
        for pattern in [r"'s| ?\p{L}+| ?\p{N}+|\s+(?!\S)|\s+", r"\\1", r"\d{1,3}"] {
            assert_eq!(split(pattern), "", "{pattern}");
        }
    }

    #[test]
    fn what_costs_far_more_than_its_bytes_is_refused() {
        for pattern in ["(\\w{40}){40}".to_string(), "a".repeat(5000)] {
            let split = json!({"type": "Split", "pattern": {"Regex": pattern}});
            assert!(words(json!({ "pre_tokenizer": split })).contains("patterns"));
        }
        assert!(
            words(json!({"added_tokens": [{"content": "a".repeat(2000)}]})).contains("2000")
        );
    }
}
