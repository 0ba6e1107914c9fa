//! The keys of the tokenizer's files.

use super::rules::{Rules, refused};

/// `tokenizer_config.json`; what is honoured is read in `tokens::config`.
pub(in crate::sentence_encoder) const TOKENIZER_CONFIG: Rules = Rules {
    honoured: &[
        "add_prefix_space",
        "added_tokens_decoder",
        "additional_special_tokens",
        "bos_token",
        "cls_token",
        "do_lower_case",
        "eos_token",
        "extra_special_tokens",
        "keep_accents",
        "mask_token",
        "model_max_length",
        "pad_token",
        "model_input_names",
        "sep_token",
        "split_by_punct",
        "strip_accents",
        "tokenize_chinese_chars",
        "tokenizer_class",
        "truncation_side",
        "unk_token",
    ],
    harmless: &[
        ("texts are packed, not padded", &PADDING),
        ("it concerns text made of tokens", &DECODING),
        ("it says who saved the file, and where", &SAVED),
        ("fast tokenizers do not read it", &SLOW),
        ("sentence-transformers cuts at max_seq_length", &TRUNCATION),
        ("it is for chats", &["chat_template", "response_schema", "use_default_system_prompt"]),
    ],
    refused: &[
        refused(
            "add_bos_token",
            &["false", "null"],
            "it is not supported; save the tokenizer again",
        ),
        refused(
            "add_eos_token",
            &["false", "null"],
            "it is not supported; save the tokenizer again",
        ),
        refused(
            "split_special_tokens",
            &["false", "null"],
            "special tokens inside texts are kept whole",
        ),
        refused("gguf_file", &["null"], "GGUF files are not supported"),
    ],
};

const PADDING: [&str; 4] =
    ["pad_to_multiple_of", "pad_token_type_id", "padding", "padding_side"];

const DECODING: [&str; 3] =
    ["clean_up_tokenization_spaces", "spaces_between_special_tokens", "errors"];

const SAVED: [&str; 13] = [
    "auto_map",
    "backend",
    "from_slow",
    "full_tokenizer_file",
    "is_local",
    "local_files_only",
    "name_or_path",
    "processor_class",
    "special_tokens_map_file",
    "tokenizer_file",
    "use_auth_token",
    "vocab_file",
    "merges_file",
];

const SLOW: [&str; 16] = [
    "do_basic_tokenize",
    "jumanpp_kwargs",
    "legacy",
    "mecab_kwargs",
    "never_split",
    "remove_space",
    "sp_model_kwargs",
    "subword_tokenizer_type",
    "sudachi_kwargs",
    "token",
    "trim_offsets",
    "unk_id",
    "use_fast",
    "vocab_type",
    "wordpieces_prefix",
    "word_tokenizer_type",
];

const TRUNCATION: [&str; 6] = [
    "max_len",
    "max_length",
    "return_overflowing_tokens",
    "stride",
    "truncation",
    "truncation_strategy",
];

/// `tokenizer.json`, which the tokenizers crate reads.
pub(in crate::sentence_encoder) const TOKENIZER: Rules = Rules {
    honoured: &[
        "added_tokens",
        "model",
        "normalizer",
        "post_processor",
        "pre_tokenizer",
        "truncation",
    ],
    harmless: &[
        ("texts are packed, not padded", &["padding"]),
        ("it concerns text made of tokens", &["decoder"]),
        ("there is one version", &["version"]),
    ],
    refused: &[],
};

/// The `model` of a `tokenizer.json`.
pub(in crate::sentence_encoder) const TOKENIZER_MODEL: Rules = Rules {
    honoured: &[
        "byte_fallback",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "fuse_unk",
        "ignore_merges",
        "max_input_chars_per_word",
        "merges",
        "type",
        "unk_id",
        "unk_token",
        "vocab",
    ],
    harmless: &[("tokens would differ from run to run", &["dropout", "alpha", "nbest_size"])],
    refused: &[],
};

/// `special_tokens_map.json`, read where there is no `tokenizer.json`.
pub(in crate::sentence_encoder) const SPECIAL_TOKENS: Rules = Rules {
    honoured: &["cls_token", "mask_token", "pad_token", "sep_token", "unk_token"],
    harmless: &[(
        "BERT's tokenizer, the one that is built without tokenizer.json, has no use for it",
        &["additional_special_tokens", "bos_token", "eos_token", "extra_special_tokens"],
    )],
    refused: &[],
};
