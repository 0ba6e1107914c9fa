//! A tokenizer from the files of a model directory.

use super::config::TokenizerConfig;
use super::panic_guard::{defect, guarded};
use super::tokenizer_limits;
use crate::error::{Error, ErrorKind, Result};
use crate::io;
use std::path::Path;
use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer, TruncationDirection};

/// The most of a vocabulary or a `tokenizer.json`; those of 250,000 words have 17 MB.
const LARGEST: u64 = 64 << 20;

/// WordPiece's special tokens, in the order of BERT's vocabularies.
pub(super) const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// What the files of a directory say of its tokenizer.
pub(super) struct TokenizerFiles {
    pub inner: Tokenizer,
    /// The side of a text that it cuts off.
    pub side: TruncationDirection,
    /// Whether the model is given token types.
    pub has_types: bool,
}

/// The tokenizer of a directory.
pub(super) fn read(dir: &Path, notes: &mut Vec<String>) -> Result<TokenizerFiles> {
    let (json, vocabulary) = (dir.join("tokenizer.json"), dir.join("vocab.txt"));
    let config = TokenizerConfig::read(dir)?;
    let inner = if json.is_file() {
        let mut inner = from_json(&json)?;
        config.adapt(&mut inner, notes)?;
        inner
    } else if vocabulary.is_file() {
        from_vocabulary(&config, &vocabulary)?
    } else {
        let words = "neither tokenizer.json nor vocab.txt exists; a model directory needs one \
                     (transformers' AutoTokenizer converts other formats to tokenizer.json)";
        return Err(Error::model(dir, words));
    };
    let side = config.truncation_side(&inner)?;
    Ok(TokenizerFiles { inner, side, has_types: config.has_types() })
}

/// A `tokenizer.json`, once its text was looked at: it may ask for more than it should.
pub(super) fn from_json(path: &Path) -> Result<Tokenizer> {
    let text = io::read_text(path, LARGEST)?;
    let wrong = |words: String| Error::model(path, format!("not a valid tokenizer: {words}"));
    tokenizer_limits::check_limits(&text).map_err(wrong)?;
    let built = guarded(|| text.parse::<Tokenizer>());
    let built = built.map_err(|error| wrong(error.to_string()))?;
    let built = built.map_err(|error| wrong(error.to_string()))?;
    if let ModelWrapper::WordPiece(words) = built.get_model()
        && words.max_input_chars_per_word > tokenizer_limits::LONGEST_WORD
    {
        let most = words.max_input_chars_per_word;
        return Err(wrong(format!(
            "max_input_chars_per_word is {most}, expected at most {}",
            tokenizer_limits::LONGEST_WORD
        )));
    }
    Ok(built)
}

/// BERT's tokenizer from a plain vocabulary, with the flags and special tokens of
/// `tokenizer_config.json`.
fn from_vocabulary(config: &TokenizerConfig, vocabulary: &Path) -> Result<Tokenizer> {
    config.expect_bert()?;
    io::expect_at_most(vocabulary, LARGEST)?;
    let path =
        vocabulary.to_str().ok_or_else(|| Error::model(vocabulary, "not a Unicode path"))?;
    let model = WordPiece::from_file(path)
        .unk_token(config.token("unk_token", "[UNK]").into())
        .build()
        .map_err(|e| Error::model(vocabulary, format!("not a vocabulary: {e}")))?;
    let ends = [config.token("cls_token", "[CLS]"), config.token("sep_token", "[SEP]")];
    let mut built = bert(model, config.bert_normalizer(), ends)
        .map_err(|error| Error::model(vocabulary, error))?;
    let named = ["unk_token", "pad_token", "mask_token"].map(|key| config.token(key, ""));
    let special =
        named.into_iter().chain(ends).filter(|word| built.token_to_id(word).is_some());
    let special: Vec<_> = special.map(|word| AddedToken::from(word, true)).collect();
    built.add_special_tokens(special).map_err(defect)?;
    config.check_added(&built)?;
    Ok(built)
}

/// BERT's pipeline around a WordPiece model; `ends` are the tokens before and after a text.
pub(super) fn bert(
    model: WordPiece,
    normalizer: BertNormalizer,
    ends: [&str; 2],
) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model);
    let [cls, sep] = ends;
    let id = |word: &str| tokenizer.token_to_id(word);
    let (Some(cls_id), Some(sep_id)) = (id(cls), id(sep)) else {
        return Err(Error::new(
            ErrorKind::Model,
            format!("the vocabulary lacks {cls} or {sep}"),
        ));
    };
    let template = TemplateProcessing::builder()
        .try_single(format!("{cls} $A {sep}"))
        .and_then(|builder| builder.try_pair(format!("{cls} $A {sep} $B:1 {sep}:1")))
        .map_err(|words| Error::new(ErrorKind::Internal, words))?
        .special_tokens(vec![(cls, cls_id), (sep, sep_id)])
        .build()
        .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    tokenizer
        .with_normalizer(Some(normalizer))
        .map_err(defect)?
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template))
        .with_decoder(Some(tokenizers::decoders::wordpiece::WordPiece::default()));
    let special = SPECIAL.iter().filter(|word| tokenizer.token_to_id(word).is_some());
    let special: Vec<_> = special.map(|word| AddedToken::from(*word, true)).collect();
    tokenizer.add_special_tokens(special).map_err(defect)?;
    Ok(tokenizer)
}
