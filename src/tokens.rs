//! Strings to packed [`Tokens`]: the only door between text and tensors.

mod bag;
mod config;
mod files;
mod json_limits;
mod masking;
mod panic_guard;
mod static_vocabulary;
mod tokenizer_limits;

pub(crate) use bag::BagStyle;
pub use bag::NO_TOKEN;
pub use masking::Masking;
pub use panic_guard::is_panic_caught;
pub use static_vocabulary::{KeptTokens, StaticVocabulary};

use crate::error::{Error, ErrorKind, Result};
use crate::nn::Packing;
use crate::view::ViewSample;
use bag::{BagSequence, BagTokens};
use files::SPECIAL;
use panic_guard::defect;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainerBuilder};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    AddedToken, Encoding, NormalizedString, Normalizer, PostProcessor, TokenizerBuilder,
    TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

/// A batch of N sentences as T token ids laid end to end.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Token ids, (T).
    pub ids: Vec<u32>,
    /// Token types (0 for the first text of a sequence, 1 for the second), (T).
    pub types: Vec<u32>,
    /// Where each sentence begins.
    pub packing: Arc<Packing>,
}

/// One text as token ids, with the special tokens of its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    ids: Vec<u32>,
    types: Vec<u32>,
}

impl Sequence {
    /// Its length in tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether it has no token at all.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Its token ids.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }
}

impl Tokens {
    /// Packs sequences; `samples` are the noise addresses, one each.
    pub fn pack<'a>(
        sequences: impl IntoIterator<Item = &'a Sequence>,
        samples: Vec<u64>,
    ) -> Self {
        let (mut ids, mut types, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
        for sequence in sequences {
            ids.extend_from_slice(&sequence.ids);
            types.extend_from_slice(&sequence.types);
            lengths.push(sequence.len());
        }
        Self { ids, types, packing: Arc::new(Packing::new(lengths, samples)) }
    }

    /// Sentences `sentences` alone, under the noise addresses they have.
    #[must_use]
    pub fn slice(&self, sentences: Range<usize>) -> Self {
        let lengths = sentences.clone().map(|i| self.packing.range(i).len());
        let samples = self.packing.samples()[sentences.clone()].to_vec();
        let packing = Arc::new(Packing::new(lengths, samples));
        let start = match sentences.start < self.packing.sentences() {
            true => self.packing.range(sentences.start).start,
            false => self.ids.len(),
        };
        let tokens = start..start + packing.tokens();
        let (ids, types) = (self.ids[tokens.clone()].to_vec(), self.types[tokens].to_vec());
        Self { ids, types, packing }
    }

    /// The tokens that `pass` looks at and the pass that knows their positions, where it does
    /// not look at all: the other tokens are not there for it.
    pub fn visible_in(&self, pass: &ViewSample) -> Option<(Self, ViewSample)> {
        let kept = pass.kept_tokens(&self.packing)?;
        let positions = pass.positions(&self.packing);
        let pick = |from: &[u32]| kept.iter().map(|&t| from[t as usize]).collect::<Vec<_>>();
        let lengths = self.packing.ranges().map(|range| {
            let before = |end: usize| kept.partition_point(|&token| (token as usize) < end);
            before(range.end) - before(range.start)
        });
        let packing = Packing::new(lengths, self.packing.samples().to_vec());
        let tokens =
            Self { ids: pick(&self.ids), types: pick(&self.types), packing: Arc::new(packing) };
        Some((tokens, pass.clone().with_positions(pick(&positions))))
    }
}

/// A model's tokenizer, without padding and cut at the model's own length.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    max_len: usize,
    side: TruncationDirection,
    /// Whether the second text of a pair has another token type than the first.
    has_types: bool,
    /// Where its model averages one vector a token: how it takes a text.
    bag: Option<BagTokens>,
    /// How many texts were too long, of all clones together.
    truncated: Arc<AtomicU64>,
}

/// What stands for a masked token, in BERT's vocabularies and in RoBERTa's.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

impl Tokenizer {
    /// The tokenizer of a model directory: `tokenizer.json`, else `vocab.txt`, as transformers
    /// builds it with `tokenizer_config.json`. Sequences are cut at `max_len` tokens, special
    /// tokens included.
    ///
    /// # Errors
    /// Where neither file is there, the one that is cannot be read, or they ask for what is not
    /// supported.
    pub fn from_dir(dir: &Path, max_len: usize) -> Result<Self> {
        Self::load(dir, max_len, false, &mut Vec::new())
    }

