//! Texts of a model that averages one vector a token: no special tokens, and perhaps none at all.

use super::panic_guard::{defect, guarded};
use super::{config, files};
use crate::error::{Error, Result};
use std::path::Path;
use tokenizers::{
    ModelWrapper, Tokenizer, TruncationDirection, TruncationParams, truncate_encodings,
};

/// What a text without any token has in place of one: it stands for the zero vector.
pub const NO_TOKEN: u32 = u32::MAX;

/// The program whose tokens a static embedding model has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BagStyle {
    /// sentence-transformers' `StaticEmbedding`: all tokens, cut where `tokenizer.json` says.
    SentenceTransformers,
    /// model2vec: unknown tokens are left out; a text is cut at `max_length` tokens, and before at
    /// as many characters as so many tokens of the median length have.
    Model2Vec { max_length: Option<usize> },
}

/// How a tokenizer takes the texts of a static embedding model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BagTokens {
    /// The id that is left out of every text.
    unknown: Option<u32>,
    /// Characters that are read for each token of the longest text.
    characters: Option<usize>,
}

/// The ids and types of a text, and whether it was too long.
pub(super) struct BagSequence {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
    pub is_cut: bool,
}

/// `tokenizer.json` in `dir` as it is, for both programs read no file beside it.
pub(super) fn read(dir: &Path, notes: &mut Vec<String>) -> Result<Tokenizer> {
    let path = dir.join("tokenizer.json");
    if !path.is_file() {
        let message =
            "tokenizer.json is missing; a static embedding model has no other tokenizer";
        return Err(Error::model(dir, message));
    }
    let mut inner = files::from_json(&path)?;
    config::drop_dropout(&mut inner, notes);
    Ok(inner)
}

/// Where `inner` cuts texts: the tokens kept, and the side that is cut off.
pub(super) fn truncation(inner: &Tokenizer) -> (usize, TruncationDirection) {
    let own = inner.get_truncation();
    (
        own.map_or(usize::MAX, |own| own.max_length),
        own.map(|own| own.direction).unwrap_or_default(),
    )
}

/// `tokenizer.json` with the place where texts are cut, which no other file says.
pub(super) fn to_json(
    inner: &Tokenizer,
    max_length: usize,
    direction: TruncationDirection,
) -> Result<String> {
    let mut inner = inner.clone();
    let cut = TruncationParams { max_length, direction, ..TruncationParams::default() };
    inner.with_truncation((max_length < usize::MAX).then_some(cut)).map_err(defect)?;
    inner.to_string(true).map_err(defect)
}

impl BagTokens {
    /// Those that `style` makes of a text.
    pub fn new(inner: &Tokenizer, style: BagStyle) -> Result<Self> {
        match style {
            BagStyle::SentenceTransformers => Ok(Self { unknown: None, characters: None }),
            BagStyle::Model2Vec { max_length } => Ok(Self {
                unknown: unknown(inner)?,
                characters: max_length.map(|_| median_length(inner)),
            }),
        }
    }

    /// The tokens of a text, or of two one after the other, without special tokens.
    pub fn encode(
        &self,
        inner: &Tokenizer,
        text: &str,
        second: Option<&str>,
        cut: &TruncationParams,
    ) -> Result<BagSequence> {
        let read = |text| self.beginning(text, cut.max_length);
        let is_longer = |text| read(text).len() < text.len();
        let (encoding, is_cut) = guarded(|| {
            let pieces = |text| inner.encode_fast(read(text), false);
            let (first, other) = (pieces(text)?, second.map(pieces).transpose()?);
            let tokens = first.len() + other.as_ref().map_or(0, |other| other.len());
            let is_cut =
                tokens > cut.max_length || is_longer(text) || second.is_some_and(is_longer);
            let (first, other) = truncate_encodings(first, other, cut)?;
            Ok((inner.post_process(first, other, false)?, is_cut))
        })?
        .map_err(defect)?;
        let pairs = encoding.get_ids().iter().zip(encoding.get_type_ids());
        let known = pairs.filter(|&(&id, _)| Some(id) != self.unknown);
        let (mut ids, mut types): (Vec<u32>, Vec<u32>) = known.unzip();
        if ids.is_empty() {
            (ids, types) = (vec![NO_TOKEN], vec![0]);
        }
        Ok(BagSequence { ids, types, is_cut })
    }

    /// The characters of a text that are read.
    fn beginning<'t>(&self, text: &'t str, max_len: usize) -> &'t str {
        let most = self.characters.map(|characters| characters.saturating_mul(max_len));
        let end = most.and_then(|most| text.char_indices().nth(most));
        end.map_or(text, |(end, _)| &text[..end])
    }
}

/// The id of the unknown token.
fn unknown(inner: &Tokenizer) -> Result<Option<u32>> {
    let token = match inner.get_model() {
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::Unigram(_) => {
            // the crate does not show it otherwise
            let text = inner.to_string(false).map_err(defect)?;
            let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            return Ok(json["model"]["unk_id"].as_u64().and_then(|id| id.try_into().ok()));
        }
    };
    Ok(token.and_then(|token| inner.token_to_id(&token)))
}

/// The median number of characters of a token, rounded down.
fn median_length(inner: &Tokenizer) -> usize {
    let vocabulary = inner.get_vocab(true);
    let mut lengths: Vec<usize> =
        vocabulary.keys().map(|token| token.chars().count()).collect();
    lengths.sort_unstable();
    let half = lengths.len() / 2;
    match lengths.len() {
        0 => 0,
        count if count % 2 == 0 => (lengths[half - 1] + lengths[half]) / 2,
        _ => lengths[half],
    }
}
