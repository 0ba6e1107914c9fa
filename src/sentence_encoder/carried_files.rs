//! The tokenizer's files that a saved model has from its base model.

use crate::io;
use std::path::Path;

/// What slower readers take instead of `tokenizer.json`, or beside it; a save carries along those
/// that the base model has.
pub(super) const CARRIED: [&str; 9] = [
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

/// Whether a file of a directory is a link to what lies elsewhere: a model that was downloaded could
/// have any file of its user copied into a model that is published.
pub(super) fn leads_out(base: &Path, name: &str) -> bool {
    io::inside(&base.join("tokenizer.json"), name).is_err()
}

/// The files that a save does not carry along because they lead out of the base model, a sentence
/// each.
pub(super) fn left_out(base: &Path) -> Vec<String> {
    let out = CARRIED.iter().filter(|name| base.join(name).is_file() && leads_out(base, name));
    let message = "links to a file outside its directory; a saved model will not have it";
    out.map(|name| format!("{} {message}", base.join(name).display())).collect()
}