    /// The same; with `lower_case`, every text is lower-cased before all else. What is not as
    /// `tokenizer.json` has it goes to `notes`.
    pub(crate) fn load(
        dir: &Path,
        max_len: usize,
        lower_case: bool,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let files::TokenizerFiles { mut inner, side, has_types } = files::read(dir, notes)?;
        if let ModelWrapper::WordPiece(words) = inner.get_model()
            && inner.token_to_id(&words.unk_token).is_none()
        {
            let words = format!("the vocabulary lacks the unknown token {}", words.unk_token);
            return Err(Error::model(dir, words));
        }
        if lower_case {
            config::lower_case(&mut inner)?;
        }
        Ok(Self { side, has_types, ..Self::new(inner, max_len)? })
    }

    /// A WordPiece vocabulary of at most `size` learnt from `texts`, lower-cased as BERT does.
    ///
    /// # Errors
    /// Where nothing can be learnt.
    pub fn train<'a>(
        texts: impl Iterator<Item = &'a str> + Send,
        size: usize,
        max_len: usize,
    ) -> Result<Self> {
        let texts: Vec<&str> = texts.collect();
        let mut trainer = WordPieceTrainerBuilder::new()
            .vocab_size(size)
            .show_progress(false)
            .special_tokens(first_tokens(&texts)?)
            .build();
        let mut learner = TokenizerBuilder::new()
            .with_model(WordPiece::builder().unk_token("[UNK]".into()).build().map_err(defect)?)
            .with_normalizer(Some(BertNormalizer::default()))
            .with_pre_tokenizer(Some(BertPreTokenizer))
            .with_post_processor(Some(TemplateProcessing::default()))
            .with_decoder(Some(tokenizers::decoders::wordpiece::WordPiece::default()))
            .build()
            .map_err(defect)?;
        learner.train(&mut trainer, texts.into_iter()).map_err(defect)?;
        let model = learner.get_model().clone();
        let bert = files::bert(model, BertNormalizer::default(), ["[CLS]", "[SEP]"])?;
        Self::new(bert, max_len)
    }

    /// The tokenizer of a static embedding model in `dir`.
    pub(crate) fn load_bag(
        dir: &Path,
        style: BagStyle,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        let inner = bag::read(dir, notes)?;
        let (max_len, side) = bag::truncation(&inner);
        Self { side, ..Self::new(inner, max_len)? }.into_bag(style)
    }

    /// The same tokenizer, for a model that averages one vector a token.
    pub(crate) fn into_bag(self, style: BagStyle) -> Result<Self> {
        let bag = Some(BagTokens::new(&self.inner, style)?);
        match style {
            BagStyle::SentenceTransformers => Ok(Self { bag, ..self }),
            BagStyle::Model2Vec { max_length } => {
                let (max_len, side) =
                    (max_length.unwrap_or(usize::MAX), TruncationDirection::Right);
                Ok(Self { bag, max_len, side, ..self })
            }
        }
    }

    fn new(mut inner: tokenizers::Tokenizer, max_len: usize) -> Result<Self> {
        inner.with_padding(None);
        inner.with_truncation(None).map_err(defect)?;
        let side = TruncationDirection::Right;
        Ok(Self { inner, max_len, side, has_types: true, bag: None, truncated: Arc::default() })
    }

    /// How words are masked for a masked language model: `rate` of them, by the tokenizer's own
    /// mask token, and never one of its special tokens.
    ///
    /// # Errors
    /// Where the vocabulary has no mask token.
    pub fn masking(&self, rate: f64) -> Result<Masking> {
        let mask =
            self.first_special_token(&MASKS).and_then(|word| self.inner.token_to_id(word));
        let mask = mask.ok_or_else(|| {
            let words = format!(
                "the vocabulary has none of the mask tokens {}, which masked language modelling needs",
                MASKS.join(", ")
            );
            Error::new(ErrorKind::Model, words)
        })?;
        let added = self.inner.get_added_tokens_decoder();
        let special = added.into_iter().filter(|(_, token)| token.special);
        let mut special: Vec<u32> = special.map(|(id, _)| id).collect();
        special.sort_unstable();
        Ok(Masking { rate, mask, vocabulary: self.vocabulary_size() as u32, special })
    }

    /// Whether `id` is a special token.
    pub fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }

    /// The first of `words` that is a token of its own.
    pub fn first_special_token<'w>(&self, words: &[&'w str]) -> Option<&'w str> {
        words.iter().copied().find(|word| self.inner.token_to_id(word).is_some())
    }

    /// One more than the largest id: the rows a word table needs.
    pub fn vocabulary_size(&self) -> usize {
        let ids = self.inner.get_vocab(true).into_values();
        ids.max().map_or(0, |largest| largest as usize + 1)
    }

    /// How many texts it, and those cloned from it, have cut so far because they were too long; a
    /// text that was encoded twice counts twice.
    pub fn truncated_texts(&self) -> u64 {
        self.truncated.load(Ordering::Relaxed)
    }

    /// Tokens a sequence is cut at, special tokens included.
    pub fn max_len(&self) -> usize {
        self.max_len
    }

    /// The same tokenizer, cutting elsewhere.
    #[must_use]
    pub fn with_max_len(self, max_len: usize) -> Self {
        Self { max_len, ..self }
    }

    /// Whether a text that is too long loses its beginning, not its end.
    pub fn truncates_left(&self) -> bool {
        self.side == TruncationDirection::Left
    }

    /// Texts to sequences, in parallel.
    ///
    /// # Errors
    /// Where the tokenizer cannot encode a text.
    pub fn encode(&self, texts: &[&str]) -> Result<Vec<Sequence>> {
        texts.par_iter().map(|text| self.sequence(text, None)).collect()
    }

    /// Pairs of texts to sequences of two token types. Of a pair that is too long, the longer text
    /// is cut first (transformers' `longest_first`).
    ///
    /// # Errors
    /// Where the tokenizer cannot encode a text, or special tokens alone fill a sequence.
    pub fn encode_pairs(&self, pairs: &[(&str, &str)]) -> Result<Vec<Sequence>> {
        pairs.par_iter().map(|(a, b)| self.sequence(a, Some(b))).collect()
    }

    /// Tokens, cut, between special tokens.
    fn sequence(&self, text: &str, second: Option<&str>) -> Result<Sequence> {
        if let Some(bag) = &self.bag {
            let cut = self.truncation(self.max_len);
            let BagSequence { ids, types, is_cut } =
                bag.encode(&self.inner, text, second, &cut)?;
            self.truncated.fetch_add(u64::from(is_cut), Ordering::Relaxed);
            return Ok(Sequence { ids, types });
        }
        let added =
            self.inner.get_post_processor().map_or(0, |p| p.added_tokens(second.is_some()));
        let Some(room) = self.max_len.checked_sub(added).filter(|&room| room > 0) else {
            let words = format!(
                "max_seq_length {}: the {added} special tokens leave no room for a text",
                self.max_len
            );
            return Err(Error::config(words));
        };
        let encoding = panic_guard::guarded(|| {
            let pieces = |text: &str| self.inner.encode_fast(text, false);
            let (first, second) = match second {
                None => (self.first_pieces(text, room)?, None),
                Some(second) => (pieces(text)?, Some(pieces(second)?)),
            };
            let tokens = first.len() + second.as_ref().map_or(0, |second| second.len());
            self.truncated.fetch_add(u64::from(tokens > room), Ordering::Relaxed);
            let (first, second) = truncate_encodings(first, second, &self.truncation(room))?;
            self.inner.post_process(first, second, true)
        })?;
        let mut sequence = sequence_of(&encoding.map_err(defect)?)?;
        if !self.has_types {
            sequence.types.fill(0);
        }
        Ok(sequence)
    }

    /// At least the first `room` pieces of a text and, where it has more, some of those. A text takes
    /// hundreds of times its bytes as pieces, so a long one is cut before: between words, which no
    /// tokenizer joins, and far enough behind the last piece that is kept.
    fn first_pieces(&self, text: &str, room: usize) -> tokenizers::Result<Encoding> {
        let mut bytes = BEGINNING.max(room.saturating_mul(BYTES_PER_PIECE));
        while bytes < text.len() && !self.truncates_left() {
            let Some(end) = end_of_word(text, bytes) else { break };
            let pieces = self.inner.encode_fast(&text[..end], false)?;
            if pieces.len() >= room.saturating_add(MARGIN) {
                return Ok(pieces);
            }
            bytes = bytes.saturating_mul(8);
        }
        self.inner.encode_fast(text, false)
    }

    fn truncation(&self, max_length: usize) -> TruncationParams {
        let strategy = TruncationStrategy::LongestFirst;
        TruncationParams { max_length, strategy, stride: 0, direction: self.side }
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn to_json(&self) -> Result<String> {
        if self.bag.is_some() {
            return bag::to_json(&self.inner, self.max_len, self.side);
        }
        self.inner.to_string(true).map_err(defect)
    }
}

/// Bytes of a text that are cut into pieces at first, at least, and for each piece that is kept.
const BEGINNING: usize = 16 << 10;
const BYTES_PER_PIECE: usize = 64;

/// Pieces beyond the last one that is kept: the cut changes those next to it at most.
const MARGIN: usize = 64;

/// The last place at or before `bytes`, and not far before, where a word ends and white space follows.
fn end_of_word(text: &str, bytes: usize) -> Option<usize> {
    let bytes = (0..=bytes).rev().find(|&at| text.is_char_boundary(at))?;
    let mut after = text[bytes..].chars().next()?;
    let mut end = bytes;
    for before in text[..bytes].chars().rev().take(BEGINNING / 4) {
        if after.is_whitespace() && !before.is_whitespace() {
            return Some(end);
        }
        end -= before.len_utf8();
        after = before;
    }
    None
}

fn sequence_of(encoding: &Encoding) -> Result<Sequence> {
    let (ids, types) = (encoding.get_ids().to_vec(), encoding.get_type_ids().to_vec());
    if ids.is_empty() {
        let words = "the model's tokenizer returned no tokens, not even special tokens: its post_processor is missing";
        return Err(Error::new(ErrorKind::Model, words));
    }
    Ok(Sequence { ids, types })
}

/// The special tokens, then every character as a continuation. The trainer would number
/// continuations as it meets them, in the order of a hash map, and break ties between merges by
/// those numbers: the vocabulary would not repeat.
fn first_tokens(texts: &[&str]) -> Result<Vec<AddedToken>> {
    let mut characters = BTreeSet::new();
    for text in texts {
        let mut normal = NormalizedString::from(*text);
        BertNormalizer::default().normalize(&mut normal).map_err(defect)?;
        characters.extend(normal.get().chars().filter(|c| !c.is_whitespace()));
    }
    let continuations = characters.into_iter().map(|c| format!("##{c}"));
    let tokens = SPECIAL.map(String::from).into_iter().chain(continuations);
    Ok(tokens.map(|token| AddedToken::from(token, true)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(max_len: usize) -> Tokenizer {
        let texts = ["the cat sat on the mat", "the dog sat on the cat", "a dog and a cat"];
        Tokenizer::train(texts.into_iter(), 60, max_len).unwrap()
    }

    #[test]
    fn a_learnt_tokenizer_adds_special_tokens_and_knows_its_words() {
        let tokenizer = learnt(20);
        let [cat, dog] = &tokenizer.encode(&["The CAT sat", "the dog sat"]).unwrap()[..] else {
            panic!()
        };
        assert_eq!(cat.ids()[0], dog.ids()[0]);
        assert_eq!(cat.ids().last(), dog.ids().last());
        assert_ne!(cat, dog);
        assert!(!cat.ids().contains(&1), "an unknown token in {cat:?}");
    }

    #[test]
    fn a_long_text_is_cut_and_closed() {
        let tokenizer = learnt(5);
        let long = tokenizer.encode(&["the cat sat on the mat on the cat"]).unwrap();
        let short = learnt(50).encode(&["the cat sat on the mat"]).unwrap();
        assert_eq!(long[0].len(), 5);
        assert_eq!(long[0].ids()[..4], short[0].ids()[..4]);
        assert_eq!(long[0].ids().last(), short[0].ids().last());
    }

    #[test]
    fn a_text_of_any_length_has_the_tokens_of_its_whole() {
        let architectures =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures");
        let words = [
            "the",
            "cat",
            "  sat\t",
            "naïve",
            "Straße",
            "ΟΔΟΣ",
            "猫が",
            "e\u{301}te\u{301}",
            "42,5",
            "\n",
        ];
        let mut tried = 0;
        for entry in std::fs::read_dir(architectures).unwrap().flatten() {
            let Ok(tokenizer) = Tokenizer::from_dir(&entry.path(), 40) else { continue };
            tried += 1;
            for step in [1, 3, 7] {
                let words = (0..40_000).map(|n| words[n * step % words.len()]);
                let text = words.collect::<Vec<_>>().join(" ");
                let cut = tokenizer.first_pieces(&text, 40).unwrap();
                let whole = tokenizer.inner.encode_fast(text.as_str(), false).unwrap();
                assert!(cut.len() < whole.len() / 4, "{:?}: not cut", entry.path());
                let kept = 40.min(whole.len());
                assert_eq!(
                    cut.get_ids()[..kept],
                    whole.get_ids()[..kept],
                    "{:?}",
                    entry.path()
                );
            }
            // without an end of a word nearby, and shorter than the beginning
            for text in ["a".repeat(100_000), "猫".repeat(30_000), "the cat ".repeat(50)] {
                let (cut, whole) = (
                    tokenizer.first_pieces(&text, 40).unwrap(),
                    tokenizer.inner.encode_fast(text.as_str(), false).unwrap(),
                );
                assert_eq!(cut.get_ids(), whole.get_ids(), "{:?}", entry.path());
            }
        }
        assert!(tried > 20, "{tried} tokenizers");
    }

    #[test]
    fn packing_lays_sequences_end_to_end() {
        let tokenizer = learnt(50);
        let sequences = tokenizer.encode(&["the cat", "a dog and a cat"]).unwrap();
        let tokens = Tokens::pack(&sequences, vec![0, 1]);
        assert_eq!(tokens.packing.range(1), sequences[0].len()..tokens.ids.len());
        assert_eq!(&tokens.ids[tokens.packing.range(1)], sequences[1].ids());
    }
}
